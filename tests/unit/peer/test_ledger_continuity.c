/* Invariant 9, under a virtual clock: a published signing key stays until its
 * end, whatever becomes of its node. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "peer/statefile.h"
#include "test_ledger_world.h"

Test(continuity, the_keys_of_a_dead_node_stay_until_their_end)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_pass(&w, HOUR);
	world_say(&w, B, 1, 2, k, NULL); /* last signed */
	world_pass(&w, MINUTE);
	world_live(&w, "a");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, KEEP - MINUTE - 1);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, 1);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, the_key_of_a_living_node_never_ends)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_pass(&w, 10 * KEEP);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_live(&w, "a");
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, a_key_never_active_goes_with_its_node)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	k->state = "published";
	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "PUBLISHED b");
	world_live(&w, "a");
	cr_expect_str_eq(world_state(&w, k), "none");
	world_live(&w, "ab");
	cr_expect_str_eq(world_state(&w, k), "PUBLISHED b");
	world_free(&w);
}

Test(continuity, a_crash_loop_leaves_nothing)
{
	struct world w = world_new();
	size_t count;

	world_live(&w, "ab");
	for (unsigned i = 1; i <= 20; i++) {
		AUTO(test_key_free) struct test_key *k = test_key("Ed25519");

		k->state = "published";
		world_say(&w, B, i, 1, k, NULL);
		(void)ledger_keys(w.ledger, &count); /* for the count */
		cr_expect_eq(count, 1);
		world_pass(&w, SECOND);
	}
	cr_expect_eq(ledger_stats(w.ledger).records, 1);
	world_free(&w);
}

Test(continuity, a_restart_keeps_the_keys_of_the_life_before)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *old = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *new = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *enc = test_key("X25519");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, old, enc);
	world_pass(&w, HOUR);
	world_say(&w, B, 2, 1, new, NULL);
	cr_expect_str_eq(world_state(&w, old), "ACTIVE");
	cr_expect_str_eq(world_state(&w, new), "ACTIVE b");
	cr_expect_str_eq(world_state(&w, enc), "none");
	world_pass(&w, KEEP - HOUR);
	cr_expect_str_eq(world_state(&w, old), "none");
	cr_expect_str_eq(world_state(&w, new), "ACTIVE b");
	world_free(&w);
}

Test(continuity, a_file_loaded_again_goes_on)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_pass(&w, HOUR);
	k->state = "published";
	world_say(&w, B, 2, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "PUBLISHED b");
	world_live(&w, "a");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE", "evidence of life 1");
	world_live(&w, "ab");
	k->state = "active";
	world_say(&w, B, 2, 2, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_free(&w);
}

Test(continuity, an_older_life_that_comes_late_still_counts)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *old = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *new = test_key("EC P-256");
	AUTO(buf_free) struct buf *late = world_record(&w, B, 1, 5, old, NULL);

	world_live(&w, "ab");
	world_say(&w, B, 2, 1, new, NULL);
	cr_expect_str_eq(world_state(&w, old), "none");
	cr_expect_eq(world_take(&w, TAKE(late)), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, old), "ACTIVE");
	cr_expect_eq(ledger_current(w.ledger, "b")->epoch, 2);
	world_free(&w);
}

Test(continuity, a_key_dropped_without_a_word_stays_as_well)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, l);
	world_pass(&w, MINUTE);
	world_say(&w, B, 1, 2, l, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, KEEP - MINUTE);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, a_retired_key_ends_after_its_last_use)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_pass(&w, HOUR);
	k->state = "retired";
	k->active_until = T0 + 30 * MINUTE;
	world_say(&w, B, 1, 2, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "RETIRED b");
	cr_expect(ledger_key_is_published(ledger_key(w.ledger, k->kid)));
	cr_expect_not(ledger_is_active(w.ledger, k->kid));
	world_live(&w, "a");
	world_pass(&w, KEEP - 30 * MINUTE - 1);
	cr_expect_str_eq(world_state(&w, k), "RETIRED");
	world_pass(&w, 1);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, encryption_keys_are_withdrawn_before_and_with_the_holder)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("X25519");

	world_live(&w, "abc");
	world_say(&w, B, 1, 1, k, NULL);
	world_say(&w, C, 1, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE bc");
	world_live(&w, "ab!c");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE c");
	cr_expect(ledger_key_is_published(ledger_key(w.ledger, k->kid)));
	world_live(&w, "ab!");
	cr_expect_str_eq(world_state(&w, k), "RETIRED b");
	cr_expect_not(ledger_key_is_published(ledger_key(w.ledger, k->kid)));
	world_live(&w, "a");
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, a_leaving_node_signs_until_it_is_gone)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab!");
	world_say(&w, B, 1, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_free(&w);
}

