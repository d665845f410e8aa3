#include "base/crowd.h"

#include "base/urgent.h"

static void
come(struct crowd *c)
{
	c->here = true;
	patient_thread();
	together_on_one_cpu(&c->cpu);
}

static void
go(struct crowd *c)
{
	c->here = false;
	together_no_more(&c->cpu);
	urgent_thread();
}

void
crowd_note(struct crowd *c, size_t quick, struct mono_ns now)
{
	if (quick >= CROWD_MANY) {
		c->until = mono_after_ms(now, CROWD_QUIET_MS);
		if (!c->here)
			come(c);
	} else if (c->here && mono_passed(c->until, now)) {
		go(c);
	}
}

int
crowd_wait_ms(const struct crowd *c, struct mono_ns now)
{
	return c->here ? (int)mono_left_ms(c->until, now) : -1;
}
