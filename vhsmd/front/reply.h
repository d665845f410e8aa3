/* Answers, written straight into the buffer of a connection, of the link to
 * peer when another node's caller asked, or of the request they are a part of.
 */
#ifndef FRONT_REPLY_H
#define FRONT_REPLY_H

#include <jansson.h>

#include "front/front.h"

struct reply {
	const struct origin *to;
	struct buf *b;
	size_t outer, nest, frame; /* offsets of heads */
};

/* Opens an answer without error; fields are put into what it returns, then
 * reply_close.  Only for an origin that waits. */
struct buf *reply_open(struct front *f, struct reply *r,
    const struct origin *to);
/* Closes it; a connection whose buffer overflowed is closed. */
void reply_close(struct front *f, struct reply *r);
/* A whole answer with an error and a line, which may be empty. */
void reply_error(struct front *f, const struct origin *to, enum vh_err err,
    struct slice why);

/* A whole answer that is a report; json may be NULL, from lack of memory:
 * VH_ENOMEM, and nothing is written. */
enum vh_err reply_json(struct front *f, const struct origin *to,
    const json_t *json);

#endif