/* --- power-off of all nodes ------------------------------------------------
 */

static void
save(const struct world *w, struct buf *text)
{
	size_t left_out;

	buf_clear(text);
	cr_assert_eq(statefile_put(w->ledger, 1u << 20, text, &left_out),
	    VH_OK);
	cr_assert_eq(left_out, 0);
}

Test(continuity, after_a_power_off_every_key_ends_when_it_would_have)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *old = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *unused = test_key("EC P-256");
	AUTO(buf_free) struct buf *text = buf_new(1u << 20);
	struct statefile_report report;

	unused->state = "published";
	world_live(&w, "abc");
	world_say(&w, B, 1, 1, old, NULL);
	world_pass(&w, HOUR);
	world_say(&w, B, 2, 1, k, unused);
	save(&w, text);
	world_pass(&w, 12 * HOUR);
	world_restart(&w);
	world_live(&w, "a");
	cr_assert_eq(statefile_load(w.ledger, world_now(&w), buf_slice(text),
			 &report),
	    VH_OK);
	world_tick(&w);
	cr_expect(!report.damaged && report.taken == 2);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	cr_expect_str_eq(world_state(&w, old), "ACTIVE");
	cr_expect_str_eq(world_state(&w, unused), "none");
	cr_expect_not(ledger_has_active(w.ledger), "so new keys sign at once");
	world_pass(&w, 11 * HOUR - 1);
	cr_expect_str_eq(world_state(&w, old), "ACTIVE");
	world_pass(&w, 1);
	cr_expect_str_eq(world_state(&w, old), "none");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, HOUR);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

/* --- clocks that jump ------------------------------------------------------
 */

Test(continuity, a_clock_that_leaps_ahead_ends_nothing_for_an_hour)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_live(&w, "a");
	world_jump(&w, 400 * DAY);
	for (unsigned i = 0; i < 59; i++) {
		world_pass(&w, MINUTE);
		cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	}
	world_jump(&w, -(int64_t)(400 * DAY)); /* set right again */
	world_pass(&w, KEEP - HOUR);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, MINUTE);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, a_clock_that_stays_ahead_is_believed_in_the_end)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_live(&w, "a");
	world_jump(&w, 2 * KEEP);
	world_pass(&w, HOUR);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(continuity, a_clock_set_back_refuses_no_record_for_an_hour)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, NULL, NULL);
	world_jump(&w, -(int64_t)(30 * DAY));
	/* b's clock is right. */
	struct test_record r = { 1, 2, T0 + 5 * SECOND, KEEP, { k } };

	cr_expect_eq(world_take(&w, test_record(w.node[B], &r)), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_live(&w, "a");
	world_jump(&w, 30 * DAY);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, KEEP + MINUTE);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

/* Our peer's clock goes back: its later records say earlier times. */
Test(continuity, a_later_record_with_an_earlier_time_shortens_nothing)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_record r = { 1, 2, T0 - 20 * HOUR, KEEP, { k } };

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	cr_expect_eq(world_take(&w, test_record(w.node[B], &r)), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_live(&w, "a");
	world_pass(&w, KEEP - 1);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_pass(&w, 1);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

/* --- tombstones ------------------------------------------------------------
 */

Test(revocation, takes_a_key_out_at_once_and_for_good)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *enc = test_key("X25519");
	AUTO(test_key_free) struct test_key *other = test_key("EC P-256");

	world_live(&w, "abc");
	world_say(&w, B, 1, 1, k, enc);
	world_say(&w, C, 1, 1, k, other);
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[A], k->kid, T0)),
	    REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, k), "none");
	cr_expect(ledger_is_revoked(w.ledger, k->kid));
	world_take_tombstone(&w, test_tombstone(w.node[A], enc->kid, T0));
	cr_expect_str_eq(world_state(&w, enc), "none");
	cr_expect_str_eq(world_state(&w, other), "ACTIVE c");
	world_say(&w, B, 1, 2, k, enc);
	world_say(&w, B, 2, 1, k, enc);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(revocation, may_come_before_the_key)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_take_tombstone(&w, test_tombstone(w.node[C], k->kid, T0));
	cr_expect_eq(world_say(&w, B, 1, 1, k, NULL), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(revocation, survives_a_restart)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(buf_free) struct buf *text = buf_new(1u << 20);
	struct statefile_report report;

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_take_tombstone(&w, test_tombstone(w.node[A], k->kid, T0));
	save(&w, text);
	world_restart(&w);
	world_live(&w, "ab");
	cr_assert_eq(statefile_load(w.ledger, world_now(&w), buf_slice(text),
			 &report),
	    VH_OK);
	world_say(&w, B, 1, 2, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

Test(revocation, may_be_reserved_to_some_nodes)
{
	struct world w = world_with_revokers("a,c");
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[B], k->kid, T0)),
	    REFUSAL_REVOKER);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[C], k->kid, T0)),
	    REFUSAL_NONE);
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[A], k->kid, T0)),
	    REFUSAL_STALE);
	cr_expect_str_eq(world_state(&w, k), "none");
	world_free(&w);
}

