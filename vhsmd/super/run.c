/* One thread, one loop: signals come in through a descriptor, every wait has an
 * end.  While the node runs, a dead front or peer is replaced; then it stops,
 * stage by stage (stop.def). */
#include "super/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/log.h"
#include "super/acts.h"
#include "super/alarm.h"
#include "super/backoff.h"
#include "super/fd.h"
#include "super/notify.h"
#include "super/start.h"
#include "super/talk.h"

#define LEAVE_MS 2000  /* for saying goodbye */
#define GRACE_MS 10000 /* for work in flight */
#define LAST_MS  2000  /* for a process with nothing left to do */

static const struct stage {
	enum proc child;
	unsigned ask; /* enum vh_op */
	uint32_t ms;
	bool stays;
} stages[] = {
#define VH_STAGE(child, ask, ms, stays) { PROC_##child, ask, ms, stays },
#include "super/stop.def"
};

/* Since when a child lives; when to start it again; when to kill it, because it
 * has closed its link, or should not live. */
struct life {
	struct mono_ns since;
	uint32_t pause_ms;
	struct alarm again, kill;
};

struct watch {
	struct super *super;
	int signals;
	struct life life[PROCS];
	bool stopping, hurried, over;
	size_t stage; /* of stages, while it stops */
	struct alarm stage_ends;
	uint64_t stage_id; /* of what its child was asked */
	uint64_t seeds_id; /* of the PSEEDS under way; 0: none */
	int status;
};

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

/* --- stopping ------------------------------------------------------------- */

static void
close_link(struct child *c)
{
	link_free(TAKE(c->link));
}

static enum vh_err
ask_to_stop(struct watch *w, const struct stage *stage)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t at = talk_open(w->super, b, stage->ask, stage->ms);

	frame_close(b, at);
	w->stage_id = w->super->last_id;
	TRY(buf_end(b));
	return talk_tell(w->super, stage->child, buf_slice(b), -1);
}

static void
enter_stage(struct watch *w)
{
	const struct stage *stage = &stages[w->stage];
	struct child *child = &w->super->child[stage->child];

	w->stage_id = 0;
	w->stage_ends = alarm_in(w->hurried && stage->ask != 0 ? 0 : stage->ms);
	if (stage->ask == 0 || ask_to_stop(w, stage) != VH_OK)
		close_link(child); /* it sees that as a stop, too */
}

/* To the next stage whose child is there. */
static void
next_stage(struct watch *w, size_t from)
{
	for (w->stage = from; w->stage < ARRAY_LEN(stages); w->stage++)
		if (w->super->child[stages[w->stage].child].pid != 0) {
			enter_stage(w);
			return;
		}
	w->over = true;
}

static void
stop(struct watch *w, const char *why)
{
	LOG(NOTICE, "stopping", KV("reason", why));
	notify("STOPPING=1\nSTATUS=stopping");
	w->stopping = true;
	for (size_t i = 0; i < PROCS; i++)
		w->life[i].again.set = false;
	next_stage(w, 0);
}

static void
stage_time_passed(struct watch *w)
{
	const struct stage *stage = &stages[w->stage];
	const char *name = proc_row(stage->child)->name;

	if (stage->stays) {
		LOG(NOTICE, "leave-cut-short", KV("child", name));
	} else {
		LOG(ERROR, "too-slow", KV("process", name));
		w->status = EXIT_FAILURE;
		child_end(&w->super->child[stage->child]);
	}
	next_stage(w, w->stage + 1);
}

static void
stage_answered(struct watch *w)
{
	const struct stage *stage = &stages[w->stage];

	if (stage->stays) {
		next_stage(w, w->stage + 1);
		return;
	}
	close_link(&w->super->child[stage->child]);
	w->stage_ends = alarm_in(LAST_MS);
}

/* --- children that end, and begin again ----------------------------------- */

static void
log_life(enum log_level level, enum proc proc, const char *what,
    const struct kv *kvs, size_t count)
{
	char event[64];

	(void)snprintf(event, sizeof event, "%s-%s", proc_row(proc)->name,
	    what);
	log_event(level, event, kvs, count);
}

static void
log_end(enum proc proc, pid_t pid, int status)
{
	const struct kv kvs[] = { { 0 }, KV("pid", pid),
		WIFSIGNALED(status)
		    ? KV("signal", sigabbrev_np(WTERMSIG(status)))
		    : KV("status", WEXITSTATUS(status)) };

	log_life(LOG_ERROR, proc, "died", kvs, ARRAY_LEN(kvs));
}

