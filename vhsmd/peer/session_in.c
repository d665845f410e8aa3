/* The listener's side: pipes that came in. */
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "peer/session_inner.h"

#define HELLOS_MAX 8 /* tries of a pipe */

static struct in *
in_of(struct sessions *s, uint32_t pipe)
{
	struct in *i;

	HASH_FIND(hh, s->ins, &pipe, sizeof pipe, i);
	return i;
}

static const char *
address_of(const struct sessions *s, const struct in *i,
    char text[static SESSION_ADDRESS_MAX + 1])
{
	net_pipe_address(s->net, i->pipe, text, SESSION_ADDRESS_MAX + 1);
	return text;
}

void
in_up(struct sessions *s, struct mono_ns now, uint32_t pipe)
{
	struct in *i = calloc(1, sizeof *i);

	if (i == NULL) {
		net_close(s->net, pipe);
		return;
	}
	i->pipe = pipe;
	i->opened = i->heard = now;
	HASH_ADD(hh, s->ins, pipe, sizeof i->pipe, i);
}

void
in_down(struct sessions *s, struct mono_ns now, uint32_t pipe, enum vh_err err,
    const char *why)
{
	struct in *i = in_of(s, pipe);
	char address[SESSION_ADDRESS_MAX + 1];

	if (i == NULL)
		return;
	if (err == VH_EVERIFY)
		session_log(s, now, "handshake-failed", "",
		    address_of(s, i, address), why);
	if (i->node[0] != '\0')
		LOG(DEBUG, "pipe-closed", KV("node", i->node), KV("why", why));
	for (size_t k = 0; k < SESSION_OPEN_MAX; k++)
		if (s->opens[k].used && s->opens[k].pipe == pipe)
			s->opens[k].used = false;
	HASH_DEL(s->ins, i);
	free(i);
}

/* --- replies ----------------------------------------------------------------
 */

/* A token for a question; false when there are too many. */
static bool
open_add(struct sessions *s, uint32_t pipe, uint64_t *token)
{
	for (uint32_t k = 0; k < SESSION_OPEN_MAX; k++) {
		struct open *o = &s->opens[k];

		if (o->used)
			continue;
		*o = (struct open){ pipe, o->round + 1, true };
		*token = (uint64_t)o->round << 32 | k;
		return true;
	}
	return false;
}

/* The pipe that waits for it; 0 when none does any more. */
static uint32_t
open_take(struct sessions *s, uint64_t token)
{
	struct open *o = &s->opens[(uint32_t)token % SESSION_OPEN_MAX];

	if (!o->used || o->round != token >> 32)
		return 0;
	o->used = false;
	struct in *i = in_of(s, o->pipe);

	if (i != NULL && i->in_flight > 0)
		i->in_flight--;
	return o->pipe;
}

void
session_drop(struct sessions *s, uint64_t token)
{
	(void)open_take(s, token); /* nobody hears of it */
}

void
session_reply(struct sessions *s, uint64_t token, struct slice frame)
{
	uint32_t pipe = open_take(s, token);

	if (pipe != 0)
		net_answer(s->net, pipe, frame);
}

static void
reply_error(struct sessions *s, uint64_t token, uint16_t op, uint64_t id,
    enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(256);

	frame_put_error(b, op, id, err, NULL);
	if (buf_end(b) == VH_OK)
		session_reply(s, token, buf_slice(b));
	else
		session_drop(s, token);
}

/* --- hellos -----------------------------------------------------------------
 */

static void
refuse_hello(struct sessions *s, struct mono_ns now, struct in *i,
    uint64_t token, const struct frame *q, const char *why)
{
	char address[SESSION_ADDRESS_MAX + 1], node[SESSION_NODE_MAX + 1];

	if (!name_copy(node, sizeof node, q->f.at[VH_F_NODE]))
		node[0] = '\0';
	s->counts.refused++;
	session_log(s, now, "hello-refused", node, address_of(s, i, address),
	    why);
	i->given_good = false;
	reply_error(s, token, q->op, q->id, VH_EFORBIDDEN);
}

