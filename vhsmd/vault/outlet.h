/* One process that asks the vault (front, or the supervisor): its link, shared
 * by the intake, which reads, and all workers, which answer.
 *
 * Counted: every job holds one reference, so an answer to a front that has died
 * meanwhile finds its outlet shut and is dropped. */
#ifndef VAULT_OUTLET_H
#define VAULT_OUTLET_H

#include "base/link.h"

struct outlet;

/* Takes over fd.  NULL when out of memory. */
struct outlet *outlet_new(int fd, size_t max_frame, enum vh_who who,
    unsigned generation);
/* Takes over an existing link. */
struct outlet *outlet_of_link(struct link *l, enum vh_who who);
struct outlet *outlet_ref(struct outlet *o);
void outlet_free(struct outlet *o); /* drops one reference */
AUTO_FREE(struct outlet, outlet_free)

enum vh_who outlet_who(const struct outlet *o);
unsigned outlet_generation(const struct outlet *o);
/* For reading; by the intake only. */
struct link *outlet_link(struct outlet *o);

/* Any thread: sends whole frames, keeping what the socket does not take.  True
 * when something is left, so that somebody must flush it later. */
bool outlet_send(struct outlet *o, struct slice frames);
/* The answer of a job, or none: while many of the outlet's jobs wait it is
 * kept, to leave with theirs.  Result as above, and false for what is kept.
 * Each job of that kind is told of by job_waits when it is queued, by
 * job_begins when a worker takes it, and then by send_soon, whatever came of
 * it. */
bool outlet_send_soon(struct outlet *o, struct slice frames);
void outlet_job_waits(struct outlet *o);
void outlet_job_begins(struct outlet *o);
/* The intake: sends what is left.  True when there is still more. */
bool outlet_flush(struct outlet *o);
/* No answer is sent any more. */
void outlet_shut(struct outlet *o);
bool outlet_is_shut(struct outlet *o);

#endif
