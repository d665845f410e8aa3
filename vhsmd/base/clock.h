/* Two clocks of two types, so that mixing them does not compile. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Since boot, never set back: for deadlines and durations. */
struct mono_ns {
	uint64_t ns;
};

/* Since 1970, may jump: for what people read. */
struct wall_ms {
	uint64_t ms;
};

struct mono_ns clock_mono(void);
struct wall_ms clock_wall(void);

static inline struct mono_ns
mono_after_ms(struct mono_ns t, uint64_t ms)
{
	return (struct mono_ns){ t.ns + ms * 1000000u };
}

static inline bool
mono_passed(struct mono_ns deadline, struct mono_ns now)
{
	return now.ns >= deadline.ns;
}

/* Whole milliseconds until deadline, rounded up; 0 when it has passed. */
static inline uint32_t
mono_left_ms(struct mono_ns deadline, struct mono_ns now)
{
	if (now.ns >= deadline.ns)
		return 0;
	uint64_t left = (deadline.ns - now.ns - 1) / 1000000 + 1;

	return left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

#endif
