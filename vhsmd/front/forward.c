/* A request goes to a node that can use a key that fits: of two random ones
 * that did not fail just now, the one with less to do.  A node that says it
 * cannot, or is lost, is followed by another holder of the key, then by holders
 * of other keys that fit.  So is one that says nothing for FORWARD_NEXT_MS, but
 * its answer still counts when it comes: to sign or decrypt twice does no harm,
 * and whoever is merely slow needs no second chance.  No node is asked twice
 * for one request, but one whose policy refused it for one key may be asked for
 * another.
 *
 * A node that goes on answering other questions is slow and not lost: it is
 * waited for until the deadline, though from FORWARD_LAST_MS on others are
 * asked, too.  Otherwise, after FORWARD_LOST_MS, the caller has waited long
 * enough. */
#include "front/forward.h"

#include <utlist.h>

#include "base/log.h"
#include "front/forward_core.h"
#include "front/forward_wire.h"
#include "front/requests.h"

/* What nodes said, by how much it tells the caller. */
static const enum vh_err telling[] = { VH_EBUSY, VH_ENOMEM, VH_ELOST,
	VH_EINACTIVE, VH_EPOLICY, VH_EALG };

size_t
forward_rank(enum vh_err err)
{
	size_t i = 0;

	while (i < ARRAY_LEN(telling) && telling[i] != err)
		i++;
	return err == VH_OK ? i + 1 : i;
}

/* Peer was started just now: it may not have found the others yet. */
bool
forward_is_early(const struct front *f)
{
	return !mono_passed(mono_after_ms(f->peer.since, FORWARD_PEER_MS),
	    f->now);
}

/* --- how it ends ---------------------------------------------------------- */

static void
note_said(struct forward *w, enum vh_err err)
{
	if (err == VH_EDRAINING)
		err = VH_EBUSY;
	if (forward_rank(err) < forward_rank(w->said))
		w->said = err;
}

static void
count_end(struct front *f, enum vh_err err)
{
	enum count which = COUNT_FORWARDS_REFUSED;

	if (err == VH_OK)
		which = COUNT_FORWARDS_OK;
	else if (err == VH_EBUSY)
		which = COUNT_FORWARDS_BUSY;
	else if (err == VH_ELOST || err == VH_EDEADLINE)
		which = COUNT_FORWARDS_LOST;
	shared_count(f->shared, which);
}

/* With a reply that was made, or an error. */
static void
finish(struct front *f, struct forward *w, enum vh_err err)
{
	count_end(f, err);
	request_finish(f, w->p, err);
}

/* It is asked last for a while. */
static void
blame(struct front *f, struct node *n, const struct forward *w)
{
	if (!node_is_avoided(n, f->now))
		LOG(NOTICE, "node-silent", KV("node", n->name),
		    KV("rid", w->p->to.rid));
	node_failed(n, f->now);
}

static void
say_asked(struct front *f, const struct forward *w, enum vh_err err)
{
	buf_clear(f->why);
	if (w->count > 0)
		buf_put_text(f->why, err_text(err));
	for (size_t i = 0; i < w->count; i++)
		buf_format(f->why, "%s%s", i == 0 ? "; asked " : ", ",
		    w->asked[i]->name);
}

/* There is nobody left to ask, and nobody left to wait for. */
static void
give_up(struct front *f, struct forward *w)
{
	enum vh_err err = w->said == VH_OK ? VH_ELOST : w->said;

	say_asked(f, w, err);
	finish(f, w, err);
}

static bool
is_over(const struct front *f, const struct forward *w)
{
	return mono_passed(mono_after_ms(w->since, FORWARD_LOST_MS), f->now);
}

/* Whether its node has said nothing at all for so long, since it was asked. */
static bool
is_silent(const struct front *f, const struct try *y, uint64_t ms)
{
	struct mono_ns last = y->node->heard;

	if (last.ns < y->since.ns)
		last = y->since;
	return mono_passed(mono_after_ms(last, ms), f->now);
}

/* Whether one that was asked is alive and merely slow.  Whom a peer's end has
 * cost time already waits for nobody. */
