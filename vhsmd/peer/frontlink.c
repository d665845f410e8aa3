#include "peer/frontlink.h"

#include "base/log.h"
#include "peer/gossip.h"
#include "peer/pull.h"
#include "peer/relay.h"
#include "peer/take.h"

#define PAGE_BYTES (1u << 20) /* of keys in one answer, about */

/* --- the directory ----------------------------------------------------------
 */

/* A key that is announced and does not sign yet is as good as published to
 * front; other nodes that have it may sign with it. */
static enum vh_key_state
state_for_front(const struct ledger_key *k, bool announced)
{
	return announced && k->holder_count == 1 ? VH_KEY_PUBLISHED : k->state;
}

static void
put_holders(struct buf *b, const struct ledger_key *k, const char *but)
{
	for (size_t i = 0; i < k->holder_count; i++) {
		if (but != NULL && strcmp(k->holders[i].node, but) == 0)
			continue;
		size_t nest = frame_nest(b, VH_F_HOLDER);

		frame_put_text(b, VH_F_NODE, k->holders[i].node);
		frame_put_u32(b, VH_F_LOAD, k->holders[i].load);
		frame_nest_close(b, nest);
	}
}

static void
put_key(const struct peer *p, struct buf *b, const struct ledger_key *k)
{
	bool announced = announce_holds(p->announce, k->kid);
	size_t nest = frame_nest(b, VH_F_KEY);

	frame_put_text(b, VH_F_KID, k->kid);
	pub_put_fields(b, &k->pub);
	frame_put_u32(b, VH_F_USE_ID, k->use);
	frame_put_u32(b, VH_F_ALG_ID, k->alg == NULL ? 0 : k->alg->id);
	if (k->name.len > 0)
		frame_put(b, VH_F_NAME, k->name);
	if (k->allow.len > 0)
		frame_put(b, VH_F_ALLOW, k->allow);
	if (k->ops != 0)
		frame_put_u32(b, VH_F_OPS, k->ops);
	if (k->typ.len > 0)
		frame_put(b, VH_F_TYPS, k->typ);
	if (k->claims.len > 0)
		frame_put(b, VH_F_CLAIMS, k->claims);
	if (k->published.len > 0)
		frame_put(b, VH_F_PUBLISHED_KID, k->published);
	frame_put_u32(b, VH_F_STATE, state_for_front(k, announced));
	put_holders(b, k,
	    announced && k->holder_count > 1 ? p->settings->node : NULL);
	frame_nest_close(b, nest);
}

/* Of what front is told: the directory, and which own keys sign. */
static uint64_t
version_for_front(const struct peer *p)
{
	return ledger_version(p->ledger) + p->publishing.changes;
}

/* One page from INDEX on; SEQ tells front when the list has changed between
 * two pages. */
static void
give_keys(struct peer *p, const struct frame *q)
{
	struct buf *b = link_out(p->front);
	size_t begun = buf_slice(b).len, count;
	const struct ledger_key *keys = ledger_keys(p->ledger, &count);
	size_t i = fields_u32(&q->f, VH_F_INDEX);
	size_t start = frame_answer(b, q->op, q->id, VH_OK);

	for (; i < count && buf_slice(b).len - begun < PAGE_BYTES; i++)
		put_key(p, b, &keys[i]);
	if (i < count)
		frame_put_u32(b, VH_F_INDEX, (uint32_t)i);
	frame_put_u64(b, VH_F_SEQ, version_for_front(p));
	frame_close(b, start);
}

void
front_tell(struct peer *p)
{
	uint64_t version = version_for_front(p);

	if (p->front == NULL || p->told == version)
		return;
	p->told = version;
	struct buf *b = link_out(p->front);
	size_t start = frame_request(b, VH_OP_PCHANGED, 0, 0); /* no answer */

	frame_put_u64(b, VH_F_SEQ, version);
	frame_close(b, start);
}

/* --- status -----------------------------------------------------------------
 */

static uint64_t
seen_ms(const struct peer *p, const struct member_node *n)
{
	if (n->self || n->last_seen.ns > p->now.mono.ns)
		return 0;
	return (p->now.mono.ns - n->last_seen.ns) / 1000000;
}

static const char *
state_name(const struct peer *p, const struct member_node *n)
{
	bool leaving =
	    n->self ? p->stopping || p->drains : gossip_is_leaving(p, n->name);

	if (n->self && p->publishing.taken)
		return "conflict";
	return n->state == MEMBER_ALIVE && leaving
		   ? "leaving"
		   : member_state_name(n->state);
}

static void
put_member(struct peer *p, struct buf *b, const struct member_node *n)
{
	const struct record *r = ledger_current(p->ledger, n->name);
	size_t nest = frame_nest(b, VH_F_MEMBER);

	frame_put_text(b, VH_F_NODE, n->name);
	frame_put_text(b, VH_F_ADDRESS, n->address);
	frame_put_text(b, VH_F_NAME, state_name(p, n));
	frame_put_u64(b, VH_F_INCARNATION, n->incarnation);
	frame_put_u32(b, VH_F_COUNT, r == NULL ? 0 : (uint32_t)r->count);
	frame_put_u32(b, VH_F_LOAD,
	    n->self ? p->load : gossip_load(p, n->name));
	frame_put_u32(b, VH_F_RTT_US, n->rtt_us);
	if (n->self || n->last_seen.ns != 0)
		frame_put_u64(b, VH_F_SEEN_MS, seen_ms(p, n));
	frame_put_text(b, VH_F_VERSION, n->version);
	frame_put_u64(b, VH_F_EPOCH, r == NULL ? 0 : r->epoch);
	frame_put_u64(b, VH_F_SEQ, r == NULL ? 0 : r->seq);
	frame_nest_close(b, nest);
}

