#include "front/parts.h"

#include <criterion/criterion.h>

#define KEYS 6

static char one[] = "one", two[] = "two";

/* In the order of kids, as a directory has them. */
static void
make(struct dkey keys[static KEYS], struct dkey *list[static KEYS])
{
	static const struct {
		const char *kid;
		char *name;
		const char *algs[2];
	} rows[KEYS] = {
		{ "a", two, { "ES256" } },
		{ "b", NULL, { "RS256", "PS256" } },
		{ "c", one, { "ES256" } },
		{ "d", two, { "RS256", "PS256" } },
		{ "e", NULL, { "ES256" } },
		{ "f", two, { "EdDSA" } },
	};

	for (size_t i = 0; i < KEYS; i++) {
		keys[i] = (struct dkey){ .name = rows[i].name };
		keys[i].kid[0] = rows[i].kid[0];
		for (size_t k = 0; k < 2 && rows[i].algs[k] != NULL; k++)
			keys[i].algs[keys[i].alg_count++].alg =
			    alg_by_name(slice_text(rows[i].algs[k]));
		list[i] = &keys[i];
	}
}

static void
expect(const struct parts *p, const char *name, const char *alg,
    const char *kids)
{
	struct part part = parts_find(p, slice_text(name),
	    alg == NULL ? NULL : alg_by_name(slice_text(alg)));

	cr_assert_eq(part.count, strlen(kids), "%s %s: %zu", name,
	    alg == NULL ? "" : alg, part.count);
	for (size_t i = 0; i < part.count; i++)
		cr_expect_eq(part.at[i]->kid[0], kids[i]);
}

Test(parts, keys_are_found_by_algorithm_in_their_order)
{
	struct dkey keys[KEYS], *list[KEYS];

	make(keys, list);
	AUTO(parts_free) struct parts *p = parts_new(list, KEYS);

	cr_assert_not_null(p);
	expect(p, "", "ES256", "ace");
	expect(p, "", "RS256", "bd");
	expect(p, "", "PS256", "bd");
	expect(p, "", "EdDSA", "f");
	expect(p, "", "ES384", "");
}

Test(parts, keys_are_found_by_name_whatever_they_fit)
{
	struct dkey keys[KEYS], *list[KEYS];

	make(keys, list);
	AUTO(parts_free) struct parts *p = parts_new(list, KEYS);

	cr_assert_not_null(p);
	expect(p, "one", NULL, "c");
	expect(p, "two", NULL, "adf");
	expect(p, "two", "ES256", "adf");
	expect(p, "three", NULL, "");
	expect(p, "tw", NULL, "");
}

Test(parts, without_keys_there_are_none)
{
	AUTO(parts_free) struct parts *p = parts_new(NULL, 0);

	cr_assert_not_null(p);
	expect(p, "", "ES256", "");
	expect(p, "one", NULL, "");
}
