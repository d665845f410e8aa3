#include "vault/key.h"

#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "test_import_help.h"

TestSuite(key, .init = open_arena, .timeout = 60);

static void
refused(EVP_PKEY *pkey, const struct key_terms *terms, enum vh_err err,
    const char *says)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	struct key *key;

	cr_expect_eq(key_new(pkey, terms, 1, &key, why), err, "%s", says);
	cr_expect_null(key);
	buf_put_u8(why, 0);
	cr_expect_not_null(strstr((const char *)why->p, says),
	    "\"%s\", expected \"%s\"", why->p, says);
}

Test(key, carries_what_the_terms_say)
{
	AUTO(key_free) struct key *key = NULL;
	EVP_PKEY *pkey = make_curve("P-256");
	struct key_terms terms = { .use = VH_USE_SIG,
		.pin = alg_by_id(VH_ALG_ES256),
		.name = slice_text("id-token"),
		.allow = slice_text("app,uid:1001") };
	char kid[VH_KID_SIZE + 1];

	cr_assert_eq(key_new(pkey, &terms, 3, &key, NULL), VH_OK);
	cr_expect_str_eq(key->kid, kid_of(pkey, kid));
	cr_expect_eq(key->use, VH_USE_SIG);
	cr_expect_eq(key->pin, terms.pin);
	cr_expect_str_eq(key->name, "id-token");
	cr_expect_str_eq(key->allow, "app,uid:1001");
	cr_expect_eq(key->lane, LANE_FAST);
	cr_expect_eq(key->workers, 3);
	for (size_t i = 0; i < 3 * KEY_SLOTS; i++)
		cr_expect_null(key->slots[i].alg);
}

Test(key, runs_only_what_fits_its_curve_use_and_pin)
{
	AUTO(key_free) struct key *free_key = NULL;
	AUTO(key_free) struct key *pinned = NULL;
	struct key_terms pin = { .use = VH_USE_ENC,
		.pin = alg_by_id(VH_ALG_ECDH_ES) };

	cr_assert_eq(key_new(make_curve("P-384"), &enc, 1, &free_key, NULL),
	    VH_OK);
	cr_assert_eq(key_new(make_curve("X25519"), &pin, 1, &pinned, NULL),
	    VH_OK);
	for (size_t i = 0; alg_at(i) != NULL; i++) {
		const struct alg *alg = alg_at(i);

		cr_expect_eq(key_check_alg(free_key, alg),
		    alg->kind == VH_KIND_ECDH ? VH_OK : VH_EALG, "%s",
		    alg->name);
		cr_expect_eq(key_check_alg(pinned, alg),
		    alg == pin.pin ? VH_OK : VH_EALG, "%s", alg->name);
	}
}

