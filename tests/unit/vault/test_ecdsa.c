#include <criterion/criterion.h>
#include <openssl/core_names.h>

#include "test_crypto_rig.h"
#include "vault/ecdsa.h"

/* The public half alone. */
static EVP_PKEY *
public_of(const EVP_PKEY *pkey)
{
	uint8_t point[133];
	size_t len;
	char curve[] = "P-256";
	EVP_PKEY *half = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	cr_assert_eq(EVP_PKEY_get_octet_string_param(pkey,
			 OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
	    1);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve,
		    sizeof curve - 1),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
		OSSL_PARAM_END,
	};

	cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_fromdata(ctx, &half, EVP_PKEY_PUBLIC_KEY, params),
	    1);
	EVP_PKEY_CTX_free(ctx);
	return half;
}

Test(ecdsa, a_public_key_signs_nothing)
{
	EVP_PKEY *pkey = rig_make("P-256");
	EVP_PKEY *half = public_of(pkey);

	cr_expect_null(ecdsa_key_new(NULL, half));
	EVP_PKEY_free(half);
	EVP_PKEY_free(pkey);
}

Test(ecdsa, a_key_of_another_type_is_refused)
{
	EVP_PKEY *pkey = rig_make("ED25519");

	cr_expect_null(ecdsa_key_new(NULL, pkey));
	EVP_PKEY_free(pkey);
}

Test(ecdsa, r_and_s_have_to_fit)
{
	EVP_PKEY *pkey = rig_make("P-384");
	EC_KEY *key = ecdsa_key_new(NULL, pkey);
	uint8_t digest[48] = { 1 }, out[96];

	cr_assert_not_null(key);
	cr_expect(
	    ecdsa_sign(key, slice_of(digest, sizeof digest), out, sizeof out));
	cr_expect_not(
	    ecdsa_sign(key, slice_of(digest, sizeof digest), out, 64));
	ecdsa_key_free(key);
	EVP_PKEY_free(pkey);
}

Test(ecdsa, the_key_outlives_what_it_was_copied_from)
{
	EVP_PKEY *pkey = rig_make("P-256");
	OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
	EC_KEY *key = ecdsa_key_new(lib, pkey);
	uint8_t digest[32] = { 1 }, out[64];

	EVP_PKEY_free(pkey);
	cr_assert_not_null(key);
	cr_expect(
	    ecdsa_sign(key, slice_of(digest, sizeof digest), out, sizeof out));
	ecdsa_key_free(key);
	OSSL_LIB_CTX_free(lib);
}
