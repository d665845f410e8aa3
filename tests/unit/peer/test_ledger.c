#include "peer/ledger.h"

#include <criterion/criterion.h>

#include "test_ledger_world.h"

Test(ledger, lists_the_keys_of_a_living_node)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *sig = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *enc = test_key("X25519");

	world_live(&w, "ab");
	cr_assert_eq(world_say(&w, B, 1, 1, sig, enc), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, sig), "ACTIVE b");
	cr_expect_str_eq(world_state(&w, enc), "ACTIVE b");
	const struct ledger_key *k = ledger_key(w.ledger, sig->kid);
	char kid[VH_KID_SIZE + 1];

	cr_assert_eq(pub_thumbprint(&k->pub, kid), VH_OK);
	cr_expect_str_eq(kid, sig->kid);
	cr_expect_eq(k->use, VH_USE_SIG);
	cr_expect(ledger_key_is_published(k));
	cr_expect_null(ledger_key(w.ledger, "other"));
	world_free(&w);
}

Test(ledger, lists_keys_by_kid)
{
	struct world w = world_new();
	struct test_record r = { 1, 1, T0, KEEP, { NULL } };
	struct test_key *made[ARRAY_LEN(r.keys)];
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		r.keys[i] = made[i] = test_key("Ed25519");
	world_live(&w, "ab");
	cr_assert_eq(world_take(&w, test_record(w.node[B], &r)), REFUSAL_NONE);
	const struct ledger_key *keys = ledger_keys(w.ledger, &count);

	cr_assert_eq(count, ARRAY_LEN(r.keys));
	for (size_t i = 1; i < count; i++)
		cr_expect_lt(strcmp(keys[i - 1].kid, keys[i].kid), 0);
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		test_key_free(made[i]);
	world_free(&w);
}

Test(ledger, a_record_of_another_life_waits_until_that_is_the_one_that_lives)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	struct ledger_live live = { "b", .epoch = 5 };

	k->state = l->state = "published";
	cr_assert_eq(ledger_set_live(w.ledger, &live, 1), VH_OK);
	cr_expect_eq(world_say(&w, B, 5, 1, k, NULL), REFUSAL_NONE);
	cr_expect_eq(world_say(&w, B, 6, 1, l, NULL), REFUSAL_LIFE);
	cr_expect_str_eq(world_state(&w, k), "PUBLISHED b");
	cr_expect_str_eq(world_state(&w, l), "none");
	/* It was a restart. */
	live.epoch = 6;
	cr_assert_eq(ledger_set_live(w.ledger, &live, 1), VH_OK);
	cr_expect_eq(world_say(&w, B, 6, 1, l, NULL), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, l), "PUBLISHED b");
	world_free(&w);
}

Test(ledger,
    a_later_life_is_believed_of_ourselves_of_the_dead_and_before_gossip)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct ledger_live live = { "b", .epoch = 5, .own = true };

	cr_assert_eq(ledger_set_live(w.ledger, &live, 1), VH_OK);
	cr_expect_eq(world_say(&w, B, 6, 1, k, NULL), REFUSAL_NONE);
	live = (struct ledger_live){ "b", .epoch = 0 };
	cr_assert_eq(ledger_set_live(w.ledger, &live, 1), VH_OK);
	cr_expect_eq(world_say(&w, B, 7, 1, k, NULL), REFUSAL_NONE);
	live.epoch = 7;
	cr_assert_eq(ledger_set_live(w.ledger, &live, 0), VH_OK);
	cr_expect_eq(world_say(&w, B, 8, 1, k, NULL), REFUSAL_NONE);
	world_free(&w);
}

