/* The dialer's side: connections we make. */
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "peer/session_inner.h"

#define HELLO_BIT  SESSION_ID_MAX /* in ids of questions: ours, with a ref */
#define REFUSED_MS 1000           /* until the next try after a refusal */
#define BUSY_MS    1000 /* one used this recently makes no room for another */

/* --- the table --------------------------------------------------------------
 */

struct out *
out_of_dial(struct sessions *s, uint32_t dial)
{
	for (size_t k = 0; k < NET_DIALS_MAX; k++)
		if (s->outs[k] != NULL && s->outs[k]->dial == dial)
			return s->outs[k];
	return NULL;
}

struct out *
out_of_nonce(struct sessions *s, struct slice nonce)
{
	for (size_t k = 0; k < NET_DIALS_MAX; k++) {
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
	for (size_t k = 0; k < NET_DIALS_MAX; k++) {
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

static void
enter(struct out *o, enum out_state state, struct mono_ns now)
{
	o->state = state;
	o->since = now;
}

static void
hang_up(struct sessions *s, struct out *o, struct mono_ns now)
{
	uint32_t dial = o->dial;

	o->dial = 0;
	o->pipe = 0;
	o->ref = 0;
	o->in_flight = 0;
	enter(o, OUT_IDLE, now);
	if (dial != 0)
		net_hang_up(s->net, dial);
}

/* A place for one more: a free one, or the one unused for longest. */
static size_t
place(struct sessions *s, struct mono_ns now)
{
	size_t best = NET_DIALS_MAX;

	for (size_t k = 0; k < NET_DIALS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o == NULL)
			return k;
		if (o->waits > 0 || o->in_flight > 0 ||
		    !mono_passed(mono_after_ms(o->used, BUSY_MS), now))
			continue;
		if (best == NET_DIALS_MAX ||
		    o->used.ns < s->outs[best]->used.ns)
			best = k;
	}
	if (best < NET_DIALS_MAX) {
		hang_up(s, s->outs[best], now);
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

	if (k == NET_DIALS_MAX)
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
static void
fail_waiting(struct sessions *s, struct out *o, enum vh_err err)
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
	TRY(net_ask(s->net, o->dial, id, timeout_ms, frame));
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

static void
send_waiting(struct sessions *s, struct out *o, struct mono_ns now)
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

static void
expire_waiting(struct sessions *s, struct out *o, struct mono_ns now)
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

/* --- connecting -------------------------------------------------------------
 */

static void
back_off(struct sessions *s, struct out *o, struct mono_ns now, enum vh_err err)
{
	hang_up(s, o, now);
	o->not_before = mono_after_ms(now, REFUSED_MS);
	fail_waiting(s, o, err);
}

/* To whom the certificate has to belong. */
static void
server_name(struct sessions *s, struct out *o,
    char name[static SESSION_ADDRESS_MAX + 1])
{
	if (o->wanted[0] != '\0')
		memcpy(o->node, o->wanted, sizeof o->node);
	o->named = o->node[0] != '\0';
	if (o->named)
		memcpy(name, o->node, strlen(o->node) + 1);
	else
		s->hooks.seed_name(s->hooks.context, o->address, name);
}

static void
connect_now(struct sessions *s, struct out *o, struct mono_ns now)
{
	char numeric[SESSION_ADDRESS_MAX + 1], name[SESSION_ADDRESS_MAX + 1];
	enum vh_err err =
	    s->hooks.resolve(s->hooks.context, o->address, numeric);

	if (err == VH_EBUSY)
		return; /* the next tick asks again */
	if (err == VH_OK) {
		server_name(s, o, name);
		err = net_dial(s->net, numeric, name, &o->dial);
	}
	if (err != VH_OK) {
		session_log(s, now, "not-dialled", o->node, o->address,
		    err_name(err));
		back_off(s, o, now, VH_ELOST);
		return;
	}
	enter(o, OUT_DIALLING, now);
}

void
out_again(struct sessions *s, struct out *o, struct mono_ns now)
{
	hang_up(s, o, now);
	if (o->waits > 0 ||
	    !mono_passed(mono_after_ms(o->used, SESSION_DIAL_MS), now))
		connect_now(s, o, now);
}

/* --- hellos -----------------------------------------------------------------
 */

static void
refuse_listener(struct sessions *s, struct out *o, struct mono_ns now,
    const char *why)
{
	s->counts.refused++;
	session_log(s, now, "hello-refused", o->node, o->address, why);
	if (o->wanted[0] == '\0')
		o->node[0] = '\0'; /* somebody else may be there by now */
	back_off(s, o, now, VH_EFORBIDDEN);
}

static void
say_hello(struct sessions *s, struct out *o, struct mono_ns now,
    const uint8_t nonce[static HELLO_NONCE], struct slice jws)
{
	AUTO(buf_free) struct buf *b = buf_new(HELLO_MAX);
	uint64_t id = HELLO_BIT | (o->ref = session_ref(s));
	size_t start = frame_request(b, VH_OP_NHELLO, id, SESSION_DIAL_MS);

	frame_put_text(b, VH_F_NODE, s->node);
	frame_put(b, VH_F_NONCE, slice_of(nonce, HELLO_NONCE));
	if (jws.len > 0)
		frame_put(b, VH_F_HELLO, jws);
	frame_close(b, start);
	enum vh_err err = buf_end(b);

	if (err == VH_OK)
		err =
		    net_ask(s->net, o->dial, id, SESSION_DIAL_MS, buf_slice(b));
	if (err != VH_OK)
		back_off(s, o, now, err);
}

void
out_up(struct sessions *s, struct out *o, struct mono_ns now, uint32_t pipe)
{
	o->pipe = pipe;
	o->heard = now;
	o->itself = false;
	(void)nonce_make(o->nonce);
	enter(o, OUT_GREETING, now);
	say_hello(s, o, now, slice_of(o->nonce, NONCE_SIZE), slice_of(NULL, 0));
}

void
out_down(struct sessions *s, struct out *o, struct mono_ns now, uint32_t pipe)
{
	(void)s;
	if (o->pipe != pipe)
		return;
	if (o->state == OUT_READY)
		LOG(DEBUG, "pipe-closed", KV("node", o->node));
	o->pipe = 0;
	o->ref = 0;
	enter(o, OUT_DIALLING, now); /* as nng does */
}

/* The seed is this node: from now on TLS says so, too. */
static void
call_by_name(struct sessions *s, struct out *o, struct mono_ns now,
    struct slice node)
{
	char name[SESSION_NODE_MAX + 1];

	if (!name_copy(name, sizeof name, node)) {
		refuse_listener(s, o, now, "not a node name");
		return;
	}
	hang_up(s, o, now);
	memcpy(o->node, name, sizeof name);
	connect_now(s, o, now);
}

static struct hello_talk
talk_of(const struct sessions *s, const struct out *o, struct slice listener)
{
	return (struct hello_talk){ .dialer = slice_text(s->node),
		.listener = listener,
		.asked = o->asked,
		.given = o->given };
}

static void
prove(struct sessions *s, struct out *o, struct mono_ns now)
{
	struct hello_talk talk = talk_of(s, o, slice_text(o->node));

	enter(o, OUT_SIGNING, now);
	o->ref = session_ref(s);
	if (session_sign(s, o->ref, &talk, HELLO_DIALER) != VH_OK)
		back_off(s, o, now, VH_EBUSY);
}

static void
met_itself(struct sessions *s, struct out *o, struct mono_ns now)
{
	if (!o->itself)
		s->hooks.namesake(s->hooks.context, o->address);
	hang_up(s, o, now);
	o->not_before = mono_after_ms(now, SESSION_IDLE_MS);
	fail_waiting(s, o, VH_EDUPLICATE);
}

/* Whether the answer has all that a listener's has. */
static bool
is_greeting(const struct frame *a)
{
	return fields_have(&a->f, VH_F_HELLO) &&
	       fields_have(&a->f, VH_F_NODE) &&
	       a->f.at[VH_F_NONCE].len == HELLO_NONCE;
}

static void
greeted(struct sessions *s, struct out *o, struct mono_ns now,
    const struct frame *a)
{
	struct slice node = a->f.at[VH_F_NODE];
	struct hello_talk talk = talk_of(s, o, node);
	const char *why = "unsound";

	memcpy(o->given, a->f.at[VH_F_NONCE].p, HELLO_NONCE);
	if (o->named && !slice_is(node, o->node))
		refuse_listener(s, o, now, "another node");
	else if (slice_is(node, s->node))
		refuse_listener(s, o, now, "our own name");
	else if (session_check(s, a->f.at[VH_F_HELLO], &talk, HELLO_LISTENER,
		     &why) != VH_OK)
		refuse_listener(s, o, now, why);
	else if (!o->named)
		call_by_name(s, o, now, node);
	else
		prove(s, o, now);
}

static void
greeting_answered(struct sessions *s, struct out *o, struct mono_ns now,
    enum vh_err err, const struct frame *a)
{
	if (err == VH_EDUPLICATE)
		met_itself(s, o, now);
	else if (err != VH_OK)
		refuse_listener(s, o, now, err_name(err));
	else if (!is_greeting(a))
		refuse_listener(s, o, now, "malformed");
	else
		greeted(s, o, now, a);
}

bool
out_signed(struct sessions *s, struct mono_ns now, uint64_t ref,
    enum vh_err err, struct slice jws)
{
	for (size_t k = 0; k < NET_DIALS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o == NULL || o->state != OUT_SIGNING || o->ref != ref)
			continue;
		if (err != VH_OK) {
			back_off(s, o, now, err);
			return true;
		}
		enter(o, OUT_PROVING, now);
		say_hello(s, o, now, o->given, jws);
		return true;
	}
	return false;
}

static void
proved(struct sessions *s, struct out *o, struct mono_ns now, enum vh_err err)
{
	if (err != VH_OK) {
		refuse_listener(s, o, now, err_name(err));
		return;
	}
	s->counts.opened++;
	enter(o, OUT_READY, now);
	LOG(NOTICE, "peer-connected", KV("node", o->node),
	    KV("address", o->address));
	send_waiting(s, o, now);
}

/* --- answers ----------------------------------------------------------------
 */

/* What came is the answer to that question, over the present pipe. */
static enum vh_err
judge(const struct out *o, const struct net_event *e, struct frame *a)
{
	TRY(e->err);
	if (o == NULL || e->pipe != o->pipe)
		return VH_ELOST;
	TRY(frame_parse(e->message, a));
	if (!a->answer || a->id != e->id)
		return VH_EPARSE;
	return a->err;
}

static void
hello_answered(struct sessions *s, struct out *o, struct mono_ns now,
    uint64_t ref, enum vh_err err, const struct frame *a)
{
	if (o == NULL || o->ref != ref)
		return; /* of an earlier pipe */
	if (err == VH_EDEADLINE || err == VH_ELOST)
		back_off(s, o, now, err);
	else if (o->state == OUT_GREETING)
		greeting_answered(s, o, now, err, a);
	else if (o->state == OUT_PROVING)
		proved(s, o, now, err);
}

/* The other side does not know the pipe: nng has made a new one behind us. */
static void
greet_again(struct sessions *s, struct out *o, struct mono_ns now)
{
	if (o->state == OUT_READY)
		out_up(s, o, now, o->pipe);
}

void
out_answered(struct sessions *s, struct out *o, struct mono_ns now,
    const struct net_event *e)
{
	struct frame a = { 0 };
	enum vh_err err = judge(o, e, &a);
	bool whole = a.answer && a.id == e->id;

	if (o != NULL && e->err == VH_OK)
		o->heard = now;
	if ((e->id & HELLO_BIT) != 0) {
		hello_answered(s, o, now, e->id & ~HELLO_BIT, err, &a);
		return;
	}
	if (o != NULL && o->in_flight > 0)
		o->in_flight--;
	if (err == VH_EFORBIDDEN && whole && a.f.present == 0 &&
	    o->state == OUT_READY &&
	    mono_passed(mono_after_ms(o->since, REFUSED_MS), now)) {
		greet_again(s, o, now);
		err = VH_ELOST;
		whole = false;
	}
	s->hooks.answered(s->hooks.context, e->id, err,
	    o == NULL ? "" : o->node, whole ? &a : NULL);
}

/* --- time -------------------------------------------------------------------
 */

static uint64_t
patience(const struct out *o)
{
	return o->state == OUT_DIALLING ? SESSION_DIAL_MS : SESSION_HELLO_MS;
}

static bool
is_stalled(const struct out *o, struct mono_ns now)
{
	return o->unheard_from.ns > o->heard.ns &&
	       mono_passed(mono_after_ms(o->unheard_from, SESSION_STALL_MS),
		   now);
}

static void
out_stalled(struct sessions *s, struct out *o, struct mono_ns now)
{
	s->counts.stalled++;
	session_log(s, now, "peer-silent", o->node, o->address,
	    o->state == OUT_READY ? "no answers" : "no connection");
	if (o->wanted[0] == '\0')
		o->node[0] = '\0'; /* somebody else may be there by now */
	out_again(s, o, now);
}

static void
out_tick(struct sessions *s, struct out *o, struct mono_ns now)
{
	expire_waiting(s, o, now);
	if (o->state == OUT_IDLE) {
		if (o->waits > 0 && mono_passed(o->not_before, now))
			connect_now(s, o, now);
	} else if (o->state == OUT_READY
		       ? is_stalled(o, now)
		       : mono_passed(mono_after_ms(o->since, patience(o)),
			     now)) {
		out_stalled(s, o, now);
	}
}

void
outs_tick(struct sessions *s, struct mono_ns now)
{
	for (size_t k = 0; k < NET_DIALS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o == NULL)
			continue;
		out_tick(s, o, now);
		if (o->waits > 0 || o->in_flight > 0 ||
		    !mono_passed(mono_after_ms(o->used, SESSION_IDLE_MS), now))
			continue;
		hang_up(s, o, now);
		out_free(TAKE(s->outs[k]));
	}
}
