#include "base/spin.h"

#include <sched.h>

#define SKIP_MAX 1024
#define HUSH     64

/* About a microsecond in which the CPU does nothing, so that another one that
 * shares a core with it does the more. */
static void
rest(void)
{
	for (int i = 0; i < 20; i++)
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#else
		__asm__ volatile("" ::: "memory");
#endif
}

struct spin
spin_new(void)
{
	cpu_set_t cpus;

	return (struct spin){
		.may = sched_getaffinity(0, sizeof cpus, &cpus) == 0 &&
		       CPU_COUNT(&cpus) > 1,
		.vain = 1,
	};
}

int
spin_look(struct spin *s, int (*look)(void *arg), void *arg)
{
	struct mono_ns until;
	int found;

	if (!s->may)
		return 0;
	if (s->skip > 0) {
		s->skip--;
		return 0;
	}
	until.ns = clock_mono().ns + SPIN_US * 1000u;
	while ((found = look(arg)) == 0 && !mono_passed(until, clock_mono()))
		rest();
	s->vain = found != 0 ? 1 : s->vain < SKIP_MAX ? 2 * s->vain : SKIP_MAX;
	s->skip = found != 0 ? 0 : s->vain;
	return found;
}

void
spin_hush(struct spin *s)
{
	if (s->skip < HUSH)
		s->skip = HUSH;
}
