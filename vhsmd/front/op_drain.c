/* DRAIN.  That the node takes no more work is done at once and whatever state
 * the audit trail is in: it only takes something away, and it is what one does
 * with a node whose disk is full.  It takes work again when the vault has the
 * line of that. */
#include <stdio.h>

#include "front/ops.h"
#include "front/vaultlink.h"

/* Part of the time a client waits, so that the reply comes before it stops. */
#define DRAIN_SHARE_NUM 9
#define DRAIN_SHARE_DEN 10

/* Should front die, the next one goes on so. */
static void
drain(struct front *f, bool draining)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t start = frame_request(b, VH_OP_FDRAINS, 0, 0);

	if (!draining)
		frame_put_u32(b, VH_F_OFF, 1);
	frame_close(b, start);
	requests_drain(f, draining);
	(void)link_send(f->super, buf_slice(b), -1); /* else there is no next */
}

enum vh_err
drain_begin(struct front *f, struct request *q)
{
	uint64_t left = q->deadline.ns - f->now.ns;
	size_t start;

	q->deadline.ns = f->now.ns + left / DRAIN_SHARE_DEN * DRAIN_SHARE_NUM;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	p->undrain = fields_u32(&q->frame.f, VH_F_OFF) != 0;
	struct buf *b = vault_ask(f, p, VH_OP_VNOTE, &start);

	frame_put_text(b, VH_F_ACT, p->undrain ? "undrain" : "drain");
	if (!p->undrain)
		frame_put_u32(b, VH_F_STAGE, VH_ACT_DONE);
	frame_close(b, start);
	if (!p->undrain)
		drain(f, true);
	return VH_OK;
}

enum vh_err
drain_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	if (p->undrain) {
		TRY(vault->err);
		drain(f, false);
	}
	*again = true; /* requests_settle or its deadline replies */
	return VH_OK;
}

void
drain_reply(struct front *f, struct pending *p)
{
	struct reply r;
	struct buf *b = reply_open(f, &r, &p->to);
	char text[64];

	(void)snprintf(text, sizeof text, "{\"draining\":%s,\"in_flight\":%zu}",
	    f->shared->draining ? "true" : "false", f->work);
	frame_put_text(b, VH_F_JSON, text);
	reply_close(f, &r);
}
