/* One thread reads all links.  What it reads it hands to the pool, then works
 * along until the fast lane is empty, looking at the links in between; only
 * then it waits.  Loading is done right here, before there is anybody else. */
#include "vault/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/spin.h"
#include "vault/act.h"
#include "vault/report.h"

#define STOP_MS    1500        /* for the end of the audit trail */
#define ROOM       (64u << 10) /* of a frame beside its payload */
#define ANSWER_MAX (8u << 20)
#define GATHER     (1u << 20) /* bytes of answers that leave together */

/* Who asks, by place. */
enum { SUPER, FRONT, PEER, OUTLETS };

static const struct {
	enum vh_role role; /* as GIVE names it; 0: there from the start */
	enum vh_who who;
	const char *name;
} places[OUTLETS] = {
	[SUPER] = { 0, VH_WHO_SUPER, "supervisor" },
	[FRONT] = { VH_ROLE_FRONT, VH_WHO_FRONT, "front" },
	[PEER] = { VH_ROLE_PEER, VH_WHO_PEER, "peer" },
};

struct serve {
	struct pool *pool;
	struct load load;
	struct keeper *keeper;
	struct stats stats;
	struct desk desk;
	struct audit *audit;
	struct outlet *outlet[OUTLETS]; /* NULL: vacant */
	size_t max_frame;
	struct buf *answer;
	bool committed;
	bool blocked[OUTLETS]; /* has answers that its socket did not take */
	int wake_fd;
	struct spin spin;
	bool lone; /* what the links brought last was done here, in one go */
};

void
serve_wake(void *serve)
{
	struct serve *s = serve;
	const uint64_t one = 1;

	/* Fails only when the counter is full: then it is awake. */
	if (write(s->wake_fd, &one, sizeof one) < 0)
		return;
}

/* For any thread: the supervisor opens the audit trail's next file. */
static void
ask_for_file(void *serve, uint64_t size)
{
	struct serve *s = serve;
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t at = frame_request(b, VH_OP_VROTATE, 1, 0);

	frame_put_u64(b, VH_F_SIZE, size);
	frame_close(b, at);
	if (buf_end(b) == VH_OK && outlet_send(s->outlet[SUPER], buf_slice(b)))
		serve_wake(s);
}

struct serve *
serve_new(struct link *super, size_t payload)
{
	struct serve *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->max_frame = FRAME_HEAD + payload + payload / 2 + ROOM;
	s->answer = buf_new(ANSWER_MAX);
	s->load.store = store_new();
	s->outlet[SUPER] = outlet_of_link(super, VH_WHO_SUPER);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->audit = audit_new(ask_for_file, s);
	if (s->answer == NULL || s->load.store == NULL || s->audit == NULL ||
	    s->outlet[SUPER] == NULL || s->wake_fd < 0)
		return NULL; /* the process ends: nothing to free */
	return s;
}

/* Keys have changed, or (kid) one is to be announced: to peer alone. */
static void
tell_changed(void *serve, const char *kid)
{
	struct serve *s = serve;
	AUTO(buf_free) struct buf *b = buf_new(1024);
	size_t start = frame_request(b, VH_OP_VCHANGED, 0, 0);

	if (kid != NULL)
		frame_put_text(b, VH_F_KID, kid);
	frame_close(b, start);
	if (buf_end(b) != VH_OK)
		return; /* they look again at the next change */
	for (size_t i = FRONT; i < OUTLETS; i++)
		if (s->outlet[i] != NULL && (kid == NULL || i == PEER))
			s->blocked[i] |=
			    outlet_send(s->outlet[i], buf_slice(b));
}

enum vh_err
serve_use(struct serve *s, struct pool *pool)
{
	s->pool = pool;
	s->load.pool = pool;
	s->load.crypto = pool_crypto(pool);
	s->load.workers = pool_workers(pool);
	s->desk = (struct desk){ .store = s->load.store,
		.stats = &s->stats,
		.audit = s->audit };
	const struct keeper_ears ears = { s, tell_changed, serve_wake };

	s->keeper = keeper_new(pool, &s->load, &ears);
	if (s->keeper == NULL ||
	    store_readers(s->load.store, pool_threads(pool)) != VH_OK)
		return VH_ENOMEM;
	pool_serve(pool, &s->desk);
	return VH_OK;
}

