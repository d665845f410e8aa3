/* Threads whose work is short and waited for. */
#ifndef BASE_URGENT_H
#define BASE_URGENT_H

/* The calling thread asks the scheduler for short slices: when it is woken it
 * runs before one that computes for long, also where that one has the
 * processor; its share does not grow by it.  Kernels before 6.12 have no such
 * thing, and nothing changes.  Before the sandbox is closed, but for front. */
void urgent_thread(void);
/* It has slices like everybody again. */
void patient_thread(void);

#endif
