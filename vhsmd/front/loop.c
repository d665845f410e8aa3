/* What one wait of epoll brings is handled together: requests become one write
 * to the vault, answers one write per connection, both at the end of the round.
 * No connection gets more than one read of CONN_READ bytes a round. */
#include "front/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "front/adopt.h"
#include "front/ops.h"
#include "front/own.h"
#include "front/peerlink.h"
#include "front/vaultlink.h"

#define EVENTS  256
#define STOP_MS 10000 /* grace when the supervisor names none */

/* --- the supervisor ------------------------------------------------------- */

static void
answer_super(struct front *f, uint16_t op, uint64_t id, enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);

	frame_close(b, frame_answer(b, op, id, err));
	/* If it is gone, its end of file follows. */
	(void)link_send(f->super, buf_slice(b), -1);
}

static void
stop(struct front *f, const struct frame *q)
{
	if (f->stopping)
		return;
	LOG(NOTICE, "stopping", KV("in_flight", f->work));
	requests_drain(f, true);
	conns_stop_listening(f);
	f->stopping = true;
	f->stop_id = q->id;
	f->stop_by = mono_after_ms(f->now,
	    q->deadline_ms != 0 ? q->deadline_ms : STOP_MS);
}

/* The only descriptor that comes to a running front is a new link to peer. */
static void
take_given(struct front *f, const struct frame *q)
{
	int fd = link_take_fd(f->super);
	enum vh_err err = fd < 0 ? VH_EFIELD : VH_OK;

	if (err == VH_OK && fields_u32(&q->f, VH_F_ROLE) != VH_ROLE_PEER) {
		(void)close(fd); /* nothing to do about a failure */
		err = VH_EFIELD;
	}
	if (err == VH_OK)
		err = peer_attach(f, fd);
	if (err != VH_OK)
		LOG(ERROR, "not-given", KV_ERR(err));
	answer_super(f, q->op, q->id, err);
}

static enum vh_err
read_super(struct front *f)
{
	struct slice message;
	struct frame q;

	TRY(link_fill(f->super));
	for (;;) {
		TRY(link_next(f->super, &message));
		if (message.len == 0)
			return VH_OK;
		TRY(frame_parse(message, &q));
		if (q.answer) {
			request_answer(f, &q); /* FRELOAD's */
			continue;
		}
		TRY(frame_check(&q, VH_WHO_SUPER));
		if (q.op == VH_OP_FSTOP)
			stop(f, &q);
		else if (q.op == VH_OP_GIVE)
			take_given(f, &q);
		else if (q.op == VH_OP_FSETTINGS)
			answer_super(f, q.op, q.id,
			    adopt_settings(f, q.f.at[VH_F_CONFIG]));
		else
			answer_super(f, q.op, q.id, VH_EOP);
	}
}

static void
super_ready(struct front *f, struct source *s, uint32_t events)
{
	(void)s;
	(void)events;
	enum vh_err err = read_super(f);

	if (err == VH_OK || f->done)
		return;
	LOG(ERROR, "supervisor-lost", KV_ERR(err));
	f->done = true;
	f->status = 1;
}

/* Stopped for good when nothing is under way any more, or grace has passed. */
static void
settle_stop(struct front *f)
{
	if (!f->stopping || f->done)
		return;
	if ((pendings_count(f->pendings) > 0 || !conns_are_flushed(f)) &&
	    !mono_passed(f->stop_by, f->now))
		return;
	answer_super(f, VH_OP_FSTOP, f->stop_id, VH_OK);
	f->done = true;
	f->status = 0;
}

/* -------------------------------------------------------------------------- */

static void
stats_ready(struct front *f, struct source *s, uint32_t events)
{
	(void)s;
	(void)events;
	shared_stats_noted(f->shared);
	stats_ask(f);
}

static enum vh_err
watch(struct front *f, int fd, struct source *s)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };

	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? VH_OK : VH_EIO;
}

enum vh_err
loop_watch(struct front *f)
{
	f->super_source.ready = super_ready;
	f->stats_source.ready = stats_ready;
	TRY(vault_watch(f));
	TRY(watch(f, link_fd(f->super), &f->super_source));
	return watch(f, shared_stats_fd(f->shared), &f->stats_source);
}

static int
sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int
wait_ms(const struct front *f, int max_ms)
{
	int ms = sooner(max_ms, conns_wait_ms(f));

	ms = sooner(ms, pendings_wait_ms(f->pendings, f->now));
	ms = sooner(ms, forwards_wait_ms(f));
	ms = sooner(ms, peer_wait_ms(f));
	ms = sooner(ms, own_wait_ms(f));
	ms = sooner(ms, crowd_wait_ms(&f->crowd, f->now));
	if (f->stopping)
		ms = sooner(ms, (int)mono_left_ms(f->stop_by, f->now));
	return ms;
}

static void
store_gauges(const struct front *f)
{
	const struct {
		enum count which;
		uint64_t value;
	} now[] = {
		{ COUNT_IN_FLIGHT, pendings_count(f->pendings) },
		{ COUNT_TRYING, forwards_count(f->forwards) },
		{ COUNT_RELAYED, f->peer.relayed_count },
		{ COUNT_PEER, f->peer.link != NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(now); i++)
		atomic_store_explicit(&f->shared->counts[now[i].which],
		    now[i].value, memory_order_relaxed);
}

struct look {
	int epoll;
	struct epoll_event *events;
};

static int
look(void *arg, int ms)
{
	const struct look *l = arg;

	return epoll_wait(l->epoll, l->events, EVENTS, ms);
}

/* Awake while a lone caller waits: going to sleep and being woken would take
 * as long as its signature.  With several, workers need the CPU more. */
static int
wait_for_events(struct front *f, struct epoll_event *events, int max_ms)
{
	struct look l = { f->epoll, events };
	int ms = wait_ms(f, max_ms);

	if (f->work > 1)
		spin_hush(&f->spin);
	return f->work == 1 && !f->crowd.here
		   ? spin_wait(&f->spin, look, &l, ms)
		   : look(&l, ms);
}

void
loop_round(struct front *f, int max_ms)
{
	struct epoll_event events[EVENTS];
	size_t quick = f->quick;
	int n = wait_for_events(f, events, max_ms);

	f->now = clock_mono();
	f->wall = clock_wall();
	f->costly_ns = 0;
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;

		s->ready(f, s, events[i].events);
	}
	/* More may have come than was told: the vault must not wait for it. */
	if (n == EVENTS)
		vault_read(f);
	conns_resume(f);
	requests_expire(f);
	forwards_tick(f);
	peer_tick(f);
	own_tick(f);
	requests_settle(f);
	conns_tick(f);
	peer_flush(f);
	vault_flush(f);
	conns_end_round(f);
	crowd_note(&f->crowd, f->quick > quick ? f->quick : quick, f->now);
	store_gauges(f);
	settle_stop(f);
}

int
loop_run(struct front *f)
{
	f->shared->serving = true;
	f->spin = spin_new(SPIN_GIVES_WAY);
	/* What changed while the start was listing them was not heard. */
	own_changed(f);
	while (!f->done)
		loop_round(f, -1);
	f->shared->serving = false;
	conns_stop_listening(f);
	requests_fail(f, VH_ELOST);
	conns_end_round(f);
	return f->status;
}
