/* ECDSA as JOSE wants it: r and s side by side (RFC 7518, 3.4).
 *
 * EVP writes them as DER, and to learn the size of that it writes a signature
 * twice: a twentieth of the time of one, and then it has to be taken apart
 * again.  EC_KEY gives the two numbers as they are. */
#ifndef VAULT_ECDSA_H
#define VAULT_ECDSA_H

#include <openssl/evp.h>

#include "wire/base.h"

/* A copy of an EC private key, without its public point, for signing in a
 * library context (NULL: the default one); ecdsa_key_free wipes it.  NULL on
 * failure. */
EC_KEY *ecdsa_key_new(OSSL_LIB_CTX *lib, const EVP_PKEY *pkey);
void ecdsa_key_free(EC_KEY *key);

/* Signs a digest; size: of r and s together, each as long as the order of the
 * curve.  By one thread at a time. */
bool ecdsa_sign(EC_KEY *key, struct slice digest, uint8_t *out, size_t size);

#endif