static void
put_count(struct buf *b, const char *name, uint64_t value)
{
	size_t nest = frame_nest(b, VH_F_STATS);

	frame_put_text(b, VH_F_NAME, name);
	frame_put_u64(b, VH_F_OKS, value);
	frame_nest_close(b, nest);
}

static void
put_counts(struct peer *p, struct buf *b)
{
	char name[64];

#define X(which) put_count(b, #which, p->counts.which);
	PEER_COUNTS
#undef X
	for (size_t i = REFUSAL_NONE + 1; i < REFUSALS; i++) {
		(void)snprintf(name, sizeof name, "refused:%s",
		    refusal_word((enum refusal)i));
		if (p->counts.refused[i] > 0)
			put_count(b, name, p->counts.refused[i]);
	}
}

/* What is behind "pipes" goes up and down. */
static void
put_net(const struct peer *p, struct buf *b)
{
	const struct net_counts *n = net_counts(p->net);
	const struct session_counts *s = sessions_counts(p->sessions);

	put_count(b, "handshakes_failed:in", n->failed_in);
	put_count(b, "handshakes_failed:out", n->failed_out);
	put_count(b, "pipes_ended:crowded", n->crowded);
	put_count(b, "pipes_ended:no-hello", s->silent);
	put_count(b, "pipes_ended:stalled", s->stalled);
	put_count(b, "pipes:in", n->in);
	put_count(b, "pipes:out", n->out);
	put_count(b, "pipes:stranger", n->strangers);
}

static void
give_status(struct peer *p, const struct frame *q)
{
	struct buf *b = link_out(p->front);
	struct member_node n;
	size_t start = frame_answer(b, q->op, q->id, VH_OK);

	if (fields_have(&q->f, VH_F_LOAD))
		p->load = fields_u32(&q->f, VH_F_LOAD);
	if (p->drains != (fields_u32(&q->f, VH_F_LEAVING) != 0)) {
		p->drains = !p->drains;
		push_leaving(p);
	}
	p->counts.hellos_refused = sessions_counts(p->sessions)->refused;
	for (size_t i = 0; member_at(p->member, i, &n); i++)
		put_member(p, b, &n);
	put_counts(p, b);
	put_net(p, b);
	frame_close(b, start);
}

/* --- revocations ------------------------------------------------------------
 */

static void
revoke(struct peer *p, const struct frame *q)
{
	struct slice token = q->f.at[VH_F_TOMBSTONE];
	struct verdict v;
	enum vh_err err = take_own_tombstone(p, token, &v);

	if (err == VH_OK && v.reason == REFUSAL_NONE)
		push_all(p, VH_F_TOMBSTONE, token);
	if (v.reason != REFUSAL_NONE && refusal_is_ordinary(v.reason))
		err = VH_OK; /* it is revoked, and that was asked */
	link_answer(p->front, q->op, q->id, err);
}

/* --- reading ----------------------------------------------------------------
 */

static const struct {
	enum vh_op op;
	void (*handle)(struct peer *p, const struct frame *q);
} ops[] = {
	{ VH_OP_PFORWARD, relay_forward },
	{ VH_OP_PKEYS, give_keys },
	{ VH_OP_PSTATUS, give_status },
	{ VH_OP_PREVOKE, revoke },
};

static void
handle(struct peer *p, const struct frame *f)
{
	if (f->answer) {
		struct pending *w = pending_find(p, f->id);

		if (w != NULL && w->whom == OF_FRONT)
			pending_end(p, w, f->err, f);
		return;
	}
	enum vh_err err = frame_check(f, VH_WHO_FRONT);

	for (size_t i = 0; err == VH_OK && i < ARRAY_LEN(ops); i++) {
		if (ops[i].op != f->op)
			continue;
		ops[i].handle(p, f);
		return;
	}
	link_answer(p->front, f->op, f->id, err == VH_OK ? VH_EOP : err);
}

static enum vh_err
read_all(struct peer *p)
{
	struct slice message;
	struct frame f;

	TRY(link_fill(p->front));
	for (;;) {
		TRY(link_next(p->front, &message));
		if (message.len == 0)
			return VH_OK;
		TRY(frame_parse(message, &f));
		handle(p, &f);
	}
}

void
front_lose(struct peer *p, enum vh_err err)
{
	LOG(NOTICE, "front-lost", KV_ERR(err));
	link_free(TAKE(p->front));
	pendings_lose(p, OF_FRONT);
}

void
front_read(struct peer *p)
{
	enum vh_err err = read_all(p);

	if (err != VH_OK)
		front_lose(p, err);
}

void
front_take(struct peer *p, int fd)
{
	if (p->front != NULL)
		front_lose(p, VH_ELOST);
	p->front = link_new(fd, PEER_FRAME_MAX);
	p->told = 0;
}
