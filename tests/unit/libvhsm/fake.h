/* A daemon for tests: a Unix socket in a folder of its own, and a function
 * that talks to each connection in a thread of its own. */
#ifndef FAKE_H
#define FAKE_H

#include "client/vhsm.h"
#include "wire/frame.h"

struct fake;

/* Talks to one connection; the descriptor is closed when it returns. */
typedef void (*fake_fn)(int fd, void *arg);

struct fake *fake_start(fake_fn talk, void *arg);
const char *fake_url(const struct fake *f);
/* Stops listening and cuts all connections; again brings it back at the same
 * place.  fake_stop also removes the place. */
void fake_down(struct fake *f);
void fake_again(struct fake *f);
void fake_stop(struct fake *f);
/* Connections that were accepted so far. */
unsigned fake_accepted(const struct fake *f);

/* For talkers.  False when the other end is gone. */
bool fake_hello(int fd);
/* The next request; fields point into in, which is overwritten. */
bool fake_read(int fd, struct buf *in, uint32_t *sp_id, struct frame *q);
bool fake_send(int fd, struct slice bytes);
/* Appends a whole SP message that carries one frame with one field. */
void fake_put(struct buf *b, uint32_t sp_id, const struct frame *q,
    enum vh_err err, enum vh_tag tag, struct slice value);

/* A talker that signs by echoing the payload as the token, refuses the payload
 * "no" as ENOKEY with a reason, and answers status with {}. */
void fake_echo(int fd, void *arg);
/* A talker that reads requests and answers none. */
void fake_mute(int fd, void *arg);

#endif
