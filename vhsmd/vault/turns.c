#include "vault/turns.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"

static void
give_way(int signal)
{
	(void)signal;
	(void)sched_yield(); /* succeeds always on Linux: errno stays */
}

void
turns_init(struct turns *t, long us)
{
	const struct sigaction action = {
		.sa_handler = give_way,
		.sa_flags = SA_RESTART,
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN,
	};

	*t = (struct turns){ .us = 0 };
	if (us == 0)
		return;
	event._sigev_un._tid = gettid(); /* sigevent(7)'s name came later */
	if (sigaction(SIGRTMIN, &action, NULL) == 0 &&
	    timer_create(CLOCK_MONOTONIC, &event, &t->timer) == 0)
		t->us = us;
	else
		LOG(NOTICE, "gives-no-way", KV_ERRNO(errno));
}

static void
every(const struct turns *t, long us)
{
	const struct timespec turn = { .tv_nsec = us * 1000 };
	const struct itimerspec spec = { turn, turn };

	(void)timer_settime(t->timer, 0, &spec, NULL);
}

static bool
is_expected(struct turns *t, unsigned others)
{
	struct mono_ns now = clock_mono();

	if (others != t->others)
		t->until = mono_after_ms(now, TURNS_QUIET_MS);
	t->others = others;
	return !mono_passed(t->until, now);
}

void
turns_begin(struct turns *t, unsigned others)
{
	t->running = t->us != 0 && is_expected(t, others);
	if (t->running)
		every(t, t->us);
}

void
turns_end(struct turns *t)
{
	if (t->running)
		every(t, 0);
	t->running = false;
}
