/* One key, several holders: the same file loaded on several nodes. */
#include <criterion/criterion.h>

#include "test_ledger_world.h"

/* "b" and "c" hold the key, on terms of their own. */
static void
say_both(struct world *w, struct test_key *k, const struct test_key *of_b,
    const struct test_key *of_c)
{
	static uint64_t seq = 1; /* a later one each time */
	struct test_key as_b = *of_b, as_c = *of_c;

	as_b.pkey = as_c.pkey = k->pkey;
	memcpy(as_b.kid, k->kid, sizeof k->kid);
	memcpy(as_c.kid, k->kid, sizeof k->kid);
	cr_assert_eq(world_say(w, B, 1, seq, &as_b, NULL), REFUSAL_NONE);
	cr_assert_eq(world_say(w, C, 1, seq, &as_c, NULL), REFUSAL_NONE);
	seq++;
}

static struct test_key
terms(const char *state)
{
	return (struct test_key){ .use = "sig",
		.state = state,
		.proof_alg = "ES256" };
}

static const struct ledger_key *
find(const struct world *w, const struct test_key *k)
{
	const struct ledger_key *key = ledger_key(w->ledger, k->kid);

	cr_assert_not_null(key);
	return key;
}

Test(holders, are_listed_ourselves_first)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	size_t count;

	world_live(&w, "cba");
	world_say(&w, C, 1, 1, k, NULL);
	world_say(&w, B, 1, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE bc");
	world_say(&w, A, 1, 1, k, NULL);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE abc");
	(void)ledger_keys(w.ledger, &count); /* for the count */
	cr_expect_eq(count, 1);
	world_free(&w);
}

Test(holders, one_may_die)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "abc");
	world_say(&w, B, 1, 1, k, NULL);
	world_say(&w, C, 1, 1, k, NULL);
	world_live(&w, "ac");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE c");
	world_live(&w, "a");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_free(&w);
}

Test(holders, only_those_that_can_use_it_now)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	const struct test_key on = terms("active"), off = terms("published");

	world_live(&w, "abc");
	say_both(&w, k, &off, &off);
	cr_expect_str_eq(world_state(&w, k), "PUBLISHED bc");
	cr_expect_not(ledger_has_active(w.ledger));
	cr_expect_not(ledger_is_active(w.ledger, k->kid));
	say_both(&w, k, &off, &on);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE c");
	cr_expect(ledger_has_active(w.ledger));
	cr_expect(ledger_is_active(w.ledger, k->kid));
	world_free(&w);
}

Test(holders, a_pin_is_one_if_all_agree)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("RSA 2048");
	struct test_key b = terms("active"), c = terms("active");

	b.proof_alg = c.proof_alg = "RS256";
	b.alg = c.alg = "RS256";
	world_live(&w, "abc");
	say_both(&w, k, &b, &c);
	cr_expect_eq(find(&w, k)->alg->id, VH_ALG_RS256);
	c.alg = "PS256";
	say_both(&w, k, &b, &c);
	cr_expect_null(find(&w, k)->alg);
	c.alg = NULL;
	say_both(&w, k, &b, &c);
	cr_expect_null(find(&w, k)->alg);
	world_free(&w);
}

Test(holders, whoever_one_of_them_allows_is_allowed)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_key b = terms("active"), c = terms("active");

	b.allow = "x,app,uid:1";
	c.allow = "app,,b/uid:2,app";
	world_live(&w, "abc");
	say_both(&w, k, &b, &c);
	cr_expect(slice_is(find(&w, k)->allow, "app,b/uid:2,uid:1,x"));
	c.allow = b.allow;
	say_both(&w, k, &b, &c);
	cr_expect(slice_is(find(&w, k)->allow, "x,app,uid:1"));
	c.allow = NULL;
	say_both(&w, k, &b, &c);
	cr_expect_eq(find(&w, k)->allow.len, 0, "everyone");
	world_live(&w, "ab");
	cr_expect(slice_is(find(&w, k)->allow, "x,app,uid:1"),
	    "c is dead, it allows nobody");
	world_free(&w);
}

