#include "vault/life.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A virtual clock: seconds since the start of a test. */
static struct life_now
at(double s)
{
	return (struct life_now){ { (uint64_t)(s * 1e9 + 0.5) },
		{ 1000000 + (uint64_t)(s * 1e3 + 0.5) } };
}

static const struct life_terms daily = { 86400000, 600000, 3600000 };
static const struct life_terms fixed = { 0, 600000, 3600000 };

/* What is done until time s, as "ACT kid@second " and so on; keys that are to
 * be made are, at once, with the names n1, n2. */
struct run {
	struct life *l;
	char text[4096];
	size_t len;
	unsigned made;
	bool fails;
};

static const char *const names[] = { "make", "due", "active", "retired",
	"closed", "gone" };

static void
make(struct run *r, const struct life_event *e, double s)
{
	char kid[16];

	if (r->fails) {
		life_failed(r->l, e->line, at(s));
		return;
	}
	(void)snprintf(kid, sizeof kid, "n%u", ++r->made);
	cr_assert_eq(life_made(r->l, e->line, kid, at(s)), VH_OK);
}

static void
step_all(struct run *r, double s)
{
	struct life_event e;

	while (life_step(r->l, at(s), &e)) {
		r->len += (size_t)snprintf(r->text + r->len,
		    sizeof r->text - r->len, "%s%s%s@%.0f ", names[e.act],
		    e.kid[0] == '\0' ? "" : " ", e.kid, s);
		cr_assert_lt(r->len, sizeof r->text);
		if (e.act == LIFE_MAKE)
			make(r, &e, s);
	}
}

/* Wakes when life_next says, and never finds that it was too late. */
static const char *
run_until(struct run *r, double s)
{
	r->len = 0;
	r->text[0] = '\0';
	for (;;) {
		double next = (double)life_next(r->l).ns / 1e9;

		if (next > s)
			return r->text;
		step_all(r, next);
	}
}

static struct run
begin(const struct life_terms *terms, bool makes, enum life_start start)
{
	struct run r = { .l = life_new(false) };
	uint32_t line;

	cr_assert_eq(life_line(r.l, terms, 7, makes, &line), VH_OK);
	cr_assert_eq(life_add(r.l, line, "k", start, at(0)), VH_OK);
	return r;
}

Test(life, a_key_without_rotation_stays_as_it_is)
{
	struct run r = begin(&fixed, true, LIFE_ACTIVE);

	cr_expect_str_eq(run_until(&r, 1e7), "");
	life_free(r.l);
}

Test(life, a_successor_is_published_before_it_takes_over)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_view v;

	/* A minute earlier than publish_before asks for. */
	cr_expect_str_eq(run_until(&r, 86399), "make@85740 ");
	cr_assert(life_look(r.l, "n1", at(86000), &v));
	cr_expect_eq(v.state, VH_KEY_PUBLISHED);
	cr_expect_eq(v.not_before_ms, 1000000 + 86400000);
	cr_assert(life_look(r.l, "k", at(86000), &v));
	cr_expect_eq(v.state, VH_KEY_ACTIVE);
	cr_expect_eq(v.next_ms, 1000000 + 86400000);
	life_free(r.l);
}

Test(life, a_key_is_active_then_retired_then_gone)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);

	(void)run_until(&r, 86000);
	cr_expect_str_eq(run_until(&r, 2 * 86400 - 1000),
	    "active n1@86400 retired k@86400 closed k@86402 gone k@90002 ");
	cr_expect_not(life_look(r.l, "k", at(90003), &(struct life_view){ 0 }));
	life_free(r.l);
}

Test(life, rotation_goes_on_for_ever_with_a_bounded_number_of_keys)
{
	const struct life_terms every_second = { 1000, 0, 3000 };
	struct run r = begin(&every_second, true, LIFE_ACTIVE);
	char kid[16];
	unsigned alive = 0;

	for (unsigned s = 1; s <= 1000; s++)
		(void)run_until(&r, s);
	cr_expect_geq(r.made, 999);
	for (unsigned i = 1; i <= r.made; i++) {
		(void)snprintf(kid, sizeof kid, "n%u", i);
		alive +=
		    life_look(r.l, kid, at(1000), &(struct life_view){ 0 });
	}
	/* One active, one to come, those of five seconds. */
	cr_expect_leq(alive, 8);
	life_free(r.l);
}