/* --- all nodes agree -------------------------------------------------------
 */

#define TOKENS 40
#define KINDS  6
#define ORDERS 60

/* Records of three nodes in several lives with clocks that wander, each with
 * some keys in some state. */
static void
make_history(struct world *w, struct buf *tokens[static TOKENS])
{
	static const char *const states[] = { "published", "active", "active",
		"retired" };
	struct test_key *keys[KINDS];

	for (size_t i = 0; i < KINDS; i++)
		keys[i] = i < 4 ? test_key("Ed25519") : test_key("X25519");
	for (size_t i = 0; i < TOKENS; i++) {
		struct test_record r = { .epoch = 1 + (uint64_t)rand() % 3,
			.seq = i + 1,
			.iat = T0 + i * MINUTE - (uint64_t)rand() % HOUR,
			.keep = 20 * HOUR + (uint64_t)rand() % DAY };
		size_t count = 0;

		for (size_t k = 0; k < KINDS; k++) {
			if (rand() % 2 == 0)
				continue;
			keys[k]->state = k < 4 ? states[rand() % 4] : "active";
			keys[k]->active_until = r.iat - (uint64_t)rand() % HOUR;
			r.keys[count++] = keys[k];
		}
		/* The states are read here, one key at a time. */
		tokens[i] = test_record(w->node[rand() % NODES], &r);
	}
	for (size_t i = 0; i < KINDS; i++)
		test_key_free(keys[i]);
}

static void
shuffle(struct buf *tokens[static TOKENS])
{
	for (size_t i = TOKENS; i > 1; i--) {
		size_t j = (size_t)rand() % i;
		struct buf *t = tokens[i - 1];

		tokens[i - 1] = tokens[j];
		tokens[j] = t;
	}
}

/* What a ledger that met the tokens in this order, some of them twice, says at
 * last. */
static struct buf *
outcome(struct world *w, struct buf *const tokens[static TOKENS],
    uint8_t digest[static 32])
{
	struct verdict v;

	w->wall = TOKENS * MINUTE;
	world_restart(w);
	world_live(w, "abc");
	for (size_t i = 0; i < TOKENS; i++) {
		(void)ledger_take_record(w->ledger, world_now(w),
		    buf_slice(tokens[i]), &v); /* stale ones are refused */
		(void)ledger_take_record(w->ledger, world_now(w),
		    buf_slice(tokens[(size_t)rand() % (i + 1)]), &v);
		if (rand() % 3 == 0)
			world_tick(w);
	}
	world_live(w, "ab");
	world_pass(w, 19 * HOUR);
	ledger_digest(w->ledger, digest);
	return world_directory(w->ledger);
}

Test(ledger, all_nodes_agree_in_whatever_order_records_came)
{
	struct world w = world_new();
	struct buf *tokens[TOKENS];
	uint8_t digest[32], other[32];

	srand(4711);
	make_history(&w, tokens);
	AUTO(buf_free) struct buf *first = outcome(&w, tokens, digest);

	cr_assert_gt(first->len, 0);
	for (size_t i = 0; i < ORDERS; i++) {
		shuffle(tokens);
		AUTO(buf_free) struct buf *again = outcome(&w, tokens, other);

		cr_expect(slice_eq(buf_slice(first), buf_slice(again)),
		    "order %zu:\n%.*s\n%.*s", i, (int)first->len,
		    (const char *)first->p, (int)again->len,
		    (const char *)again->p);
		cr_expect_arr_eq(digest, other, 32);
	}
	for (size_t i = 0; i < TOKENS; i++)
		buf_free(tokens[i]);
	world_free(&w);
}
