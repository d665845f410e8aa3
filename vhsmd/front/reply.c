#include "front/reply.h"

#include <stdlib.h>

#include "front/batch.h"
#include "front/group.h"

static struct buf *
buf_of(struct front *f, const struct origin *to)
{
	if (to->whole != NULL)
		return group_buf(to);
	if (to->batch != NULL)
		return batch_answers(to->batch);
	return to->conn != NULL ? to->conn->out : link_out(f->peer.link);
}

static struct buf *
open_with(struct front *f, struct reply *r, const struct origin *to,
    enum vh_err err)
{
	struct buf *b = buf_of(f, to);

	r->to = to;
	r->b = b;
	r->outer = buf_slice(b).len;
	if (to->whole != NULL) {
		buf_clear(b);
	} else if (to->batch != NULL) {
		r->nest = frame_nest(b, VH_F_ITEM);
	} else if (to->conn != NULL) {
		/* The size is known at the end only. */
		(void)buf_extend(b, SP_HEAD + SP_ID);
	} else {
		r->outer = frame_answer(b, VH_OP_PRELAYED, to->relay_id, VH_OK);
		r->nest = frame_nest(b, VH_F_ANSWER);
	}
	r->frame = frame_answer(b, to->op, to->id, err);
	return b;
}

struct buf *
reply_open(struct front *f, struct reply *r, const struct origin *to)
{
	return open_with(f, r, to, VH_OK);
}

static void
close_relayed(struct front *f, struct reply *r)
{
	frame_close(r->b, r->frame);
	frame_nest_close(r->b, r->nest);
	frame_close(r->b, r->outer);
	f->peer.broken = f->peer.broken || buf_end(r->b) != VH_OK;
}

void
reply_close(struct front *f, struct reply *r)
{
	struct buf *b = r->b;

	if (r->to->whole != NULL) {
		frame_close(b, r->frame);
		return;
	}
	if (r->to->batch != NULL) {
		frame_close(b, r->frame);
		frame_nest_close(b, r->nest);
		batch_answered(f, r->to->batch, r->to->conn);
		return;
	}
	if (r->to->conn == NULL) {
		close_relayed(f, r);
		return;
	}
	if (buf_end(b) != VH_OK) {
		conn_close(f, r->to->conn, COUNT_SLOW, "answers-not-taken");
		return;
	}
	frame_close(b, r->frame);
	sp_head(b->p + r->outer, b->len - r->frame, r->to->sp_id);
	conn_touch(f, r->to->conn);
}

void
reply_error(struct front *f, const struct origin *to, enum vh_err err,
    struct slice why)
{
	struct reply r;
	struct buf *b = open_with(f, &r, to, err);

	if (why.len > 0)
		frame_put(b, VH_F_WHY, why);
	reply_close(f, &r);
}

enum vh_err
reply_json(struct front *f, const struct origin *to, const json_t *json)
{
	struct reply r;
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	if (text == NULL)
		return VH_ENOMEM;
	frame_put_text(reply_open(f, &r, to), VH_F_JSON, text);
	free(text);
	reply_close(f, &r);
	return VH_OK;
}