/* Starts it when its time has come; while it was alive for long, at once. */
static void
plan_restart(struct watch *w, enum proc proc, uint64_t lived_ms)
{
	struct life *life = &w->life[proc];

	life->pause_ms = backoff_next(life->pause_ms, lived_ms);
	life->again = alarm_in(life->pause_ms);
}

static void
child_died(struct watch *w, enum proc proc, pid_t pid, int status)
{
	struct life *life = &w->life[proc];
	uint64_t lived = (clock_mono().ns - life->since.ns) / 1000000;

	life->kill.set = false;
	if (w->stopping && proc == stages[w->stage].child) {
		next_stage(w, w->stage + 1);
		return;
	}
	if (proc_row(proc)->again && w->stopping)
		return;
	log_end(proc, pid, status);
	if (proc_row(proc)->again) {
		notify("STATUS=serving; a process that died is started again");
		plan_restart(w, proc, lived);
		return;
	}
	/* Generated keys are gone: there is nothing to start again. */
	notify("STOPPING=1\nSTATUS=the vault died");
	w->status = EXIT_FAILURE;
	w->over = true;
}

/* Whoever has ended; as process 1 of a container also strangers' orphans. */
static void
reap(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned p = 0; p < PROCS; p++) {
			struct child *child = &w->super->child[p];

			if (child->pid != pid)
				continue;
			child->pid = 0;
			close_link(child);
			child_died(w, (enum proc)p, pid, status);
		}
		if (w->super->seeds != NULL)
			(void)seeds_reaped(w->super->seeds, pid);
	}
}

static void
restart(struct watch *w, enum proc proc)
{
	w->life[proc].since = clock_mono();
	if (proc == PROC_PEER)
		w->seeds_id = 0;
	if (start_child(w->super, proc) != VH_OK) {
		plan_restart(w, proc, 0);
		return;
	}
	const struct kv kvs[] = { { 0 },
		KV("generation", w->super->generation) };

	log_life(LOG_NOTICE, proc, "restarted", kvs, ARRAY_LEN(kvs));
	notify_ready(w->super->cluster_address, NULL);
}

/* --- what they say -------------------------------------------------------- */

static void
take_answer(struct watch *w, enum proc from, const struct frame *f)
{
	if (w->stopping && from == stages[w->stage].child &&
	    f->id == w->stage_id)
		stage_answered(w);
	else if (from == PROC_PEER && f->id == w->seeds_id)
		w->seeds_id = 0;
}

static enum vh_err
hear_frames(struct watch *w, enum proc from)
{
	struct child *child = &w->super->child[from];
	enum vh_err filled = link_fill(child->link);
	struct slice message;
	struct frame f;

	while (child->link != NULL) { /* an answer may close it */
		TRY(link_next(child->link, &message));
		if (message.len == 0)
			return filled;
		TRY(frame_parse(message, &f));
		if (f.answer)
			take_answer(w, from, &f);
		else
			TRY(talk_attend(w->super, from, &f));
	}
	return VH_OK;
}

/* Who has closed its link is about to end, or will be. */
static void
hear(struct watch *w, enum proc from)
{
	enum vh_err err = hear_frames(w, from);

	if (err == VH_OK)
		return;
	if (err != VH_ELOST)
		LOG(ERROR, "child-misbehaved",
		    KV("child", proc_row(from)->name), KV_ERR(err));
	close_link(&w->super->child[from]);
	if (w->stopping && from == stages[w->stage].child)
		w->stage_ends = alarm_in(LAST_MS);
	else
		w->life[from].kill = alarm_in(err == VH_ELOST ? LAST_MS : 0);
}

/* One PSEEDS at a time: a peer that does not listen holds nobody up. */
static enum vh_err
tell_seeds(struct watch *w)
{
	struct super *s = w->super;
	AUTO(buf_free) struct buf *list = buf_new(FRAME_BODY_MAX);
	AUTO(buf_free) struct buf *b = buf_new(FRAME_BODY_MAX);
	size_t at = talk_open(s, b, VH_OP_PSEEDS, 0);

	seeds_put(s->seeds, SEEDS_CONFIGURED, field_row(VH_F_SEEDS)->max, list);
	frame_put(b, VH_F_SEEDS, buf_slice(list));
	buf_clear(list);
	seeds_put(s->seeds, SEEDS_ASKED, field_row(VH_F_NAMES)->max, list);
	frame_put(b, VH_F_NAMES, buf_slice(list));
	frame_close(b, at);
	TRY(buf_end(list));
	TRY(buf_end(b));
	TRY(talk_tell(s, PROC_PEER, buf_slice(b), -1));
	w->seeds_id = s->last_id;
	seeds_told(s->seeds);
	return VH_OK;
}

