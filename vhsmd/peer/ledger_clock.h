/* The wall clock without its leaps: for deciding what has ended, and what comes
 * from the future.  Pure. */
#ifndef PEER_LEDGER_CLOCK_H
#define PEER_LEDGER_CLOCK_H

#include "peer/ledger.h"

#define LEDGER_LEAP_MS      (UINT64_C(10) * 60000)
#define LEDGER_LEAP_HOLD_MS (UINT64_C(60) * 60000)

/* A wall clock that goes on by the monotonic one when the real one leaps, and
 * follows it once the leap has lasted for LEDGER_LEAP_HOLD_MS. */
struct ledger_clock {
	struct moment now;  /* as last seen */
	uint64_t steady_ns; /* since 1970 */
	bool leapt;
	struct mono_ns leapt_at;
};

void ledger_clock_start(struct ledger_clock *c, struct moment now);
void ledger_clock_see(struct ledger_clock *c, struct moment now);

/* The earlier and the later of the steady and the real clock, in ms: a doubt
 * lets nothing end too early, and nothing be refused for being ahead. */
uint64_t ledger_clock_earliest(const struct ledger_clock *c);
uint64_t ledger_clock_latest(const struct ledger_clock *c);

#endif
