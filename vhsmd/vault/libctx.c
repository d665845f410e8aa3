#include "vault/libctx.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/ops.h"

/* What ECDSA's nonce, and EdDSA, fetch.  What was fetched once stays. */
static bool
fetch(OSSL_LIB_CTX *ctx)
{
	EVP_MD *md = EVP_MD_fetch(ctx, "SHA512", NULL);
	EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(ctx, "ED25519", NULL);
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(ctx, "ED25519", NULL);
	bool all = md != NULL && keymgmt != NULL && signature != NULL;

	EVP_MD_free(md);
	EVP_KEYMGMT_free(keymgmt);
	EVP_SIGNATURE_free(signature);
	return all;
}

/* The generator of the calling thread, which random.h shares among contexts. */
static bool
seed(void)
{
	uint8_t byte;

	return RAND_priv_bytes(&byte, sizeof byte) == 1;
}

OSSL_LIB_CTX *
libctx_of(size_t index)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static OSSL_LIB_CTX *made[VH_LIBCTX_MAX];
	OSSL_LIB_CTX **own = &made[index % VH_LIBCTX_MAX];

	pthread_mutex_lock(&lock);
	if (*own == NULL)
		*own = OSSL_LIB_CTX_new();
	bool ready = *own != NULL && fetch(*own) && seed();
	OSSL_LIB_CTX *ctx = ready ? *own : NULL;

	pthread_mutex_unlock(&lock);
	return ctx;
}