Test(life, one_that_cannot_be_made_leaves_the_old_one_active)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_view v;
	size_t failing;

	r.fails = true;
	cr_expect_str_eq(run_until(&r, 85740 + 16),
	    "make@85740 make@85741 make@85743 make@85747 make@85755 ");
	(void)run_until(&r, 90000);
	cr_assert(life_look(r.l, "k", at(90000), &v));
	cr_expect_eq(v.state, VH_KEY_ACTIVE);
	(void)life_next_rotation(r.l, &failing);
	cr_expect_eq(failing, 1);
	/* Never rarer than every five minutes. */
	cr_expect_leq(life_next(r.l).ns, at(90300).mono.ns);
	r.fails = false;
	(void)run_until(&r, 90300);
	(void)life_next_rotation(r.l, &failing);
	cr_expect_eq(failing, 0);
	life_free(r.l);
}

Test(life, one_made_too_late_is_published_as_long_as_any)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_view v;

	r.fails = true;
	(void)run_until(&r, 86400);
	r.fails = false;
	(void)run_until(&r, 86700);
	cr_assert(life_look(r.l, "n1", at(86700), &v));
	cr_expect_geq(v.not_before_ms, 1000000 + 86400000 + 600000);
	life_free(r.l);
}

Test(life, an_operator_rotates_at_once_but_not_unannounced)
{
	struct run r = begin(&fixed, true, LIFE_ACTIVE);

	cr_assert_eq(life_rotate(r.l, "k", false, at(100)), VH_OK);
	step_all(&r, 100);
	cr_expect_str_eq(r.text, "make@100 ");
	cr_expect_str_eq(run_until(&r, 800),
	    "active n1@700 retired k@700 closed k@702 ");
	life_free(r.l);
}

Test(life, a_hurried_operator_does_not_wait)
{
	struct run r = begin(&fixed, true, LIFE_ACTIVE);

	cr_assert_eq(life_rotate(r.l, "k", true, at(100)), VH_OK);
	step_all(&r, 100);
	cr_expect_str_eq(r.text, "make@100 active n1@100 retired k@100 ");
	life_free(r.l);
}

Test(life, a_successor_that_waits_can_be_hurried)
{
	struct run r = begin(&fixed, true, LIFE_ACTIVE);

	cr_assert_eq(life_rotate(r.l, "k", false, at(100)), VH_OK);
	step_all(&r, 100);
	cr_assert_eq(life_rotate(r.l, "k", true, at(101)), VH_OK);
	r.len = 0;
	step_all(&r, 101);
	cr_expect_str_eq(r.text, "active n1@101 retired k@101 ");
	cr_expect_eq(r.made, 1);
	life_free(r.l);
}

Test(life, what_was_loaded_is_not_rotated)
{
	struct run r = begin(&fixed, false, LIFE_ACTIVE);

	cr_expect_eq(life_rotate(r.l, "k", true, at(1)), VH_EKEY);
	cr_expect_eq(life_rotate(r.l, "x", true, at(1)), VH_ENOKEY);
	life_free(r.l);
}

Test(life, a_retired_key_has_no_successor)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);

	cr_assert_eq(life_retire(r.l, "k", at(10)), VH_OK);
	cr_expect_eq(life_retire(r.l, "k", at(10)), VH_EINACTIVE);
	cr_expect_eq(life_rotate(r.l, "k", true, at(10)), VH_EINACTIVE);
	cr_expect_str_eq(run_until(&r, 1e6),
	    "retired k@0 closed k@12 gone k@3612 ");
	life_free(r.l);
}

