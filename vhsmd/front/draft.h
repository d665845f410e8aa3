/* A token that is to be signed, as far as the rules of keys may ask about it.
 * Its header and its payload are read when they are asked for first, and once,
 * however many keys are looked at.  Pure. */
#ifndef FRONT_DRAFT_H
#define FRONT_DRAFT_H

#include <jansson.h>

#include "base/clock.h"
#include "wire/frame.h"

/* One JSON object, read at most once. */
struct draft_part {
	bool read;
	enum vh_err err;
	json_t *json;    /* NULL on failure */
	struct buf *why; /* what was wrong; may be NULL */
};

/* Borrows the fields of the request. */
struct draft {
	struct slice typ, extra, payload; /* TYP, HEADER, DATA */
	bool unencoded;                   /* b64: false */
	struct wall_ms now;
	struct draft_part header, claims;
};

struct draft draft_of(const struct fields *in, struct wall_ms now);
void draft_end(struct draft *d);
static inline void
draft_end_auto(struct draft *d)
{
	draft_end(d);
}

/* The typ its header will have, borrowed from d; empty for none.  VH_EHEADER,
 * VH_EJSON, VH_ENOMEM when HEADER is none that can stand in a token. */
enum vh_err draft_typ(struct draft *d, struct slice *typ, struct buf *why);

/* The payload's JSON object, borrowed from d.  What json_read_object says. */
enum vh_err draft_claims(struct draft *d, const json_t **claims,
    struct buf *why);

#endif
