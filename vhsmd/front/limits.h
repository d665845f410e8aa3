/* What the principals of the configuration may ask for: requests a second, by a
 * bucket that holds those of one second, and requests at once.  A caller is
 * held to the limits of every name it has.  Pure; time is the caller's. */
#ifndef FRONT_LIMITS_H
#define FRONT_LIMITS_H

#include "base/clock.h"
#include "front/policy.h"

struct limits;

/* The names with limits that one caller has. */
struct limit_set {
	uint64_t bits[POLICY_LIMITS / 64];
};

/* How one name's limits are, and how often each refused. */
struct limit_state {
	const struct policy_limit *limit;
	size_t in_flight;
	uint64_t over_rate, over_in_flight;
};

/* All buckets full.  policy is borrowed until limits_free; NULL when out of
 * memory. */
struct limits *limits_new(const struct policy *policy, struct mono_ns now);
void limits_free(struct limits *l);
/* The same of another policy: a name that both have goes on as it was, as far
 * as its new limits let it. */
struct limits *limits_new_again(const struct policy *policy,
    const struct limits *before, struct mono_ns now);
/* What a set of `before`, whose places are taken, is in l. */
struct limit_set limits_carry(const struct limits *l,
    const struct limits *before, const struct limit_set *set);
AUTO_FREE(struct limits, limits_free)

struct limit_set limits_of(const struct limits *l, const struct caller *caller);

/* Counts one request against the rates; false when one of them has none left:
 * nothing is counted then, and *why says which. */
bool limits_pass(struct limits *l, const struct limit_set *set,
    struct mono_ns now, struct buf *why);
/* Takes a place of each; false when one of them has none left, as above. */
bool limits_take(struct limits *l, const struct limit_set *set,
    struct buf *why);
/* Gives the places back. */
void limits_give(struct limits *l, const struct limit_set *set);

/* The i-th name with limits; false past the last. */
bool limits_at(const struct limits *l, size_t i, struct limit_state *out);

#endif