static bool
is_worth_waiting(const struct front *f, const struct forward *w)
{
	if (forward_is_early(f))
		return false;
	for (size_t i = 0; i < w->count; i++)
		if (w->tries[i] != NULL &&
		    w->tries[i]->node->heard.ns > w->tries[i]->since.ns &&
		    !is_silent(f, w->tries[i], 2 * FORWARD_NEXT_MS))
			return true;
	return false;
}

/* What it says about the node that it has said nothing. */
static void
judge_silent(struct front *f, struct forward *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct try *y = w->tries[i];

		if (y != NULL && is_silent(f, y, FORWARD_NEXT_MS))
			blame(f, y->node, w);
	}
}

/* After ms, or since_ms after the request came if that is before it. */
static void
wake_in(struct front *f, struct forward *w, uint64_t ms, uint64_t since_ms)
{
	struct mono_ns at = mono_after_ms(f->now, ms);
	struct mono_ns by = mono_after_ms(w->since, since_ms);

	if (!mono_passed(by, f->now) && by.ns < at.ns)
		at = by;
	forward_wake_at(f, w, at);
}

/* There is nobody else to ask: waits for those who were asked, or no more. */
static void
wait_or_give_up(struct front *f, struct forward *w)
{
	bool wait = w->live > 0 ? !is_over(f, w) || is_worth_waiting(f, w)
				: !is_over(f, w) && forward_is_early(f);

	if (!wait) {
		give_up(f, w);
		return;
	}
	if (w->live == 0)
		forward_forget(f, w);
	wake_in(f, w, FORWARD_NEXT_MS / 2, FORWARD_LOST_MS);
}

/* Asks somebody else, if there is anybody. */
static void
go_on(struct front *f, struct forward *w)
{
	enum vh_err err;

	if (!origin_waits(&w->p->to)) {
		finish(f, w, VH_ELOST);
		return;
	}
	err = f->peer.link == NULL ? VH_ELOST : forward_ask_next(f, w);
	if (err == VH_OK)
		return;
	/* That nobody is left is no news. */
	if (err == VH_EBUSY)
		note_said(w, err);
	wait_or_give_up(f, w);
}

/* Those who were asked have been silent, or slow, for some time. */
static void
tick(struct front *f, struct forward *w)
{
	bool last =
	    mono_passed(mono_after_ms(w->since, FORWARD_LAST_MS), f->now);

	judge_silent(f, w);
	if (is_over(f, w))
		wait_or_give_up(f, w);
	else if (!last && w->live > 0 && is_worth_waiting(f, w))
		wake_in(f, w, FORWARD_NEXT_MS, FORWARD_LAST_MS);
	else
		go_on(f, w);
}

void
forward_expired(struct front *f, struct pending *p)
{
	judge_silent(f, p->forward);
	say_asked(f, p->forward, VH_EDEADLINE);
	count_end(f, VH_EDEADLINE);
}

void
forwards_tick(struct front *f)
{
	struct forwards *t = f->forwards;
	struct forward *w, *next;
	struct mono_ns soonest = { UINT64_MAX };

	if (t->all == NULL || !mono_passed(t->soonest, f->now))
		return;
	DL_FOREACH_SAFE(t->all, w, next)
	{
		if (!mono_passed(w->next_at, f->now))
			continue;
		tick(f, w);
	}
	DL_FOREACH(t->all, w)
	if (w->next_at.ns < soonest.ns)
		soonest = w->next_at;
	t->soonest = soonest;
}

int
forwards_wait_ms(const struct front *f)
{
	if (f->forwards->all == NULL)
		return -1;
	uint32_t left = mono_left_ms(f->forwards->soonest, f->now);

	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* --- answers -------------------------------------------------------------- */

/* Errors by which a node says that it cannot, though another may. */
static bool
is_elsewhere(enum vh_err err)
{
	static const enum vh_err rows[] = { VH_EBUSY, VH_EDRAINING, VH_ELOST,
		VH_EDEADLINE, VH_ENOKEY, VH_EINACTIVE, VH_EFORBIDDEN, VH_EOP,
		VH_EVERSION, VH_EALG, VH_ENOMEM, VH_EIO, VH_EINTERNAL,
		VH_ENODAEMON, VH_EPARSE };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i] == err)
			return true;
	return false;
}

