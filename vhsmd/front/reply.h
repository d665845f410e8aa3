/* Answers, written straight into the connection's buffer. */
#ifndef FRONT_REPLY_H
#define FRONT_REPLY_H

#include "front/front.h"

struct reply {
	const struct origin *to;
	size_t sp, frame; /* offsets of the two heads */
};

/* Opens an answer without error; fields are put into what it returns, then
 * reply_close.  Only for a connection that is there (to->conn). */
struct buf *reply_open(struct reply *r, const struct origin *to);
/* Closes it; a connection whose buffer overflowed is closed. */
void reply_close(struct front *f, struct reply *r);
/* A whole answer with an error and a line, which may be empty. */
void reply_error(struct front *f, const struct origin *to, enum vh_err err,
    struct slice why);

#endif
