/* The dialer's side: from an address to a connection bound to a node. */
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "peer/session_inner.h"

#define HELLO_BIT  SESSION_ID_MAX /* in ids of questions: ours, with a ref */
#define REFUSED_MS 1000           /* until the next try after a refusal */
#define RETRY_MS   300 /* after a connection that did not come about */

/* Behind a seed's address there may be somebody else by now. */
static void
doubt(struct out *o)
{
	if (o->wanted[0] == '\0')
		o->node[0] = '\0';
}

/* --- connecting -------------------------------------------------------------
 */

static void
back_off(struct sessions *s, struct out *o, struct mono_ns now, enum vh_err err)
{
	out_hang_up(s, o, now);
	o->not_before = mono_after_ms(now, REFUSED_MS);
	out_fail_waiting(s, o, err);
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
		err = net_dial(s->net, numeric, name, &o->pipe);
	}
	if (err != VH_OK) {
		session_log(s, now, "not-dialled", o->node, o->address,
		    err_name(err));
		back_off(s, o, now, VH_ELOST);
		return;
	}
	out_enter(o, OUT_DIALLING, now);
}

void
out_again(struct sessions *s, struct out *o, struct mono_ns now)
{
	out_hang_up(s, o, now);
	s->hurry = true;
}

/* --- hellos -----------------------------------------------------------------
 */

static void
refuse_listener(struct sessions *s, struct out *o, struct mono_ns now,
    const char *why)
{
	s->counts.refused++;
	session_log(s, now, "hello-refused", o->node, o->address, why);
	doubt(o);
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
		    net_ask(s->net, o->pipe, id, SESSION_DIAL_MS, buf_slice(b));
	if (err != VH_OK)
		back_off(s, o, now, err);
}

void
out_up(struct sessions *s, struct out *o, struct mono_ns now)
{
	o->heard = now;
	o->itself = false;
	randombytes_buf(o->asked, HELLO_NONCE);
	out_enter(o, OUT_GREETING, now);
	say_hello(s, o, now, o->asked, slice_of(NULL, 0));
}

void
out_down(struct sessions *s, struct out *o, struct mono_ns now, enum vh_err err,
    const char *why)
{
	bool was_ready = o->state == OUT_READY;

	if (err == VH_EVERIFY)
		session_log(s, now, "handshake-failed", o->node, o->address,
		    why);
	else if (was_ready)
		LOG(DEBUG, "pipe-closed", KV("node", o->node), KV("why", why));
	if (!was_ready)
		doubt(o);
	o->pipe = 0;
	o->ref = 0;
	o->in_flight = 0;
	o->not_before = mono_after_ms(now, was_ready ? 0 : RETRY_MS);
	out_enter(o, OUT_IDLE, now);
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
	out_hang_up(s, o, now);
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

	out_enter(o, OUT_SIGNING, now);
	o->ref = session_ref(s);
	if (session_sign(s, o->ref, &talk, HELLO_DIALER) != VH_OK)
		back_off(s, o, now, VH_EBUSY);
}

static void
met_itself(struct sessions *s, struct out *o, struct mono_ns now)
{
	if (!o->itself)
		s->hooks.namesake(s->hooks.context, o->address);
	out_hang_up(s, o, now);
	o->not_before = mono_after_ms(now, SESSION_IDLE_MS);
	out_fail_waiting(s, o, VH_EDUPLICATE);
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
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o == NULL || o->state != OUT_SIGNING || o->ref != ref)
			continue;
		if (err != VH_OK) {
			back_off(s, o, now, err);
			return true;
		}
		out_enter(o, OUT_PROVING, now);
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
	net_trust(s->net, o->pipe);
	out_enter(o, OUT_READY, now);
	LOG(NOTICE, "peer-connected", KV("node", o->node),
	    KV("address", o->address));
	out_send_waiting(s, o, now);
}

/* --- answers ----------------------------------------------------------------
 */

static void
hello_answered(struct sessions *s, struct out *o, struct mono_ns now,
    uint64_t ref, enum vh_err err, const struct frame *a)
{
	if (o == NULL || o->ref != ref || err == VH_ELOST)
		return; /* of an earlier pipe; the end of this one follows */
	if (err == VH_EDEADLINE)
		back_off(s, o, now, err);
	else if (o->state == OUT_GREETING)
		greeting_answered(s, o, now, err, a);
	else if (o->state == OUT_PROVING)
		proved(s, o, now, err);
}

void
out_answered(struct sessions *s, struct out *o, struct mono_ns now, uint64_t id,
    enum vh_err err, const struct frame *a)
{
	if (o != NULL && a != NULL)
		o->heard = now;
	if ((id & HELLO_BIT) != 0) {
		hello_answered(s, o, now, id & ~HELLO_BIT, err, a);
		return;
	}
	if (o != NULL && o->in_flight > 0)
		o->in_flight--;
	s->hooks.answered(s->hooks.context, id, err, o == NULL ? "" : o->node,
	    a);
}

/* --- time -------------------------------------------------------------------
 */

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
	doubt(o);
	out_again(s, o, now);
}

static bool
is_wanted(const struct out *o, struct mono_ns now)
{
	return o->waits > 0 ||
	       !mono_passed(mono_after_ms(o->used, SESSION_DIAL_MS), now);
}

static bool
is_late(const struct out *o, struct mono_ns now)
{
	return o->state == OUT_READY
		   ? is_stalled(o, now)
		   : mono_passed(mono_after_ms(o->since, SESSION_HELLO_MS),
			 now);
}

static void
out_tick(struct sessions *s, struct out *o, struct mono_ns now)
{
	out_expire_waiting(s, o, now);
	if (o->state != OUT_IDLE) {
		if (is_late(o, now))
			out_stalled(s, o, now);
	} else if (is_wanted(o, now) && mono_passed(o->not_before, now)) {
		connect_now(s, o, now);
	}
}

void
outs_tick(struct sessions *s, struct mono_ns now)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o == NULL)
			continue;
		out_tick(s, o, now);
		if (o->waits > 0 || o->in_flight > 0 ||
		    !mono_passed(mono_after_ms(o->used, SESSION_IDLE_MS), now))
			continue;
		out_hang_up(s, o, now);
		out_free(TAKE(s->outs[k]));
	}
}
