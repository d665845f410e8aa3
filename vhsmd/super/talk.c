#include "super/talk.h"

#include "base/clock.h"
#include "super/audit_files.h"
#include "super/fd.h"

/* Also after an error, the node goes on: it is peer's to know. */
static enum vh_err
take_save(struct super *s, const struct fields *f, struct buf *answer)
{
	struct mono_ns until;

	TRY(state_take(s->state, f, clock_mono()));
	frame_put_u32(answer, VH_F_ON_DISK, !state_waits(s->state, &until));
	return VH_OK;
}

static enum vh_err
take_names(struct super *s, const struct fields *f, struct buf *answer)
{
	(void)answer;
	return seeds_ask(s->seeds, f->at[VH_F_NAMES]);
}

/* The file it has is full: it gets the next one.  It is not waited for. */
static enum vh_err
take_rotate(struct super *s, const struct fields *f, struct buf *answer)
{
	AUTO(buf_free) struct buf *b = buf_new(64);
	AUTO(fd_close) int fd = -1;

	(void)f;
	(void)answer;
	if (s->plan->audit == NULL)
		return VH_EFIELD;
	TRY(audit_file_next(s->plan->audit, s->plan->config->audit.keep, &fd));
	frame_close(b, talk_open(s, b, VH_OP_VAUDIT, 0));
	TRY(buf_end(b));
	return talk_tell(s, PROC_VAULT, buf_slice(b), fd);
}

/* Not now, when something else may be under way: run.c answers. */
static enum vh_err
note_reload(struct super *s, const struct frame *q)
{
	struct slice who = q->f.at[VH_F_WHO];

	if (s->reload_asked)
		return VH_EBUSY;
	if (who.len >= sizeof s->reload_who)
		return VH_ETOOBIG;
	if (who.len > 0)
		memcpy(s->reload_who, who.p, who.len);
	s->reload_who[who.len] = '\0';
	s->reload_asked = true;
	s->reload_id = q->id;
	return VH_OK;
}

/* Front and its successors. */
static enum vh_err
note_drain(struct super *s, const struct frame *q)
{
	TRY(frame_check(q, VH_WHO_FRONT));
	s->draining = fields_u32(&q->f, VH_F_OFF) == 0;
	return VH_OK;
}

static const struct {
	enum proc from;
	enum vh_who who;
	enum vh_op op;
	enum vh_err (
	    *take)(struct super *s, const struct fields *f, struct buf *answer);
} asked[] = {
	{ PROC_PEER, VH_WHO_PEER, VH_OP_PSAVE, take_save },
	{ PROC_PEER, VH_WHO_PEER, VH_OP_PRESOLVE, take_names },
	{ PROC_VAULT, VH_WHO_VAULT, VH_OP_VROTATE, take_rotate },
};

static enum vh_err
answer(struct link *to, const struct frame *q, enum vh_err err,
    const struct buf *fields)
{
	size_t start = frame_answer(link_out(to), q->op, q->id, err);

	if (err == VH_OK)
		buf_put(link_out(to), buf_slice(fields));
	frame_close(link_out(to), start);
	TRY(link_flush(to));
	/* A few bytes do not fit: it asks and asks and never listens. */
	return link_is_blocked(to) ? VH_EBUSY : VH_OK;
}

enum vh_err
talk_attend(struct super *s, enum proc from, const struct frame *q)
{
	AUTO(buf_free) struct buf *fields = buf_new(1024);

	if (from == PROC_FRONT && q->op == VH_OP_FDRAINS)
		return note_drain(s, q);
	if (from == PROC_FRONT && q->op == VH_OP_FRELOAD) {
		TRY(frame_check(q, VH_WHO_FRONT));
		enum vh_err err = note_reload(s, q);

		return err == VH_OK ? VH_OK
				    : answer(s->child[from].link, q, err, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		if (asked[i].from != from || asked[i].op != q->op)
			continue;
		TRY(frame_check(q, asked[i].who));
		enum vh_err err = asked[i].take(s, &q->f, fields);

		return answer(s->child[from].link, q, err, fields);
	}
	return VH_EFORBIDDEN;
}

size_t
talk_open(struct super *s, struct buf *b, enum vh_op op, uint32_t ms)
{
	return frame_request(b, op, ++s->last_id, ms);
}

enum vh_err
talk_tell(struct super *s, enum proc to, struct slice request, int fd)
{
	if (!child_is_there(&s->child[to]))
		return VH_ELOST;
	return link_send(s->child[to].link, request, fd);
}

/* The answer to request id; *out is it, or all zeros. */
static enum vh_err
wait_answer(struct super *s, enum proc from, uint64_t id, struct mono_ns end,
    struct frame *out)
{
	const struct frame none = { 0 };
	enum vh_err err = VH_OK;

	while (err == VH_OK) {
		uint32_t left = mono_left_ms(end, clock_mono());

		/* Whoever asks all the time does not hold us. */
		err = left == 0
			  ? VH_EDEADLINE
			  : link_wait(s->child[from].link, (int)left, out);
		if (err == VH_OK && out->answer && out->id == id)
			return out->err;
		if (err == VH_OK && !out->answer)
			err = talk_attend(s, from, out);
	}
	*out = none;
	return err;
}

enum vh_err
talk_call(struct super *s, enum proc to, struct slice request, int fd, int ms,
    struct frame *out)
{
	struct mono_ns end = mono_after_ms(clock_mono(), (uint64_t)ms);
	struct frame sent;

	*out = (struct frame){ 0 };
	TRY(frame_parse(request, &sent));
	TRY(talk_tell(s, to, request, fd));
	return wait_answer(s, to, sent.id, end, out);
}
