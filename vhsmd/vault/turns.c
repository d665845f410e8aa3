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

	if (t->us != 0)
		(void)timer_settime(t->timer, 0, &spec, NULL);
}

void
turns_begin(struct turns *t)
{
	every(t, t->us);
}

void
turns_end(struct turns *t)
{
	every(t, 0);
}
