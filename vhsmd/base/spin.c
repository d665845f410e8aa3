#include "base/spin.h"

#include <sched.h>
#include <sys/resource.h>

#define HUSH      64
#define GIVE_WAY  512
#define GAP_US    20 /* between two looks: something else has run */
#define TRY_AGAIN 1024

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
spin_new(enum spin_manner manner)
{
	cpu_set_t cpus;

	return (struct spin){
		.may = sched_getaffinity(0, sizeof cpus, &cpus) == 0 &&
		       CPU_COUNT(&cpus) > 1,
		.manner = manner,
		.brief = true,
	};
}

static bool
is_over(struct mono_ns since, unsigned us, struct mono_ns now)
{
	return now.ns - since.ns > us * UINT64_C(1000);
}

/* How often another thread was given this one's CPU while it was at work. */
static long
times_put_off(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nivcsw : 0;
}

static int
look_awake(struct spin *s, int (*look)(void *arg, int ms), void *arg,
    struct mono_ns start)
{
	struct mono_ns last, now = start;
	int found = look(arg, 0);
	bool gives_way = s->manner == SPIN_GIVES_WAY;
	long before = found == 0 && gives_way ? times_put_off() : 0;

	while (found == 0) {
		rest();
		last = now;
		now = clock_mono();
		if (gives_way && is_over(last, GAP_US, now) &&
		    times_put_off() != before) {
			s->skip = GIVE_WAY;
			break;
		}
		if (is_over(start, SPIN_US, now))
			break;
		found = look(arg, 0);
	}
	return found;
}

/* Where waking takes long, all waits that are slept through do: one is tried
 * awake now and then. */
static bool
is_worth_it(struct spin *s)
{
	if (!s->may || s->skip > 0)
		return false;
	return s->brief || ++s->slept % TRY_AGAIN == 0;
}

int
spin_wait(struct spin *s, int (*look)(void *arg, int ms), void *arg, int ms)
{
	struct mono_ns start = clock_mono();

	if (ms == 0)
		return look(arg, 0);
	bool awake = is_worth_it(s);
	int found = awake ? look_awake(s, look, arg, start) : 0;

	if (found != 0) {
		s->brief = true;
		return found;
	}
	if (s->skip > 0)
		s->skip--;
	found = look(arg, ms);
	s->brief = !is_over(start, awake ? SPIN_NEARLY_US : SPIN_BRIEF_US,
	    clock_mono());
	return found;
}

void
spin_hush(struct spin *s)
{
	if (s->skip < HUSH)
		s->skip = HUSH;
}