Test(life, a_line_without_an_active_key_is_revived_retired_ones_there_or_not)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);

	cr_expect_eq(life_revive(r.l, 1, true), VH_EINACTIVE);
	cr_assert_eq(life_retire(r.l, "k", at(10)), VH_OK);
	cr_assert_eq(life_revive(r.l, 1, false), VH_OK);
	cr_expect_str_eq(run_until(&r, 700),
	    "retired k@0 make@0 closed k@12 active n1@600 ");
	cr_assert_eq(life_destroy(r.l, "n1", false, at(700)), VH_OK);
	cr_expect_str_eq(run_until(&r, 1e5),
	    "retired n1@0 closed n1@700 gone n1@700 gone k@3612 ");
	cr_assert_eq(life_revive(r.l, 1, true), VH_OK);
	step_all(&r, 1e5);
	cr_expect_not_null(strstr(r.text, "make@100000 active n2@100000 "));
	life_leave(r.l, 1, at(1e5));
	cr_expect_eq(life_revive(r.l, 1, true), VH_ENOKEY);
	life_free(r.l);
}

Test(life, a_destroyed_signing_key_stays_listed_until_its_time)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);

	cr_assert_eq(life_destroy(r.l, "k", true, at(10)), VH_OK);
	step_all(&r, 10);
	cr_expect_str_eq(r.text, "retired k@10 closed k@10 ");
	cr_expect_eq(life_destroy(r.l, "k", true, at(10)), VH_EINACTIVE);
	cr_expect_str_eq(run_until(&r, 1e6), "gone k@3610 ");
	life_free(r.l);
}

Test(life, a_destroyed_encryption_key_is_gone_at_once)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);

	cr_assert_eq(life_destroy(r.l, "k", false, at(10)), VH_OK);
	step_all(&r, 10);
	cr_expect_str_eq(r.text, "retired k@10 closed k@10 gone k@10 ");
	life_free(r.l);
}

Test(life, a_key_that_never_signed_goes_at_once)
{
	struct run r = begin(&fixed, true, LIFE_PUBLISHED);

	cr_assert_eq(life_retire(r.l, "k", at(10)), VH_OK);
	step_all(&r, 10);
	cr_expect_str_eq(r.text, "gone k@10 ");
	life_free(r.l);
}

Test(life, in_a_cluster_a_key_is_announced_until_it_is_active)
{
	struct run r = { .l = life_new(true) };
	uint32_t line;

	cr_assert_eq(life_line(r.l, &fixed, 0, true, &line), VH_OK);
	cr_assert_eq(life_add(r.l, line, "k", LIFE_PUBLISHED, at(0)), VH_OK);
	cr_expect_str_eq(run_until(&r, 602.5),
	    "due k@600 due k@601 due k@602 ");
	cr_assert_eq(life_activated(r.l, "k", at(602.6)), VH_OK);
	cr_expect_str_eq(run_until(&r, 1e6), "");
	cr_expect_eq(life_activated(r.l, "x", at(1)), VH_ENOKEY);
	life_free(r.l);
}

Test(life, an_entry_taken_out_of_the_spec_retires)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_line_view v;
	uint32_t line = 0;

	(void)run_until(&r, 86000); /* a successor waits */
	cr_assert(life_next_line(r.l, &line, &v));
	cr_expect_eq(v.entry, 7);
	life_leave(r.l, line, at(86000));
	r.len = 0;
	step_all(&r, 86000);
	cr_expect_not_null(strstr(r.text, "retired k@86000 "));
	cr_expect_not_null(strstr(r.text, "gone n1@86000 "));
	cr_expect_str_eq(run_until(&r, 1e6), "closed k@86002 gone k@89602 ");
	line = 0;
	cr_expect_not(life_next_line(r.l, &line, &v));
	life_free(r.l);
}

Test(life, a_key_made_for_an_entry_that_left_is_thrown_away)
{
	struct run r = begin(&fixed, true, LIFE_ACTIVE);
	struct life_event e;

	cr_assert_eq(life_rotate(r.l, "k", true, at(1)), VH_OK);
	cr_assert(life_step(r.l, at(1), &e));
	life_leave(r.l, e.line, at(1));
	cr_expect_eq(life_made(r.l, e.line, "n", at(2)), VH_ENOKEY);
	life_free(r.l);
}

