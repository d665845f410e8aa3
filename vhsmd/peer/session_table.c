/* The connections we make: a bounded table, and the questions that wait. */
#include <sodium.h>
#include <stdlib.h>

#include "peer/session_inner.h"

#define BUSY_MS 1000 /* one used this recently makes no room for another */

/* --- the table --------------------------------------------------------------
 */

struct out *
out_of_pipe(struct sessions *s, uint32_t pipe)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++)
		if (s->outs[k] != NULL && s->outs[k]->pipe == pipe)
			return s->outs[k];
	return NULL;
}

struct out *
out_of_nonce(struct sessions *s, struct slice nonce)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o != NULL && o->state == OUT_GREETING &&
		    nonce.len == HELLO_NONCE &&
		    sodium_memcmp(o->asked, nonce.p, HELLO_NONCE) == 0)
			return o;
	}
	return NULL;
}

static struct out *
out_find(struct sessions *s, const char *node, const char *address)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o != NULL && strcmp(o->wanted, node) == 0 &&
		    strcmp(o->address, address) == 0)
			return o;
	}
	return NULL;
}

static void
waiting_free(struct waiting *w)
{
	buf_free(w->frame);
	free(w);
}

void
out_free(struct out *o)
{
	if (o == NULL)
		return;
	while (o->first != NULL) {
		struct waiting *w = o->first;

		o->first = w->next;
		waiting_free(w);
	}
	free(o);
}

void
out_enter(struct out *o, enum out_state state, struct mono_ns now)
{
	o->state = state;
	o->since = now;
}

void
out_hang_up(struct sessions *s, struct out *o, struct mono_ns now)
{
	uint32_t pipe = o->pipe;

	o->pipe = 0;
	o->ref = 0;
	o->in_flight = 0;
	out_enter(o, OUT_IDLE, now);
	if (pipe != 0)
		net_close(s->net, pipe);
}

/* A place for one more: a free one, or the one unused for longest. */
static size_t
place(struct sessions *s, struct mono_ns now)
{
	size_t best = SESSION_OUTS_MAX;

	for (size_t k = 0; k < SESSION_OUTS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o == NULL)
			return k;
		if (o->waits > 0 || o->in_flight > 0 ||
		    !mono_passed(mono_after_ms(o->used, BUSY_MS), now))
			continue;
		if (best == SESSION_OUTS_MAX ||
		    o->used.ns < s->outs[best]->used.ns)
			best = k;
	}
	if (best < SESSION_OUTS_MAX) {
		out_hang_up(s, s->outs[best], now);
		out_free(TAKE(s->outs[best]));
	}
	return best;
}

static enum vh_err
out_get(struct sessions *s, struct mono_ns now, const char *node,
    const char *address, struct out **out)
{
	*out = out_find(s, node, address);
	if (*out != NULL)
		return VH_OK;
	if (strlen(node) > SESSION_NODE_MAX ||
	    strlen(address) > SESSION_ADDRESS_MAX)
		return VH_EFIELD;
	size_t k = place(s, now);

	if (k == SESSION_OUTS_MAX)
		return VH_EBUSY;
	struct out *o = calloc(1, sizeof *o);

	if (o == NULL)
		return VH_ENOMEM;
	memcpy(o->wanted, node, strlen(node) + 1);
	memcpy(o->address, address, strlen(address) + 1);
	o->used = now;
	s->outs[k] = *out = o;
	return VH_OK;
}

/* --- questions --------------------------------------------------------------
 */

static void
answer(struct sessions *s, const struct out *o, uint64_t id, enum vh_err err,
    const struct frame *a)
{
	s->hooks.answered(s->hooks.context, id, err, o->node, a);
}

/* All that wait hear err. */
void
out_fail_waiting(struct sessions *s, struct out *o, enum vh_err err)
{
	struct waiting *w = TAKE(o->first);

	o->waits = 0;
	while (w != NULL) {
		struct waiting *next = w->next;

		answer(s, o, w->id, err, NULL);
		waiting_free(w);
		w = next;
	}
}

/* Sends over a bound connection. */
static enum vh_err
send_now(struct sessions *s, struct out *o, struct mono_ns now, uint64_t id,
    uint32_t timeout_ms, struct slice frame)
{
	TRY(net_ask(s->net, o->pipe, id, timeout_ms, frame));
	o->in_flight++;
	if (o->unheard_from.ns <= o->heard.ns)
		o->unheard_from = now;
	return VH_OK;
}

static enum vh_err
wait_for(struct out *o, struct mono_ns now, uint64_t id, uint32_t timeout_ms,
    struct slice frame)
{
	struct waiting **last = &o->first;

	if (o->waits >= SESSION_WAITING_MAX)
		return VH_EBUSY;
	struct waiting *w = calloc(1, sizeof *w);

	if (w == NULL)
		return VH_ENOMEM;
	w->id = id;
	w->by = mono_after_ms(now, timeout_ms);
	w->frame = buf_new(frame.len);
	buf_put(w->frame, frame);
	if (buf_end(w->frame) != VH_OK) {
		waiting_free(w);
		return VH_ENOMEM;
	}
	while (*last != NULL)
		last = &(*last)->next;
	*last = w;
	o->waits++;
	return VH_OK;
}

enum vh_err
session_ask(struct sessions *s, struct mono_ns now, const char *node,
    const char *address, uint64_t id, uint32_t timeout_ms, struct slice frame)
{
	struct out *o;

	TRY(out_get(s, now, node, address, &o));
	o->used = now;
	if (o->state == OUT_READY)
		return send_now(s, o, now, id, timeout_ms, frame);
	s->hurry = s->hurry || o->state == OUT_IDLE;
	return wait_for(o, now, id, timeout_ms, frame);
}

void
out_send_waiting(struct sessions *s, struct out *o, struct mono_ns now)
{
	while (o->first != NULL) {
		struct waiting *w = o->first;
		uint32_t left = mono_left_ms(w->by, now);
		uint64_t id = w->id;
		enum vh_err err = left == 0 ? VH_EDEADLINE
					    : send_now(s, o, now, id, left,
						  buf_slice(w->frame));

		o->first = w->next;
		o->waits--;
		waiting_free(w);
		if (err != VH_OK)
			answer(s, o, id, err, NULL);
	}
}

void
out_expire_waiting(struct sessions *s, struct out *o, struct mono_ns now)
{
	struct waiting **at = &o->first;

	while (*at != NULL) {
		struct waiting *w = *at;
		uint64_t id = w->id;

		if (!mono_passed(w->by, now)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		o->waits--;
		waiting_free(w);
		answer(s, o, id, VH_EDEADLINE, NULL);
		at = &o->first; /* whoever heard may have asked again */
	}
}
