#include "base/together.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

static bool
use(struct together *t, const cpu_set_t *cpus)
{
	if (sched_setaffinity(0, sizeof *cpus, cpus) == 0)
		return true;
	if (!t->said)
		LOG(NOTICE, "cpus-unchanged", KV_ERRNO(errno));
	t->said = true;
	return false;
}

static bool
is_using(const cpu_set_t *cpus)
{
	cpu_set_t now;

	return sched_getaffinity(0, sizeof now, &now) == 0 &&
	       CPU_EQUAL(&now, cpus);
}

/* All there are, if that is what the thread may use: then also those that the
 * machine, or the container, gets later. */
static void
widen(struct together *t)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof all);
	if (use(t, &all) && is_using(&t->before))
		t->before = all;
}

void
together_on_one_cpu(struct together *t)
{
	int cpu = sched_getcpu();

	if (t->on || cpu < 0 ||
	    sched_getaffinity(0, sizeof t->before, &t->before) != 0)
		return;
	int count = CPU_COUNT(&t->before);

	if (count < 2 || count > TOGETHER_CPUS_MAX ||
	    !CPU_ISSET(cpu, &t->before))
		return;
	widen(t);
	CPU_ZERO(&t->one);
	CPU_SET(cpu, &t->one);
	t->on = use(t, &t->one) || !use(t, &t->before);
}

void
together_no_more(struct together *t)
{
	if (t->on && is_using(&t->one) && !use(t, &t->before))
		return; /* the next one tries again */
	t->on = false;
}
