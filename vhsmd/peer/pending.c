#include <stdlib.h>

#include "peer/peer.h"

#define REQUEST_ID_AT 12 /* in a frame's head, wire/frame.h */

struct pending *
pending_add(struct peer *p, enum whom whom, uint32_t ms, pending_done *done)
{
	if (HASH_COUNT(p->pendings) >= PEER_PENDING_MAX)
		return NULL;
	struct pending *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->id = ++p->ids;
	w->whom = whom;
	w->done = done;
	w->by = mono_after_ms(p->now.mono, ms);
	HASH_ADD(hh, p->pendings, id, sizeof w->id, w);
	return w;
}

struct pending *
pending_find(struct peer *p, uint64_t id)
{
	struct pending *w;

	HASH_FIND(hh, p->pendings, &id, sizeof id, w);
	return w;
}

void
pending_end(struct peer *p, struct pending *w, enum vh_err err,
    const struct frame *a)
{
	HASH_DEL(p->pendings, w);
	w->done(p, w, err, a);
	free(w);
}

/* Ends all for which it holds; what is done may add others. */
static void
end_all(struct peer *p,
    bool (*holds)(const struct peer *, struct pending *, enum whom),
    enum whom whom, enum vh_err err)
{
	struct pending *w = p->pendings;
	uint64_t last = p->ids;

	while (w != NULL) {
		struct pending *next = w->hh.next;

		if (w->id <= last && holds(p, w, whom)) {
			pending_end(p, w, err, NULL);
			next = p->pendings; /* any may have gone meanwhile */
		}
		w = next;
	}
}

static bool
has_expired(const struct peer *p, struct pending *w, enum whom whom)
{
	(void)whom;
	return w->whom != OF_NODES && mono_passed(w->by, p->now.mono);
}

static bool
is_of(const struct peer *p, struct pending *w, enum whom whom)
{
	(void)p;
	return w->whom == whom;
}

void
pendings_expire(struct peer *p)
{
	end_all(p, has_expired, OF_NODES, VH_EDEADLINE);
}

void
pendings_lose(struct peer *p, enum whom whom)
{
	end_all(p, is_of, whom, VH_ELOST);
}

/* --- links ------------------------------------------------------------------
 */

struct pending *
link_ask(struct peer *p, enum whom whom, enum vh_op op, uint32_t ms,
    pending_done *done, struct buf **b, size_t *start)
{
	struct link *const links[] = { [OF_SUPER] = p->super,
		[OF_VAULT] = p->vault,
		[OF_FRONT] = p->front };

	if (links[whom] == NULL)
		return NULL;
	struct pending *w = pending_add(p, whom, ms, done);

	if (w == NULL)
		return NULL;
	*b = link_out(links[whom]);
	*start = frame_request(*b, op, w->id, ms);
	return w;
}

void
link_answer(struct link *l, uint16_t op, uint64_t id, enum vh_err err)
{
	frame_close(link_out(l), frame_answer(link_out(l), op, id, err));
}

/* --- nodes ------------------------------------------------------------------
 */

static void
set_request_id(struct buf *b, uint64_t id)
{
	for (size_t i = 0; i < sizeof id; i++)
		b->p[REQUEST_ID_AT + i] = (uint8_t)(id >> (56 - 8 * i));
}

void
node_ask(struct peer *p, const char *node, const char *address, uint32_t ms,
    struct buf *b, pending_done *done, uint64_t ref)
{
	struct pending none = { .ref = ref };
	struct pending *w = pending_add(p, OF_NODES, ms, done);
	enum vh_err err = buf_end(b);

	if (w == NULL) {
		done(p, &none, VH_EBUSY, NULL);
		return;
	}
	w->ref = ref;
	if (err == VH_OK) {
		set_request_id(b, w->id);
		err = session_ask(p->sessions, p->now.mono, node, address,
		    w->id, ms, buf_slice(b));
	}
	if (err != VH_OK)
		pending_end(p, w, err, NULL);
}

static struct question *
question_of(struct peer *p, uint64_t token)
{
	return &p->questions[(uint32_t)token % SESSION_OPEN_MAX];
}

size_t
question_open(struct peer *p, uint64_t token, struct buf *b)
{
	const struct question *q = question_of(p, token);

	return frame_answer(b, q->op, q->id, VH_OK);
}

void
question_close(struct peer *p, uint64_t token, struct buf *b, size_t start)
{
	frame_close(b, start);
	if (buf_end(b) == VH_OK)
		session_reply(p->sessions, token, buf_slice(b));
	else
		question_fail(p, token, buf_end(b));
}

void
question_fail(struct peer *p, uint64_t token, enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	const struct question *q = question_of(p, token);

	frame_put_error(b, q->op, q->id, err, NULL);
	if (buf_end(b) == VH_OK)
		session_reply(p->sessions, token, buf_slice(b));
	else
		session_drop(p->sessions, token);
}
