#include <criterion/criterion.h>

#include "test_import_help.h"

TestSuite(generate, .init = open_arena, .timeout = 120);

Test(generate, every_kind_is_made_and_kept)
{
	static const struct {
		enum vh_kty kty;
		enum vh_crv crv;
		size_t bits;
		enum vh_use use;
		enum lane lane;
	} rows[] = {
		{ VH_KTY_RSA, 0, 2048, VH_USE_SIG, LANE_NORMAL },
		{ VH_KTY_RSA, 0, 3080, VH_USE_ENC, LANE_HEAVY },
		{ VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG, LANE_FAST },
		{ VH_KTY_EC, VH_CRV_P384, 0, VH_USE_ENC, LANE_NORMAL },
		{ VH_KTY_EC, VH_CRV_P521, 0, VH_USE_SIG, LANE_NORMAL },
		{ VH_KTY_OKP, VH_CRV_ED25519, 0, VH_USE_SIG, LANE_FAST },
		{ VH_KTY_OKP, VH_CRV_X25519, 0, VH_USE_ENC, LANE_FAST },
		{ VH_KTY_EC, VH_CRV_SECP256K1, 0, VH_USE_SIG, LANE_NORMAL },
		{ VH_KTY_OKP, VH_CRV_ED448, 0, VH_USE_SIG, LANE_NORMAL },
		{ VH_KTY_OKP, VH_CRV_X448, 0, VH_USE_ENC, LANE_NORMAL },
	};
	AUTO(store_free) struct store *s = store_new();
	AUTO(buf_free) struct buf *why = buf_new(512);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct key_terms terms = { .use = rows[i].use };

		cr_assert_eq(generate_into(rows[i].kty, rows[i].crv,
				 rows[i].bits, &terms, s, why),
		    VH_OK, "%zu: %.*s", i, (int)why->len, why->p);
		const struct key *key = store_at(s, i);

		cr_assert_not_null(key);
		cr_expect_eq(key->pub.kty, rows[i].kty);
		cr_expect_eq(key->pub.crv, rows[i].crv);
		cr_expect_eq(pub_bits(&key->pub), rows[i].bits);
		cr_expect_eq(key->lane, rows[i].lane);
	}
}

Test(generate, two_keys_of_one_kind_differ)
{
	AUTO(store_free) struct store *s = store_new();

	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(generate_into(VH_KTY_EC, VH_CRV_P256, 0, &sig, s,
				 NULL),
		    VH_OK);
	cr_expect_eq(store_count(s), 2);
}

Test(generate, what_cannot_be_made_is_refused)
{
	static const struct {
		enum vh_kty kty;
		enum vh_crv crv;
		size_t bits;
		const char *says;
	} rows[] = {
		{ VH_KTY_RSA, 0, 2047, "RSA modulus of 2047 bits asked for" },
		{ VH_KTY_RSA, 0, 2049, "in steps of 8" },
		{ VH_KTY_RSA, 0, 8193, "expected 2048 to 8192" },
		{ VH_KTY_RSA, VH_CRV_P256, 2048, "belong together" },
		{ VH_KTY_EC, VH_CRV_ED25519, 0, "belong together" },
		{ VH_KTY_OKP, VH_CRV_P256, 0, "belong together" },
		{ VH_KTY_OKP, 99, 0, "belong together" },
		{ 99, 0, 0, "belong together" },
		{ VH_KTY_OKP, VH_CRV_X25519, 0, "use \"sig\" does not fit" },
		{ VH_KTY_OKP, VH_CRV_X448, 0, "use \"sig\" does not fit" },
		{ VH_KTY_OKP, VH_CRV_SECP256K1, 0, "belong together" },
	};
	AUTO(store_free) struct store *s = store_new();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free) struct buf *why = buf_new(512);

		cr_expect_eq(generate_into(rows[i].kty, rows[i].crv,
				 rows[i].bits, &sig, s, why),
		    VH_EKEY);
		buf_put_u8(why, 0);
		cr_expect_not_null(strstr((const char *)why->p, rows[i].says),
		    "%s", why->p);
	}
	cr_expect_eq(store_count(s), 0);
}