Test(key, same_terms_compares_every_term)
{
	const struct key_terms rows[] = {
		sig,
		enc,
		{ .use = VH_USE_SIG, .pin = alg_by_id(VH_ALG_ES256) },
		{ .use = VH_USE_SIG, .name = slice_text("a") },
		{ .use = VH_USE_SIG, .name = slice_text("b") },
		{ .use = VH_USE_SIG, .allow = slice_text("a") },
		{ .use = VH_USE_SIG, .ops = VH_KEY_SIGN },
		{ .use = VH_USE_SIG, .typs = slice_text("a") },
		{ .use = VH_USE_SIG, .claims = slice_text("iss=a") },
	};
	struct key *keys[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_assert_eq(key_new(make_curve("P-256"), &rows[i], 1, &keys[i],
				 NULL),
		    VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(rows); k++)
			cr_expect_eq(key_same_terms(keys[i], keys[k]), i == k,
			    "%zu %zu", i, k);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		key_free(keys[i]);
}

Test(key, ops_typ_and_claims_have_to_fit_its_use)
{
	const struct key_terms rows[] = {
		{ .use = VH_USE_SIG, .ops = VH_KEY_SIGN | VH_KEY_DECRYPT },
		{ .use = VH_USE_ENC, .ops = VH_KEY_VERIFY },
		{ .use = VH_USE_SIG, .ops = 1u << 31 },
		{ .use = VH_USE_ENC, .typs = slice_text("JWT") },
		{ .use = VH_USE_ENC, .claims = slice_text("iss=a") },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct key *key = NULL;

		cr_expect_eq(key_new(make_curve("P-256"), &rows[i], 1, &key,
				 NULL),
		    VH_EKEY, "%zu", i);
		cr_expect_null(key);
	}
}

Test(key, lanes_follow_the_cost)
{
	static const uint8_t n[1024] = { 0x80 };
	static const struct {
		size_t bits;
		enum lane lane;
	} rows[] = { { 2048, LANE_NORMAL }, { 3072, LANE_NORMAL },
		{ 4096, LANE_HEAVY }, { 8192, LANE_HEAVY } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pub pub = { .kty = VH_KTY_RSA,
			.n = slice_of(n, rows[i].bits / 8) };

		cr_expect_eq(lane_of_pub(&pub), rows[i].lane);
	}
	cr_expect_str_eq(lane_name(LANE_FAST), "fast");
	cr_expect_str_eq(lane_name(LANE_NORMAL), "normal");
	cr_expect_str_eq(lane_name(LANE_HEAVY), "heavy");
}

Test(key, puts_the_fields_that_front_reads)
{
	AUTO(key_free) struct key *key = NULL;
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct key_terms terms = { .use = VH_USE_SIG,
		.pin = alg_by_id(VH_ALG_EDDSA),
		.name = slice_text("n"),
		.allow = slice_text("a") };
	struct fields f;
	struct pub pub;

	cr_assert_eq(key_new(make_curve("ED25519"), &terms, 1, &key, NULL),
	    VH_OK);
	key_put(b, key);
	cr_assert_eq(fields_parse(buf_slice(b), &f), VH_OK);
	cr_expect(slice_is(f.at[VH_F_KID], key->kid));
	cr_expect_eq(fields_u32(&f, VH_F_USE_ID), VH_USE_SIG);
	cr_expect_eq(fields_u32(&f, VH_F_ALG_ID), VH_ALG_EDDSA);
	cr_expect(slice_is(f.at[VH_F_NAME], "n"));
	cr_expect(slice_is(f.at[VH_F_ALLOW], "a"));
	cr_assert_eq(pub_of_fields(&f, &pub), VH_OK);
	cr_expect(slice_eq(pub.x, key->pub.x));
}

Test(key, a_public_key_is_refused)
{
	static const char *const names[] = { "P-256", "ED25519", "secp256k1",
		"ED448", "X25519", "X448" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(pkey_free) EVP_PKEY *whole = make_curve(names[i]);
		AUTO(buf_free) struct buf *bytes = buf_new(4096);
		struct pub pub;
		EVP_PKEY *half;

		cr_assert_eq(pub_of_pkey(whole, bytes, &pub), VH_OK);
		cr_assert_eq(pkey_of_pub(&pub, &half), VH_OK);
		refused(half, i < 4 ? &sig : &enc, VH_EKEY,
		    "public key only, private key expected");
	}
}

Test(key, other_types_and_curves_are_refused)
{
	refused(make_curve("brainpoolP256r1"), &sig, VH_EKEY,
	    "key type or curve not supported");
	refused(make_curve("secp224r1"), &sig, VH_EKEY,
	    "key type or curve not supported");
	refused(make_curve("secp256k1"), &enc, VH_EKEY,
	    "use \"enc\" does not fit an EC secp256k1 key");
	refused(make_curve("ED448"), &enc, VH_EKEY,
	    "use \"enc\" does not fit an Ed448 key");
	refused(make_curve("X448"), &sig, VH_EKEY,
	    "use \"sig\" does not fit an X448 key");
}

/* libcrypto takes any two parts; the check of the pair is ours. */
static EVP_PKEY *
okp_of(const char *type, EVP_PKEY *pub, EVP_PKEY *priv)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	uint8_t x[57], d[57];
	size_t x_len = sizeof x, d_len = sizeof d;
	EVP_PKEY *made = NULL;

	cr_assert_eq(EVP_PKEY_get_raw_public_key(pub, x, &x_len), 1);
	cr_assert_eq(EVP_PKEY_get_raw_private_key(priv, d, &d_len), 1);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, x,
		    x_len),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, d,
		    d_len),
		OSSL_PARAM_construct_end(),
	};

	cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params),
	    1);
	EVP_PKEY_CTX_free(ctx);
	return made;
}

Test(key, a_mismatched_okp_pair_is_refused)
{
	static const char *const names[] = { "ED25519", "ED448", "X25519",
		"X448" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(pkey_free) EVP_PKEY *one = make_curve(names[i]);
		AUTO(pkey_free) EVP_PKEY *two = make_curve(names[i]);

		refused(okp_of(names[i], one, two), i < 2 ? &sig : &enc,
		    VH_EKEY, "private and public part do not match");
	}
}

static EVP_PKEY *
ec_of(EVP_PKEY *pub, EVP_PKEY *priv)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *d = NULL;
	uint8_t point[128];
	size_t len;
	EVP_PKEY *made = NULL;

	cr_assert_eq(EVP_PKEY_get_octet_string_param(pub,
			 OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
	    1);
	cr_assert_eq(EVP_PKEY_get_bn_param(priv, OSSL_PKEY_PARAM_PRIV_KEY, &d),
	    1);
	cr_assert_eq(OSSL_PARAM_BLD_push_utf8_string(b,
			 OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0),
	    1);
	cr_assert_eq(OSSL_PARAM_BLD_push_octet_string(b,
			 OSSL_PKEY_PARAM_PUB_KEY, point, len),
	    1);
	cr_assert_eq(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d), 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);

	cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params),
	    1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	BN_free(d);
	EVP_PKEY_CTX_free(ctx);
	return made;
}

