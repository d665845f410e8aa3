/* How long to wait before a process that died is started again. */
#ifndef SUPER_BACKOFF_H
#define SUPER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   5000
#define BACKOFF_CALM_MS  10000 /* who lived that long may start at once */

/* The next pause, from the one before (0: none yet) and the life that just
 * ended: none after a long life, else doubled up to the bound. */
static inline uint32_t
backoff_next(uint32_t before_ms, uint64_t lived_ms)
{
	if (lived_ms >= BACKOFF_CALM_MS)
		return 0;
	if (before_ms == 0)
		return BACKOFF_FIRST_MS;
	return before_ms >= BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS : before_ms * 2;
}

#endif
