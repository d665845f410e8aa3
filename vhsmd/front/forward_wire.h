/* What is said to another node on behalf of a caller, and what of its answer
 * reaches the caller. */
#ifndef FRONT_FORWARD_WIRE_H
#define FRONT_FORWARD_WIRE_H

#include "front/forward_choose.h"

struct forward_ask {
	uint64_t id, inner_id; /* towards peer, and the caller's own */
	uint32_t ms;
	uint16_t op;
	const char *node, *rid, *kid;
	const char *alg;             /* or NULL */
	const struct fields *fields; /* of the caller's request */
	const struct policy *policy;
	const struct caller *caller;
};

/* Appends PFORWARD: the caller's request with the key, and but for DECRYPT the
 * algorithm, that was chosen for it. */
void forward_put(struct buf *b, const struct forward_ask *ask);

/* The caller's reply out of the node's.  VH_EPARSE for a token of another key,
 * algorithm or payload, and whatever else was not asked for: nothing of that
 * reaches the caller. */
enum vh_err forward_reply(struct front *f, const struct pending *p,
    const struct want *want, const struct dkey *key,
    const struct fields *answer);

/* Appends "node NAME: " and the line of its answer, as far as it is plain. */
void forward_put_why(struct buf *why, const char *node, struct slice line);

#endif