Test(holders, whatever_one_of_them_lets_callers_do_can_be_asked_for)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_key b = terms("active"), c = terms("active");

	b.ops = "[\"verify\"]";
	c.ops = "[\"sign\"]";
	world_live(&w, "abc");
	say_both(&w, k, &b, &c);
	uint64_t version = ledger_version(w.ledger);

	cr_expect_eq(find(&w, k)->ops, VH_KEY_VERIFY | VH_KEY_SIGN);
	c.ops = b.ops;
	say_both(&w, k, &b, &c);
	cr_expect_eq(find(&w, k)->ops, VH_KEY_VERIFY);
	cr_expect_gt(ledger_version(w.ledger), version, "front hears of it");
	c.ops = NULL;
	say_both(&w, k, &b, &c);
	cr_expect_eq(find(&w, k)->ops, 0, "everything");
	world_live(&w, "ab");
	cr_expect_eq(find(&w, k)->ops, VH_KEY_VERIFY, "c is dead");
	world_free(&w);
}

Test(holders, rules_are_those_of_all_of_them)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_key b = terms("active"), c = terms("active");

	b.typ = c.typ = "JWT";
	b.claims = c.claims = "iss=me";
	world_live(&w, "abc");
	say_both(&w, k, &b, &c);
	cr_expect(slice_is(find(&w, k)->typ, "JWT"));
	cr_expect(slice_is(find(&w, k)->claims, "iss=me"));
	c.claims = NULL;
	say_both(&w, k, &b, &c);
	cr_expect_eq(find(&w, k)->typ.len, 0);
	cr_expect_eq(find(&w, k)->claims.len, 0);
	world_free(&w);
}

Test(holders, a_union_that_is_too_long_is_cut_and_never_everyone)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_key b = terms("active"), c = terms("active");
	char first[RECORD_ALLOW_MAX + 1] = "", second[RECORD_ALLOW_MAX + 1];

	memset(first, 'a', RECORD_ALLOW_MAX);
	memset(second, 'b', RECORD_ALLOW_MAX);
	second[RECORD_ALLOW_MAX] = '\0';
	second[1] = ',';
	b.allow = first;
	c.allow = second;
	world_live(&w, "abc");
	say_both(&w, k, &b, &c);
	struct slice allow = find(&w, k)->allow;

	cr_expect_gt(allow.len, 0);
	cr_expect_leq(allow.len, RECORD_ALLOW_MAX);
	world_free(&w);
}

Test(holders, the_name_is_that_of_the_first)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_key b = terms("active"), c = terms("active");

	c.name = "c-name";
	world_live(&w, "abc");
	say_both(&w, k, &b, &c);
	cr_expect(slice_is(find(&w, k)->name, "c-name"));
	b.name = "b-name";
	say_both(&w, k, &b, &c);
	cr_expect(slice_is(find(&w, k)->name, "b-name"));
	world_live(&w, "ac");
	cr_expect(slice_is(find(&w, k)->name, "c-name"));
	world_free(&w);
}

/* Anyone can say "this is an encryption key of mine": there is no proof. */
Test(holders, a_signing_key_cannot_be_made_an_encryption_key)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_key sig = terms("active"), enc = terms("active");

	enc.use = "enc";
	world_live(&w, "abc");
	say_both(&w, k, &enc, &sig);
	cr_expect_eq(find(&w, k)->use, VH_USE_SIG);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE c");
	world_live(&w, "ab");
	cr_expect_eq(find(&w, k)->use, VH_USE_SIG, "as long as it is listed");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE");
	world_free(&w);
}

Test(holders, at_most_64_are_listed_ourselves_among_them)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct ledger_live live[70] = { 0 };
	struct test_record r = { 1, 1, T0, KEEP, { k } };

	for (unsigned i = 0; i < 70; i++) {
		snprintf(live[i].node, sizeof live[i].node, "%s%02u",
		    i == 35 ? "" : "n", i);
		if (i == 35)
			memcpy(live[i].node, "a", 2);
		AUTO(cert_free)
		struct cert *node =
		    cert_issue(w.ca, &(struct cert_want){ .cn = live[i].node });

		cr_assert_eq(world_take(&w, test_record(node, &r)),
		    REFUSAL_NONE);
	}
	cr_assert_eq(ledger_set_live(w.ledger, live, 70), VH_OK);
	world_tick(&w);
	const struct ledger_key *key = find(&w, k);

	cr_expect_eq(key->holder_count, LEDGER_HOLDERS_MAX);
	cr_expect_str_eq(key->holders[0].node, "a");
	cr_expect_str_eq(key->holders[1].node, "n00");
	world_free(&w);
}
