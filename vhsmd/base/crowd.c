#include "base/crowd.h"

#include "base/together.h"
#include "base/urgent.h"

static void
come(struct crowd *c)
{
	c->here = true;
	patient_thread();
	c->together = together_on_one_cpu(&c->before);
}

static void
go(struct crowd *c)
{
	c->here = false;
	if (c->together)
		together_no_more(&c->before);
	urgent_thread();
}

void
crowd_note(struct crowd *c, size_t in_flight, struct mono_ns now)
{
	if (in_flight >= CROWD_MANY) {
		c->until = mono_after_ms(now, CROWD_QUIET_MS);
		if (!c->here)
			come(c);
	} else if (c->here && mono_passed(c->until, now)) {
		go(c);
	}
}