Test(ledger, the_highest_epoch_and_seq_win)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *m = test_key("EC P-256");

	k->state = l->state = m->state = "published";
	world_live(&w, "ab");
	cr_expect_eq(world_say(&w, B, 5, 5, k, NULL), REFUSAL_NONE);
	cr_expect_eq(world_say(&w, B, 5, 6, l, NULL), REFUSAL_NONE);
	cr_expect_eq(world_say(&w, B, 5, 5, m, NULL), REFUSAL_STALE);
	cr_expect_eq(world_say(&w, B, 4, 9, m, NULL), REFUSAL_STALE);
	cr_expect_str_eq(world_state(&w, l), "PUBLISHED b");
	cr_expect_str_eq(world_state(&w, k), "none");
	cr_expect_str_eq(world_state(&w, m), "none");
	cr_expect_eq(world_say(&w, B, 6, 1, m, NULL), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, m), "PUBLISHED b");
	cr_expect_str_eq(world_state(&w, l), "none");
	cr_expect_eq(ledger_current(w.ledger, "b")->epoch, 6);
	world_free(&w);
}

Test(ledger, a_replayed_record_is_stale)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(buf_free) struct buf *token = world_record(&w, B, 1, 1, k, NULL);
	struct verdict v;

	cr_expect_eq(ledger_take_record(w.ledger, world_now(&w),
			 buf_slice(token), &v),
	    VH_OK);
	cr_expect(v.news && !v.new_epoch);
	cr_expect_eq(ledger_take_record(w.ledger, world_now(&w),
			 buf_slice(token), &v),
	    VH_EDUPLICATE);
	cr_expect_eq(v.reason, REFUSAL_STALE);
	cr_expect(refusal_is_ordinary(v.reason));
	cr_expect_str_eq(v.node, "b");
	cr_expect(v.epoch == 1 && v.seq == 1 && !v.news);
	world_free(&w);
}

Test(ledger, says_what_is_news)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	static const struct {
		uint64_t epoch, seq;
		const char *state;
		bool news, new_epoch;
	} rows[] = {
		{ 1, 1, "published", true, false },
		{ 1, 2, "published", false, false },
		{ 1, 3, "active", true, false },
		{ 1, 4, "active", false, false },
		{ 2, 1, "active", true, true },
	};

	world_live(&w, "ab");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verdict v;

		k->state = rows[i].state;
		AUTO(buf_free)
		struct buf *token =
		    world_record(&w, B, rows[i].epoch, rows[i].seq, k, NULL);

		cr_assert_eq(ledger_take_record(w.ledger, world_now(&w),
				 buf_slice(token), &v),
		    VH_OK);
		cr_expect_eq(v.news, rows[i].news, "%zu", i);
		cr_expect_eq(v.new_epoch, rows[i].new_epoch, "%zu", i);
		world_pass(&w, SECOND);
	}
	world_free(&w);
}

Test(ledger, the_version_changes_exactly_with_the_directory)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	uint64_t before, now;

	k->state = "published";
	world_live(&w, "ab");
	before = ledger_version(w.ledger);
	cr_expect_geq(before, T0, "another than that of an earlier process");
	world_say(&w, B, 1, 1, k, NULL);
	now = ledger_version(w.ledger);
	cr_expect_gt(now, before);
	for (unsigned i = 2; i < 10; i++) {
		world_pass(&w, 30 * SECOND);
		cr_assert_eq(world_say(&w, B, 1, i, k, NULL), REFUSAL_NONE);
		cr_expect_eq(ledger_version(w.ledger), now, "signed again");
	}
	world_live(&w, "abc");
	cr_expect_eq(ledger_version(w.ledger), now, "c has no keys");
	k->state = "active";
	world_say(&w, B, 1, 10, k, NULL);
	cr_expect_gt(ledger_version(w.ledger), now);
	now = ledger_version(w.ledger);
	world_live(&w, "a");
	cr_expect_gt(ledger_version(w.ledger), now, "a holder less");
	world_free(&w);
}

Test(ledger, what_is_borrowed_stays_while_nothing_changes)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	const struct ledger_key *key = ledger_key(w.ledger, k->kid);

	world_pass(&w, SECOND);
	world_say(&w, B, 1, 2, k, NULL); /* the first record is gone */
	cr_expect_eq(ledger_key(w.ledger, k->kid), key);
	cr_expect_str_eq(key->holders[0].node, "b");
	world_free(&w);
}

