/* Deadlines on the monotonic clock. */
#ifndef LIBVHSM_UNTIL_H
#define LIBVHSM_UNTIL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A point of time; ns UINT64_MAX is never. */
struct until {
	uint64_t ns;
};

static inline uint64_t
until_now_ns(void)
{
	struct timespec t;

	/* Cannot fail: the clock exists and t is ours. */
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* In ms milliseconds; negative: never. */
static inline struct until
until_in_ms(int64_t ms)
{
	if (ms < 0)
		return (struct until){ UINT64_MAX };
	return (struct until){ until_now_ns() + (uint64_t)ms * 1000000u };
}

static inline struct until
until_first(struct until a, struct until b)
{
	return a.ns < b.ns ? a : b;
}

/* Nanoseconds that are left; 0 when it has passed. */
static inline uint64_t
until_left_ns(struct until u)
{
	uint64_t now = until_now_ns();

	return u.ns > now ? u.ns - now : 0;
}

/* The same in milliseconds, rounded up. */
static inline uint32_t
until_left_ms(struct until u)
{
	uint64_t ms = (until_left_ns(u) + 999999) / 1000000;

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static inline struct timespec
until_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
		.tv_nsec = (long)(ns % 1000000000u) };
}

#endif
