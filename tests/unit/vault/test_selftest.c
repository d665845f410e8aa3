#include <criterion/criterion.h>

#include "test_crypto_rig.h"

TestSuite(selftest, .init = rig_arena, .timeout = 120);

static const enum vh_use uses[] = { VH_USE_SIG, VH_USE_ENC };

Test(selftest, every_kind_of_key_passes)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *why = buf_new(256);

	for (size_t k = 0; rig_kind(k) != NULL; k++)
		for (size_t u = 0; u < ARRAY_LEN(uses); u++) {
			if (!rig_fits(rig_kind(k), uses[u]))
				continue;
			struct key *key =
			    rig_add(r, rig_make(rig_kind(k)), uses[u], NULL);

			cr_expect_eq(crypto_selftest(r->crypto, key, why),
			    VH_OK, "%s", rig_kind(k));
			cr_expect_eq(why->len, 0);
		}
}

Test(selftest, a_pinned_key_is_tested_with_its_alg_only)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *why = buf_new(256);
	const struct alg *pin = alg_by_id(VH_ALG_PS384);
	struct key *key = rig_add(r, rig_make("RSA"), VH_USE_SIG, pin);

	cr_expect_eq(crypto_selftest(r->crypto, key, why), VH_OK);
	cr_expect_eq(key->slots[0].alg, pin);
	cr_expect_null(key->slots[1].alg);
}

/* The private part is another key's: what a test of one half cannot see. */
Test(selftest, a_key_whose_halves_do_not_match_fails_and_says_which_alg)
{
	for (size_t k = 0; rig_kind(k) != NULL; k++)
		for (size_t u = 0; u < ARRAY_LEN(uses); u++) {
			AUTO(rig_free) struct rig *r = rig_new();
			AUTO(buf_free) struct buf *why = buf_new(256);

			if (!rig_fits(rig_kind(k), uses[u]))
				continue;
			struct key *key =
			    rig_add(r, rig_make(rig_kind(k)), uses[u], NULL);

			EVP_PKEY_free(key->pkey);
			key->pkey = rig_make(rig_kind(k));
			cr_expect_eq(crypto_selftest(r->crypto, key, why),
			    VH_EKEY, "%s", rig_kind(k));
			buf_put_u8(why, 0);
			cr_expect_eq(strncmp((const char *)why->p,
					 "self-test of ", 13),
			    0, "%s", why->p);
		}
}

Test(selftest, a_key_that_no_alg_fits_fails)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *why = buf_new(256);
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);

	key->pin = alg_by_id(VH_ALG_RS256);
	cr_expect_eq(crypto_selftest(r->crypto, key, why), VH_EKEY);
	cr_expect(slice_is(buf_slice(why), "no algorithm fits the key"));
}
