#include "peer/relay.h"

#include "base/log.h"

#define DEADLINE_MS 5000 /* when a request names none */
#define ROOM        8192 /* principals, id, heads */

static uint32_t
time_of(const struct frame *q)
{
	return q->deadline_ms == 0 ? DEADLINE_MS : q->deadline_ms;
}

/* The request, without the node, as it goes on. */
static void
put_request(struct buf *b, const struct frame *q)
{
	frame_put(b, VH_F_REQUEST, q->f.at[VH_F_REQUEST]);
	frame_put(b, VH_F_PRINCIPALS, q->f.at[VH_F_PRINCIPALS]);
	frame_put(b, VH_F_RID, q->f.at[VH_F_RID]);
}

/* --- out --------------------------------------------------------------------
 */

static void
forwarded(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	if (p->forwards > 0)
		p->forwards--;
	if (err == VH_OK && !fields_have(&a->f, VH_F_ANSWER))
		err = VH_EPARSE;
	p->counts.forwards_ok += err == VH_OK;
	p->counts.forwards_failed += err != VH_OK;
	if (p->front == NULL)
		return;
	struct buf *b = link_out(p->front);
	size_t start = frame_answer(b, VH_OP_PFORWARD, w->ref, err);

	if (err == VH_OK)
		frame_put(b, VH_F_ANSWER, a->f.at[VH_F_ANSWER]);
	frame_close(b, start);
}

static void
send_on(struct peer *p, const struct frame *q, const struct member_node *n)
{
	AUTO(buf_free)
	struct buf *b = buf_new(q->f.at[VH_F_REQUEST].len + ROOM);
	size_t start = frame_request(b, VH_OP_NRELAY, 0, time_of(q));

	put_request(b, q);
	frame_close(b, start);
	p->forwards++;
	node_ask(p, n->name, n->address, time_of(q), b, forwarded, q->id);
}

void
relay_forward(struct peer *p, const struct frame *q)
{
	struct member_node n;
	enum vh_err err = VH_OK;

	if (!member_find(p->member, q->f.at[VH_F_NODE], &n) || n.self ||
	    n.state > MEMBER_SUSPECT)
		err = VH_ELOST;
	else if (p->forwards >= PEER_FORWARDS_MAX)
		err = VH_EBUSY;
	if (err == VH_OK) {
		send_on(p, q, &n);
		return;
	}
	p->counts.forwards_failed++;
	link_answer(p->front, q->op, q->id, err);
}

/* --- in ---------------------------------------------------------------------
 */

static void
relayed(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	if (p->relays > 0)
		p->relays--;
	if (err == VH_OK && !fields_have(&a->f, VH_F_ANSWER))
		err = VH_EPARSE;
	p->counts.relays_ok += err == VH_OK;
	p->counts.relays_failed += err != VH_OK;
	if (err != VH_OK) {
		question_fail(p, w->ref, err);
		return;
	}
	AUTO(buf_free)
	struct buf *b = buf_new(a->f.at[VH_F_ANSWER].len + ROOM);
	size_t start = question_open(p, w->ref, b);

	frame_put(b, VH_F_ANSWER, a->f.at[VH_F_ANSWER]);
	question_close(p, w->ref, b, start);
}

void
relay_asked(struct peer *p, uint64_t token, const char *node,
    const struct frame *q)
{
	struct pending *w = NULL;
	struct buf *b;
	size_t start;

	if (p->relays < PEER_RELAYS_MAX)
		w = link_ask(p, OF_FRONT, VH_OP_PRELAYED, time_of(q), relayed,
		    &b, &start);
	if (w == NULL) {
		p->counts.relays_failed++;
		question_fail(p, token, p->stopping ? VH_EDRAINING : VH_EBUSY);
		return;
	}
	p->relays++;
	w->ref = token;
	frame_put_text(b, VH_F_NODE, node);
	put_request(b, q);
	frame_close(b, start);
}
