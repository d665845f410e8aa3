#include "front/limits.h"

#include <criterion/criterion.h>

#define MS UINT64_C(1000000)

struct gate {
	struct policy *policy;
	struct limits *limits;
	struct buf *why;
	struct mono_ns now;
};

static struct gate
gate_of(const char *principals)
{
	struct gate g = { .now = { 77 }, .why = buf_new(1024) };

	cr_assert_eq(policy_parse(principals, &g.policy), VH_OK);
	g.limits = limits_new(g.policy, g.now);
	cr_assert_not_null(g.limits);
	return g;
}

static void
gate_end(struct gate *g)
{
	limits_free(g->limits);
	policy_free(g->policy);
	buf_free(g->why);
}

static struct limit_set
set_of(const struct gate *g, uint32_t uid)
{
	return limits_of(g->limits, &(struct caller){ .uid = uid });
}

/* How many of so many requests pass now. */
static size_t
passes(struct gate *g, uint32_t uid, size_t tries)
{
	const struct limit_set set = set_of(g, uid);
	size_t n = 0;

	for (size_t i = 0; i < tries; i++) {
		buf_clear(g->why);
		n += limits_pass(g->limits, &set, g->now, g->why);
	}
	return n;
}

static bool
said(const struct gate *g, const char *text)
{
	return slice_is(buf_slice(g->why), text);
}

Test(limits, a_burst_is_what_one_second_has)
{
	struct gate g = gate_of("app=uid:1+rate:7");

	cr_expect_eq(passes(&g, 1, 100), 7);
	cr_expect(said(&g, "rate of app: 7 a second"));
	g.now.ns += 3600 * 1000 * MS;
	cr_expect_eq(passes(&g, 1, 100), 7, "an hour saves no more up");
	gate_end(&g);
}

Test(limits, a_rate_is_kept_to_the_last_request)
{
	struct gate g = gate_of("app=uid:1+rate:7");
	size_t n = passes(&g, 1, 100);

	for (int ms = 0; ms < 100 * 1000; ms += 3) {
		g.now.ns += 3 * MS;
		n += passes(&g, 1, 1);
	}
	cr_expect_eq(n, 7 + 700, "%zu", n);
	gate_end(&g);
}

Test(limits, time_that_stands_still_or_goes_back_earns_nothing)
{
	struct gate g = gate_of("app=uid:1+rate:2");

	cr_expect_eq(passes(&g, 1, 9), 2);
	cr_expect_eq(passes(&g, 1, 9), 0);
	g.now.ns -= 50;
	cr_expect_eq(passes(&g, 1, 9), 0);
	g.now.ns += 50 + 499 * MS;
	cr_expect_eq(passes(&g, 1, 9), 0);
	g.now.ns += 1 * MS;
	cr_expect_eq(passes(&g, 1, 9), 1);
	gate_end(&g);
}

Test(limits, the_largest_rate_does_not_overflow)
{
	struct gate g = gate_of("app=uid:1+rate:4294967294");

	cr_expect_eq(passes(&g, 1, 1000), 1000);
	g.now.ns = UINT64_MAX;
	cr_expect_eq(passes(&g, 1, 1000), 1000);
	gate_end(&g);
}

Test(limits, of_all_names_the_tightest_counts)
{
	struct gate g =
	    gate_of("app=uid:1+uid:2+rate:9;tight=uid:1+rate:3;free=uid:1");

	cr_expect_eq(passes(&g, 1, 20), 3);
	cr_expect(said(&g, "rate of tight: 3 a second"));
	cr_expect_eq(passes(&g, 2, 20), 6, "what tight refused cost app none");
	cr_expect(said(&g, "rate of app: 9 a second"));
	gate_end(&g);
}

Test(limits, who_has_no_name_with_limits_has_none)
{
	struct gate g = gate_of("app=uid:1+rate:1+in_flight:1;free=uid:2");
	const struct limit_set free = set_of(&g, 2), none = set_of(&g, 3);

	cr_expect_eq(passes(&g, 2, 1000), 1000);
	cr_expect_eq(passes(&g, 3, 1000), 1000);
	for (int i = 0; i < 1000; i++) {
		cr_expect(limits_take(g.limits, &free, g.why));
		cr_expect(limits_take(g.limits, &none, g.why));
	}
	gate_end(&g);
}

