#include "test_net_rig.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define ALL_MAX 8

static void
put_hello(struct buf *b, struct slice node, struct slice audience,
    struct slice nonce)
{
	char hex[129];

	sodium_bin2hex(hex, sizeof hex, nonce.p, nonce.len);
	buf_put(b, node);
	buf_put_u8(b, ' ');
	buf_put(b, audience);
	buf_put_u8(b, ' ');
	buf_put_text(b, hex);
}

static void
sign(void *context, uint64_t ref, struct slice nonce, struct slice audience)
{
	struct rig *r = context;
	AUTO(buf_free) struct buf *b = buf_new(1024);

	if (r->no_vault)
		return;
	put_hello(b, slice_text(r->forge ? "somebody" : r->node), audience,
	    nonce);
	session_signed(r->sessions, r->now, ref, VH_OK, buf_slice(b));
}

static enum vh_err
check(void *context, struct slice jws, struct slice node, struct slice nonce,
    const char **reason)
{
	struct rig *r = context;
	AUTO(buf_free) struct buf *b = buf_new(1024);

	put_hello(b, node, slice_text(r->node), nonce);
	if (slice_eq(buf_slice(b), jws))
		return VH_OK;
	*reason = "bad-signature";
	return VH_EVERIFY;
}

static enum vh_err
resolve(void *context, const char *address,
    char numeric[static SESSION_ADDRESS_MAX + 1])
{
	(void)context;
	(void)snprintf(numeric, SESSION_ADDRESS_MAX + 1, "%s", address);
	return VH_OK;
}

static void
seed_name(void *context, const char *address,
    char name[static SESSION_ADDRESS_MAX + 1])
{
	(void)context;
	(void)snprintf(name, SESSION_ADDRESS_MAX + 1, "%.*s",
	    (int)(strrchr(address, ':') - address), address);
}

static void
asked(void *context, uint64_t token, const char *node, const struct frame *q)
{
	struct rig *r = context;
	AUTO(buf_free) struct buf *b = buf_new(NET_FRAME_MAX);
	struct slice text = q->f.at[VH_F_GOSSIP];

	r->asked++;
	r->token = token;
	(void)snprintf(r->asker, sizeof r->asker, "%s", node);
	if (r->silent)
		return;
	size_t start = frame_answer(b, q->op, q->id, VH_OK);

	frame_put_head(b, VH_F_GOSSIP, strlen(r->node) + 1 + text.len);
	buf_put_text(b, r->node);
	buf_put_u8(b, ':');
	buf_put(b, text);
	frame_close(b, start);
	session_reply(r->sessions, token, buf_slice(b));
}

static void
answered(void *context, uint64_t id, enum vh_err err, const char *node,
    const struct frame *answer)
{
	struct rig *r = context;
	struct rig_answer *a = &r->answers[r->answered++ % RIG_ANSWERS];

	*a = (struct rig_answer){ .id = id, .err = err };
	(void)snprintf(a->node, sizeof a->node, "%s", node);
	if (answer != NULL)
		(void)snprintf(a->text, sizeof a->text, "%.*s",
		    (int)answer->f.at[VH_F_GOSSIP].len,
		    (const char *)answer->f.at[VH_F_GOSSIP].p);
}

static void
namesake(void *context, const char *address)
{
	struct rig *r = context;

	(void)address;
	r->namesakes++;
}

struct rig *
rig_new(const char *node, struct net_tls *tls)
{
	struct rig *r = calloc(1, sizeof *r);
	const struct session_hooks hooks = { r, sign, check, resolve, seed_name,
		asked, answered, namesake };

	cr_assert_geq(sodium_init(), 0);
	(void)snprintf(r->node, sizeof r->node, "%s", node);
	r->now = clock_mono();
	r->sessions = sessions_new(node, &hooks);
	cr_assert_not_null(r->sessions);
	struct net_hooks below = sessions_net_hooks(r->sessions);

	cr_assert_eq(net_new(&below, &r->net), VH_OK);
	sessions_start(r->sessions, r->net);
	cr_assert_eq(net_set_tls(r->net, tls), VH_OK);
	cr_assert_eq(net_listen(r->net, "127.0.0.1:0"), VH_OK);
	return r;
}

void
rig_free(struct rig *r)
{
	if (r == NULL)
		return;
	net_free(r->net);
	sessions_free(r->sessions);
	free(r);
}

void
rig_round(struct rig **all, int ms)
{
	struct pollfd fds[ALL_MAX];
	nfds_t count = 0;

	for (; all[count] != NULL; count++)
		fds[count] =
		    (struct pollfd){ net_fd(all[count]->net), POLLIN, 0 };
	for (size_t i = 0; i < count; i++)
		if (sessions_hurry(all[i]->sessions))
			ms = 0;
	(void)poll(fds, count, ms);
	for (size_t i = 0; i < count; i++) {
		struct rig *r = all[i];

		r->now = clock_mono();
		sessions_run(r->sessions, r->now);
		sessions_tick(r->sessions, r->now);
	}
}

bool
rig_until(struct rig **all, bool (*done)(void *context), void *context,
    uint64_t ms)
{
	struct mono_ns end = mono_after_ms(clock_mono(), ms);

	while (!done(context)) {
		if (mono_passed(end, clock_mono()))
			return false;
		rig_round(all, 10);
	}
	return true;
}

uint64_t
rig_ask(struct rig *r, const char *node, const char *address, const char *text,
    uint32_t timeout_ms)
{
	AUTO(buf_free) struct buf *b = buf_new(NET_FRAME_MAX);
	static uint64_t ids; /* unique in all rigs of a test */
	uint64_t id = ++ids;
	size_t start = frame_request(b, VH_OP_NGOSSIP, id, timeout_ms);

	frame_put(b, VH_F_GOSSIP, slice_text(text));
	frame_close(b, start);
	r->now = clock_mono();
	cr_assert_eq(session_ask(r->sessions, r->now, node, address, id,
			 timeout_ms, buf_slice(b)),
	    VH_OK);
	return id;
}

struct wanted {
	const struct rig *rig;
	uint64_t id;
	const struct rig_answer *found;
};

static bool
is_answered(void *context)
{
	struct wanted *w = context;

	for (size_t i = 0; i < RIG_ANSWERS; i++)
		if (w->rig->answers[i].id == w->id)
			w->found = &w->rig->answers[i];
	return w->found != NULL;
}

const struct rig_answer *
rig_answer(struct rig **all, struct rig *r, uint64_t id)
{
	struct wanted w = { r, id, NULL };

	cr_assert(rig_until(all, is_answered, &w, 20000), "no answer");
	return w.found;
}

const struct rig_answer *
rig_talk(struct rig **all, struct rig *from, const char *node,
    const char *address, const char *text)
{
	return rig_answer(all, from, rig_ask(from, node, address, text, 3000));
}
