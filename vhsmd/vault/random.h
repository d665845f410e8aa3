/* Where libcrypto's random bytes come from: as ever from the private generator
 * (a CTR_DRBG, NIST SP 800-90A) of the calling thread, but drawn some at a
 * time. To ask it costs about a microsecond, much the same for 64 bytes as for
 * a thousand, and each ECDSA signature asks.
 *
 * What is drawn and not yet used lies with the thread's stack in the arena;
 * what is used is overwritten at once.  A copy of a running machine repeats its
 * numbers, as it would anyway: ECDSA's nonces depend on key and digest too. */
#ifndef VAULT_RANDOM_H
#define VAULT_RANDOM_H

#include "wire/base.h"

/* Once, before anybody draws; for the vault, which never forks.  VH_EINTERNAL.
 */
enum vh_err random_adopt(void);

#endif
