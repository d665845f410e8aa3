#include "front/group.h"

#include <stdlib.h>

#define ANSWER_MAX (1u << 20) /* of one part: a header, a key, a signature */

struct group {
	group_done done;
	size_t count, begun, left;
	struct pending *parts[FORM_PARTIES]; /* NULL: not under way */
	struct buf *answers[FORM_PARTIES];
};

void
group_free(struct group *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->count; i++) {
		if (g->parts[i] != NULL)
			g->parts[i]->to.whole = NULL;
		buf_free(g->answers[i]);
	}
	free(g);
}
AUTO_FREE(struct group, group_free)

static struct group *
group_new(size_t count, group_done done)
{
	AUTO(group_free) struct group *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->done = done;
	g->count = g->left = count;
	for (size_t i = 0; i < count; i++) {
		g->answers[i] = buf_new(ANSWER_MAX);
		if (g->answers[i] == NULL)
			return NULL;
	}
	return TAKE(g);
}

enum vh_err
group_begin(struct front *f, struct request *q, size_t count, group_done done,
    struct pending **out)
{
	if (front_is_full(f, 2 * q->frame.f.body.len))
		return VH_EBUSY;
	q->several = true;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	p->group = group_new(count, done);
	buf_put(p->kept, q->frame.f.body);
	enum vh_err err = p->group == NULL ? VH_ENOMEM : buf_end(p->kept);

	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	pending_weigh(f->pendings, p);
	*out = p;
	return VH_OK;
}

enum vh_err
group_add(struct front *f, struct pending *p, const struct request *whole,
    struct slice request)
{
	struct group *g = p->group;
	struct request q = { .deadline = whole->deadline,
		.asker = whole->asker };

	TRY(frame_parse(request, &q.frame));
	q.to = (struct origin){ .whole = p,
		.is_part = true,
		.part = (uint32_t)g->begun,
		.op = q.frame.op,
		.id = q.frame.id };
	return request_run_part(f, &q, &g->parts[g->begun++]);
}

enum vh_err
group_answer(const struct pending *p, size_t i, struct frame *out)
{
	return frame_parse(buf_slice(p->group->answers[i]), out);
}

size_t
group_count(const struct pending *p)
{
	return p->group->count;
}

struct buf *
group_buf(const struct origin *part)
{
	return part->whole->group->answers[part->part];
}

/* What a part that failed says, after which one it is. */
static void
say_culprit(struct front *f, const struct pending *p, size_t i)
{
	struct frame answer;
	struct slice why = slice_of(NULL, 0);

	if (group_answer(p, i, &answer) == VH_OK)
		why = answer.f.at[VH_F_WHY];
	buf_clear(f->why);
	if (p->group->count > 1)
		buf_format(f->why, "part %zu of %zu%s", i + 1, p->group->count,
		    why.len > 0 ? ": " : "");
	buf_put(f->why, why);
}

void
group_part_ended(struct front *f, const struct origin *part, enum vh_err err)
{
	struct pending *p = part->whole;

	if (p == NULL)
		return;
	struct group *g = p->group;

	g->parts[part->part] = NULL;
	g->left--;
	if (err != VH_OK) {
		say_culprit(f, p, part->part);
		request_finish(f, p, err);
		return;
	}
	if (g->left > 0)
		return;
	buf_clear(f->why);
	request_finish(f, p, origin_waits(&p->to) ? g->done(f, p) : VH_ELOST);
}
