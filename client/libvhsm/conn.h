/* One connection to the daemon: SP messages out, SP messages in, over a Unix
 * socket.  One thread at a time.  Only conn_dial and conn_wait block. */
#ifndef LIBVHSM_CONN_H
#define LIBVHSM_CONN_H

#include "client/libvhsm/until.h"
#include "client/libvhsm/where.h"
#include "wire/buf.h"

struct conn;

/* Connects to the first path where somebody listens, and exchanges hellos.
 * VH_ENODAEMON: nobody listens, or it is no REP socket; VH_EBUSY: it closed
 * before its hello, as a daemon with too many connections does; VH_EDEADLINE;
 * VH_EIO, VH_ENOMEM.  errno says more after VH_ENODAEMON and VH_EIO unless it
 * is 0.  *out is untouched on failure. */
enum vh_err conn_dial(const struct where *where, struct until until,
    struct conn **out);
/* Closes the descriptor; never shuts the stream down, which a parent process
 * may share. */
void conn_close(struct conn *c);
AUTO_FREE(struct conn, conn_close)
int conn_fd(const struct conn *c);

/* A new request id, never 0 nor one of the last two billion. */
uint32_t conn_next_id(struct conn *c);

/* Where to append whole SP messages for conn_flush to send. */
struct buf *conn_out(struct conn *c);
/* Sends what the socket takes; VH_OK also when some is left.  VH_ELOST. */
enum vh_err conn_flush(struct conn *c);
/* Bytes that conn_flush has not sent yet, and has sent in all. */
size_t conn_unsent(const struct conn *c);
uint64_t conn_sent(const struct conn *c);
/* Moves what nobody has sent from one connection to another, whose line is
 * empty. */
void conn_move_unsent(struct conn *from, struct conn *to);

/* Reads once what the socket has; VH_OK also when it has nothing.  VH_ELOST
 * when the other end is gone.  Invalidates slices of conn_next. */
enum vh_err conn_fill(struct conn *c);
/* The next whole message that was read: *body is borrowed until conn_fill, and
 * body->p is NULL when none is whole.  VH_EPARSE, VH_ETOOBIG: the stream is
 * unusable. */
enum vh_err conn_next(struct conn *c, uint32_t *id, struct slice *body);

/* Waits until conn_fill has something to read, or conn_flush to do.
 * VH_EDEADLINE. */
enum vh_err conn_wait(const struct conn *c, struct until until);

/* Wipes what has been read and sent, which may be plaintext, and gives large
 * buffers back. */
void conn_rest(struct conn *c);

#endif
