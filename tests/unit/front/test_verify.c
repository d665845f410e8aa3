#include "base/verify.h"

#include <criterion/criterion.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/pkey.h"

/* A key pair for a row; RSA is the largest cost, so that all rows share one. */
static EVP_PKEY *
make_key(const struct alg *alg)
{
	if (alg->kty == VH_KTY_RSA)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	const struct crv *crv =
	    crv_by_id(alg->crv == 0 ? VH_CRV_ED25519 : alg->crv);

	return alg->kty == VH_KTY_EC
		   ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", crv->lib)
		   : EVP_PKEY_Q_keygen(NULL, NULL, crv->lib);
}

/* DER to r, s. */
static size_t
raw_of(const uint8_t *der, size_t len, size_t size, uint8_t *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	cr_assert_not_null(sig);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)size / 2),
	    (int)size / 2);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + size / 2,
			 (int)size / 2),
	    (int)size / 2);
	ECDSA_SIG_free(sig);
	return size;
}

static size_t
sign_as(const struct alg *alg, EVP_PKEY *key, struct slice input, int salt,
    uint8_t out[static 512])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p = NULL;
	uint8_t made[512];
	size_t len = sizeof made;

	cr_assert_eq(EVP_DigestSignInit_ex(ctx, &p, alg->digest, NULL, NULL,
			 key, NULL),
	    1);
	if (alg->kind == VH_KIND_PSS) {
		EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt);
	}
	cr_assert_eq(EVP_DigestSign(ctx, made, &len, input.p, input.len), 1);
	EVP_MD_CTX_free(ctx);
	if (alg->kind == VH_KIND_ECDSA)
		return raw_of(made, len, alg->size, out);
	memcpy(out, made, len);
	return len;
}

#define INPUT slice_text("header.payload")

static void
try_row(struct verifier *v, const struct alg *alg)
{
	EVP_PKEY *key = make_key(alg);
	uint8_t sig[512] = { 0 };
	size_t len = sign_as(alg, key, INPUT, RSA_PSS_SALTLEN_DIGEST, sig);

	cr_expect_eq(verify_signature(v, key, alg, INPUT, slice_of(sig, len)),
	    VH_OK, "%s", alg->name);
	cr_expect_eq(verify_signature(v, key, alg, slice_text("header.payloae"),
			 slice_of(sig, len)),
	    VH_EVERIFY, "%s", alg->name);
	for (size_t n = 0; n <= len + 1; n++)
		if (n != len)
			cr_expect_eq(verify_signature(v, key, alg, INPUT,
					 slice_of(sig, n)),
			    VH_EVERIFY, "%s %zu", alg->name, n);
	for (size_t bit = 0; bit < len * 8; bit += 5) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_expect_eq(verify_signature(v, key, alg, INPUT,
				 slice_of(sig, len)),
		    VH_EVERIFY, "%s bit %zu", alg->name, bit);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EVP_PKEY_free(key);
}

Test(verify, every_signature_row_accepts_its_own_and_nothing_else)
{
	AUTO(verifier_free) struct verifier *v = verifier_new();
	const struct alg *alg;

	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++)
		if (alg->use == VH_USE_SIG && alg->kty != VH_KTY_OCT)
			try_row(v, alg);
}

Test(verify, a_public_key_is_no_hmac_key)
{
	AUTO(verifier_free) struct verifier *v = verifier_new();
	EVP_PKEY *key = make_key(alg_by_id(VH_ALG_ES256));
	uint8_t *der = NULL, mac[64];
	int len = i2d_PUBKEY(key, &der);
	size_t size = 0;

	cr_assert_gt(len, 0);
	cr_assert_not_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, der,
	    (size_t)len, INPUT.p, INPUT.len, mac, sizeof mac, &size));
	cr_expect_eq(verify_signature(v, key, alg_by_id(VH_ALG_HS256), INPUT,
			 slice_of(mac, size)),
	    VH_EVERIFY);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

Test(verify, a_salt_of_another_length_is_refused)
{
	AUTO(verifier_free) struct verifier *v = verifier_new();
	const struct alg *alg = alg_by_id(VH_ALG_PS256);
	EVP_PKEY *key = make_key(alg);
	static const int salts[] = { 0, 20, 31, 33 };
	uint8_t sig[512];

	for (size_t i = 0; i < ARRAY_LEN(salts); i++) {
		size_t len = sign_as(alg, key, INPUT, salts[i], sig);

		cr_expect_eq(verify_signature(v, key, alg, INPUT,
				 slice_of(sig, len)),
		    VH_EVERIFY, "%d", salts[i]);
	}
	EVP_PKEY_free(key);
}

Test(verify, the_other_padding_or_digest_is_refused)
{
	AUTO(verifier_free) struct verifier *v = verifier_new();
	EVP_PKEY *key = make_key(alg_by_id(VH_ALG_RS256));
	uint8_t sig[512];

	for (uint32_t a = VH_ALG_RS256; a <= VH_ALG_PS512; a++) {
		size_t len = sign_as(alg_by_id(a), key, INPUT,
		    RSA_PSS_SALTLEN_DIGEST, sig);

		for (uint32_t b = VH_ALG_RS256; b <= VH_ALG_PS512; b++)
			cr_expect_eq(verify_signature(v, key, alg_by_id(b),
					 INPUT, slice_of(sig, len)),
			    a == b ? VH_OK : VH_EVERIFY, "%u %u", a, b);
	}
	EVP_PKEY_free(key);
}

/* RFC 7518, 3.4: the signature of zeros is one that broken verifiers take. */
Test(verify, zeros_are_no_signature)
{
	AUTO(verifier_free) struct verifier *v = verifier_new();
	static const uint32_t rows[] = { VH_ALG_ES256, VH_ALG_ES384,
		VH_ALG_ES512, VH_ALG_ES256K, VH_ALG_EDDSA };
	static const uint8_t zeros[132];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct alg *alg = alg_by_id(rows[i]);
		EVP_PKEY *key = make_key(alg);

		cr_expect_eq(verify_signature(v, key, alg, INPUT,
				 slice_of(zeros,
				     alg->size > 0 ? alg->size : 64)),
		    VH_EVERIFY);
		EVP_PKEY_free(key);
	}
}
