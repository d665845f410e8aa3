/* A request is read, checked against ops.def, the payload limit and the node's
 * state, and handed to its row's handler.  Those that need the vault or other
 * nodes take a slot of the pending table; a slot lives until the answer comes
 * or its deadline passes, even when the connection closes before: its work
 * still counts against its uid then, so that nobody gets around the bound by
 * hanging up. */
#include "front/requests.h"

#include <utlist.h>

#include "base/log.h"
#include "front/admit.h"
#include "front/batch.h"
#include "front/group.h"
#include "front/ops.h"
#include "front/relay.h"
#include "front/vaultlink.h"

#define FRAME_OP        4  /* where the head of a frame has its op */
#define RESERVED_PLACES 64 /* of the table, for what is not work */

static const struct op {
	enum vh_err (*begin)(struct front *f, struct request *q);
	enum vh_err (*answer)(struct front *f, struct pending *p,
	    const struct frame *answer, bool *again);
	bool pends;  /* replies later */
	bool work;   /* uses keys of the vault: not while draining */
	bool costly; /* keeps the loop busy */
	bool relays; /* other nodes may pass it on */
	bool packs;  /* may come in a batch */
} ops[] = {
	[VH_OP_SIGN] = { sign_begin, sign_answer, true, true, false, true,
	    true },
	[VH_OP_DECRYPT] = { decrypt_begin, decrypt_answer, true, true, false,
	    true, true },
	/* Pends for a symmetric key only. */
	[VH_OP_VERIFY] = { verify_begin, verify_answer, false, false, true,
	    false, false },
	[VH_OP_ENCRYPT] = { encrypt_begin, encrypt_answer, true, true, false,
	    false, true },
	[VH_OP_KEYS] = { keys_begin, NULL, false, false, false, false, false },
	[VH_OP_STATUS] = { status_begin, status_answer, true, false, false,
	    false, false },
	[VH_OP_CLUSTER] = { cluster_begin, cluster_answer, true, false, false,
	    false, false },
	[VH_OP_BATCH] = { batch_begin, NULL, true, false, false, false, false },
	[VH_OP_RAWSIGN] = { raw_begin, raw_answer, true, true, false, true,
	    true },
	[VH_OP_RAWDECRYPT] = { raw_begin, raw_answer, true, true, false, true,
	    true },
	[VH_OP_RAWDERIVE] = { raw_begin, raw_answer, true, true, false, true,
	    true },
	[VH_OP_DRAIN] = { drain_begin, drain_answer, true, false, false, false,
	    false },
	[VH_OP_REVOKE] = { revoke_begin, revoke_answer, true, false, false,
	    false, false },
	[VH_OP_ROTATE] = { rotate_begin, life_answer, true, false, false, false,
	    false },
	[VH_OP_RETIRE] = { retire_begin, life_answer, true, false, false, false,
	    false },
	[VH_OP_DESTROY] = { destroy_begin, life_answer, true, false, false,
	    false, false },
	[VH_OP_RELOAD] = { reload_begin, reload_answer, true, false, false,
	    false, false },
	/* Front's own; ops.def lets no caller ask for it. */
	[VH_OP_VSTATS] = { NULL, stats_answer, true, false, false, false,
	    false },
};

/* Counts how a request of another node's caller ended; logs it. */
static void
note_relayed(struct front *f, const struct origin *to, enum vh_err err)
{
	shared_count(f->shared, COUNT_RELAYED_OK + outcome_of(err));
	if (err == VH_OK)
		LOG(DEBUG, "relayed", KV("rid", to->rid),
		    KV("op", op_name(to->op)), KV("from", to->relay->name));
	else if (refusals_may_log(&f->refusals, f->now, f->shared))
		LOG(NOTICE, "relayed", KV("rid", to->rid),
		    KV("op", op_name(to->op)), KV("from", to->relay->name),
		    KV_ERR(err), KV("why", buf_slice(f->why)));
}

/* Counts how a request ended; logs a refusal. */
static void
note_end(struct front *f, const struct origin *to, enum vh_err err,
    struct mono_ns started)
{
	size_t row = shared_op_row(to->op);

