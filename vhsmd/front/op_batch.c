/* BATCH: its requests are checked, handled and counted one by one, as if each
 * had come in a message of its own; they share its deadline.  When the last
 * has its answer, all leave together.  If who asked is gone before, answers
 * stop coming, and the batch ends with the last request that held it. */
#include <stdlib.h>

#include "front/batch.h"
#include "front/ops.h"
#include "front/vaultlink.h"

#define EARLY 16 /* requests that an idle vault begins with */

struct batch {
	struct origin to;    /* of the message that holds the requests */
	size_t refs;         /* requests that wait, and who begins it */
	size_t left;         /* requests without an answer */
	struct buf *answers; /* ITEMs; NULL when nobody waits for them */
	size_t weight;       /* of answers, as its connection counts it */
};

void
batch_hold(struct batch *b)
{
	if (b != NULL)
		b->refs++;
}

void
batch_end(struct batch *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	buf_free(b->answers);
	free(b);
}

void
batch_forsake(struct batch *b)
{
	if (b == NULL)
		return;
	buf_free(b->answers);
	b->answers = NULL;
}

static struct batch *
batch_new(const struct origin *to, size_t count)
{
	struct batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	*b = (struct batch){ .to = *to,
		.refs = 1,
		.left = count,
		.answers = buf_new(CONN_OUT_MAX) };
	if (b->answers != NULL)
		return b;
	free(b);
	return NULL;
}

struct buf *
batch_answers(struct batch *b)
{
	return b->answers;
}

/* Answers that wait for others are memory that the connection has. */
static void
weigh(struct front *f, struct batch *b, struct conn *c, size_t now)
{
	if (now == b->weight)
		return;
	c->gathered += now - b->weight;
	b->weight = now;
	conn_touch(f, c);
}

void
batch_answered(struct front *f, struct batch *b, struct conn *c)
{
	struct reply r;

	weigh(f, b, c, --b->left > 0 ? b->answers->cap : 0);
	if (b->left > 0)
		return;
	b->to.conn = c;
	if (buf_end(b->answers) != VH_OK) {
		reply_error(f, &b->to, VH_ETOOBIG, slice_text("the answers"));
		return;
	}
	buf_put(reply_open(f, &r, &b->to), buf_slice(b->answers));
	reply_close(f, &r);
}

/* How many requests there are, if each has a sound head to be answered by. */
static enum vh_err
count_items(struct front *f, const struct fields *in, size_t *count)
{
	struct slice rest = in->body, value;
	struct frame item;
	unsigned tag;

	*count = 0;
	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_ITEM)
			continue;
		TRY(frame_head(value, &item));
		if (item.answer)
			return VH_EPARSE;
		++*count;
	}
	if (*count <= VH_ITEMS_MAX)
		return VH_OK;
	buf_format(f->why, "%zu requests, at most %d", *count, VH_ITEMS_MAX);
	return VH_ETOOBIG;
}

static void
run_item(struct front *f, const struct request *all, struct batch *b,
    struct slice item)
{
	struct request q;
	enum vh_err err = frame_parse(item, &q.frame);

	q.asker = all->asker;
	q.several = false;
	q.to = (struct origin){ .conn = all->to.conn,
		.batch = b,
		.op = q.frame.op,
		.id = q.frame.id };
	q.frame.deadline_ms = all->frame.deadline_ms;
	buf_clear(f->why);
	request_run(f, &q, err);
}

enum vh_err
batch_begin(struct front *f, struct request *q)
{
	AUTO(batch_end) struct batch *b = NULL;
	struct slice rest = q->frame.f.body, value;
	bool idle = f->work == 0; /* as far as front knows */
	size_t count;
	unsigned tag;

	TRY(count_items(f, &q->frame.f, &count));
	b = batch_new(&q->to, count);
	count = 0;
	if (b == NULL)
		return VH_ENOMEM;
	shared_count(f->shared, COUNT_BATCHES);
	/* The vault may be lost meanwhile, and who asks closed for answers it
	 * has not taken. */
	while (!q->to.conn->dead && fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_ITEM)
			continue;
		run_item(f, q, b, value);
		if (++count % EARLY == 0 && idle)
			vault_flush(f);
	}
	return VH_OK;
}
