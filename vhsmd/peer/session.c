#include "peer/session.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/log.h"
#include "peer/session_inner.h"

#define LOG_LINES 20 /* of strangers, each LIMIT_EACH_MS */

void
session_log(struct sessions *s, struct mono_ns now, const char *event,
    const char *node, const char *address, const char *why)
{
	uint64_t over;

	if (limit_take(&s->strangers, now, LOG_LINES, &over))
		LOG(NOTICE, event, KV("node", node), KV("address", address),
		    KV("why", why), KV("left_out", over));
}

bool
name_copy(char *to, size_t size, struct slice name)
{
	if (name.len == 0 || name.len >= size || !isalnum(name.p[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum(name.p[i]) && memchr("._-", name.p[i], 3) == NULL)
			return false;
	memcpy(to, name.p, name.len);
	to[name.len] = '\0';
	return true;
}

uint64_t
session_ref(struct sessions *s)
{
	return ++s->refs;
}

enum vh_err
session_sign(struct sessions *s, uint64_t ref, const struct hello_talk *talk,
    enum hello_role role)
{
	uint8_t nonce[HELLO_NONCE];

	if (s->signing >= SESSION_SIGNING_MAX)
		return VH_EBUSY;
	s->signing++;
	hello_nonce(talk, role, nonce);
	s->hooks.sign(s->hooks.context, ref, slice_of(nonce, sizeof nonce),
	    role == HELLO_DIALER ? talk->listener : talk->dialer);
	return VH_OK;
}

enum vh_err
session_check(struct sessions *s, struct slice jws,
    const struct hello_talk *talk, enum hello_role role, const char **why)
{
	uint8_t nonce[HELLO_NONCE];

	hello_nonce(talk, role, nonce);
	return s->hooks.check(s->hooks.context, jws,
	    role == HELLO_DIALER ? talk->dialer : talk->listener,
	    slice_of(nonce, sizeof nonce), why);
}

void
session_signed(struct sessions *s, struct mono_ns now, uint64_t ref,
    enum vh_err err, struct slice jws)
{
	if (s->signing > 0)
		s->signing--;
	if (!out_signed(s, now, ref, err, jws))
		(void)in_signed(s, now, ref, err, jws); /* or nobody's */
}

/* --- hooks of net -----------------------------------------------------------
 */

static void
up(void *context, uint32_t pipe, bool came_in)
{
	struct sessions *s = context;
	struct out *o = out_of_pipe(s, pipe);

	if (came_in)
		in_up(s, s->now, pipe);
	else if (o != NULL)
		out_up(s, o, s->now);
}

static void
down(void *context, uint32_t pipe, enum vh_err err, const char *why)
{
	struct sessions *s = context;
	struct out *o = out_of_pipe(s, pipe);

	if (o != NULL)
		out_down(s, o, s->now, err, why);
	else
		in_down(s, s->now, pipe, err, why);
}

static void
asked(void *context, uint32_t pipe, enum vh_err err, const struct frame *q)
{
	struct sessions *s = context;

	in_asked(s, s->now, pipe, err, q);
}

static void
answered(void *context, uint32_t pipe, uint64_t id, enum vh_err err,
    const struct frame *a)
{
	struct sessions *s = context;

	out_answered(s, out_of_pipe(s, pipe), s->now, id, err, a);
}

struct net_hooks
sessions_net_hooks(struct sessions *s)
{
	return (struct net_hooks){ s, up, down, asked, answered };
}

void
sessions_start(struct sessions *s, struct net *net)
{
	s->net = net;
}

void
sessions_run(struct sessions *s, struct mono_ns now)
{
	s->now = now;
	net_run(s->net, now);
}

/* -------------------------------------------------------------------------- */

void
sessions_tick(struct sessions *s, struct mono_ns now)
{
	s->hurry = false;
	outs_tick(s, now);
	ins_tick(s, now);
}

bool
sessions_hurry(const struct sessions *s)
{
	return s->hurry;
}

const char *
session_node_of(const struct sessions *s, uint32_t pipe)
{
	struct in *i;

	HASH_FIND(hh, s->ins, &pipe, sizeof pipe, i);
	return i == NULL || i->node[0] == '\0' ? NULL : i->node;
}

void
sessions_recheck(struct sessions *s, struct mono_ns now,
    bool (*allowed)(void *context, const char *node), void *context)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++) {
		struct out *o = s->outs[k];

		if (o != NULL && o->state != OUT_IDLE &&
		    (o->node[0] == '\0' || !allowed(context, o->node)))
			out_again(s, o, now);
	}
	for (struct in *i = s->ins; i != NULL; i = i->hh.next) {
		if (i->node[0] != '\0' && allowed(context, i->node))
			continue;
		if (i->node[0] != '\0')
			LOG(NOTICE, "pipe-closed", KV("node", i->node),
			    KV("why", "certificate no longer accepted"));
		net_close(s->net, i->pipe);
	}
}

void
sessions_redial(struct sessions *s, struct mono_ns now)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++)
		if (s->outs[k] != NULL && s->outs[k]->state != OUT_IDLE)
			out_again(s, s->outs[k], now);
}

void
session_forget(struct sessions *s, struct mono_ns now, const char *node)
{
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++)
		if (s->outs[k] != NULL && s->outs[k]->state != OUT_IDLE &&
		    strcmp(s->outs[k]->node, node) == 0)
			out_again(s, s->outs[k], now);
}

const struct session_counts *
sessions_counts(const struct sessions *s)
{
	return &s->counts;
}

struct sessions *
sessions_new(const char *node, const struct session_hooks *hooks)
{
	AUTO(sessions_free) struct sessions *s = calloc(1, sizeof *s);

	if (s == NULL || !name_copy(s->node, sizeof s->node, slice_text(node)))
		return NULL;
	s->hooks = *hooks;
	return TAKE(s);
}

void
sessions_free(struct sessions *s)
{
	struct in *i, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->ins, i, next)
	{
		HASH_DEL(s->ins, i);
		free(i);
	}
	for (size_t k = 0; k < SESSION_OUTS_MAX; k++)
		out_free(s->outs[k]);
	free(s);
}
