#include "vault/trail.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct trail *trail;
static struct trail_now clock_ = { { 1000000000 }, { 1700000000000 } };

static void
begin(unsigned flags)
{
	trail = trail_new(slice_text("a"), flags);
	cr_assert_not_null(trail);
	cr_assert_eq(trail_say(trail, "start", true, slice_of(NULL, 0), clock_),
	    VH_OK);
}

static void
pass_ms(uint64_t ms)
{
	clock_.mono = mono_after_ms(clock_.mono, ms);
	clock_.wall.ms += ms;
}

static void
use(const char *op, const char *who, enum vh_err err, bool act)
{
	struct use u = { .time = clock_.wall,
		.op = slice_text(op),
		.who = slice_text(who),
		.kid = slice_text("k"),
		.alg = alg_by_id(VH_ALG_ES256),
		.err = err,
		.act = act,
		.has_digest = !act };

	cr_assert_eq(trail_use(trail, &u, clock_), VH_OK);
}

static bool
says(const char *what)
{
	return memmem(trail->out->p, trail->out->len, what, strlen(what)) !=
	       NULL;
}

static void
drop(void)
{
	trail_free(trail);
}

TestSuite(trail, .fini = drop);

Test(trail, each_use_is_a_line)
{
	begin(0);
	use("sign", "uid:1", VH_OK, false);
	use("sign", "uid:1", VH_EALG, false);
	cr_expect_eq(trail->lines, 3);
	cr_expect(says("\"outcome\":\"EALG\""));
	cr_expect(says("\"alg\":\"ES256\""));
}

Test(trail, a_summary_counts_by_who_op_and_outcome)
{
	begin(VH_AUDIT_SUMMARY);
	for (int i = 0; i < 5; i++)
		use("sign", "uid:1", VH_OK, false);
	use("sign", "uid:2", VH_OK, false);
	use("sign", "uid:1", VH_EALG, false);
	cr_expect_eq(trail->lines, 1);
	pass_ms(TRAIL_SUMMARY_MS - 1);
	cr_expect_eq(trail_sum(trail, false, clock_), VH_OK);
	cr_expect_eq(trail->lines, 1);
	pass_ms(1);
	cr_expect_eq(trail_sum(trail, false, clock_), VH_OK);
	cr_expect_eq(trail->lines, 4);
	cr_expect(says("\"count\":5"));
	cr_expect_eq(trail_sum(trail, true, clock_), VH_OK);
	cr_expect_eq(trail->lines, 4);
}

Test(trail, an_operators_act_has_its_line_in_a_summary_too)
{
	begin(VH_AUDIT_SUMMARY);
	use("drain", "uid:0", VH_OK, true);
	cr_expect_eq(trail->lines, 2);
	cr_expect(says("\"op\":\"drain\""));
}

Test(trail, more_counters_than_there_is_room_for_lose_nothing)
{
	char who[32];

	begin(VH_AUDIT_SUMMARY);
	for (int i = 0; i <= TRAIL_ROWS; i++) {
		(void)snprintf(who, sizeof who, "uid:%d", i);
		use("sign", who, VH_OK, false);
	}
	cr_expect_eq(trail->lines, 1 + TRAIL_ROWS);
	cr_expect_eq(trail_sum(trail, true, clock_), VH_OK);
	cr_expect_eq(trail->lines, 2 + TRAIL_ROWS);
}

Test(trail, a_checkpoint_is_due_after_a_minute_or_many_lines)
{
	begin(0);
	cr_expect_not(trail_wants_check(trail, false, clock_));
	cr_expect(trail_wants_check(trail, true, clock_));
	pass_ms(TRAIL_CHECK_MS);
	cr_expect(trail_wants_check(trail, false, clock_));
	cr_expect_eq(trail_check(trail, slice_text("r"), slice_text("a.b.c"),
			 clock_),
	    VH_OK);
	cr_expect_not(trail_wants_check(trail, true, clock_));
	for (int i = 0; i < TRAIL_CHECK_LINES; i++)
		use("sign", "uid:1", VH_OK, false);
	cr_expect(trail_wants_check(trail, false, clock_));
}

Test(trail, lost_uses_and_torn_lines_are_said)
{
	begin(0);
	cr_expect_eq(trail_lost(trail, 7, clock_), VH_OK);
	cr_expect(says("\"op\":\"lost\",\"count\":7"));
	cr_expect_eq(trail_repair(trail, slice_text("{\"seq"), false, clock_),
	    VH_OK);
	cr_expect(says("\n\n{\"seq\":3,\"prev\":"));
	cr_expect(says("\"torn\":5"));
}

Test(trail, a_queue_gives_back_what_was_put_into_it)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	struct use u = { .op = slice_text("sign"),
		.who = slice_text("w"),
		.kid = slice_text("kid"),
		.err = VH_EALG },
		   out;

	cr_assert_eq(use_put(b, &u), VH_OK);
	cr_assert_eq(use_put(b, &u), VH_OK);
	struct slice rest = buf_slice(b);

	for (int i = 0; i < 2; i++) {
		cr_assert(use_next(&rest, &out));
		cr_expect(slice_is(out.op, "sign"));
		cr_expect(slice_is(out.who, "w"));
		cr_expect(slice_is(out.kid, "kid"));
		cr_expect_eq(out.err, VH_EALG);
	}
	cr_expect_not(use_next(&rest, &out));
}
