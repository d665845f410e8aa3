#include "vault/thread.h"

#include <openssl/crypto.h>
#include <pthread.h>

#include "base/log.h"
#include "vault/arena.h"

enum vh_err
thread_start(void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *stack = arena_stack(THREAD_STACK);

	if (stack == NULL)
		return VH_ENOMEM;
	(void)pthread_attr_init(&attr); /* cannot fail on Linux */
	int err = pthread_attr_setstack(&attr, stack, THREAD_STACK);

	if (err == 0)
		err = pthread_create(&thread, &attr, run, arg);
	(void)pthread_attr_destroy(&attr); /* cannot fail on Linux */
	if (err == 0)
		return VH_OK;
	LOG(ERROR, "thread-not-started", KV_ERRNO(err));
	return VH_EIO;
}

/* No openssl.cnf: nobody else says what the vault's libcrypto does. */
bool
thread_use_libcrypto(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
				       OPENSSL_INIT_NO_ATEXIT,
		   NULL) == 1;
}
