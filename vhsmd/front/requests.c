/* A request is read, checked against ops.def, the payload limit and the node's
 * state, and handed to its row's handler.  Those that need the vault take a
 * slot of the pending table; a slot lives until the vault answers or its
 * deadline passes, even when the connection closes before: its work still
 * counts against its uid then, so that nobody gets around the bound by hanging
 * up. */
#include "front/requests.h"

#include <utlist.h>

#include "front/ops.h"

#define FRAME_OP        4  /* where the head of a frame has its op */
#define RESERVED_PLACES 64 /* of the table, for what is not work */

static const struct op {
	enum vh_err (*begin)(struct front *f, struct request *q);
	enum vh_err (*answer)(struct front *f, struct pending *p,
	    const struct frame *vault, bool *again);
	bool pends;  /* replies later */
	bool work;   /* uses keys of the vault: not while draining */
	bool costly; /* keeps the loop busy */
} ops[] = {
	[VH_OP_SIGN] = { sign_begin, sign_answer, true, true, false },
	[VH_OP_DECRYPT] = { decrypt_begin, decrypt_answer, true, true, false },
	[VH_OP_VERIFY] = { verify_begin, NULL, false, false, true },
	[VH_OP_ENCRYPT] = { encrypt_begin, encrypt_answer, true, true, false },
	[VH_OP_KEYS] = { keys_begin, NULL, false, false, false },
	[VH_OP_STATUS] = { status_begin, status_answer, true, false, false },
	[VH_OP_DRAIN] = { drain_begin, NULL, true, false, false },
	/* Front's own; ops.def lets no caller ask for it. */
	[VH_OP_VSTATS] = { NULL, stats_answer, true, false, false },
};

/* Counts how a caller's request ended; logs a refusal. */
static void
note_end(struct front *f, const struct origin *to, enum vh_err err,
    struct mono_ns started)
{
	size_t row = shared_op_row(to->op);

	if (to->op == VH_OP_VSTATS)
		return;
	atomic_fetch_add_explicit(&f->shared->requests[row][outcome_of(err)], 1,
	    memory_order_relaxed);
	if (err == VH_OK)
		histogram_observe_ns(&f->shared->duration[row],
		    f->now.ns - started.ns);
	else if (to->conn != NULL)
		refusals_log_request(&f->refusals, f->now, f->shared,
		    &to->conn->caller, to->op, err, buf_slice(f->why));
}

/* --- in ------------------------------------------------------------------- */

static struct mono_ns
deadline_of(const struct front *f, const struct frame *frame)
{
	uint32_t ms = frame->deadline_ms != 0 ? frame->deadline_ms
					      : f->settings->deadline;

	return mono_after_ms(f->now, ms < REQUEST_MS_MAX ? ms : REQUEST_MS_MAX);
}

static enum vh_err
check_state(const struct front *f, const struct op *op)
{
	if (f->stopping || (op->work && f->shared->draining))
		return VH_EDRAINING;
	/* Work leaves places, so that reports and drains always work. */
	size_t spare = op->work ? RESERVED_PLACES : 0;

	return op->pends && pendings_left(f->pendings) <= spare ? VH_EBUSY
								: VH_OK;
}

static enum vh_err
read_request(struct front *f, struct request *q, struct slice body, bool cut)
{
	enum vh_err err = frame_parse(body, &q->frame);

	q->to.op = q->frame.op;
	q->to.id = q->frame.id;
	if (cut)
		return VH_ETOOBIG;
	TRY(err);
	TRY(frame_check(&q->frame, q->to.conn->who));
	if (q->frame.op >= ARRAY_LEN(ops) || ops[q->frame.op].begin == NULL)
		return VH_EOP;
	if (q->frame.f.at[VH_F_DATA].len > f->settings->payload) {
		buf_format(f->why, "payload above %u bytes",
		    f->settings->payload);
		return VH_ETOOBIG;
	}
	q->deadline = deadline_of(f, &q->frame);
	return check_state(f, &ops[q->frame.op]);
}

static enum vh_err
run_costly(struct front *f, const struct op *op, struct request *q)
{
	struct mono_ns start = clock_mono();
	enum vh_err err = op->begin(f, q);

	f->costly_ns += clock_mono().ns - start.ns;
	return err;
}

bool
request_is_costly(struct slice message)
{
	const uint8_t *op = message.p + SP_HEAD + SP_ID + FRAME_OP;

	if (message.len < SP_HEAD + SP_ID + FRAME_HEAD)
		return false;
	size_t number = (size_t)op[0] << 8 | op[1];

	return number < ARRAY_LEN(ops) && ops[number].costly;
}