/* The node's own answer, checked; then the caller's reply. */
static enum vh_err
read_answer(struct front *f, struct try *y, const struct frame *outer)
{
	struct pending *p = y->of->p;
	struct frame inner;
	struct want want;

	TRY(frame_parse(outer->f.at[VH_F_ANSWER], &inner));
	if (!inner.answer || inner.op != p->to.op || inner.id != p->to.id)
		return VH_EPARSE;
	if (inner.err != VH_OK) {
		forward_put_why(f->why, y->node->name, inner.f.at[VH_F_WHY]);
		return inner.err;
	}
	if (!origin_waits(&p->to))
		return VH_OK;
	TRY(forward_want(f, p, &want));
	return forward_reply(f, p, &want, y->key, &inner.f);
}

/* What is wrong with an answer is nothing that a caller could mend. */
static enum vh_err
take_answer(struct front *f, struct try *y, const struct frame *outer)
{
	enum vh_err err = read_answer(f, y, outer);

	if (err != VH_EPARSE)
		return err;
	if (refusals_may_log(&f->refusals, f->now, f->shared))
		LOG(NOTICE, "answer-not-acceptable", KV("node", y->node->name),
		    KV("rid", y->of->p->to.rid));
	buf_clear(f->why);
	return VH_EINTERNAL;
}

/* Another holder of the key, or of another key, may have other rules; when
 * there is none, what this one said is what the caller has to know. */
static void
go_on_refused(struct front *f, struct forward *w)
{
	note_said(w, VH_EPOLICY);
	if (w->live > 0)
		go_on(f, w);
	else if (!origin_waits(&w->p->to) || f->peer.link == NULL ||
		 forward_ask_next(f, w) != VH_OK)
		finish(f, w, VH_EPOLICY);
}

/* The node may be asked for another key. */
static void
note_refused(struct forward *w, const struct try *y)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->tries[i] == y)
			memcpy(w->refused[i], y->key->kid,
			    sizeof w->refused[i]);
}

void
forward_answer(struct front *f, const struct frame *answer)
{
	struct try *y = try_find(f->forwards->tries, answer->id);
	enum vh_err err = answer->err;

	if (y == NULL) {
		shared_count(f->shared, COUNT_LATE);
		return;
	}
	struct forward *w = y->of;

	buf_clear(f->why);
	if (err == VH_OK) {
		node_answered(y->node, f->now);
		err = take_answer(f, y, answer);
	} else if (err != VH_EBUSY) {
		/* Peer did not get through to it; a new one may not have tried.
		 */
		if (!forward_is_early(f))
			blame(f, y->node, w);
		err = VH_ELOST;
	}
	if (err == VH_EDRAINING)
		y->node->leaving = true; /* as the next look at them says */
	if (err != VH_OK)
		LOG(DEBUG, "forward-refused", KV("rid", w->p->to.rid),
		    KV("by", y->node->name), KV_ERR(err));
	if (err == VH_EPOLICY)
		note_refused(w, y);
	forward_end_try(f, y);
	if (err == VH_EPOLICY) {
		go_on_refused(f, w);
		return;
	}
	if (err == VH_OK || !is_elsewhere(err)) {
		finish(f, w, err);
		return;
	}
	note_said(w, err);
	go_on(f, w);
}

void
forwards_peer_lost(struct front *f)
{
	struct forward *w;

	DL_FOREACH(f->forwards->all, w)
	{
		forward_forget(f, w);
		forward_wake_at(f, w, mono_after_ms(f->now, FORWARD_NEXT_MS));
	}
}

void
forwards_peer_came(struct front *f)
{
	struct forward *w;

	DL_FOREACH(f->forwards->all, w)
	forward_wake_at(f, w, f->now);
	f->forwards->soonest = f->now;
}
