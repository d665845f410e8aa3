/* Where libcrypto's random bytes come from: all from the private generator (a
 * CTR_DRBG, NIST SP 800-90A) of the calling thread, those that are published
 * too, and drawn some at a time.  To ask it costs about a microsecond, much the
 * same for 64 bytes as for a thousand, and each ECDSA signature asks.
 *
 * What is drawn and not yet used lies with the thread's stack: in the arena,
 * for threads of thread_start; the main thread draws none.  What is used is
 * overwritten at once, and what was not used within the second never is: so the
 * generator seeds itself again as often as it would, and copies of a virtual
 * machine go separate ways as soon. */
#ifndef VAULT_RANDOM_H
#define VAULT_RANDOM_H

#include "wire/base.h"

/* Once, before anybody draws; for the vault, which never forks.  VH_EINTERNAL.
 */
enum vh_err random_adopt(void);

#endif