static void
drop_outlet(struct serve *s, size_t i, const char *why)
{
	LOG(NOTICE, "link-closed", KV("with", places[i].name),
	    KV("reason", why),
	    KV("generation", outlet_generation(s->outlet[i])));
	outlet_shut(s->outlet[i]);
	outlet_free(s->outlet[i]);
	s->outlet[i] = NULL;
}

static size_t
place_of(uint32_t role)
{
	for (size_t i = 0; i < OUTLETS; i++)
		if (places[i].role != 0 && (uint32_t)places[i].role == role)
			return i;
	return OUTLETS;
}

/* GIVE: the link to a new front or peer, which replaces the one before. */
static enum vh_err
take_link(struct serve *s, const struct frame *q, int fd)
{
	size_t i = place_of(fields_u32(&q->f, VH_F_ROLE));

	/* A peer has nothing to ask of a vault that is in no cluster. */
	if (fd < 0 || i == OUTLETS || !s->committed ||
	    (i == PEER && s->desk.record == NULL)) {
		if (fd >= 0)
			(void)close(fd); /* nothing was sent */
		return VH_EFIELD;
	}
	if (s->outlet[i] != NULL)
		drop_outlet(s, i, "replaced");
	s->outlet[i] = outlet_new(fd, i == PEER ? ROOM : s->max_frame,
	    places[i].who, fields_u32(&q->f, VH_F_GENERATION));
	return s->outlet[i] == NULL ? VH_ENOMEM : VH_OK;
}

/* Not by key: what the node says as a node.  A record may take long. */
static const struct {
	enum vh_op op;
	enum lane lane;
} op_lanes[] = {
	{ VH_OP_VRECORD, LANE_NORMAL }, { VH_OP_VHELLO, LANE_FAST },
	{ VH_OP_VREVOKE, LANE_FAST },
	{ VH_OP_VSEAL, LANE_NORMAL }, /* public keys of any kind */
};

static enum lane
lane_of(const struct serve *s, const struct frame *q)
{
	struct pub pub;

	for (size_t i = 0; i < ARRAY_LEN(op_lanes); i++)
		if (op_lanes[i].op == q->op)
			return op_lanes[i].lane;
	const struct key *key = store_get(s->load.store, q->f.at[VH_F_KID]);

	if (key != NULL)
		return key->lane;
	return pub_of_fields(&q->f, &pub) == VH_OK ? lane_of_pub(&pub)
						   : LANE_FAST;
}

/* Work for the pool; a full lane is answered here. */
static void
submit(struct serve *s, struct outlet *from, struct slice message,
    const struct frame *q, struct mono_ns now)
{
	AUTO(job_free)
	struct job *job = job_new(from, message, q, lane_of(s, q), now);
	enum vh_err err = job == NULL ? VH_ENOMEM : pool_submit(s->pool, job);

	if (err == VH_OK)
		job = NULL; /* the pool's */
	else
		frame_put_error(s->answer, q->op, q->id, err, NULL);
}

static void
commit(struct serve *s, const struct frame *q)
{
	s->committed = load_commit(&s->load, q, s->answer) &&
		       keeper_begin(s->keeper) == VH_OK;
	s->desk.record = s->load.record;
	if (s->committed && s->load.seat != NULL)
		audit_sign_by(s->audit, s->load.seat);
}

static void
take_audit_file(struct serve *s, const struct frame *q, int fd)
{
	AUTO(buf_free) struct buf *why = buf_new(VH_HEADER_MAX);
	uint64_t seq = 0;
	enum vh_err err = audit_file(s->audit, &q->f, fd, &seq, why);

	if (err != VH_OK) {
		buf_put_u8(why, 0);
		frame_put_error(s->answer, q->op, q->id, err,
		    buf_end(why) == VH_OK ? (const char *)why->p : NULL);
		return;
	}
	size_t start = frame_answer(s->answer, q->op, q->id, VH_OK);

	frame_put_u64(s->answer, VH_F_SEQ, seq);
	frame_close(s->answer, start);
}

