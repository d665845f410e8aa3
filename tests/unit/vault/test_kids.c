#include "vault/kids.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "test_crypto_rig.h"
#include "vault/import.h"

TestSuite(kids, .init = rig_arena, .timeout = 60);

/* A new key of the store; published may be NULL. */
static const struct key *
add(struct store *s, const char *published)
{
	const struct key_terms terms = { .use = VH_USE_SIG,
		.published = slice_text(published) };
	struct generator *made = NULL;
	struct key *key = NULL;

	cr_assert_eq(generator_new(VH_KTY_OCT, 0, 256, &made, NULL), VH_OK);
	AUTO(generator_free) struct generator *g = made;

	cr_assert_eq(generator_make(g, &terms, 1, &key, NULL), VH_OK);
	cr_assert_eq(store_add(s, key), VH_OK);
	return key;
}

static enum vh_err
check(const struct store *of, const struct store *among)
{
	struct kids_clash clash;

	return kids_check(of, among, &clash, NULL);
}

Test(kids, names_that_differ_are_good)
{
	AUTO(store_free) struct store *s = store_new();

	cr_expect_eq(check(s, s), VH_OK, "no key at all");
	(void)add(s, NULL);
	(void)add(s, NULL);
	cr_expect_eq(check(s, s), VH_OK);
	(void)add(s, "one");
	(void)add(s, "on");
	(void)add(s, "one-more");
	cr_expect_eq(check(s, s), VH_OK, "a key is not another one");
}

Test(kids, two_keys_of_one_name_are_refused_by_name)
{
	AUTO(store_free) struct store *s = store_new();
	AUTO(buf_free) struct buf *why = buf_new(512);
	const struct key *first = add(s, "one");

	(void)add(s, "two");
	const struct key *last = add(s, "one");

	struct kids_clash clash = { 0 };

	cr_expect_eq(kids_check(s, s, &clash, why), VH_EDUPLICATE);
	cr_expect_eq(clash.key, first);
	cr_expect_eq(clash.other, last);
	buf_put_u8(why, 0);
	cr_assert_eq(buf_end(why), VH_OK);
	const char *text = (const char *)buf_slice(why).p;

	cr_expect_not_null(strstr(text, "kid \"one\""));
	cr_expect_not_null(strstr(text, first->kid));
	cr_expect_not_null(strstr(text, last->kid));
}

Test(kids, a_name_may_be_no_other_keys_thumbprint)
{
	AUTO(store_free) struct store *s = store_new();
	const struct key *plain = add(s, NULL);

	(void)add(s, plain->kid);
	cr_expect_eq(check(s, s), VH_EDUPLICATE);
}

Test(kids, the_names_of_one_set_are_looked_for_in_the_other)
{
	AUTO(store_free) struct store *a = store_new();
	AUTO(store_free) struct store *b = store_new();
	const struct key *plain = add(a, NULL);

	(void)add(b, "one");
	(void)add(b, "one");
	cr_expect_eq(check(a, b), VH_OK);
	(void)add(a, "two");
	cr_expect_eq(check(a, b), VH_OK);
	cr_expect_eq(check(b, a), VH_OK, "b alone is not what was asked for");
	(void)add(a, "one");
	cr_expect_eq(check(a, b), VH_EDUPLICATE);
	cr_expect_eq(check(b, a), VH_EDUPLICATE);
	AUTO(store_free) struct store *c = store_new();

	(void)add(c, plain->kid);
	cr_expect_eq(check(c, a), VH_EDUPLICATE);
	cr_expect_eq(check(a, c), VH_OK, "no name of a stands in c");
}

/* The key of a file that is loaded again. */
Test(kids, the_same_key_in_both_sets_is_no_other)
{
	AUTO(store_free) struct store *a = store_new();
	AUTO(store_free) struct store *b = store_new();
	const struct key *mine = add(a, "one");
	struct key *copy = NULL;

	cr_assert_eq(key_renew(mine, NULL, true, &copy), VH_OK);
	cr_assert_eq(store_add(b, copy), VH_OK);
	cr_expect_eq(check(a, b), VH_OK);
	cr_expect_eq(check(b, a), VH_OK);
	(void)add(b, "one"); /* after it, so that it is not found first */
	cr_expect_eq(check(a, b), VH_EDUPLICATE);
}

/* Some 250 million comparisons each time would not be done in time. */
Test(kids, thousands_of_names_are_looked_through_at_once)
{
	enum { MANY = 16000, ROUNDS = 20 };
	AUTO(store_free) struct store *s = store_new();
	char name[24];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "name-%d", i);
		(void)add(s, name);
	}
	for (int i = 0; i < ROUNDS; i++)
		cr_assert_eq(check(s, s), VH_OK);
	(void)add(s, "name-15999");
	cr_expect_eq(check(s, s), VH_EDUPLICATE);
}