Test(ledger, load_goes_with_the_holder_and_changes_no_version)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct ledger_live live[] = { { .node = "b", .load = 17 },
		{ .node = "a", .load = 3 } };
	uint64_t version;

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	version = ledger_version(w.ledger);
	cr_assert_eq(ledger_set_live(w.ledger, live, 2), VH_OK);
	world_tick(&w);
	cr_expect_eq(ledger_key(w.ledger, k->kid)->holders[0].load, 17);
	cr_expect_eq(ledger_version(w.ledger), version);
	world_free(&w);
}

/* Gossip knows the new life before its record has come. */
Test(ledger, a_holder_lives_the_life_its_record_tells_of)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *e = test_key("X25519");
	struct ledger_live live[] = { { .node = "b", .epoch = 1 } };

	cr_assert_eq(ledger_set_live(w.ledger, live, 1), VH_OK);
	world_say(&w, B, 1, 1, k, e);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	live[0].epoch = 2;
	cr_assert_eq(ledger_set_live(w.ledger, live, 1), VH_OK);
	world_tick(&w);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	cr_expect_str_eq(world_state(&w, e), "none");
	world_free(&w);
}

Test(ledger, what_is_refused_changes_nothing)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	AUTO(cert_free) struct cert *other = cert_ca("test CA", NULL);
	AUTO(cert_free)
	struct cert *forger =
	    cert_issue(other, &(struct cert_want){ .cn = "b" });
	struct test_record r = { 9, 9, T0, KEEP, { l } };
	uint64_t version;

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	version = ledger_version(w.ledger);
	cr_expect_eq(world_take(&w, test_record(forger, &r)),
	    REFUSAL_UNTRUSTED);
	r.iat = T0 + HOUR;
	cr_expect_eq(world_take(&w, test_record(w.node[B], &r)),
	    REFUSAL_FUTURE);
	cr_expect_eq(ledger_version(w.ledger), version);
	cr_expect_eq(ledger_current(w.ledger, "b")->epoch, 1);
	world_free(&w);
}

/* --- bounds ----------------------------------------------------------------
 */

Test(ledger, holds_1024_nodes)
{
	struct world w = world_new();
	struct test_record r = { 1, 1, T0, KEEP, { NULL } };
	char name[16];

	for (unsigned i = 0; i <= LEDGER_NODES_MAX; i++) {
		snprintf(name, sizeof name, "n%04u", i);
		AUTO(cert_free)
		struct cert *node =
		    cert_issue(w.ca, &(struct cert_want){ .cn = name });

		cr_expect_eq(world_take(&w, test_record(node, &r)),
		    i < LEDGER_NODES_MAX ? REFUSAL_NONE : REFUSAL_FULL, "%u",
		    i);
	}
	cr_expect_eq(ledger_stats(w.ledger).nodes, LEDGER_NODES_MAX);
	cr_expect_str_eq(ledger_current_at(w.ledger, 1023)->node, "n1023");
	cr_expect_null(ledger_current_at(w.ledger, 1024));
	/* The dead are forgotten in the end, and make room. */
	world_pass(&w, KEEP + LEDGER_LINGER_MS);
	cr_expect_eq(ledger_stats(w.ledger).nodes, 0);
	cr_expect_eq(ledger_stats(w.ledger).bytes, 0);
	cr_expect_eq(world_say(&w, B, 1, 1, NULL, NULL), REFUSAL_NONE);
	world_free(&w);
}

Test(ledger, a_node_that_restarts_too_often_loses_its_oldest_keys_first)
{
	struct world w = world_new();
	struct test_key *first = test_key("Ed25519"), *k = first;

	world_live(&w, "ab");
	for (unsigned i = 1; i <= LEDGER_RECORDS_MAX; i++) {
		cr_assert_eq(world_say(&w, B, i, 1, k, NULL), REFUSAL_NONE);
		cr_expect_str_eq(world_state(&w, first),
		    i == 1 ? "ACTIVE b" : "ACTIVE");
		if (k != first)
			test_key_free(k);
		k = test_key("Ed25519");
	}
	world_say(&w, B, LEDGER_RECORDS_MAX + 1, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, first), "none");
	cr_expect_eq(ledger_stats(w.ledger).records, LEDGER_RECORDS_MAX);
	test_key_free(first);
	test_key_free(k);
	world_free(&w);
}

