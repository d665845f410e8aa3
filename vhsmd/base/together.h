/* Threads that hand work to each other, kept together. */
#ifndef BASE_TOGETHER_H
#define BASE_TOGETHER_H

#include <sched.h>
#include <stdbool.h>

#define TOGETHER_CPUS_MAX 4

struct together {
	bool on;
	bool said;             /* that it is not allowed */
	cpu_set_t before, one; /* what the thread might use, and uses, if on */
};

/* The calling thread, and those that it starts from now on, keep to the CPU
 * that it is on, if it may use 2 to TOGETHER_CPUS_MAX: to wake the next thread
 * costs less on the same CPU than on another one, and of so few each has other
 * work to do anyway.  With more, or where it is not allowed, nothing changes.
 * t: zeros at first.  Before the sandbox is closed, but for front. */
void together_on_one_cpu(struct together *t);
/* The calling thread may use again what it might, unless somebody has told it
 * something else meanwhile. */
void together_no_more(struct together *t);

#endif
