#include "vault/store.h"

#include <criterion/criterion.h>

#include "test_import_help.h"

TestSuite(store, .init = open_arena);

static struct key *
make_key(EVP_PKEY *pkey, const struct key_terms *terms)
{
	struct key *key;

	cr_assert_eq(EVP_PKEY_up_ref(pkey), 1);
	cr_assert_eq(key_new(pkey, terms, 1, &key, NULL), VH_OK);
	return key;
}

Test(store, keys_are_found_by_kid_and_by_place)
{
	enum { COUNT = 100 };
	AUTO(store_free) struct store *s = store_new();
	struct key *keys[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_curve("ED25519");

		keys[i] = make_key(pkey, &sig);
		cr_assert_eq(store_add(s, keys[i]), VH_OK);
	}
	cr_expect_eq(store_count(s), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		cr_expect_eq(store_at(s, i), keys[i]);
		cr_expect_eq(store_get(s, slice_text(keys[i]->kid)), keys[i]);
	}
	cr_expect_null(store_at(s, COUNT));
}

Test(store, unknown_kids_are_absent)
{
	AUTO(store_free) struct store *s = store_new();
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("ED25519");
	char kid[VH_KID_SIZE + 1];

	cr_expect_null(store_get(s, slice_text(kid_of(pkey, kid))));
	cr_assert_eq(store_add(s, make_key(pkey, &sig)), VH_OK);
	cr_expect_null(store_get(s, slice_of(kid, VH_KID_SIZE - 1)));
	cr_expect_null(store_get(s, slice_of(kid, VH_KID_SIZE + 1)));
	cr_expect_null(store_get(s, slice_of(NULL, 0)));
	kid[0] ^= 1;
	cr_expect_null(store_get(s, slice_text(kid)));
}

Test(store, the_same_key_twice_is_kept_once)
{
	AUTO(store_free) struct store *s = store_new();
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	struct key *first = make_key(pkey, &sig);

	cr_assert_eq(store_add(s, first), VH_OK);
	cr_expect_eq(store_add(s, make_key(pkey, &sig)), VH_OK);
	cr_expect_eq(store_add(s, make_key(pkey, &enc)), VH_EDUPLICATE);
	cr_expect_eq(store_count(s), 1);
	cr_expect_eq(store_at(s, 0), first);
}
