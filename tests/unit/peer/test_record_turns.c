/* Records of more new keys than are checked at once. */
#include <criterion/criterion.h>

#include "jose/jws.h"
#include "test_ledger_world.h"

#define MANY 20 /* more than LEDGER_CHECKS */

/* A record of b with that many keys; one of them cannot be proven if bad. */
static struct buf *
large_record(const struct world *w, uint64_t seq, bool bad)
{
	struct test_record says = { .epoch = 1,
		.seq = seq,
		.iat = T0 + w->wall,
		.keep = DAY };
	json_t *payload = test_payload(w->node[B], &says);
	json_t *keys = json_object_get(payload, "keys");

	for (int i = 0; i < MANY; i++) {
		AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

		says.keys[0] = k;
		says.epoch = bad && i == MANY - 1 ? 2 : 1;
		json_t *one = test_payload(w->node[B], &says);

		json_array_extend(keys, json_object_get(one, "keys"));
		json_decref(one);
	}
	return test_sign(w->node[B], "vhsm-record", payload);
}

static struct record *
begin(struct world *w, const struct buf *token)
{
	struct record *r;
	struct verdict v;

	cr_assert_eq(ledger_open_record(w->ledger, world_now(w),
			 buf_slice(token), &r, &v),
	    VH_OK, "%s", refusal_word(v.reason));
	return r;
}

Test(record_turns, a_large_record_is_there_when_all_its_keys_are_checked)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *token = large_record(&w, 1, false);
	struct record *r = begin(&w, token);
	struct verdict v;
	size_t turns = 0;

	while (r != NULL) {
		world_tick(&w);
		cr_expect_null(ledger_current(w.ledger, "b"));
		cr_assert_eq(ledger_take_more(w.ledger, world_now(&w), &r, &v),
		    VH_OK, "%s", refusal_word(v.reason));
		turns++;
	}
	cr_expect_eq(turns, (MANY + LEDGER_CHECKS - 1) / LEDGER_CHECKS);
	cr_expect(v.news && v.epoch == 1 && v.seq == 1);
	cr_expect_str_eq(v.node, "b");
	world_tick(&w);
	cr_assert_not_null(ledger_current(w.ledger, "b"));
	cr_expect_eq(ledger_current(w.ledger, "b")->count, MANY);
	world_free(&w);
}

Test(record_turns, one_false_proof_at_its_end_refuses_all_of_it)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *token = large_record(&w, 1, true);
	struct record *r = begin(&w, token);
	struct verdict v;

	for (int i = 0; i < MANY / LEDGER_CHECKS; i++)
		cr_expect_eq(ledger_take_more(w.ledger, world_now(&w), &r, &v),
		    VH_OK);
	cr_expect_neq(ledger_take_more(w.ledger, world_now(&w), &r, &v), VH_OK);
	cr_expect_eq(v.reason, REFUSAL_PROOF);
	cr_expect_null(r);
	world_tick(&w);
	cr_expect_null(ledger_current(w.ledger, "b"));
	world_free(&w);
}

Test(record_turns, what_came_meanwhile_makes_it_stale)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *token = large_record(&w, 1, false);
	struct record *r = begin(&w, token);
	struct verdict v;

	cr_expect_eq(ledger_take_more(w.ledger, world_now(&w), &r, &v), VH_OK);
	cr_expect_eq(ledger_take_record(w.ledger, world_now(&w),
			 buf_slice(token), &v),
	    VH_OK);
	cr_expect_neq(ledger_take_more(w.ledger, world_now(&w), &r, &v), VH_OK);
	cr_expect_eq(v.reason, REFUSAL_STALE);
	cr_expect_null(r);
	world_free(&w);
}

/* The first record was checked; of the second, with the same keys and proofs
 * and another number, nothing is new. */
Test(record_turns, known_keys_take_no_turns)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *first = large_record(&w, 1, false);
	AUTO(jws_free) struct jws *jws = NULL;
	struct verdict v;

	cr_assert_eq(ledger_take_record(w.ledger, world_now(&w),
			 buf_slice(first), &v),
	    VH_OK);
	cr_assert_eq(jws_parse(buf_slice(first), &jws, NULL), VH_OK);
	json_t *payload =
	    json_loadb((const char *)jws->payload.p, jws->payload.len, 0, NULL);

	json_object_set_new(payload, "seq", json_integer(2));
	AUTO(buf_free)
	struct buf *second = test_sign(w.node[B], "vhsm-record", payload);
	struct record *r = begin(&w, second);

	cr_expect_eq(ledger_take_more(w.ledger, world_now(&w), &r, &v), VH_OK);
	cr_expect_null(r);
	cr_expect_eq(v.seq, 2);
	world_free(&w);
}

/* The vault that makes a record has the keys: only its signature is checked. */
Test(record_turns, our_own_vault_is_believed)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *token = large_record(&w, 1, true);
	struct verdict v;

	cr_expect_eq(ledger_take_own_record(w.ledger, world_now(&w),
			 buf_slice(token), &v),
	    VH_OK);
	world_tick(&w);
	cr_assert_not_null(ledger_current(w.ledger, "b"));
	cr_expect_eq(ledger_current(w.ledger, "b")->count, MANY);
	world_free(&w);
}
