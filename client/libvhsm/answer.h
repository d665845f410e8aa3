/* Answers as callers get them: one block of memory each. */
#ifndef LIBVHSM_ANSWER_H
#define LIBVHSM_ANSWER_H

#include "client/vhsm.h"
#include "wire/frame.h"

/* What a frame says in answer to a request with this op and id.  VH_EPARSE
 * when it is not the answer to that, or lacks what such an answer must have;
 * VH_ENOMEM.  The error in the frame is not one of this function: it is in
 * (*out)->error.  *out is untouched on failure. */
enum vh_err answer_parse(struct slice frame, enum vhsm_op op, uint64_t id,
    struct vhsm_answer **out);

/* What the answer to a BATCH of count requests holds, each at its place in
 * answers, which has only NULL before.  VH_EPARSE, VH_ENOMEM: some may be there
 * all the same. */
enum vh_err answer_parse_many(const struct frame *f,
    const struct vhsm_request *q, size_t count, struct vhsm_answer **answers);

/* An answer that the library gives itself.  NULL when out of memory. */
struct vhsm_answer *answer_of_error(enum vh_err err, const char *why);

static inline void
answer_drop(struct vhsm_answer *a)
{
	vhsm_answer_free(a);
}
AUTO_FREE(struct vhsm_answer, answer_drop)

#endif
