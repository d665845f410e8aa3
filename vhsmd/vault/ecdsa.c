#define OPENSSL_SUPPRESS_DEPRECATED /* EC_KEY: ecdsa.h says why */
#include "vault/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

#define CURVE_MAX 64 /* characters of its name */

static void
free_secret(BIGNUM *n)
{
	BN_clear_free(n);
}
AUTO_FREE(BIGNUM, free_secret)

void
ecdsa_key_free(EC_KEY *key)
{
	EC_KEY_free(key);
}
AUTO_FREE(EC_KEY, ecdsa_key_free)

EC_KEY *
ecdsa_key_new(OSSL_LIB_CTX *lib, const EVP_PKEY *pkey)
{
	char curve[CURVE_MAX];
	BIGNUM *d = NULL;

	if (EVP_PKEY_get_group_name(pkey, curve, sizeof curve, NULL) != 1 ||
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1)
		return NULL;
	AUTO(free_secret) BIGNUM *secret = d;
	AUTO(ecdsa_key_free)
	EC_KEY *key =
	    EC_KEY_new_by_curve_name_ex(lib, NULL, OBJ_txt2nid(curve));

	if (key == NULL || EC_KEY_set_private_key(key, secret) != 1)
		return NULL;
	return TAKE(key);
}

bool
ecdsa_sign(EC_KEY *key, struct slice digest, uint8_t *out, size_t size)
{
	int half = (int)size / 2;
	ECDSA_SIG *sig = ECDSA_do_sign(digest.p, (int)digest.len, key);
	bool done =
	    sig != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half) == half &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half) == half;

	ECDSA_SIG_free(sig);
	return done;
}
