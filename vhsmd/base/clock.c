#include "base/clock.h"

#include <time.h>

struct mono_ns
clock_mono(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC,
	    &t); /* cannot fail for this clock */
	return (struct mono_ns){ (uint64_t)t.tv_sec * 1000000000u +
				 (uint64_t)t.tv_nsec };
}

struct wall_ms
clock_wall(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME,
	    &t); /* cannot fail for this clock */
	return (struct wall_ms){ (uint64_t)t.tv_sec * 1000u +
				 (uint64_t)t.tv_nsec / 1000000u };
}
