#include "front/limits.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)

/* A request costs SECOND_NS of the credit, and each nanosecond earns `rate` of
 * it: no fraction is ever lost. */
struct row {
	const struct policy_limit *limit;
	uint64_t credit;
	struct mono_ns since;
	size_t taken;
	uint64_t over_rate, over_in_flight;
};

struct limits {
	const struct policy *policy;
	size_t count;
	struct row rows[POLICY_LIMITS];
};

struct limits *
limits_new(const struct policy *policy, struct mono_ns now)
{
	struct limits *l = calloc(1, sizeof *l);
	const struct policy_limit *limit;

	if (l == NULL)
		return NULL;
	l->policy = policy;
	while ((limit = policy_limit(policy, l->count)) != NULL)
		l->rows[l->count++] = (struct row){ .limit = limit,
			.credit = limit->rate * SECOND_NS,
			.since = now };
	return l;
}

void
limits_free(struct limits *l)
{
	free(l);
}

static const struct row *
find(const struct limits *l, struct slice name)
{
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq(l->rows[i].limit->name, name))
			return &l->rows[i];
	return NULL;
}

struct limits *
limits_new_again(const struct policy *policy, const struct limits *before,
    struct mono_ns now)
{
	struct limits *l = limits_new(policy, now);

	for (size_t i = 0; l != NULL && i < l->count; i++) {
		struct row *row = &l->rows[i];
		const struct row *old = find(before, row->limit->name);

		if (old == NULL)
			continue;
		/* With a full bucket it could ask twice as much now. */
		if (old->limit->rate != 0 && old->credit < row->credit) {
			row->credit = old->credit;
			row->since = old->since;
		}
		row->taken = old->taken;
		row->over_rate = old->over_rate;
		row->over_in_flight = old->over_in_flight;
	}
	return l;
}

struct limit_set
limits_carry(const struct limits *l, const struct limits *before,
    const struct limit_set *set)
{
	struct limit_set out = { 0 };

	for (size_t i = 0; i < before->count; i++) {
		const struct row *row =
		    (set->bits[i / 64] >> i % 64 & 1) == 0
			? NULL
			: find(l, before->rows[i].limit->name);

		if (row == NULL)
			continue;
		size_t at = (size_t)(row - l->rows);

		out.bits[at / 64] |= UINT64_C(1) << at % 64;
	}
	return out;
}

struct limit_set
limits_of(const struct limits *l, const struct caller *caller)
{
	struct limit_set set = { 0 };

	for (size_t i = 0; i < l->count; i++)
		if (policy_has_name(l->policy, caller, l->rows[i].limit->name))
			set.bits[i / 64] |= UINT64_C(1) << i % 64;
	return set;
}

/* The next row of the set; NULL past the last. */
static struct row *
next(struct limits *l, const struct limit_set *set, size_t *i)
{
	for (; *i < l->count; ++*i)
		if ((set->bits[*i / 64] >> *i % 64 & 1) != 0)
			return &l->rows[(*i)++];
	return NULL;
}

static void
earn(struct row *row, struct mono_ns now)
{
	uint64_t full = row->limit->rate * SECOND_NS;
	uint64_t passed = now.ns > row->since.ns ? now.ns - row->since.ns : 0;

	if (passed >= SECOND_NS)
		row->credit = full;
	else
		row->credit += passed * row->limit->rate;
	if (row->credit > full)
		row->credit = full;
	if (passed > 0)
		row->since = now;
}

static bool
say(struct buf *why, const char *what, const struct row *row, uint32_t most,
    const char *unit)
{
	buf_format(why, "%s of ", what);
	buf_put(why, row->limit->name);
	buf_format(why, ": %u%s", most, unit);
	return false;
}

bool
limits_pass(struct limits *l, const struct limit_set *set, struct mono_ns now,
    struct buf *why)
{
	struct row *row;

	for (size_t i = 0; (row = next(l, set, &i)) != NULL;) {
		earn(row, now);
		if (row->limit->rate == 0 || row->credit >= SECOND_NS)
			continue;
		row->over_rate++;
		return say(why, "rate", row, row->limit->rate, " a second");
	}
	for (size_t i = 0; (row = next(l, set, &i)) != NULL;)
		if (row->limit->rate != 0)
			row->credit -= SECOND_NS;
	return true;
}

bool
limits_take(struct limits *l, const struct limit_set *set, struct buf *why)
{
	struct row *row;

	for (size_t i = 0; (row = next(l, set, &i)) != NULL;) {
		uint32_t most = row->limit->in_flight;

		if (most == 0 || row->taken < most)
			continue;
		row->over_in_flight++;
		return say(why, "in_flight", row, most, " at once");
	}
	for (size_t i = 0; (row = next(l, set, &i)) != NULL;)
		row->taken++;
	return true;
}

void
limits_give(struct limits *l, const struct limit_set *set)
{
	struct row *row;

	for (size_t i = 0; (row = next(l, set, &i)) != NULL;)
		row->taken--;
}

bool
limits_at(const struct limits *l, size_t i, struct limit_state *out)
{
	if (i >= l->count)
		return false;
	*out = (struct limit_state){ .limit = l->rows[i].limit,
		.in_flight = l->rows[i].taken,
		.over_rate = l->rows[i].over_rate,
		.over_in_flight = l->rows[i].over_in_flight };
	return true;
}
