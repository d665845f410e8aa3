/* How a request comes to be forwarded: no own key fits, or the vault has no
 * time for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "front/forward_core.h"
#include "front/peerlink.h"
#include "front/requests.h"

#define KEEP_MAX (256u << 10) /* fields kept for a request that is local */

bool
forward_may(const struct front *f, const struct request *q)
{
	return f->cluster != NULL && origin_conn(&q->to) != NULL &&
	       q->frame.f.body.len <= KEEP_MAX;
}

void
forward_keep(struct pending *p, const struct request *q)
{
	p->body_at = p->kept->len;
	buf_put(p->kept, q->frame.f.body);
	p->has_body = true;
}

static void
name_request(struct front *f, struct pending *p)
{
	(void)snprintf(p->to.rid, sizeof p->to.rid, "%016" PRIx64,
	    front_random(f));
}

static struct forward *
start(struct front *f, struct pending *p, enum vh_err said)
{
	struct forward *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	name_request(f, p);
	w->p = p;
	w->since = f->now;
	w->said = said;
	p->forward = w;
	DL_APPEND(f->forwards->all, w);
	forward_wake_at(f, w, f->now);
	return w;
}

/* Whether there is any sense in asking other nodes now. */
static enum vh_err
check_peer(const struct front *f, struct buf *why)
{
	if (f->peer.link != NULL || forward_is_early(f))
		return VH_OK;
	buf_put_text(why, "the cluster is out of reach");
	return VH_ELOST;
}

static enum vh_err
begin(struct front *f, struct request *q, const struct want *want,
    const struct target *to)
{
	size_t size = q->frame.f.body.len;

	TRY(check_peer(f, f->why));
	if (front_is_full(f, size) || peer_is_full(f, size))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	forward_keep(p, q);
	pending_weigh(f->pendings, p);
	struct forward *w = start(f, p, VH_OK);
	enum vh_err err = w == NULL ? VH_ENOMEM : buf_end(p->kept);

	if (err == VH_OK) {
		w->named = want->kid.len > 0;
		memcpy(w->kid, to->key->kid, sizeof w->kid);
		if (f->peer.link != NULL)
			err = forward_ask(f, w, want, to);
	}
	if (err != VH_OK)
		request_drop(f, p);
	return err;
}

enum vh_err
forward_take(struct front *f, struct request *q, const struct selector *s,
    struct slice kid, struct draft *draft, enum vh_err err)
{
	struct want want = { .fields = q->frame.f,
		.s = *s,
		.kid = kid,
		.purpose = purpose_of(q->to.op),
		.asker = q->asker,
		.draft = draft,
		.refused = err == VH_EPOLICY };
	const struct asked nobody = { .count = 0 };
	struct target to;
	enum vh_err found;

	if (f->cluster == NULL || origin_conn(&q->to) == NULL)
		return err;
	found = forward_choose(f, &want, &nobody, &to, NULL);
	if (found == VH_OK) {
		buf_clear(f->why);
		return begin(f, q, &want, &to);
	}
	/* Of two ways to say no the one that says more. */
	if ((want.purpose == FOR_DECRYPT && found != VH_EPOLICY) ||
	    forward_rank(found) >= forward_rank(err))
		return err;
	buf_clear(f->why);
	return forward_choose(f, &want, &nobody, &to, f->why);
}

bool
forward_overflows(enum vh_err err)
{
	return err == VH_EBUSY || err == VH_EINACTIVE || err == VH_ENOMEM;
}

enum vh_err
forward_overflow(struct front *f, struct pending *p, enum vh_err err)
{
	struct forward *w;

	if (!p->has_body || f->cluster == NULL || f->peer.link == NULL)
		return err;
	w = start(f, p, err);
	if (w == NULL)
		return err;
	if (p->to.op == VH_OP_DECRYPT) {
		w->named = true;
		memcpy(w->kid, p->tries[p->tried]->kid, sizeof w->kid);
	}
	if (forward_ask_next(f, w) == VH_OK)
		return VH_OK;
	forward_end(f, p);
	return err;
}
