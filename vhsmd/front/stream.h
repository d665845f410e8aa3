/* SP messages out of a byte stream: the receiving end of one connection.  Pure;
 * only what is incomplete, or must wait, is copied. */
#ifndef FRONT_STREAM_H
#define FRONT_STREAM_H

#include "wire/buf.h"
#include "wire/frame.h"
#include "wire/sp.h"

/* Head, request id and frame head: of a message too long, what is kept. */
#define STREAM_CUT (SP_HEAD + SP_ID + FRAME_HEAD)

/* All zero but max at first. */
struct stream {
	size_t max;       /* most bytes of a message after its request id */
	struct buf *held; /* bytes received and not yet handed out */
	size_t at;        /* bytes of held that were handed out */
	uint64_t skip;    /* bytes of a message too long, still to come */
	bool greeted;     /* the client's hello has come */
};

void stream_end(struct stream *s);

/* The next whole message, head included, borrowed until the next call; *bytes
 * moves past what was used.  Empty: there is none, and *bytes is used up.
 * VH_ETOOBIG: a message past max, of which *message is the first STREAM_CUT
 * bytes; the rest is passed over and the stream goes on.  VH_EPARSE: this is no
 * SP stream of a REQ socket; VH_ENOMEM: either way it has ended. */
enum vh_err stream_next(struct stream *s, struct slice *bytes,
    struct slice *message);

/* Takes the message that stream_next just returned back, to be returned again:
 * it was whole, and bytes is what stream_next left. */
void stream_unread(struct stream *s, struct slice *bytes, struct slice message);

/* Keeps all of bytes for later calls, which then come with none.  VH_ENOMEM. */
enum vh_err stream_keep(struct stream *s, struct slice bytes);
/* Whether such bytes wait. */
bool stream_has(const struct stream *s);

/* Bytes of memory it holds. */
size_t stream_weight(const struct stream *s);

#endif