Test(key, a_mismatched_ec_pair_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *one = make_curve("P-256");
	AUTO(pkey_free) EVP_PKEY *two = make_curve("P-256");

	refused(ec_of(one, two), &sig, VH_EKEY,
	    "private and public part do not match");
}

static BIGNUM *
prime(int bits)
{
	BIGNUM *p = BN_new();

	cr_assert_eq(BN_generate_prime_ex(p, bits, 0, NULL, NULL, NULL), 1);
	return p;
}

/* An RSA key of two factors, consistent in all its numbers; phi: the order
 * that d inverts e for. */
static EVP_PKEY *
rsa_of(const BIGNUM *p, const BIGNUM *q, const BIGNUM *phi)
{
	static const char *const names[] = { "n", "e", "d", "rsa-factor1",
		"rsa-factor2", "rsa-exponent1", "rsa-exponent2",
		"rsa-coefficient1" };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BN_CTX *bn = BN_CTX_new();
	BIGNUM *v[ARRAY_LEN(names)], *p1 = BN_dup(p), *q1 = BN_dup(q);
	EVP_PKEY *made = NULL;

	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		v[i] = BN_new();
	BN_sub_word(p1, 1);
	BN_sub_word(q1, 1);
	BN_mul(v[0], p, q, bn);
	BN_set_word(v[1], 65537);
	cr_assert_not_null(BN_mod_inverse(v[2], v[1], phi, bn));
	BN_copy(v[3], p);
	BN_copy(v[4], q);
	BN_mod(v[5], v[2], p1, bn);
	BN_mod(v[6], v[2], q1, bn);
	cr_assert_not_null(BN_mod_inverse(v[7], q, p, bn));
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		cr_assert_eq(OSSL_PARAM_BLD_push_BN(b, names[i], v[i]), 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);

	cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params),
	    1);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		BN_free(v[i]);
	BN_free(p1);
	BN_free(q1);
	BN_CTX_free(bn);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	return made;
}

/* (p - 1)(q - 1) */
static BIGNUM *
phi_of(const BIGNUM *p, const BIGNUM *q)
{
	BN_CTX *bn = BN_CTX_new();
	BIGNUM *a = BN_dup(p), *b = BN_dup(q), *phi = BN_new();

	BN_sub_word(a, 1);
	BN_sub_word(b, 1);
	BN_mul(phi, a, b, bn);
	BN_free(a);
	BN_free(b);
	BN_CTX_free(bn);
	return phi;
}

Test(key, a_composite_factor_is_refused)
{
	BN_CTX *bn = BN_CTX_new();
	BIGNUM *a = prime(512), *b = prime(512), *p = BN_new(),
	       *q = prime(1026); /* 2048 bits at least */

	BN_mul(p, a, b, bn);
	BIGNUM *phi = phi_of(p, q);

	refused(rsa_of(p, q, phi), &sig, VH_EKEY, "RSA p is not a prime");
	refused(rsa_of(q, p, phi), &sig, VH_EKEY, "RSA q is not a prime");
	BN_free(a);
	BN_free(b);
	BN_free(p);
	BN_free(q);
	BN_free(phi);
	BN_CTX_free(bn);
}

Test(key, primes_of_unlike_size_or_close_together_are_refused)
{
	BIGNUM *small = prime(512), *large = prime(1600), *p = prime(1024);
	BIGNUM *next = BN_dup(p);

	do
		BN_add_word(next, 2);
	while (BN_check_prime(next, NULL, NULL) != 1);
	BIGNUM *phi = phi_of(small, large), *close = phi_of(p, next);

	refused(rsa_of(small, large, phi), &sig, VH_EKEY,
	    "RSA p and q are unsound");
	refused(rsa_of(p, next, close), &sig, VH_EKEY,
	    "RSA p and q are unsound");
	BN_free(small);
	BN_free(large);
	BN_free(p);
	BN_free(next);
	BN_free(phi);
	BN_free(close);
}

Test(key, d_that_inverts_e_for_the_product_or_the_lcm_is_fine)
{
	AUTO(key_free) struct key *key = NULL;
	BIGNUM *p = prime(1024), *q = prime(1024), *phi = phi_of(p, q);

	cr_expect_eq(key_new(rsa_of(p, q, phi), &enc, 1, &key, NULL), VH_OK);
	BN_free(p);
	BN_free(q);
	BN_free(phi);
}