Test(life, other_times_of_the_spec_count_from_when_the_key_became_active)
{
	const struct life_terms hourly = { 3600000, 60000, 3600000 };
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_line_view v;
	uint32_t line = 0;

	cr_assert(life_next_line(r.l, &line, &v));
	life_change(r.l, line, 3, &hourly);
	cr_expect_str_eq(run_until(&r, 3601),
	    "make@3480 active n1@3600 retired k@3600 ");
	life_free(r.l);
}

/* The kids of a line, each with a space behind it. */
static const char *
keys_of(const struct life *l, uint32_t line)
{
	static char text[256];
	const char *kid = NULL;

	text[0] = '\0';
	while ((kid = life_next_key(l, line, kid)) != NULL) {
		(void)strncat(text, kid, sizeof text - strlen(text) - 1);
		(void)strncat(text, " ", sizeof text - strlen(text) - 1);
	}
	return text;
}

Test(life, a_line_tells_its_own_keys_in_the_order_they_came)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_line_view v;
	uint32_t line = 0, other;

	cr_assert(life_next_line(r.l, &line, &v));
	cr_assert_eq(life_line(r.l, &fixed, 8, true, &other), VH_OK);
	cr_expect_str_eq(keys_of(r.l, other), "");
	cr_assert_eq(life_add(r.l, other, "o", LIFE_ACTIVE, at(0)), VH_OK);
	(void)run_until(&r, 86401);
	cr_expect_str_eq(keys_of(r.l, line), "k n1 ");
	cr_expect_str_eq(keys_of(r.l, other), "o ");
	(void)run_until(&r, 95000);
	cr_expect_str_eq(keys_of(r.l, line), "n1 ", "k is gone");
	cr_expect_null(life_next_key(r.l, line, "k"), "nothing follows it");
	cr_expect_str_eq(keys_of(r.l, other + 1), "");
	life_free(r.l);
}

Test(life, a_line_that_leaves_takes_no_other_with_it)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_line_view v;
	uint32_t line = 0, other;

	cr_assert(life_next_line(r.l, &line, &v));
	cr_assert_eq(life_line(r.l, &fixed, 8, true, &other), VH_OK);
	cr_assert_eq(life_add(r.l, other, "o", LIFE_ACTIVE, at(0)), VH_OK);
	life_leave(r.l, line, at(1));
	step_all(&r, 1);
	cr_expect_str_eq(r.text, "retired k@1 ");
	cr_expect_str_eq(run_until(&r, 1e6), "closed k@3 gone k@3603 ");
	cr_expect_str_eq(keys_of(r.l, other), "o ");
	life_free(r.l);
}

Test(life, a_thousand_keys_are_made_one_at_a_time)
{
	struct run r = { .l = life_new(false) };
	struct life_event e;
	uint32_t line;
	char kid[16];

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(kid, sizeof kid, "k%u", i);
		cr_assert_eq(life_line(r.l, &daily, i, true, &line), VH_OK);
		cr_assert_eq(life_add(r.l, line, kid, LIFE_ACTIVE, at(0)),
		    VH_OK);
	}
	cr_assert(life_step(r.l, at(85740), &e));
	cr_expect_eq(e.act, LIFE_MAKE);
	cr_expect_not(life_step(r.l, at(85740), &e));
	life_free(r.l);
}

/* A wall clock that is set does nothing to durations. */
Test(life, a_wall_clock_that_is_set_back_moves_no_rotation)
{
	struct run r = begin(&daily, true, LIFE_ACTIVE);
	struct life_now now = at(86000);
	struct life_event e;

	now.wall.ms = 5;
	cr_assert(life_step(r.l, now, &e));
	cr_expect_eq(e.act, LIFE_MAKE);
	cr_assert_eq(life_made(r.l, e.line, "n", now), VH_OK);
	cr_expect_not(life_step(r.l, now, &e));
	cr_expect_eq(life_next(r.l).ns, at(86600).mono.ns);
	life_free(r.l);
}