/* What a reload asks for, once the node serves. */
static void
handle_reload(struct serve *s, struct slice message, const struct frame *q,
    int fd)
{
	if (q->op == VH_OP_VIDENTITY && s->load.seat != NULL) {
		/* What was signed by the one before goes stale. */
		if (load_identity(&s->load, q, fd, s->answer))
			tell_changed(s, NULL);
		return;
	}
	if (q->op != VH_OP_VLOAD && q->op != VH_OP_VGENERATE) {
		if (fd >= 0)
			(void)close(fd); /* not asked for */
		keeper_reload(s->keeper, q, s->answer);
		return;
	}
	enum vh_err err =
	    keeper_stage(s->keeper, s->outlet[SUPER], message, q, fd);

	if (err != VH_OK)
		frame_put_error(s->answer, q->op, q->id, err, NULL);
}

/* While the node starts; afterwards GIVE, the audit trail, and a reload. */
static void
handle_super(struct serve *s, struct slice message, const struct frame *q,
    int fd)
{
	if (q->op == VH_OP_GIVE)
		frame_put_error(s->answer, q->op, q->id, take_link(s, q, fd),
		    NULL);
	else if (q->op == VH_OP_VAUDIT)
		take_audit_file(s, q, fd);
	else if (s->committed)
		handle_reload(s, message, q, fd);
	else if (q->op == VH_OP_VLOAD)
		load_file(&s->load, q, fd, s->answer);
	else if (q->op == VH_OP_VGENERATE)
		load_generate(&s->load, q, s->answer);
	else if (q->op == VH_OP_VIDENTITY)
		(void)load_identity(&s->load, q, fd, s->answer);
	else if (q->op == VH_OP_VCOMMIT)
		commit(s, q);
	else
		frame_put_error(s->answer, q->op, q->id, VH_EOP, NULL);
}

static void
activate(struct serve *s, const struct frame *q)
{
	/* The answer carries the error. */
	if (job_do(q, s->load.crypto, &s->desk, s->answer) == VH_OK)
		keeper_activated(s->keeper);
}

/* VH_OK, or why the link must close. */
static enum vh_err
handle(struct serve *s, size_t from, struct slice message, struct mono_ns now)
{
	struct outlet *o = s->outlet[from];
	struct frame q;

	TRY(frame_parse(message, &q));
	if (q.answer && from == SUPER)
		return VH_OK; /* of VROTATE: the file comes by itself */
	enum vh_err err = frame_check(&q, outlet_who(o));

	if (err == VH_EFORBIDDEN)
		return err;
	if (err != VH_OK)
		frame_put_error(s->answer, q.op, q.id, err, NULL);
	else if (q.op == VH_OP_VSTATS)
		report_stats(s->pool, &s->desk, s->keeper, &q, s->answer);
	else if (q.op == VH_OP_VNOTE)
		frame_put_error(s->answer, q.op, q.id, act_note(s->audit, &q.f),
		    NULL);
	else if (q.op == VH_OP_VLIST)
		report_list(s->load.store, s->keeper, &q, s->answer);
	else if (q.op == VH_OP_VLIFE)
		act_run(s->audit, s->keeper, &q, s->answer);
	else if (q.op == VH_OP_VANNOUNCE || q.op == VH_OP_VACTIVATE)
		activate(s, &q);
	else if (outlet_who(o) == VH_WHO_SUPER)
		handle_super(s, message, &q, link_take_fd(outlet_link(o)));
	else
		submit(s, o, message, &q, now);
	return VH_OK;
}

/* Only the supervisor gives descriptors; whoever else sends one is ended. */
static enum vh_err
check_fds(struct outlet *o)
{
	int fd =
	    outlet_who(o) == VH_WHO_SUPER ? -1 : link_take_fd(outlet_link(o));

	if (fd < 0)
		return VH_OK;
	(void)close(fd); /* the link closes those that came with it */
	return VH_EFORBIDDEN;
}

/* Sends what was answered here.  An answer cut short would make nonsense of all
 * that follow. */
