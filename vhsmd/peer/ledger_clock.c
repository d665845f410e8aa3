#include "peer/ledger_clock.h"

#define NS_PER_MS UINT64_C(1000000)

void
ledger_clock_start(struct ledger_clock *c, struct moment now)
{
	*c = (struct ledger_clock){ .now = now,
		.steady_ns = now.wall.ms * NS_PER_MS };
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void
ledger_clock_see(struct ledger_clock *c, struct moment now)
{
	uint64_t wall = now.wall.ms * NS_PER_MS;

	if (now.mono.ns > c->now.mono.ns)
		c->steady_ns += now.mono.ns - c->now.mono.ns;
	else
		now.mono = c->now.mono;
	c->now = now;
	if (distance(wall, c->steady_ns) <= LEDGER_LEAP_MS * NS_PER_MS) {
		c->steady_ns = wall;
		c->leapt = false;
		return;
	}
	if (!c->leapt) {
		c->leapt = true;
		c->leapt_at = now.mono;
	}
	if (now.mono.ns - c->leapt_at.ns < LEDGER_LEAP_HOLD_MS * NS_PER_MS)
		return;
	c->steady_ns = wall;
	c->leapt = false;
}

uint64_t
ledger_clock_earliest(const struct ledger_clock *c)
{
	uint64_t steady = c->steady_ns / NS_PER_MS;

	return steady < c->now.wall.ms ? steady : c->now.wall.ms;
}

uint64_t
ledger_clock_latest(const struct ledger_clock *c)
{
	uint64_t steady = c->steady_ns / NS_PER_MS;

	return steady > c->now.wall.ms ? steady : c->now.wall.ms;
}