void
request_take(struct front *f, struct conn *c, struct slice message, bool cut)
{
	struct request q;
	struct slice body;

	q.to = (struct origin){ .conn = c };
	q.frame.op = 0;
	q.frame.id = 0;
	buf_clear(f->why);
	if (sp_parse(message, &q.to.sp_id, &body) != VH_OK) {
		conn_close(f, c, COUNT_MALFORMED, "malformed");
		return;
	}
	enum vh_err err = read_request(f, &q, body, cut);
	const struct op *op = err == VH_OK ? &ops[q.to.op] : NULL;

	if (op != NULL)
		err = op->costly ? run_costly(f, op, &q) : op->begin(f, &q);
	if (err == VH_OK && op->pends)
		return;
	note_end(f, &q.to, err, f->now);
	if (err != VH_OK)
		reply_error(f, &q.to, err, buf_slice(f->why));
}

struct asker
request_asker(const struct front *f, const struct origin *to)
{
	return (struct asker){ f->policy, &to->conn->caller };
}

/* --- waiting -------------------------------------------------------------- */

struct pending *
request_pend(struct front *f, const struct request *q)
{
	struct conn *c = q->to.conn;
	bool counted = c->who == VH_WHO_CALLER;

	if (counted && !quota_take(f->quotas, c->quota))
		return NULL;
	struct pending *p =
	    pending_begin(f->pendings, &q->to, f->now, q->deadline);

	if (p == NULL) {
		if (counted)
			quota_give(f->quotas, c->quota);
		return NULL;
	}
	p->quota = counted ? c->quota : NULL;
	DL_APPEND2(c->pendings, p, conn_prev, conn_next);
	c->in_flight++;
	f->work += ops[q->to.op].work;
	f->drains += q->to.op == VH_OP_DRAIN;
	return p;
}

void
request_drop(struct front *f, struct pending *p)
{
	struct conn *c = p->to.conn;

	if (c != NULL) {
		DL_DELETE2(c->pendings, p, conn_prev, conn_next);
		c->in_flight--;
	}
	if (p->quota != NULL)
		quota_give(f->quotas, p->quota);
	f->work -= ops[p->to.op].work;
	f->drains -= p->to.op == VH_OP_DRAIN;
	pending_end(f->pendings, p);
}

/* --- out ------------------------------------------------------------------ */

/* The place is given up before a reply that may close the connection. */
static void
finish(struct front *f, struct pending *p, enum vh_err err)
{
	struct origin to = p->to;

	note_end(f, &to, err, p->started);
	request_drop(f, p);
	if (err != VH_OK && to.conn != NULL)
		reply_error(f, &to, err, buf_slice(f->why));
}

void
request_answer(struct front *f, const struct frame *vault)
{
	struct pending *p = pending_find(f->pendings, vault->id);
	enum vh_err err = vault->err;
	bool again = false;

	if (p == NULL || ops[p->to.op].answer == NULL) {
		shared_count(f->shared, COUNT_LATE);
		return;
	}
	buf_clear(f->why);
	if (p->to.conn != NULL || p->to.op == VH_OP_VSTATS)
		err = ops[p->to.op].answer(f, p, vault, &again);
	if (!again)
		finish(f, p, err);
}

static void
finish_drain(struct front *f, struct pending *p)
{
	if (p->to.conn != NULL)
		drain_reply(f, p);
	finish(f, p, VH_OK);
}

void
requests_expire(struct front *f)
{
	struct pending *p;

	buf_clear(f->why);
	while ((p = pendings_expired(f->pendings, f->now)) != NULL) {
		f->stats_asked = f->stats_asked && p->to.op != VH_OP_VSTATS;
		/* Who drains wants to know how far it got. */
		if (p->to.op == VH_OP_DRAIN)
			finish_drain(f, p);
		else
			finish(f, p, VH_EDEADLINE);
	}
}

void
requests_fail(struct front *f, enum vh_err err)
{
	buf_clear(f->why);
	while (pendings_count(f->pendings) > 0)
		finish(f, pendings_first(f->pendings), err);
}

void
requests_settle(struct front *f)
{
	struct pending *p, *next;

	if (f->drains == 0 || (f->shared->draining && f->work > 0))
		return;
	buf_clear(f->why);
	DL_FOREACH_SAFE(pendings_first(f->pendings), p, next)
	if (p->to.op == VH_OP_DRAIN)
		finish_drain(f, p);
}

void
requests_drain(struct front *f, bool draining)
{
	f->shared->draining = draining;
}
