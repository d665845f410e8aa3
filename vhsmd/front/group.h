/* A request that is made of several: each runs as a request of its own, here or
 * at another node, and its answer comes to the group instead of to a caller.
 * The first that fails decides; when all have come, the operation makes the one
 * reply of them. */
#ifndef FRONT_GROUP_H
#define FRONT_GROUP_H

#include "front/requests.h"
#include "jose/forms.h"

struct group;

/* Makes the reply out of the answers that group_answer gives. */
typedef enum vh_err (*group_done)(struct front *f, struct pending *p);

/* A place for a request of count parts, at most FORM_PARTIES; the parts alone
 * count against its uid.  On VH_OK *out holds a copy of the request's fields in
 * kept.  VH_EBUSY, VH_ENOMEM. */
enum vh_err group_begin(struct front *f, struct request *q, size_t count,
    group_done done, struct pending **out);

/* Begins the next part: request is a whole frame, and borrowed for the call.
 * On failure f->why has a line; the caller then drops the group's place. */
enum vh_err group_add(struct front *f, struct pending *p,
    const struct request *whole, struct slice request);

/* The answer of part i. */
enum vh_err group_answer(const struct pending *p, size_t i, struct frame *out);
size_t group_count(const struct pending *p);

/* --- for requests.c and reply.c ------------------------------------------- */

/* Where a part's answer goes. */
struct buf *group_buf(const struct origin *part);
/* A part has ended, with an answer in its buffer; its place is given up. */
void group_part_ended(struct front *f, const struct origin *part,
    enum vh_err err);
/* The whole ends: parts under way end on their own, and unheard. */
void group_free(struct group *g);

#endif
