/* A time at which to do something, or none. */
#ifndef SUPER_ALARM_H
#define SUPER_ALARM_H

#include <limits.h>

#include "base/clock.h"

struct alarm {
	bool set;
	struct mono_ns at;
};

static inline struct alarm
alarm_at(struct mono_ns at)
{
	return (struct alarm){ true, at };
}

static inline struct alarm
alarm_in(uint64_t ms)
{
	return alarm_at(mono_after_ms(clock_mono(), ms));
}

/* Whether its time has come; it is then none. */
static inline bool
alarm_rings(struct alarm *a)
{
	bool rings = a->set && mono_passed(a->at, clock_mono());

	a->set = a->set && !rings;
	return rings;
}

/* The earlier of both, in a. */
static inline void
alarm_earlier(struct alarm *a, struct alarm other)
{
	if (other.set && (!a->set || other.at.ns < a->at.ns))
		*a = other;
}

/* Milliseconds until it, as poll takes them; -1 for none. */
static inline int
alarm_left_ms(const struct alarm *a)
{
	if (!a->set)
		return -1;
	uint32_t left = mono_left_ms(a->at, clock_mono());

	return left > INT_MAX ? INT_MAX : (int)left;
}

#endif
