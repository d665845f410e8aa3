#include "front/relay.h"

#include "front/peerlink.h"
#include "front/requests.h"

static void
refuse(struct front *f, const struct frame *m, enum vh_err err)
{
	struct buf *b = link_out(f->peer.link);

	shared_count(f->shared, COUNT_RELAYED_REFUSED);
	frame_put_error(b, m->op, m->id, err, NULL);
}

static void
copy_rid(char *to, struct slice rid)
{
	size_t len = rid.len < RID_SIZE ? rid.len : RID_SIZE;

	if (len > 0)
		memcpy(to, rid.p, len);
	to[len] = '\0';
}

/* Who asks is what the other node says; that it is this node is what peer
 * says. */
static void
run(struct front *f, const struct frame *m, struct node *from)
{
	struct request q;
	enum vh_err err = frame_parse(m->f.at[VH_F_REQUEST], &q.frame);

	/* Without even a head there is nothing to answer. */
	if (err == VH_EPARSE || err == VH_EVERSION || q.frame.answer) {
		refuse(f, m, VH_EPARSE);
		return;
	}
	q.to = (struct origin){ .relay = from,
		.relay_id = m->id,
		.op = q.frame.op,
		.id = q.frame.id };
	copy_rid(q.to.rid, m->f.at[VH_F_RID]);
	q.several = false;
	q.frame.deadline_ms = m->deadline_ms;
	q.asker = (struct asker){ .policy = f->policy,
		.node = slice_text(from->name),
		.principals = m->f.at[VH_F_PRINCIPALS] };
	request_run(f, &q, peer_is_full(f, 0) ? VH_EBUSY : err);
}

void
relay_take(struct front *f, const struct frame *m)
{
	struct node *from = node_use(f->nodes, m->f.at[VH_F_NODE]);

	buf_clear(f->why);
	if (from == NULL || slice_is(m->f.at[VH_F_NODE], f->settings->node)) {
		refuse(f, m, VH_EFIELD);
		node_end(f->nodes, from);
		return;
	}
	run(f, m, from);
	node_end(f->nodes, from);
}
