#include "peer/pull.h"

#include <stdlib.h>

#include "peer/gossip.h"
#include "peer/take.h"

#define PULL_MS       5000 /* for an answer */
#define PULLS_AT_ONCE 8
#define PULLS_MAX     1024
#define WAIT_MIN_MS   500 /* until a pull that brought nothing is repeated */
#define WAIT_MAX_MS   60000
#define REST_MS       10000 /* between pulls of tombstones and evidence */

/* A node whose record others have and we do not. */
struct pull {
	char node[MEMBER_NAME_MAX + 1];
	uint64_t under_way; /* which try, or 0 */
	bool from_others; /* earlier epochs: others may have better evidence */
	unsigned tries;
	struct mono_ns not_before;
	UT_hash_handle hh;
};

/* --- fetching ---------------------------------------------------------------
 */

static struct pull *
pull_find(struct peer *p, const char *node)
{
	struct pull *u;

	HASH_FIND_STR(p->pulls, node, u);
	return u;
}

void
pull_want(struct peer *p, const char *node, bool from_others)
{
	struct pull *u = pull_find(p, node);

	if (strcmp(node, p->settings->node) == 0)
		from_others = true; /* only others know of our earlier lives */
	if (u == NULL && HASH_COUNT(p->pulls) < PULLS_MAX) {
		u = calloc(1, sizeof *u);
		if (u == NULL)
			return;
		(void)strncpy(u->node, node, sizeof u->node - 1);
		HASH_ADD_STR(p->pulls, node, u);
	}
	if (u != NULL)
		u->from_others = u->from_others || from_others;
}

void
pull_own(struct peer *p)
{
	pull_want(p, p->settings->node, true);
}

static void
pull_drop(struct peer *p, struct pull *u)
{
	HASH_DEL(p->pulls, u);
	free(u);
}

void
pull_free(struct peer *p)
{
	struct pull *u, *next;

	HASH_ITER(hh, p->pulls, u, next)
	pull_drop(p, u);
}

/* Whether a member says that its record is newer than ours. */
static bool
is_behind(const struct peer *p, const struct member_node *n)
{
	const struct record *r = ledger_current(p->ledger, n->name);
	uint64_t epoch = r == NULL ? 0 : r->epoch, seq = r == NULL ? 0 : r->seq;

	return n->digest.epoch > epoch ||
	       (n->digest.epoch == epoch && n->digest.seq > seq);
}

static struct mono_ns
later(const struct peer *p, unsigned tries)
{
	uint64_t ms = WAIT_MIN_MS << (tries < 8 ? tries : 8);

	return mono_after_ms(p->now.mono, ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS);
}

static struct pull *
pull_under_way(struct peer *p, uint64_t id)
{
	struct pull *u = p->pulls;

	while (u != NULL && u->under_way != id)
		u = u->hh.next;
	return u;
}

static void
pulled(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	struct pull *u = pull_under_way(p, w->ref);
	struct member_node n;

	if (err == VH_OK)
		(void)take_all(p, w->node, a, TAKE_FOR_NOBODY);
	if (u == NULL)
		return;
	u->under_way = 0;
	if (err != VH_OK)
		return;
	u->from_others = false;
	if (!member_find(p->member, slice_text(u->node), &n) ||
	    !is_behind(p, &n))
		pull_drop(p, u);
}

static void
ask_for(struct peer *p, const char *whose, const struct member_node *from,
    pending_done *done, uint64_t ref)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	size_t start = frame_request(b, VH_OP_NPULL, 0, PULL_MS);

	if (whose != NULL)
		frame_put_text(b, VH_F_NODE, whose);
	frame_close(b, start);
	node_ask(p, from->name, from->address, PULL_MS, b, done, ref);
}

/* From the node itself, and every other time from somebody else. */
static void
pull_start(struct peer *p, struct pull *u)
{
	struct member_node n;
	bool known = member_find(p->member, slice_text(u->node), &n);

	if (u->tries > 0 && !u->from_others &&
	    (!known || n.state > MEMBER_SUSPECT || !is_behind(p, &n))) {
		pull_drop(p, u);
		return;
	}
	bool other = u->from_others || u->tries % 2 == 1;

	if (!known || n.self)
		other = true;
	u->tries++;
	u->not_before = later(p, u->tries);
	if (other && !gossip_pick(p, u->node, &n)) {
		u->from_others = false; /* nobody to ask */
		return;
	}
	u->under_way = ++p->ids;
	ask_for(p, u->node, &n, pulled, u->under_way);
}

static void
find_wanted(struct peer *p)
{
	struct member_node n;

	p->pull_now = false;
	for (size_t i = 0; member_at(p->member, i, &n); i++)
		if (!n.self && n.state <= MEMBER_SUSPECT && is_behind(p, &n))
			pull_want(p, n.name, false);
}