/* --- signals and time ----------------------------------------------------- */

static void
take_signal(struct watch *w, const struct signalfd_siginfo *info)
{
	int signal = (int)info->ssi_signo;

	if (signal == SIGHUP && !w->stopping)
		acts_reload_by_signal(w->super, info->ssi_uid);
	if (signal == SIGHUP || signal == SIGCHLD)
		return;
	if (!w->stopping) {
		stop(w, sigabbrev_np(signal));
		return;
	}
	w->hurried = true; /* asked twice: no more grace */
	w->stage_ends = alarm_in(0);
}

static void
take_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof info) == sizeof info)
		take_signal(w, &info);
	reap(w);
}

static void
look_at_clock(struct watch *w)
{
	struct super *s = w->super;
	struct mono_ns until;

	for (unsigned p = 0; p < PROCS; p++) {
		if (alarm_rings(&w->life[p].kill) && s->child[p].pid > 0)
			(void)kill(s->child[p].pid, SIGKILL);
		if (alarm_rings(&w->life[p].again))
			restart(w, (enum proc)p);
	}
	if (w->stopping && alarm_rings(&w->stage_ends))
		stage_time_passed(w);
	if (s->state != NULL && state_waits(s->state, &until) &&
	    mono_passed(until, clock_mono()))
		state_retry(s->state, clock_mono());
}

/* Milliseconds until there is something to do, as poll takes them. */
static int
time_left(struct watch *w)
{
	struct super *s = w->super;
	struct alarm next = { 0 };
	struct mono_ns until = { 0 };

	for (size_t p = 0; p < PROCS; p++) {
		alarm_earlier(&next, w->life[p].again);
		alarm_earlier(&next, w->life[p].kill);
	}
	if (w->stopping)
		alarm_earlier(&next, w->stage_ends);
	if (s->state != NULL && state_waits(s->state, &until))
		alarm_earlier(&next, alarm_at(until));
	if (s->seeds != NULL && !w->stopping &&
	    seeds_tick(s->seeds, clock_mono(), &until))
		alarm_earlier(&next, alarm_at(until));
	return alarm_left_ms(&next);
}

/* Also those of whom poll says nothing: who waited for an answer has read what
 * came with it. */
static void
hear_all(struct watch *w)
{
	for (size_t i = 0; i < PROCS; i++)
		if (w->super->child[i].link != NULL)
			hear(w, (enum proc)i);
}

static void
step(struct watch *w)
{
	struct super *s = w->super;
	struct pollfd p[PROCS + 2];
	int ms = time_left(w);

	for (size_t i = 0; i < PROCS; i++)
		p[i] = (struct pollfd){ s->child[i].link == NULL
					    ? -1
					    : link_fd(s->child[i].link),
			POLLIN, 0 };
	p[PROCS] = (struct pollfd){ w->signals, POLLIN, 0 };
	p[PROCS + 1] =
	    (struct pollfd){ s->seeds == NULL ? -1 : seeds_fd(s->seeds), POLLIN,
		    0 };
	if (poll(p, ARRAY_LEN(p), ms) < 0)
		return; /* interrupted */
	hear_all(w);
	if (p[PROCS + 1].revents != 0)
		seeds_hear(s->seeds);
	if (p[PROCS].revents != 0)
		take_signals(w);
	if (s->reload_asked && !w->stopping && !w->over)
		acts_reload_asked(s);
	if (!w->over)
		look_at_clock(w);
	hear_all(w);
	if (s->seeds != NULL && !w->stopping && w->seeds_id == 0 &&
	    child_is_there(&s->child[PROC_PEER]) && seeds_are_new(s->seeds))
		(void)tell_seeds(w); /* a lost peer gets them as it starts */
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
		.status = EXIT_SUCCESS };

	if (signals < 0) {
		LOG(ERROR, "no-signals", KV_ERRNO(errno));
		return EXIT_FAILURE;
	}
	for (size_t p = 0; p < PROCS; p++)
		w.life[p].since = clock_mono();
	reap(&w); /* who died before there was anything to wake us */
	while (!w.over)
		step(&w);
	return w.status;
}
