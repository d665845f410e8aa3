/* A stream socket between two processes of a node: frames in, frames out,
 * descriptors beside them.  Never blocks unless a function says so.  One thread
 * at a time; whoever shares a link locks around it. */
#ifndef BASE_LINK_H
#define BASE_LINK_H

#include "wire/frame.h"

struct link;

/* Takes over fd (closed by link_free).  max_frame bounds one incoming frame,
 * head included.  NULL when out of memory; fd is then closed. */
struct link *link_new(int fd, size_t max_frame);
void link_free(struct link *l);
AUTO_FREE(struct link, link_free)
int link_fd(const struct link *l);

/* Reads once what the socket has.  VH_OK also when it had nothing; VH_ELOST
 * when the other end is gone.  Invalidates slices from link_next. */
enum vh_err link_fill(struct link *l);
/* Cuts off the next whole frame: *message borrowed until link_fill, empty when
 * none is whole yet.  Errors of frame_size: the stream is then unusable. */
enum vh_err link_next(struct link *l, struct slice *message);
/* The oldest descriptor that came with the frames read so far, now the
 * caller's; -1 when there is none. */
int link_take_fd(struct link *l);

/* Where to append frames for link_flush to send; what it sent already may still
 * stand before them. */
struct buf *link_out(struct link *l);
/* Bytes that link_flush has not sent yet. */
size_t link_unsent(const struct link *l);
/* Sends what the socket takes.  VH_OK also when some is left: then
 * link_is_blocked until a later link_flush; VH_ELOST. */
enum vh_err link_flush(struct link *l);
bool link_is_blocked(const struct link *l);

/* Blocks until all frames in message are sent, fd (or -1) with the first byte;
 * nothing may be pending in link_out.  The caller keeps fd.  VH_ELOST. */
enum vh_err link_send(struct link *l, struct slice message, int fd);
/* Blocks until a frame has come or timeout_ms passed (negative: no limit).
 * *out borrowed until the next link_fill or link_wait.  VH_EDEADLINE,
 * VH_ELOST, or what frame_parse found. */
enum vh_err link_wait(struct link *l, int timeout_ms, struct frame *out);
/* link_send, then link_wait for the answer of that id (others are dropped);
 * the answer's own error is returned as the result, with *out valid. */
enum vh_err link_call(struct link *l, struct slice request, int fd,
    int timeout_ms, struct frame *out);

#endif
