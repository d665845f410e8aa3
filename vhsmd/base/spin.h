/* Looking again for some microseconds instead of sleeping, where being woken
 * takes longer than what is waited for.  Vain looks make further ones rare: one
 * in 1024 waits in the end.  Never with a single CPU.  For one thread. */
#ifndef BASE_SPIN_H
#define BASE_SPIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

#define SPIN_US 60 /* of one wait: an ES256 signature and some more */

struct spin {
	bool may;
	unsigned skip; /* waits to sleep through before the next look */
	unsigned vain; /* what skip becomes if that is in vain */
};

/* Asks how many CPUs this thread may use. */
struct spin spin_new(void);

/* Calls look until it returns something else than 0, which is returned, or for
 * SPIN_US.  0 as well when it is not worth trying: sleep then. */
int spin_look(struct spin *s, int (*look)(void *arg), void *arg);
/* There is work for others on this CPU: no look for some waits to come. */
void spin_hush(struct spin *s);

#endif
