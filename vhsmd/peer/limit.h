/* A budget of things that strangers can cause, such as log lines. */
#ifndef PEER_LIMIT_H
#define PEER_LIMIT_H

#include "base/clock.h"

#define LIMIT_EACH_MS 10000

struct limit {
	struct mono_ns from;
	unsigned used;
	uint64_t over; /* not done since the last time it was told */
};

/* Whether one more is fine: at most `most` in LIMIT_EACH_MS.  *over is how many
 * were not, since it was last fine. */
static inline bool
limit_take(struct limit *l, struct mono_ns now, unsigned most, uint64_t *over)
{
	if (mono_passed(mono_after_ms(l->from, LIMIT_EACH_MS), now)) {
		l->from = now;
		l->used = 0;
	}
	*over = 0;
	if (l->used >= most) {
		l->over++;
		return false;
	}
	l->used++;
	*over = l->over;
	l->over = 0;
	return true;
}

#endif
