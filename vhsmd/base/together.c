#include "base/together.h"

#include <errno.h>
#include <sys/random.h>

#include "base/log.h"

static int
nth_cpu(const cpu_set_t *cpus, unsigned n)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, cpus) || n-- > 0)
		cpu++;
	return cpu;
}

static bool
use(const cpu_set_t *cpus)
{
	if (sched_setaffinity(0, sizeof *cpus, cpus) == 0)
		return true;
	LOG(DEBUG, "cpus-unchanged", KV_ERRNO(errno));
	return false;
}

bool
together_on_one_cpu(cpu_set_t *before)
{
	cpu_set_t one;
	unsigned chance = 0;

	if (sched_getaffinity(0, sizeof *before, before) != 0)
		return false;
	unsigned count = (unsigned)CPU_COUNT(before);

	if (count < 2 || count > TOGETHER_CPUS_MAX ||
	    getrandom(&chance, sizeof chance, 0) != sizeof chance)
		return false;
	CPU_ZERO(&one);
	CPU_SET(nth_cpu(before, chance % count), &one);
	return use(&one);
}

void
together_no_more(const cpu_set_t *before)
{
	(void)use(before); /* on one it works, too */
}
