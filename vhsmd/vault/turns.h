/* Threads that compute for long give way to those that are soon done.
 *
 * When the kernel wakes a thread whose neighbours have just had more than their
 * part, it lets the running one go on, however low its priority, and looks
 * again at its next tick: up to 4 ms later, fifty times what an ES256 signature
 * takes. So a computing thread has a timer of its own that makes it offer the
 * processor again and again, at the price of a percent. */
#ifndef VAULT_TURNS_H
#define VAULT_TURNS_H

#include <time.h>

#include "base/clock.h"

#define TURNS_QUIET_MS 100 /* after which nobody is expected any more */

struct turns {
	long us; /* 0: none, and begin and end do nothing */
	timer_t timer;
	bool running;
	unsigned others;      /* as turns_begin was told last */
	struct mono_ns until; /* when these others are past */
};

/* The calling thread's turns of us microseconds (less than a second), before
 * the sandbox closes; none where there can be no timer, which is logged. */
void turns_init(struct turns *t, long us);

/* Between the two the thread that called turns_init offers the processor after
 * each turn, if others, a count of those to whom it gives way, has changed in
 * the last TURNS_QUIET_MS.  The signal's frame lies on its stack, which is in
 * the arena. */
void turns_begin(struct turns *t, unsigned others);
void turns_end(struct turns *t);

#endif
