/* Threads whose stacks lie in the arena. */
#ifndef VAULT_THREAD_H
#define VAULT_THREAD_H

#include "wire/base.h"

#define THREAD_STACK (256u << 10) /* bytes */

/* Starts run(arg), which is never joined: pthread_join waits on a shared futex,
 * which the kernel refuses on secret memory.  Before the sandbox closes.
 * VH_ENOMEM, VH_EIO. */
enum vh_err thread_start(void *(*run)(void *arg), void *arg);
/* What a thread that uses libcrypto does first; false when that fails. */
bool thread_use_libcrypto(void);

#endif