void
pull_tick(struct peer *p)
{
	size_t under_way = 0;

	find_wanted(p);
	for (struct pull *u = p->pulls; u != NULL; u = u->hh.next)
		under_way += u->under_way != 0;
	for (struct pull *u = p->pulls, *next; u != NULL; u = next) {
		next = u->hh.next;
		if (under_way >= PULLS_AT_ONCE)
			break;
		if (u->under_way != 0 ||
		    !mono_passed(u->not_before, p->now.mono))
			continue;
		under_way++;
		pull_start(p, u);
	}
}

static void
rest_pulled(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	if (err == VH_OK)
		(void)take_all(p, w->node, a, TAKE_FOR_NOBODY);
}

void
pull_rest(struct peer *p, const char *node)
{
	struct member_node n;

	if (!mono_passed(p->rest_at, p->now.mono) ||
	    !member_find(p->member, slice_text(node), &n) || n.self)
		return;
	p->rest_at = mono_after_ms(p->now.mono, REST_MS);
	ask_for(p, NULL, &n, rest_pulled, 0);
}

/* --- handing out ------------------------------------------------------------
 */

struct hand_out {
	struct buf *b;
	enum vh_tag tag;
};

/* As much as fits: the newest, or the first by kid. */
static bool
put_token(struct slice token, void *context)
{
	struct hand_out *h = context;

	if (buf_slice(h->b).len + token.len + 4096 > NET_FRAME_MAX)
		return false;
	frame_put(h->b, h->tag, token);
	return true;
}

void
pull_asked(struct peer *p, uint64_t token, const struct frame *q)
{
	AUTO(buf_free) struct buf *b = buf_new(NET_FRAME_MAX);
	struct hand_out h = { b, VH_F_RECORD };
	char node[SESSION_NODE_MAX + 1];
	struct slice name = q->f.at[VH_F_NODE];
	size_t start = question_open(p, token, b);

	if (name.len > SESSION_NODE_MAX) {
		question_fail(p, token, VH_EFIELD);
		return;
	}
	if (name.len > 0) {
		(void)snprintf(node, sizeof node, "%.*s", (int)name.len,
		    (const char *)name.p);
		ledger_each_record(p->ledger, node, put_token, &h);
	} else {
		h.tag = VH_F_TOMBSTONE;
		ledger_each_tombstone(p->ledger, put_token, &h);
		h.tag = VH_F_RECORD;
		ledger_each_evidence(p->ledger, put_token, &h);
	}
	question_close(p, token, b, start);
}

void
push_asked(struct peer *p, uint64_t token, const char *node,
    const struct frame *q)
{
	if (fields_have(&q->f, VH_F_LEAVING))
		gossip_note_leaving(p, node,
		    fields_u32(&q->f, VH_F_LEAVING) != 0);
	if (take_all(p, node, q, token))
		push_answer(p, token, node);
}

void
push_answer(struct peer *p, uint64_t token, const char *node)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	const struct record *r = ledger_current(p->ledger, node);
	size_t start = question_open(p, token, b);

	if (r != NULL) {
		frame_put_u64(b, VH_F_EPOCH, r->epoch);
		frame_put_u64(b, VH_F_SEQ, r->seq);
	}
	question_close(p, token, b, start);
}

static void
pushed(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	(void)p;
	(void)w;
	(void)err; /* whoever missed it pulls it */
	(void)a;
}

void
push_record(struct peer *p, const struct member_node *to, struct slice token,
    pending_done *done)
{
	AUTO(buf_free) struct buf *b = buf_new(NET_FRAME_MAX);
	size_t start = frame_request(b, VH_OP_NPUSH, 0, PULL_MS);

	frame_put(b, VH_F_RECORD, token);
	frame_close(b, start);
	node_ask(p, to->name, to->address, PULL_MS, b, done, 0);
}

static void
push_frame(struct peer *p, struct buf *b, pending_done *done, size_t *count)
{
	struct member_node n;

	for (size_t i = 0; member_at(p->member, i, &n); i++) {
		if (n.self || n.state > MEMBER_SUSPECT)
			continue;
		++*count;
		node_ask(p, n.name, n.address, PULL_MS, b, done, 0);
	}
}

void
push_all(struct peer *p, enum vh_tag tag, struct slice token)
{
	AUTO(buf_free) struct buf *b = buf_new(NET_FRAME_MAX);
	size_t start = frame_request(b, VH_OP_NPUSH, 0, PULL_MS), count = 0;

	frame_put(b, tag, token);
	frame_close(b, start);
	push_frame(p, b, pushed, &count);
}

static void
told_leaving(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	(void)w;
	(void)err; /* whoever missed it hears it beside the next gossip */
	(void)a;
	p->telling--;
}

void
push_leaving(struct peer *p)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	size_t start = frame_request(b, VH_OP_NPUSH, 0, PULL_MS);

	frame_put_u32(b, VH_F_LEAVING, p->stopping || p->drains);
	frame_close(b, start);
	push_frame(p, b, told_leaving, &p->telling);
	p->live_changed = true;
}
