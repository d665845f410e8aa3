#include <criterion/criterion.h>

#include "test_crypto_rig.h"
#include "vault/ed25519.h"

TestSuite(ed25519, .init = rig_arena);

/* What libcrypto makes of it. */
static void
sign_elsewhere(EVP_PKEY *pkey, struct slice message, uint8_t out[ED25519_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = ED25519_SIZE;

	cr_assert_not_null(ctx);
	cr_assert_eq(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey), 1);
	cr_assert_eq(EVP_DigestSign(ctx, out, &len, message.p, message.len), 1);
	cr_assert_eq(len, ED25519_SIZE);
	EVP_MD_CTX_free(ctx);
}

Test(ed25519, both_libraries_make_the_same_signature)
{
	static const size_t lengths[] = { 0, 1, 31, 111, 112, 128, 1000,
		ED25519_SHORT };
	static uint8_t message[ED25519_SHORT];
	uint8_t ours[ED25519_SIZE], theirs[ED25519_SIZE];
	EVP_PKEY *pkey = rig_make("ED25519");
	AUTO(secret_free) struct secret *key = ed25519_key_new(pkey);

	cr_assert_not_null(key);
	for (size_t i = 0; i < sizeof message; i++)
		message[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct slice m = slice_of(message, lengths[i]);

		cr_assert(ed25519_sign(key, m, ours));
		sign_elsewhere(pkey, m, theirs);
		cr_expect_arr_eq(ours, theirs, ED25519_SIZE, "%zu bytes",
		    m.len);
	}
	EVP_PKEY_free(pkey);
}

/* RFC 8032, 7.1, test 3. */
Test(ed25519, known_answer)
{
	static const uint8_t seed[] =
	    "\xc5\xaa\x8d\xf4\x3f\x9f\x83\x7b\xed\xb7\x44\x2f\x31\xdc\xb7\xb1"
	    "\x66\xd3\x85\x35\x07\x6f\x09\x4b\x85\xce\x3a\x2e\x0b\x44\x58\xf7";
	static const uint8_t want[] =
	    "\x62\x91\xd6\x57\xde\xec\x24\x02\x48\x27\xe6\x9c\x3a\xbe\x01\xa3"
	    "\x0c\xe5\x48\xa2\x84\x74\x3a\x44\x5e\x36\x80\xd7\xdb\x5a\xc3\xac"
	    "\x18\xff\x9b\x53\x8d\x16\xf2\x90\xae\x67\xf7\x60\x98\x4d\xc6\x59"
	    "\x4a\x7c\x15\xe9\x71\x6e\xd2\x8d\xc0\x27\xbe\xce\xea\x1e\xc4\x0a";
	static const uint8_t message[] = { 0xaf, 0x82 };
	uint8_t made[ED25519_SIZE];
	EVP_PKEY *pkey =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	AUTO(secret_free) struct secret *key = ed25519_key_new(pkey);

	cr_assert_not_null(key);
	cr_assert(ed25519_sign(key, slice_of(message, sizeof message), made));
	cr_expect_arr_eq(made, want, sizeof made);
	EVP_PKEY_free(pkey);
}

Test(ed25519, any_other_key_is_refused)
{
	static const char *const others[] = { "ED448", "X25519", "P-256" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		EVP_PKEY *pkey = rig_make(others[i]);

		cr_expect_null(ed25519_key_new(pkey), "%s", others[i]);
		EVP_PKEY_free(pkey);
	}
}

Test(ed25519, a_public_key_signs_nothing)
{
	uint8_t x[32];
	size_t len = sizeof x;
	EVP_PKEY *pkey = rig_make("ED25519");

	cr_assert_eq(EVP_PKEY_get_raw_public_key(pkey, x, &len), 1);
	EVP_PKEY *half =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);

	cr_assert_not_null(half);
	cr_expect_null(ed25519_key_new(half));
	EVP_PKEY_free(half);
	EVP_PKEY_free(pkey);
}
