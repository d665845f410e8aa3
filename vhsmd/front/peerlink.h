/* Front's link to peer: replaced whenever the supervisor starts another one,
 * and absent in between, or always. */
#ifndef FRONT_PEERLINK_H
#define FRONT_PEERLINK_H

#include "front/front.h"

/* Takes over fd as the link, in place of the one before.  VH_ENOMEM, VH_EIO:
 * there is none then. */
enum vh_err peer_attach(struct front *f, int fd);

/* Sends what the round has gathered; closes a link that is broken. */
void peer_flush(struct front *f);
/* Asks for what it is time to ask. */
void peer_tick(struct front *f);
/* Milliseconds until peer_tick is worth a call, -1: never. */
int peer_wait_ms(const struct front *f);

/* Opens a question to peer on behalf of p, with p's remaining time.  Fields are
 * put into what it returns; frame_close(b, *start) ends it.  Only while there
 * is a link. */
struct buf *peer_ask(struct front *f, struct pending *p, enum vh_op op,
    size_t *start);
/* Whether so many bytes more are too many. */
bool peer_is_full(const struct front *f, size_t bytes);

#endif
