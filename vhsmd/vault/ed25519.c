#include "vault/ed25519.h"

#include <sodium.h>

_Static_assert(ED25519_SIZE == crypto_sign_ed25519_BYTES,
    "a signature is as long as libsodium makes it");

#define SEED   crypto_sign_ed25519_SEEDBYTES
#define PUBLIC crypto_sign_ed25519_PUBLICKEYBYTES

struct secret *
ed25519_key_new(const EVP_PKEY *pkey)
{
	size_t seed = SEED, public = PUBLIC;

	if (EVP_PKEY_is_a(pkey, "ED25519") != 1)
		return NULL;
	AUTO(secret_free) struct secret *key = secret_new(SEED + PUBLIC);

	if (key == NULL ||
	    EVP_PKEY_get_raw_private_key(pkey, secret_rw(key), &seed) != 1 ||
	    EVP_PKEY_get_raw_public_key(pkey, secret_rw(key) + SEED, &public) !=
		1)
		return NULL;
	return TAKE(key);
}

bool
ed25519_sign(const struct secret *key, struct slice message,
    uint8_t out[static ED25519_SIZE])
{
	return crypto_sign_ed25519_detached(out, NULL, message.p, message.len,
		   secret_ro(key).p) == 0;
}
