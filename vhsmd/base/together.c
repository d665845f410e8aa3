#include "base/together.h"

#include <errno.h>
#include <sched.h>
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

void
together_on_one_cpu(void)
{
	cpu_set_t cpus, one;
	unsigned chance = 0;

	if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
		return;
	unsigned count = (unsigned)CPU_COUNT(&cpus);

	if (count < 2 || count > TOGETHER_CPUS_MAX ||
	    getrandom(&chance, sizeof chance, 0) != sizeof chance)
		return;
	CPU_ZERO(&one);
	CPU_SET(nth_cpu(&cpus, chance % count), &one);
	if (sched_setaffinity(0, sizeof one, &one) != 0)
		LOG(DEBUG, "cpus-unchanged", KV_ERRNO(errno));
}
