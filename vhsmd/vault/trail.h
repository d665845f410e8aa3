/* What the audit trail says, line by line (wire/audit.h), and when.  Pure: uses
 * and time in, text out. */
#ifndef VAULT_TRAIL_H
#define VAULT_TRAIL_H

#include "base/clock.h"
#include "wire/alg.h"
#include "wire/audit.h"
#include "wire/ops.h"

#define TRAIL_SUMMARY_MS  10000 /* between two lines of one counter */
#define TRAIL_ROWS        1024  /* counters; one more, and all are written */
#define TRAIL_CHECK_LINES 10000 /* at most between two checkpoints */
#define TRAIL_CHECK_MS    60000
#define TRAIL_TEXT_MAX    (16u << 20)
#define TRAIL_WHO_MAX     1024

/* One use of a key, or an operator's act.  Slices are borrowed. */
struct use {
	struct wall_ms time;
	struct slice op, who, kid;
	const struct alg *alg; /* or NULL */
	enum vh_err err;
	bool act; /* an operator's: a line of its own always */
	bool has_digest;
	uint8_t digest[AUDIT_HASH];
};

/* Uses in a queue: appends one; VH_ETOOBIG when b is full. */
enum vh_err use_put(struct buf *b, const struct use *u);
/* Cuts the next one off; false at the end. */
bool use_next(struct slice *rest, struct use *out);

struct trail_now {
	struct mono_ns mono;
	struct wall_ms wall;
};

struct trail_rows;

struct trail {
	struct audit_chain chain;
	struct buf *out; /* lines, for somebody to write and clear */
	char node[VH_NODE_MAX + 1];
	bool summary;
	uint64_t lines;     /* in this life */
	uint64_t check_seq; /* of the last checkpoint */
	struct mono_ns check_by, sum_by;
	struct trail_rows *rows;
};

/* flags: enum vh_audit_flag.  NULL when out of memory. */
struct trail *trail_new(struct slice node, unsigned flags);
void trail_free(struct trail *t);
AUTO_FREE(struct trail, trail_free)

/* Each puts what it has to say into out; a line that cannot be (no memory) is
 * VH_ENOMEM or VH_ETOOBIG, and then it is not in the chain. */
enum vh_err trail_use(struct trail *t, const struct use *u,
    struct trail_now now);
/* That n uses were not written. */
enum vh_err trail_lost(struct trail *t, uint64_t n, struct trail_now now);
/* A line about the trail itself.  more as in struct audit_entry. */
enum vh_err trail_say(struct trail *t, const char *op, bool anchor,
    struct slice more, struct trail_now now);
/* That the line before was torn: it gets its line feed, unless it is the last
 * one of a file that is over. */
enum vh_err trail_repair(struct trail *t, struct slice torn, bool over,
    struct trail_now now);
/* For another file than the one that out was written to, whose disk failed with
 * the error of that name: out gets lines before and behind it that say that it
 * comes again.  from: where the chain was before out.  On failure out is as it
 * was. */
enum vh_err trail_again(struct trail *t, const struct audit_chain *from,
    const char *error, struct trail_now now);
/* Writes the counters, if it is time, or at once. */
enum vh_err trail_sum(struct trail *t, bool at_once, struct trail_now now);
/* Whether it is time for a checkpoint, or, at_once, anything to sign. */
bool trail_wants_check(const struct trail *t, bool at_once,
    struct trail_now now);
/* What a checkpoint signs: a JSON object. */
void trail_put_claim(const struct trail *t, struct trail_now now,
    struct buf *json);
enum vh_err trail_check(struct trail *t, struct slice kid, struct slice jws,
    struct trail_now now);

#endif