	if (to->op == VH_OP_VSTATS || to->is_part)
		return;
	if (err == VH_EPOLICY)
		shared_count(f->shared, COUNT_OVER_POLICY);
	if (to->relay != NULL) {
		note_relayed(f, to, err);
		return;
	}
	atomic_fetch_add_explicit(&f->shared->requests[row][outcome_of(err)], 1,
	    memory_order_relaxed);
	if (err == VH_OK)
		histogram_observe_ns(&f->shared->duration[row],
		    f->now.ns - started.ns);
	else if (to->conn != NULL)
		refusals_log_request(&f->refusals, f->now, f->shared,
		    &to->conn->caller, to->op, err, buf_slice(f->why), to->rid);
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

/* What ops.def, and for other nodes the table above, let them ask. */
static enum vh_err
check_op(const struct request *q)
{
	const struct conn *c = origin_conn(&q->to);
	bool local = c != NULL;
	uint16_t op = q->frame.op;

	TRY(frame_check(&q->frame, local ? c->who : VH_WHO_CALLER));
	if (op >= ARRAY_LEN(ops) || ops[op].begin == NULL)
		return VH_EOP;
	if (q->to.batch != NULL && !ops[op].packs)
		return VH_EOP;
	if (local)
		return VH_OK;
	if (!ops[op].relays)
		return VH_EFORBIDDEN;
	/* The other node chose the key; this one chooses none. */
	return fields_have(&q->frame.f, VH_F_KID) ? VH_OK : VH_EFIELD;
}

bool
request_uses_keys(uint16_t op)
{
	return op < ARRAY_LEN(ops) && (ops[op].work || ops[op].costly);
}

static enum vh_err
check(struct front *f, struct request *q)
{
	TRY(check_op(q));
	if (q->frame.f.at[VH_F_DATA].len > f->settings->payload) {
		buf_format(f->why, "payload above %u bytes",
		    f->settings->payload);
		return VH_ETOOBIG;
	}
	q->deadline = deadline_of(f, &q->frame);
	TRY(check_state(f, &ops[q->frame.op]));
	return admit_rate(f, q);
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
request_run(struct front *f, struct request *q, enum vh_err err)
{
	const struct op *op = NULL;

	q->pended = false;
	if (err == VH_OK)
		err = check(f, q);
	if (err == VH_OK) {
		op = &ops[q->frame.op];
		err = op->costly ? run_costly(f, op, q) : op->begin(f, q);
	}
	if (err == VH_OK && (op->pends || q->pended))
		return;
	note_end(f, &q->to, err, f->now);
	if (err != VH_OK)
		reply_error(f, &q->to, err, buf_slice(f->why));
}

enum vh_err
request_run_part(struct front *f, struct request *q, struct pending **out)
{
	TRY(check_op(q));
	TRY(check_state(f, &ops[q->frame.op]));
	TRY(admit_rate(f, q));
	TRY(ops[q->frame.op].begin(f, q));
	*out = pendings_last(f->pendings);
	return VH_OK;
}

void
request_take(struct front *f, struct conn *c, struct slice message, bool cut)
{
	struct request q;
	struct slice body;

	q.to = (struct origin){ .conn = c };
	q.frame.op = 0;
	q.frame.id = 0;
	q.several = false;
	buf_clear(f->why);
	if (sp_parse(message, &q.to.sp_id, &body) != VH_OK) {
		conn_close(f, c, COUNT_MALFORMED, "malformed");
		return;
	}
	enum vh_err err = frame_parse(body, &q.frame);

	q.to.op = q.frame.op;
	q.to.id = q.frame.id;
	q.asker = request_asker(f, c);
	request_run(f, &q, cut ? VH_ETOOBIG : err);
}

struct asker
request_asker(const struct front *f, const struct conn *c)
{
	return (struct asker){ .policy = f->policy,
		.caller = &c->caller,
		.node = slice_text(f->settings->node) };
}

/* --- waiting -------------------------------------------------------------- */

/* The place of a caller's request counts against its uid and its names; false:
 * one of them has all it may have. */
static bool
take_quota(struct front *f, struct pending *p, struct conn *c)
{
	if (c->who != VH_WHO_CALLER)
		return true;
	if (!admit_take(f, p, c))
		return false;
	if (!quota_take(f->quotas, c->quota)) {
		admit_give(f, p);
		return false;
	}
	p->quota = c->quota;
	return true;
}

static bool
take_share(struct front *f, struct pending *p, const struct request *q)
{
	struct conn *c = q->to.conn;

	if (c == NULL)
		return take_quota(f, p, origin_conn(&q->to));
	if (!q->several && !take_quota(f, p, c))
		return false;
	DL_APPEND2(c->pendings, p, conn_prev, conn_next);
	c->in_flight++;
	return true;
}

/* That of another node's caller counts against the node, and all of them have
 * a bound of their own: neither they nor local callers starve the others. */
static bool
take_relayed(struct front *f, struct pending *p, struct node *from)
{
	if (f->peer.relayed_count >= RELAYED_MAX ||
	    from->relayed >= RELAYED_PER_NODE)
		return false;
	p->to.relay = node_again(from);
	from->relayed++;
	f->peer.relayed_count++;
	DL_APPEND2(f->peer.relayed, p, conn_prev, conn_next);
	return true;
}

/* Of a connection it is worked out once. */
static void
note_who(struct pending *p, const struct request *q)
{
	struct conn *c = q->to.conn;

	if (c == NULL) {
		policy_who(&q->asker, p->who);
		return;
	}
	if (c->principals[0] == '\0')
		policy_who(&q->asker, c->principals);
	memcpy(p->who, c->principals, strlen(c->principals) + 1);
}

struct pending *
request_pend(struct front *f, struct request *q)
{
	struct pending *p =
	    pending_begin(f->pendings, &q->to, f->now, q->deadline);

	if (p == NULL)
		return NULL;
	if (q->to.relay == NULL ? !take_share(f, p, q)
				: !take_relayed(f, p, q->to.relay)) {
		pending_end(f->pendings, p);
		return NULL;
	}
	note_who(p, q);
	q->pended = true;
	p->own = directory_use(f->directory);
	f->work += ops[q->to.op].work;
	f->drains += q->to.op == VH_OP_DRAIN;
	batch_hold(p->to.batch);
	return p;
}

/* Takes one out of the list of what was relayed; nobody waits for it then. */
static void
leave_relayed(struct front *f, struct pending *p)
{
	DL_DELETE2(f->peer.relayed, p, conn_prev, conn_next);
	f->peer.relayed_count--;
	p->to.relay->relayed--;
	node_end(f->nodes, p->to.relay);
	p->to.relay = NULL;
}

void
request_drop(struct front *f, struct pending *p)
{
	struct conn *c = p->to.conn;

	vault_asked(f, p);
	if (p->forward != NULL)
		forward_end(f, p);
	group_free(p->group);
	p->group = NULL;
	if (c != NULL) {
		DL_DELETE2(c->pendings, p, conn_prev, conn_next);
		c->in_flight--;
	}
	if (p->to.relay != NULL)
		leave_relayed(f, p);
	if (p->quota != NULL) {
		admit_give(f, p);
		quota_give(f->quotas, p->quota);
	}
	f->work -= ops[p->to.op].work;
	f->drains -= p->to.op == VH_OP_DRAIN;
	batch_end(p->to.batch);
	pending_end(f->pendings, p);
}

/* --- out ------------------------------------------------------------------ */

/* The place is given up before a reply that may close the connection. */
void
request_finish(struct front *f, struct pending *p, enum vh_err err)
{
	struct origin to = p->to;
	/* What the place holds may be the last reference. */
	struct node *from = to.relay == NULL ? NULL : node_again(to.relay);

	batch_hold(to.batch);
	note_end(f, &to, err, p->started);
	request_drop(f, p);
	if (err != VH_OK && origin_waits(&to))
		reply_error(f, &to, err, buf_slice(f->why));
	batch_end(to.batch);
	node_end(f->nodes, from);
	if (to.is_part)
		group_part_ended(f, &to, err);
}

void
request_answer(struct front *f, const struct frame *answer)
{
	struct pending *p = pending_find(f->pendings, answer->id);
	enum vh_err err = answer->err;
	bool again = false;

	/* Also what an earlier question of the same request was asked for. */
	if (p == NULL || p->asked != answer->op ||
	    ops[p->to.op].answer == NULL) {
		shared_count(f->shared, COUNT_LATE);
		return;
	}
	buf_clear(f->why);
	vault_asked(f, p);
	/* What has its line in the audit trail is done, wanted or not. */
	if (origin_waits(&p->to) || p->to.op == VH_OP_VSTATS ||
	    p->to.op == VH_OP_DRAIN)
		err = ops[p->to.op].answer(f, p, answer, &again);
	if (!again)
		request_finish(f, p, err);
}

static void
finish_drain(struct front *f, struct pending *p)
{
	if (p->to.conn != NULL)
		drain_reply(f, p);
	request_finish(f, p, VH_OK);
}

void
requests_expire(struct front *f)
{
	struct pending *p;

	while ((p = pendings_expired(f->pendings, f->now)) != NULL) {
		buf_clear(f->why);
		f->stats_asked = f->stats_asked && p->to.op != VH_OP_VSTATS;
		/* Who drains wants to know how far it got. */
		if (p->forward != NULL)
			forward_expired(f, p);
		if (p->to.op == VH_OP_DRAIN && p->asked == 0)
			finish_drain(f, p);
		else
			request_finish(f, p, VH_EDEADLINE);
	}
}

void
requests_fail(struct front *f, enum vh_err err)
{
	buf_clear(f->why);
	while (pendings_count(f->pendings) > 0)
		request_finish(f, pendings_first(f->pendings), err);
}

void
requests_abandon(struct front *f)
{
	while (pendings_count(f->pendings) > 0)
		request_drop(f, pendings_first(f->pendings));
}

void
requests_peer_lost(struct front *f, enum vh_err err)
{
	struct pending *p, *next;

	while (f->peer.relayed != NULL)
		leave_relayed(f, f->peer.relayed);
	buf_clear(f->why);
	DL_FOREACH_SAFE(pendings_first(f->pendings), p, next)
	if (op_row(p->asked) != NULL && p->asked >= VH_OP_PKEYS)
		request_finish(f, p, err);
}

void
requests_settle(struct front *f)
{
	struct pending *p, *next;

	if (f->drains == 0 || (f->shared->draining && f->work > 0))
		return;
	buf_clear(f->why);
	DL_FOREACH_SAFE(pendings_first(f->pendings), p, next)
	if (p->to.op == VH_OP_DRAIN && p->asked == 0)
		finish_drain(f, p);
}

void
requests_drain(struct front *f, bool draining)
{
	f->shared->draining = draining;
	f->peer.status_at = f->now; /* the cluster hears of it */
}