/* --- other CAs, revocation lists -------------------------------------------
 */

static void
reload(struct world *w, const struct cert *ca, const struct buf *crl)
{
	AUTO(buf_free) struct buf *pem = cert_pem(ca);

	cr_assert_eq(trust_load(w->trust, buf_slice(pem), buf_slice(crl), NULL),
	    VH_OK);
}

Test(ledger, a_revoked_node_loses_its_records_at_the_recheck)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	AUTO(buf_free)
	struct buf *crl = cert_crl(w.ca,
	    (const struct cert *[]){ w.node[B], NULL }, T0 + HOUR, T0 + DAY);

	world_live(&w, "abc");
	world_say(&w, B, 1, 1, k, NULL);
	world_say(&w, C, 1, 1, l, NULL);
	reload(&w, w.ca, crl);
	cr_expect_eq(ledger_recheck(w.ledger, world_now(&w)), 1);
	world_tick(&w);
	cr_expect_str_eq(world_state(&w, k), "none");
	cr_expect_str_eq(world_state(&w, l), "ACTIVE c");
	cr_expect_eq(world_say(&w, B, 1, 2, k, NULL), REFUSAL_REVOKED);
	world_free(&w);
}

Test(ledger, a_new_ca_alone_ends_all_that_the_old_one_vouched_for)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(cert_free) struct cert *other = cert_ca("other CA", NULL);

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_take_tombstone(&w, test_tombstone(w.node[C], "kid", T0));
	reload(&w, other, NULL);
	cr_expect_eq(ledger_recheck(w.ledger, world_now(&w)), 2);
	world_tick(&w);
	cr_expect_str_eq(world_state(&w, k), "none");
	cr_expect_not(ledger_is_revoked(w.ledger, "kid"));
	world_free(&w);
}

/* --- digest and tokens -----------------------------------------------------
 */

static bool
count_token(struct slice token, void *context)
{
	cr_expect_gt(token.len, 0);
	(*(size_t *)context)++;
	return true;
}

Test(ledger, the_digest_covers_tombstones_and_evidence)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	uint8_t none[32], grave[32], evidence[32], same[32];
	size_t count = 0;

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	ledger_digest(w.ledger, none);
	world_take_tombstone(&w, test_tombstone(w.node[C], "kid", T0));
	ledger_digest(w.ledger, grave);
	cr_expect_arr_neq(none, grave, 32);
	world_say(&w, B, 2, 1, NULL, NULL);
	ledger_digest(w.ledger, evidence);
	cr_expect_arr_neq(grave, evidence, 32);
	world_say(&w, B, 2, 2, NULL, NULL);
	world_take_tombstone(&w, test_tombstone(w.node[B], "kid", T0));
	ledger_digest(w.ledger, same);
	cr_expect_arr_eq(evidence, same, 32);
	ledger_each_evidence(w.ledger, count_token, &count);
	cr_expect_eq(count, 1);
	ledger_each_tombstone(w.ledger, count_token, &count);
	cr_expect_eq(count, 2);
	ledger_each_record(w.ledger, "b", count_token, &count);
	cr_expect_eq(count, 4);
	ledger_each_record(w.ledger, "c", count_token, &count);
	cr_expect_eq(count, 4);
	world_free(&w);
}

Test(ledger, evidence_of_a_revoked_key_goes_at_once)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, k, NULL);
	world_say(&w, B, 2, 1, NULL, NULL);
	cr_expect_eq(ledger_stats(w.ledger).records, 2);
	world_take_tombstone(&w, test_tombstone(w.node[A], k->kid, T0));
	cr_expect_eq(ledger_stats(w.ledger).records, 1);
	world_free(&w);
}

Test(ledger, a_node_long_silent_goes_when_it_is_said_to_be_dead)
{
	struct world w = world_new();

	world_live(&w, "ab");
	world_say(&w, B, 1, 1, NULL, NULL);
	world_pass(&w, 3 * KEEP);
	cr_expect_not_null(ledger_current(w.ledger, "b"));
	world_live(&w, "a");
	cr_expect_null(ledger_current(w.ledger, "b"));
	world_free(&w);
}