Test(limits, places_are_those_of_the_name_and_come_back)
{
	struct gate g = gate_of("app=uid:1+uid:2+in_flight:2;"
				"other=uid:2+in_flight:9");
	const struct limit_set one = set_of(&g, 1), two = set_of(&g, 2);
	struct limit_state state;

	cr_expect(limits_take(g.limits, &one, g.why));
	cr_expect(limits_take(g.limits, &two, g.why));
	cr_expect_not(limits_take(g.limits, &two, g.why));
	cr_expect(said(&g, "in_flight of app: 2 at once"));
	cr_assert(limits_at(g.limits, 1, &state));
	cr_expect_eq(state.in_flight, 1, "what is refused takes no place");
	limits_give(g.limits, &two);
	cr_expect(limits_take(g.limits, &one, g.why));
	cr_assert(limits_at(g.limits, 0, &state));
	cr_expect_eq(state.in_flight, 2);
	cr_expect_eq(state.over_in_flight, 1);
	cr_expect_eq(state.over_rate, 0);
	cr_expect(slice_is(state.limit->name, "app"));
	cr_expect_not(limits_at(g.limits, 2, &state));
	gate_end(&g);
}

Test(limits, every_name_of_the_longest_configuration_has_its_own)
{
	AUTO(buf_free) struct buf *text = buf_new(1u << 20);

	for (unsigned i = 0; i < POLICY_LIMITS; i++)
		buf_format(text, "p%u=uid:%u+rate:%u;", i, i, i % 5 + 1);
	buf_put_u8(text, 0);
	struct gate g = gate_of((const char *)buf_slice(text).p);

	for (unsigned i = 0; i < POLICY_LIMITS; i++)
		cr_expect_eq(passes(&g, i, 10), i % 5 + 1);
	gate_end(&g);
}

/* The same gate with other principals; old places are carried over. */
static struct gate
change(struct gate *g, const char *principals, struct limit_set *set)
{
	struct gate fresh = { .now = g->now, .why = buf_new(1024) };

	cr_assert_eq(policy_parse(principals, &fresh.policy), VH_OK);
	fresh.limits = limits_new_again(fresh.policy, g->limits, fresh.now);
	cr_assert_not_null(fresh.limits);
	*set = limits_carry(fresh.limits, g->limits, set);
	gate_end(g);
	return fresh;
}

Test(limits, places_that_are_taken_stay_taken_when_names_change)
{
	struct gate g = gate_of("gone=uid:1+in_flight:9;app=uid:1+in_flight:2");
	struct limit_set set = set_of(&g, 1), more;
	struct limit_state l;

	cr_assert(limits_take(g.limits, &set, g.why));
	cr_assert(limits_take(g.limits, &set, g.why));
	g = change(&g, "new=uid:1+rate:5;app=uid:1+in_flight:3", &set);
	more = set_of(&g, 1);
	cr_assert(limits_at(g.limits, 1, &l));
	cr_expect_eq(l.in_flight, 2);
	cr_expect(limits_take(g.limits, &more, g.why), "one more than before");
	cr_expect_not(limits_take(g.limits, &more, g.why));
	limits_give(g.limits, &set);
	limits_give(g.limits, &set);
	limits_give(g.limits, &more);
	for (size_t i = 0; limits_at(g.limits, i, &l); i++)
		cr_expect_eq(l.in_flight, 0, "%zu", i);
	gate_end(&g);
}

Test(limits, a_change_gives_no_second_burst)
{
	struct gate g = gate_of("app=uid:1+rate:7");
	struct limit_set set = set_of(&g, 1);

	cr_expect_eq(passes(&g, 1, 100), 7);
	g = change(&g, "app=uid:1+rate:70", &set);
	cr_expect_eq(passes(&g, 1, 100), 0);
	g.now.ns += 1000 * MS;
	cr_expect_eq(passes(&g, 1, 100), 70);
	gate_end(&g);
}

Test(limits, a_name_without_rate_gets_its_whole_first_second)
{
	struct gate g = gate_of("app=uid:1+in_flight:7");
	struct limit_set set = set_of(&g, 1);

	g = change(&g, "app=uid:1+rate:3", &set);
	cr_expect_eq(passes(&g, 1, 100), 3);
	gate_end(&g);
}
