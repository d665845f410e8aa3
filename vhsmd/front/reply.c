#include "front/reply.h"

static struct buf *
open_with(struct reply *r, const struct origin *to, enum vh_err err)
{
	struct buf *b = to->conn->out;

	r->to = to;
	r->sp = b->len;
	/* The size is known at the end only. */
	(void)buf_extend(b, SP_HEAD + SP_ID);
	r->frame = frame_answer(b, to->op, to->id, err);
	return b;
}

struct buf *
reply_open(struct reply *r, const struct origin *to)
{
	return open_with(r, to, VH_OK);
}

void
reply_close(struct front *f, struct reply *r)
{
	struct buf *b = r->to->conn->out;

	if (buf_end(b) != VH_OK) {
		conn_close(f, r->to->conn, COUNT_SLOW, "answers-not-taken");
		return;
	}
	frame_close(b, r->frame);
	sp_head(b->p + r->sp, b->len - r->frame, r->to->sp_id);
	conn_touch(f, r->to->conn);
}

void
reply_error(struct front *f, const struct origin *to, enum vh_err err,
    struct slice why)
{
	struct reply r;
	struct buf *b = open_with(&r, to, err);

	if (why.len > 0)
		frame_put(b, VH_F_WHY, why);
	reply_close(f, &r);
}
