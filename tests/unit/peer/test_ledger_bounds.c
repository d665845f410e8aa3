/* What the ledger does when it is full.  It is filled from inside: that many
 * signatures would take minutes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "peer/ledger_core.h"
#include "test_ledger_world.h"

/* A tombstone as if its token had been read. */
static struct tombstone *
grave(unsigned i)
{
	struct tombstone *s = calloc(1, sizeof *s);

	cr_assert_not_null(s);
	(void)snprintf(s->kid, sizeof s->kid, "kid-%06u", i);
	(void)snprintf(s->node, sizeof s->node, "b");
	s->token = buf_new(16);
	buf_put_text(s->token, "x");
	return s;
}

static void
fill_graves(struct world *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(ledger_bury(w->ledger, grave(i)), VH_OK);
}

Test(ledger_bounds, past_the_last_tombstone_no_other_is_taken)
{
	struct world w = world_new();

	fill_graves(&w, LEDGER_TOMBSTONES_MAX - 1);
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[B], "last", T0)),
	    REFUSAL_NONE);
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[B], "over", T0)),
	    REFUSAL_FULL);
	cr_expect_eq(ledger_stats(w.ledger).tombstones, LEDGER_TOMBSTONES_MAX);
	cr_expect(ledger_is_revoked(w.ledger, "last"));
	cr_expect_not(ledger_is_revoked(w.ledger, "over"));
	world_free(&w);
}

Test(ledger_bounds, when_full_of_tombstones_those_it_has_still_count)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	fill_graves(&w, LEDGER_TOMBSTONES_MAX - 1);
	world_take_tombstone(&w, test_tombstone(w.node[A], k->kid, T0));
	cr_expect_eq(world_say(&w, B, 1, 1, k, NULL), REFUSAL_NONE,
	    "records are taken as before");
	cr_expect_str_eq(world_state(&w, k), "none");
	cr_expect(ledger_is_revoked(w.ledger, "kid-000000"));
	cr_expect(ledger_is_revoked(w.ledger, "kid-065534"));
	cr_expect_eq(world_take_tombstone(&w,
			 test_tombstone(w.node[B], k->kid, T0)),
	    REFUSAL_STALE, "a second one for the same key is no news");
	world_free(&w);
}

/* What the ledger says it holds, and what its records' tokens come to. */
static void
expect_bytes(const struct world *w)
{
	size_t sum = 0;

	for (size_t i = 0; i < w->ledger->node_count; i++)
		for (size_t k = 0; k < w->ledger->nodes[i]->count; k++)
			sum += w->ledger->nodes[i]->records[k]->token->len;
	cr_expect_eq(ledger_stats(w->ledger).bytes, sum);
}

Test(ledger_bounds, bytes_are_those_of_the_records_that_are_kept)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-384");

	world_live(&w, "ab");
	expect_bytes(&w);
	world_say(&w, B, 1, 1, k, NULL);
	expect_bytes(&w);
	world_say(&w, B, 2, 1, l, NULL);
	cr_expect_eq(ledger_stats(w.ledger).records, 2, "evidence of k");
	expect_bytes(&w);
	world_live(&w, "a");
	world_pass(&w, 3 * KEEP + LEDGER_LINGER_MS);
	cr_expect_eq(ledger_stats(w.ledger).records, 0);
	cr_expect_eq(ledger_stats(w.ledger).bytes, 0);
	world_free(&w);
}

Test(ledger_bounds, a_record_that_does_not_fit_is_refused_and_changes_nothing)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	AUTO(buf_free) struct buf *token = world_record(&w, B, 1, 2, l, NULL);
	struct verdict said;

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	size_t held = w.ledger->bytes;

	w.ledger->bytes = LEDGER_BYTES_MAX - token->len + 1;
	cr_expect_neq(ledger_take_record(w.ledger, world_now(&w),
			  buf_slice(token), &said),
	    VH_OK);
	cr_expect_eq(said.reason, REFUSAL_FULL);
	world_tick(&w);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	cr_expect_str_eq(world_state(&w, l), "none");
	w.ledger->bytes = LEDGER_BYTES_MAX - token->len;
	cr_expect_eq(ledger_take_record(w.ledger, world_now(&w),
			 buf_slice(token), &said),
	    VH_OK);
	w.ledger->bytes -= LEDGER_BYTES_MAX - token->len - held;
	world_tick(&w);
	expect_bytes(&w);
	cr_expect_str_eq(world_state(&w, l), "ACTIVE b");
	world_free(&w);
}

Test(ledger_bounds, a_node_over_its_share_loses_its_oldest_life)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *m = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_say(&w, B, 2, 1, l, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE", "kept for verifying");
	struct ledger_node *n = ledger_node_find(w.ledger, "b");
	size_t more = LEDGER_NODE_BYTES_MAX - n->bytes;

	n->bytes += more;
	cr_expect_eq(world_say(&w, B, 3, 1, m, NULL), REFUSAL_NONE);
	n->bytes -= more;
	cr_expect_str_eq(world_state(&w, k), "none");
	cr_expect_str_eq(world_state(&w, l), "ACTIVE");
	cr_expect_str_eq(world_state(&w, m), "ACTIVE b");
	expect_bytes(&w);
	world_free(&w);
}
