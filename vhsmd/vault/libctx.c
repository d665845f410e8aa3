#include "vault/libctx.h"

#include <openssl/crypto.h>
#include <pthread.h>

OSSL_LIB_CTX *
libctx_of(size_t index)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static OSSL_LIB_CTX *made[LIBCTX_MAX];
	OSSL_LIB_CTX **own = &made[index % LIBCTX_MAX];

	pthread_mutex_lock(&lock);
	if (*own == NULL)
		*own = OSSL_LIB_CTX_new();
	OSSL_LIB_CTX *ctx = *own;

	pthread_mutex_unlock(&lock);
	return ctx;
}
