#include "peer/ledger.h"

#include <criterion/criterion.h>

#include "test_ledger_world.h"

static const char *
called(const struct world *w, const struct test_key *k)
{
	static char text[VH_PUBLISHED_MAX + 1]; /* until the next call */
	const struct ledger_key *key = ledger_key(w->ledger, k->kid);

	if (key == NULL)
		return "none";
	memset(text, 0, sizeof text);
	if (key->published.len > 0)
		memcpy(text, key->published.p, key->published.len);
	return text;
}

static size_t
clashes(const struct world *w)
{
	size_t count;

	(void)ledger_clashes(w->ledger, &count);
	return count;
}

Test(ledger_published, a_key_is_called_what_its_node_says)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	k->published = "old/system:1";
	world_live(&w, "ab");
	cr_assert_eq(world_say(&w, B, 1, 1, k, NULL), REFUSAL_NONE);
	cr_expect_str_eq(called(&w, k), "old/system:1");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	cr_expect_eq(clashes(&w), 0);
	world_free(&w);
}

Test(ledger_published, what_cannot_stand_in_a_header_is_refused)
{
	static const char *const bad[] = { "", "a b", "a\"b", "a\\b", "a\nb",
		"\303\244" };
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "ab");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		k->published = bad[i];
		cr_expect_eq(world_say(&w, B, 1, i + 1, k, NULL),
		    REFUSAL_KEY_KID, "%zu", i);
	}
	world_free(&w);
}

Test(ledger_published, the_first_keeps_a_kid_and_the_other_is_not_listed)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *first = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *later = test_key("EC P-256");

	first->published = later->published = "one";
	world_live(&w, "abc");
	/* In either order, so that all nodes agree. */
	cr_assert_eq(world_say(&w, C, 7, 1, later, NULL), REFUSAL_NONE);
	cr_expect_str_eq(called(&w, later), "one");
	cr_assert_eq(world_say(&w, B, 5, 1, first, NULL), REFUSAL_NONE);
	cr_expect_str_eq(called(&w, first), "one");
	cr_expect_str_eq(world_state(&w, later), "none");
	cr_assert_eq(clashes(&w), 1);
	size_t count;
	const struct ledger_clash *c = ledger_clashes(w.ledger, &count);

	cr_expect_str_eq(c->kid, later->kid);
	cr_expect_str_eq(c->owner, first->kid);
	cr_expect_str_eq(c->node, "c");
	world_free(&w);
}

Test(ledger_published, its_owner_keeps_a_kid_over_a_restart)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *first = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *later = test_key("EC P-256");

	first->published = later->published = "one";
	world_live(&w, "abc");
	cr_assert_eq(world_say(&w, B, 5, 1, first, NULL), REFUSAL_NONE);
	cr_assert_eq(world_say(&w, C, 7, 1, later, NULL), REFUSAL_NONE);
	cr_assert_eq(world_say(&w, B, 9, 1, first, NULL), REFUSAL_NONE);
	cr_expect_str_eq(called(&w, first), "one");
	cr_expect_str_eq(world_state(&w, later), "none");
	world_free(&w);
}

Test(ledger_published, nobody_is_called_by_the_thumbprint_of_another)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *first = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *later = test_key("EC P-256");

	first->published = later->kid;
	world_live(&w, "abc");
	cr_assert_eq(world_say(&w, B, 5, 1, first, NULL), REFUSAL_NONE);
	cr_expect_str_eq(called(&w, first), later->kid);
	cr_assert_eq(world_say(&w, C, 7, 1, later, NULL), REFUSAL_NONE);
	cr_expect_str_eq(world_state(&w, first), "none");
	cr_expect_str_eq(world_state(&w, later), "ACTIVE c");
	cr_expect_eq(clashes(&w), 1);
	world_free(&w);
}

Test(ledger_published, a_node_that_calls_the_key_otherwise_is_no_holder)
{
	struct world w = world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	world_live(&w, "abc");
	k->published = "one";
	cr_assert_eq(world_say(&w, B, 5, 1, k, NULL), REFUSAL_NONE);
	k->published = "two";
	cr_assert_eq(world_say(&w, C, 7, 1, k, NULL), REFUSAL_NONE);
	cr_expect_str_eq(called(&w, k), "one");
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_free(&w);
}