/* Our own name: ourselves, by way of some address, or somebody else. */
static void
meet_namesake(struct sessions *s, struct in *i, uint64_t token,
    const struct frame *q)
{
	char address[SESSION_ADDRESS_MAX + 1];
	struct out *o = out_of_nonce(s, q->f.at[VH_F_NONCE]);

	if (o != NULL)
		o->itself = true;
	else
		s->hooks.namesake(s->hooks.context, address_of(s, i, address));
	reply_error(s, token, q->op, q->id, VH_EDUPLICATE);
}

static struct hello_talk
talk_of(const struct sessions *s, const struct in *i)
{
	return (struct hello_talk){ .dialer = slice_text(i->greeted),
		.listener = slice_text(s->node),
		.asked = i->asked,
		.given = i->given };
}

/* First NHELLO: prove ourselves, and hand out a nonce. */
static void
greet(struct sessions *s, struct in *i, uint64_t token, const struct frame *q)
{
	memcpy(i->asked, q->f.at[VH_F_NONCE].p, HELLO_NONCE);
	randombytes_buf(i->given, HELLO_NONCE);
	i->given_good = false;
	i->token = token;
	i->frame_id = q->id;
	i->ref = session_ref(s);
	struct hello_talk talk = talk_of(s, i);
	enum vh_err err = session_sign(s, i->ref, &talk, HELLO_LISTENER);

	if (err == VH_OK)
		return;
	i->ref = 0;
	reply_error(s, token, q->op, q->id, err);
}

bool
in_signed(struct sessions *s, struct mono_ns now, uint64_t ref, enum vh_err err,
    struct slice jws)
{
	AUTO(buf_free) struct buf *b = buf_new(HELLO_MAX);
	struct in *i = s->ins;

	while (i != NULL && i->ref != ref)
		i = i->hh.next;
	if (i == NULL)
		return false;
	i->ref = 0;
	if (err != VH_OK) {
		reply_error(s, i->token, VH_OP_NHELLO, i->frame_id, err);
		return true;
	}
	i->given_good = true;
	i->issued = now;
	size_t start = frame_answer(b, VH_OP_NHELLO, i->frame_id, VH_OK);

	frame_put_text(b, VH_F_NODE, s->node);
	frame_put(b, VH_F_NONCE, slice_of(i->given, HELLO_NONCE));
	frame_put(b, VH_F_HELLO, jws);
	frame_close(b, start);
	if (buf_end(b) == VH_OK)
		session_reply(s, i->token, buf_slice(b));
	else
		session_drop(s, i->token);
	return true;
}

/* A node that dials anew has lost its earlier pipes, whether TCP says so or
 * not. */
static void
close_oldest(struct sessions *s, const char *node)
{
	struct in *oldest = NULL;
	size_t count = 0;

	for (struct in *i = s->ins; i != NULL; i = i->hh.next) {
		if (strcmp(i->node, node) != 0)
			continue;
		count++;
		if (oldest == NULL || i->opened.ns < oldest->opened.ns)
			oldest = i;
	}
	if (count > SESSION_PIPES_MAX)
		net_close(s->net, oldest->pipe);
}

static const char *
nonce_fault(const struct in *i, struct mono_ns now, const struct frame *q)
{
	if (!i->given_good)
		return "nonce not given";
	if (mono_passed(mono_after_ms(i->issued, SESSION_NONCE_MS), now))
		return "nonce too old";
	if (sodium_memcmp(q->f.at[VH_F_NONCE].p, i->given, HELLO_NONCE) != 0)
		return "another nonce";
	if (!slice_is(q->f.at[VH_F_NODE], i->greeted))
		return "another name than before";
	if (i->node[0] != '\0' && strcmp(i->node, i->greeted) != 0)
		return "pipe is another node's";
	return NULL;
}

