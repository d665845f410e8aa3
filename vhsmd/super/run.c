/* One thread, one loop: signals come in through a descriptor, every wait has an
 * end.  Phases: while it runs, a dead front is replaced; then front is asked to
 * stop and given its time; then the vault's link is closed, which ends it. */
#include "super/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "super/backoff.h"
#include "super/fd.h"
#include "super/notify.h"

#define GRACE_MS 10000 /* for work in flight */
#define LAST_MS  2000  /* for a process with nothing left to do */
#define STOP_ID  2     /* request id of FSTOP */

enum phase { RUNNING, FRONT_STOPS, VAULT_STOPS, OVER };

struct watch {
	struct super *super;
	int signals;
	enum phase phase;
	bool waits; /* until is set */
	struct mono_ns until, front_since;
	uint32_t pause_ms;
	int status;
};

static void
wait_until(struct watch *w, uint32_t ms)
{
	w->until = mono_after_ms(clock_mono(), ms);
	w->waits = true;
}

static void
watched_set(sigset_t *set)
{
	(void)sigemptyset(set); /* these cannot fail for such arguments */
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, SIGCHLD);
}

enum vh_err
run_block_signals(void)
{
	sigset_t set;

	watched_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
		LOG(ERROR, "no-signals", KV_ERRNO(errno));
		return VH_EIO;
	}
	return VH_OK;
}

/* The vault has nothing to save: it ends when its link does. */
static void
stop_vault(struct watch *w)
{
	w->phase = VAULT_STOPS;
	link_free(TAKE(w->super->child[PROC_VAULT].link));
	wait_until(w, LAST_MS);
	if (w->super->child[PROC_VAULT].pid == 0)
		w->phase = OVER;
}

static void
stop_front(struct watch *w)
{
	struct child *front = &w->super->child[PROC_FRONT];
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t at = frame_request(b, VH_OP_FSTOP, STOP_ID, GRACE_MS);

	frame_close(b, at);
	w->phase = FRONT_STOPS;
	wait_until(w, GRACE_MS + LAST_MS);
	if (front->pid == 0)
		stop_vault(w);
	else if (buf_end(b) != VH_OK ||
		 link_send(front->link, buf_slice(b), -1) != VH_OK)
		link_free(TAKE(front->link)); /* it sees that as a stop, too */
}

static void
stop(struct watch *w, const char *why)
{
	LOG(NOTICE, "stopping", KV("reason", why));
	notify("STOPPING=1\nSTATUS=stopping");
	stop_front(w);
}

static void
log_end(const char *event, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		LOG(ERROR, event, KV("pid", pid),
		    KV("signal", sigabbrev_np(WTERMSIG(status))));
	else
		LOG(ERROR, event, KV("pid", pid),
		    KV("status", WEXITSTATUS(status)));
}

static void
front_died(struct watch *w, pid_t pid, int status)
{
	struct mono_ns now = clock_mono();

	if (w->phase == FRONT_STOPS) {
		stop_vault(w);
		return;
	}
	if (w->phase != RUNNING)
		return;
	log_end("front-died", pid, status);
	w->pause_ms =
	    backoff_next(w->pause_ms, (now.ns - w->front_since.ns) / 1000000);
	wait_until(w, w->pause_ms);
}

static void
vault_died(struct watch *w, pid_t pid, int status)
{
	bool asked = w->phase == VAULT_STOPS;

	w->phase = OVER;
	if (asked)
		return;
	/* Generated keys are gone: there is nothing to start again. */
	log_end("vault-died", pid, status);
	notify("STOPPING=1\nSTATUS=the vault died");
	w->status = EXIT_FAILURE;
}

/* Whoever has ended; as process 1 of a container also strangers' orphans. */
static void
reap(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned p = 0; p < PROCS; p++) {
			struct child *child = &w->super->child[p];

			if (child->pid != pid)
				continue;
			child->pid = 0;
			link_free(TAKE(child->link));
			if (proc_row((enum proc)p)->again)
				front_died(w, pid, status);
			else
				vault_died(w, pid, status);
		}
}

static void
restart_front(struct watch *w)
{
	w->front_since = clock_mono();
	if (super_start_front(w->super) == VH_OK) {
		LOG(NOTICE, "front-restarted",
		    KV("generation", w->super->generation));
		return;
	}
	w->pause_ms = backoff_next(w->pause_ms, 0);
	wait_until(w, w->pause_ms);
}

static void
time_passed(struct watch *w)
{
	w->waits = false;
	if (w->phase == RUNNING) {
		restart_front(w);
		return;
	}
	LOG(ERROR, "too-slow",
	    KV("process", w->phase == FRONT_STOPS ? "front" : "vault"));
	w->status = EXIT_FAILURE;
	if (w->phase == FRONT_STOPS) {
		child_end(&w->super->child[PROC_FRONT]);
		stop_vault(w);
	} else {
		child_end(&w->super->child[PROC_VAULT]);
		w->phase = OVER;
	}
}

static void
take_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGHUP)
			LOG(NOTICE, "signal-ignored", KV("signal", "HUP"));
		else if (info.ssi_signo == SIGCHLD)
			continue;
		else if (w->phase == RUNNING)
			stop(w, sigabbrev_np((int)info.ssi_signo));
		else
			wait_until(w, 0); /* asked twice: no more grace */
	}
	reap(w);
}

/* While stopping: the answer to FSTOP says that nothing is in flight, and the
 * end of its link ends front. */
static void
hear_front(struct watch *w)
{
	struct child *front = &w->super->child[PROC_FRONT];
	struct slice message = slice_of(NULL, 0);
	struct frame f;
	enum vh_err err = link_fill(front->link);

	for (; err == VH_OK;) {
		err = link_next(front->link, &message);
		if (err == VH_OK && message.len == 0)
			return;
		if (err == VH_OK)
			err = frame_parse(message, &f);
		if (err == VH_OK && f.answer && f.op == VH_OP_FSTOP)
			err = VH_ELOST;
	}
	link_free(TAKE(front->link));
	wait_until(w, LAST_MS);
}

static void
step(struct watch *w)
{
	bool hears =
	    w->phase == FRONT_STOPS && w->super->child[PROC_FRONT].link != NULL;
	struct pollfd p[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = hears ? link_fd(w->super->child[PROC_FRONT].link) : -1,
		    .events = POLLIN },
	};
	uint32_t left = mono_left_ms(w->until, clock_mono());

	(void)poll(p, ARRAY_LEN(p), w->waits ? (int)left : -1);
	if (p[0].revents != 0)
		take_signals(w);
	else if (p[1].revents != 0)
		hear_front(w);
	else if (w->waits && mono_passed(w->until, clock_mono()))
		time_passed(w);
}

int
run_super(struct super *s)
{
	sigset_t set;

	watched_set(&set);
	AUTO(fd_close)
	int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct watch w = { .super = s,
		.signals = signals,
		.front_since = clock_mono(),
		.status = EXIT_SUCCESS };

	if (signals < 0) {
		LOG(ERROR, "no-signals", KV_ERRNO(errno));
		return EXIT_FAILURE;
	}
	reap(&w); /* who died before there was anything to wake us */
	while (w.phase != OVER)
		step(&w);
	return w.status;
}