static enum vh_err
send_answers(struct serve *s, size_t i, struct outlet *o)
{
	TRY(buf_end(s->answer));
	if (buf_slice(s->answer).len > 0)
		s->blocked[i] |= outlet_send(o, buf_slice(s->answer));
	buf_clear(s->answer);
	return VH_OK;
}

static enum vh_err
read_outlet(struct serve *s, size_t i)
{
	struct outlet *o = outlet_ref(s->outlet[i]);
	AUTO(outlet_free) struct outlet *held = o; /* GIVE may drop it */
	enum vh_err filled = link_fill(outlet_link(o));
	struct mono_ns now = clock_mono();
	struct slice message;

	buf_clear(s->answer); /* of one that was dropped */
	TRY(check_fds(o));
	for (;;) {
		TRY(link_next(outlet_link(held), &message));
		if (message.len == 0)
			break;
		TRY(handle(s, i, message, now));
		if (buf_slice(s->answer).len >= GATHER)
			TRY(send_answers(s, i, o));
	}
	TRY(send_answers(s, i, o));
	return outlet_is_shut(o) ? VH_ELOST : filled;
}

/* The other end may go at any time: that is no error of ours. */
static const char *
reason_of(enum vh_err err)
{
	return err == VH_ELOST ? "closed" : err_name(err);
}

static void
read_links(struct serve *s, const struct pollfd *p)
{
	for (size_t i = 0; i < OUTLETS; i++) {
		if (s->outlet[i] == NULL ||
		    (p != NULL && (p[i].revents & ~POLLOUT) == 0))
			continue;
		enum vh_err err = read_outlet(s, i);

		if (err == VH_OK || s->outlet[i] == NULL)
			continue;
		if (i == SUPER) {
			audit_stop(s->audit, STOP_MS);
			LOG(NOTICE, "stopped", KV("reason", reason_of(err)));
			_exit(err == VH_ELOST ? EXIT_SUCCESS : EXIT_FAILURE);
		}
		drop_outlet(s, i, reason_of(err));
	}
}

/* All of them: a worker's answer may have found any link blocked. */
static void
flush_links(struct serve *s)
{
	for (size_t i = 0; i < OUTLETS; i++)
		s->blocked[i] =
		    s->outlet[i] != NULL && outlet_flush(s->outlet[i]);
}

static int
look(void *links, int ms)
{
	return poll(links, OUTLETS + 1, ms);
}

static void
wait_for_links(struct serve *s)
{
	struct pollfd p[OUTLETS + 1];
	bool flush = false;
	uint64_t count;

	for (size_t i = 0; i < OUTLETS; i++)
		p[i] = (struct pollfd){
			.fd = s->outlet[i] == NULL
				  ? -1
				  : link_fd(outlet_link(s->outlet[i])),
			/* A link that is not blocked would end every wait. */
			.events =
			    (short)(POLLIN | (s->blocked[i] ? POLLOUT : 0)),
		};
	p[OUTLETS] = (struct pollfd){ .fd = s->wake_fd, .events = POLLIN };
	int ms = keeper_wait_ms(s->keeper);
	int n = s->lone ? spin_wait(&s->spin, look, p, ms) : look(p, ms);

	if (n < 0)
		return; /* EINTR: look again */
	if (p[OUTLETS].revents != 0)
		flush = read(s->wake_fd, &count, sizeof count) > 0;
	for (size_t i = 0; i < OUTLETS; i++)
		flush |= (p[i].revents & POLLOUT) != 0;
	if (flush)
		flush_links(s);
	read_links(s, p);
}

void *
serve_run(void *serve)
{
	struct serve *s = serve;

	s->spin = spin_new(SPIN_STAYS);
	for (;;) {
		size_t turns = 0;

		wait_for_links(s);
		keeper_tick(s->keeper);
		for (; pool_help(s->pool); turns++) {
			read_links(s, NULL);
			keeper_tick(s->keeper);
		}
		s->lone = turns == 1 && pool_is_idle(s->pool);
		if (turns > 0 && !s->lone)
			spin_hush(&s->spin);
	}
	return NULL;
}