/* Second NHELLO: the other proves itself over our nonce. */
static void
bind_pipe(struct sessions *s, struct mono_ns now, struct in *i, uint64_t token,
    const struct frame *q)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	char address[SESSION_ADDRESS_MAX + 1];
	struct hello_talk talk = talk_of(s, i);
	const char *why = nonce_fault(i, now, q), *fault = "unsound";

	i->given_good = false; /* used */
	if (why == NULL && session_check(s, q->f.at[VH_F_HELLO], &talk,
			       HELLO_DIALER, &fault) != VH_OK)
		why = fault;
	if (why != NULL) {
		refuse_hello(s, now, i, token, q, why);
		return;
	}
	memcpy(i->node, i->greeted, sizeof i->node);
	s->counts.bound++;
	net_trust(s->net, i->pipe);
	LOG(NOTICE, "hello-ok", KV("node", i->node),
	    KV("address", address_of(s, i, address)));
	close_oldest(s, i->node);
	frame_close(b, frame_answer(b, q->op, q->id, VH_OK));
	session_reply(s, token, buf_slice(b));
}

static void
take_hello(struct sessions *s, struct mono_ns now, struct in *i, uint64_t token,
    const struct frame *q)
{
	char name[SESSION_NODE_MAX + 1];

	if (++i->hellos > HELLOS_MAX) {
		refuse_hello(s, now, i, token, q, "too many hellos");
		net_close(s->net, i->pipe);
	} else if (!name_copy(name, sizeof name, q->f.at[VH_F_NODE]) ||
		   q->f.at[VH_F_NONCE].len != HELLO_NONCE) {
		refuse_hello(s, now, i, token, q, "malformed");
	} else if (strcmp(name, s->node) == 0) {
		meet_namesake(s, i, token, q);
	} else if (fields_have(&q->f, VH_F_HELLO)) {
		bind_pipe(s, now, i, token, q);
	} else if (i->ref != 0) { /* one at a time */
		reply_error(s, token, q->op, q->id, VH_EBUSY);
	} else {
		memcpy(i->greeted, name, sizeof name);
		greet(s, i, token, q);
	}
}

/* --- questions --------------------------------------------------------------
 */

/* Without a token of its own. */
static void
refuse(struct sessions *s, uint32_t pipe, const struct frame *q,
    enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(256);

	frame_put_error(b, q->op, q->id, err, NULL);
	if (buf_end(b) == VH_OK)
		net_answer(s->net, pipe, buf_slice(b));
}

static enum vh_err
judge(const struct in *i, const struct frame *q)
{
	TRY(frame_check(q, VH_WHO_NODE));
	if (q->op != VH_OP_NHELLO && i->node[0] == '\0')
		return VH_EFORBIDDEN;
	return i->in_flight >= SESSION_ASKED_MAX ? VH_EBUSY : VH_OK;
}

void
in_asked(struct sessions *s, struct mono_ns now, uint32_t pipe, enum vh_err err,
    const struct frame *q)
{
	struct in *i = in_of(s, pipe);
	uint64_t token;

	/* On a pipe of ours nobody asks. */
	if (i == NULL) {
		net_close(s->net, pipe);
		return;
	}
	i->heard = now;
	if (err == VH_OK)
		err = judge(i, q);
	if (err == VH_OK && !open_add(s, pipe, &token))
		err = VH_EBUSY;
	if (err != VH_OK) {
		refuse(s, pipe, q, err);
		return;
	}
	i->in_flight++;
	if (q->op == VH_OP_NHELLO)
		take_hello(s, now, i, token, q);
	else
		s->hooks.asked(s->hooks.context, token, i->node, q);
}

static void
close_silent(struct sessions *s, struct mono_ns now, struct in *i)
{
	char address[SESSION_ADDRESS_MAX + 1];

	s->counts.silent++;
	session_log(s, now, "pipe-closed", "", address_of(s, i, address),
	    "no hello");
	net_close(s->net, i->pipe);
}

void
ins_tick(struct sessions *s, struct mono_ns now)
{
	struct in *i, *next;

	HASH_ITER(hh, s->ins, i, next)
	{
		bool known = i->node[0] != '\0';
		struct mono_ns end =
		    known ? mono_after_ms(i->heard, SESSION_QUIET_MS)
			  : mono_after_ms(i->opened, SESSION_HELLO_MS);

		if (!mono_passed(end, now))
			continue;
		i->opened = i->heard = now; /* not again before it is gone */
		if (known)
			net_close(s->net, i->pipe);
		else
			close_silent(s, now, i);
	}
}
