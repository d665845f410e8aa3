/* Waiting awake for what comes within microseconds, where being woken takes
 * longer than that.  What the last wait took says whether it is worth it.
 * Never with a single CPU.  For one thread. */
#ifndef BASE_SPIN_H
#define BASE_SPIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

#define SPIN_US 100 /* awake in one wait, at most */
/* Waits after which the next one is awake: one that was slept through, being
 * woken among it, and one in which looking was in vain. */
#define SPIN_BRIEF_US  200
#define SPIN_NEARLY_US 150

/* When somebody else wants the CPU while it looks. */
enum spin_manner {
	/* It sleeps through the next waits, for what it waits for may need that
	 * CPU, too. */
	SPIN_GIVES_WAY,
	/* It stays.  Who asks and who answers take turns on the other CPU then,
	 * and all this one has to do is what it is asked for. */
	SPIN_STAYS,
};

struct spin {
	bool may;
	enum spin_manner manner;
	bool brief;     /* the last wait was */
	unsigned slept; /* waits that were not */
	unsigned skip;  /* waits that are slept through whatever they take */
};

/* Asks how many CPUs this thread may use. */
struct spin spin_new(enum spin_manner manner);

/* Calls look, which waits for ms at most (-1: without end), until it returns
 * something else than 0, which is returned, or has waited for ms.  With ms 0 at
 * first, where that is worth it: SPIN_US come on top of ms then. */
int spin_wait(struct spin *s, int (*look)(void *arg, int ms), void *arg,
    int ms);
/* There is work for others on this CPU: waits to come are slept through. */
void spin_hush(struct spin *s);

#endif
