/* The members of the cluster, as peer counts them. */
#ifndef FRONT_MEMBERS_H
#define FRONT_MEMBERS_H

#include "base/clock.h"
#include "front/shared.h"
#include "wire/frame.h"

#define MEMBERS_MS       1000 /* between two looks */
#define MEMBERS_EARLY_MS 100  /* while a new peer looks for the others */

struct front;
struct pending;

struct members {
	bool known;      /* by the peer there is now */
	bool own_record; /* this node's own record has come to it */
	bool name_taken; /* another node has this one's name, and keeps it */
	uint32_t alive;  /* this node included */
	uint32_t before; /* alive, as the peer before this one said last */
};

/* Asks peer when it is time to; when it is.  There must be a link. */
void members_tick(struct front *f);
struct mono_ns members_next(const struct front *f);
/* What the cluster is to know of this node: how busy it is, whether it drains.
 */
void members_put_own(const struct front *f, struct buf *b);
/* The answer to that. */
enum vh_err members_answer(struct front *f, const struct frame *answer);

#endif
