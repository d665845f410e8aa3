/* The questions of a request that is forwarded, and their ends. */
#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "front/forward_core.h"
#include "front/forward_wire.h"
#include "front/peerlink.h"
#include "front/requests.h"

struct forwards *
forwards_new(void)
{
	AUTO(forwards_free) struct forwards *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->tries = tries_new(FORWARDS_MAX);
	return t->tries == NULL ? NULL : TAKE(t);
}

void
forwards_free(struct forwards *t)
{
	if (t == NULL)
		return;
	tries_free(t->tries);
	free(t);
}

size_t
forwards_count(const struct forwards *t)
{
	return tries_count(t->tries);
}

void
forward_end_try(struct front *f, struct try *y)
{
	struct forward *w = y->of;

	for (size_t i = 0; i < w->count; i++)
		if (w->tries[i] == y)
			w->tries[i] = NULL;
	w->live--;
	y->node->asked--;
	node_end(f->nodes, y->node);
	directory_free(y->cluster);
	try_end(f->forwards->tries, y);
}

static void
end_tries(struct front *f, struct forward *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->tries[i] != NULL)
			forward_end_try(f, w->tries[i]);
}

void
forward_forget(struct front *f, struct forward *w)
{
	end_tries(f, w);
	for (size_t i = 0; i < w->count; i++)
		node_end(f->nodes, w->asked[i]);
	w->count = 0;
}

void
forward_end(struct front *f, struct pending *p)
{
	struct forward *w = TAKE(p->forward);

	forward_forget(f, w);
	DL_DELETE(f->forwards->all, w);
	free(w);
}

void
forward_wake_at(struct front *f, struct forward *w, struct mono_ns at)
{
	w->next_at = at;
	if (at.ns < f->forwards->soonest.ns)
		f->forwards->soonest = at;
}

/* --- asking --------------------------------------------------------------- */

static void
send(struct front *f, struct forward *w, const struct want *want,
    const struct target *to, struct try *y)
{
	uint32_t left = mono_left_ms(w->p->deadline, f->now);
	const struct forward_ask ask = { .id = try_id(f->forwards->tries, y),
		.inner_id = w->p->to.id,
		.ms = left < FORWARD_TRY_MS ? left : FORWARD_TRY_MS,
		.op = w->p->to.op,
		.node = to->node->name,
		.rid = w->p->to.rid,
		.kid = to->key->kid,
		.alg = to->alg == NULL ? NULL : to->alg->name,
		.fields = &want->fields,
		.policy = f->policy,
		.caller = want->asker.caller };

	forward_put(link_out(f->peer.link), &ask);
	shared_count(f->shared, COUNT_TRIES);
	LOG(DEBUG, "forwarded", KV("rid", w->p->to.rid),
	    KV("op", op_name(w->p->to.op)), KV("to", to->node->name),
	    KV("kid", to->key->kid));
}

/* At the end of the wait at the latest, if that is to come, but not before an
 * answer can be there. */
static struct mono_ns
next_look(const struct front *f, const struct forward *w)
{
	struct mono_ns at = mono_after_ms(f->now, FORWARD_NEXT_MS);
	struct mono_ns soon = mono_after_ms(f->now, FORWARD_NEXT_MS / 2);
	struct mono_ns over = mono_after_ms(w->since, FORWARD_LOST_MS);

	if (mono_passed(over, f->now) || over.ns >= at.ns)
		return at;
	return over.ns > soon.ns ? over : soon;
}

enum vh_err
forward_ask(struct front *f, struct forward *w, const struct want *want,
    const struct target *to)
{
	struct try *y = try_begin(f->forwards->tries);

	if (y == NULL)
		return VH_EBUSY;
	y->of = w;
	y->node = node_again(to->node);
	y->cluster = directory_use(f->cluster);
	y->key = to->key;
	y->since = f->now;
	y->node->asked++;
	w->tries[w->count] = y;
	w->refused[w->count][0] = '\0';
	w->asked[w->count++] = node_again(to->node);
	w->live++;
	memcpy(w->kid, to->key->kid, sizeof w->kid);
	send(f, w, want, to, y);
	forward_wake_at(f, w, next_look(f, w));
	return VH_OK;
}

enum vh_err
forward_want(const struct front *f, const struct pending *p, struct want *out)
{
	struct slice body = buf_slice(p->kept);

	*out = (struct want){ .purpose = purpose_of(p->to.op) };
	body = slice_of(body.p + p->body_at, body.len - p->body_at);
	TRY(fields_parse(body, &out->fields));
	out->asker = request_asker(f, origin_conn(&p->to));
	TRY(selector_parse(&out->fields, &out->s, NULL));
	return selector_narrow(&out->s, p->to.op, NULL);
}

static bool
was_refused(const struct forward *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->refused[i][0] != '\0')
			return true;
	return w->said == VH_EPOLICY;
}

enum vh_err
forward_ask_next(struct front *f, struct forward *w)
{
	struct want want;
	struct target to;

	TRY(forward_want(f, w->p, &want));
	if (f->cluster == NULL || w->count == FORWARD_TRIES)
		return VH_ENOKEY;
	AUTO(draft_end)
	struct draft draft = draft_of(&want.fields, f->wall);
	const struct asked asked = { w->asked, w->refused, w->count,
		slice_text(w->kid) };

	if (w->named)
		want.kid = asked.kid;
	if (want.purpose == FOR_SIGN)
		want.draft = &draft;
	want.refused = was_refused(w);
	TRY(forward_choose(f, &want, &asked, &to, NULL));
	if (peer_is_full(f, w->p->kept->len))
		return VH_EBUSY;
	return forward_ask(f, w, &want, &to);
}
