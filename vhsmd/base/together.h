/* Threads that hand work to each other, kept together. */
#ifndef BASE_TOGETHER_H
#define BASE_TOGETHER_H

#include <sched.h>
#include <stdbool.h>

#define TOGETHER_CPUS_MAX 4

/* The calling thread, and those that it starts from now on, keep to one of the
 * CPUs that it may use, chosen at random, if these are 2 to TOGETHER_CPUS_MAX:
 * to wake the next thread costs less on the same CPU than on another one, and
 * of so few each has other work to do anyway.  With more, or where it is not
 * allowed, nothing changes, and false comes back; else *before is what the
 * thread might use. */
bool together_on_one_cpu(cpu_set_t *before);
/* The calling thread may use these. */
void together_no_more(const cpu_set_t *before);

#endif
