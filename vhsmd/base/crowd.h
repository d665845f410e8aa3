/* How a loop that serves callers stands towards them at the scheduler.
 *
 * While few requests are in flight it is urgent and runs wherever there is
 * room: somebody waits for it.  With many that are soon done there is work for
 * all processors anyway, and what counts is what each wake-up costs: if it runs
 * at once whenever a caller has written, it and the callers take turns request
 * by request; if it lets them finish what they are at, it reads the requests of
 * several at once, and where it may use two to four CPUs it keeps to one.
 * Requests that take milliseconds, or wait for other nodes, wake it too seldom
 * for that. */
#ifndef BASE_CROWD_H
#define BASE_CROWD_H

#include <stddef.h>

#include "base/clock.h"
#include "base/together.h"

#define CROWD_MANY     16  /* requests that are soon done */
#define CROWD_QUIET_MS 100 /* the crowd is gone that long after the last */

struct crowd {
	bool here;
	struct together cpu;
	struct mono_ns until;
};

/* By the loop's thread, which is urgent (base/urgent.h), once a round.  c:
 * zeros at first. */
void crowd_note(struct crowd *c, size_t quick, struct mono_ns now);
/* When to call it at the latest; -1: when there is something to do. */
int crowd_wait_ms(const struct crowd *c, struct mono_ns now);

#endif
