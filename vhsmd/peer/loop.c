#include "peer/loop.h"

#include <poll.h>

#include "base/log.h"
#include "peer/certs.h"
#include "peer/frontlink.h"
#include "peer/gossip.h"
#include "peer/publish.h"
#include "peer/pull.h"
#include "peer/relay.h"
#include "peer/save.h"
#include "peer/superlink.h"
#include "peer/take.h"

/* --- hooks of sessions ------------------------------------------------------
 */

static enum vh_err
check_hello(void *context, struct slice jws, struct slice node,
    struct slice nonce, const char **reason)
{
	struct peer *p = context;
	struct hello_want want = { slice_text(p->settings->node), nonce,
		p->now.wall };
	enum refusal why = REFUSAL_NONE;
	struct hello hello;
	enum vh_err err =
	    hello_read(p->trust, p->verifier, jws, &want, &hello, &why);

	*reason = refusal_word(why);
	TRY(err);
	if (!slice_is(node, hello.node)) {
		*reason = refusal_word(REFUSAL_NODE);
		return VH_EVERIFY;
	}
	if (hello.skewed)
		LOG(NOTICE, "clock-differs", KV("node", hello.node));
	return VH_OK;
}

static enum vh_err
resolve(void *context, const char *address,
    char numeric[static SESSION_ADDRESS_MAX + 1])
{
	struct peer *p = context;

	return names_resolve(p->names, p->now.mono, address, numeric);
}

static void
seed_name(void *context, const char *address,
    char name[static SESSION_ADDRESS_MAX + 1])
{
	const struct peer *p = context;

	names_seed_name(p->names, address, name);
}

static void
asked(void *context, uint64_t token, const char *node, const struct frame *q)
{
	struct peer *p = context;

	p->questions[(uint32_t)token % SESSION_OPEN_MAX] =
	    (struct question){ token, q->id, q->op };
	if (q->op == VH_OP_NGOSSIP)
		gossip_asked(p, token, node, q);
	else if (q->op == VH_OP_NPULL)
		pull_asked(p, token, q);
	else if (q->op == VH_OP_NPUSH)
		push_asked(p, token, node, q);
	else if (q->op == VH_OP_NRELAY)
		relay_asked(p, token, node, q);
	else
		question_fail(p, token, VH_EOP);
}

static void
answered(void *context, uint64_t id, enum vh_err err, const char *node,
    const struct frame *answer)
{
	struct peer *p = context;
	struct pending *w = pending_find(p, id);

	if (w == NULL || w->whom != OF_NODES)
		return;
	(void)snprintf(w->node, sizeof w->node, "%s", node);
	pending_end(p, w, err, answer);
}

static void
namesake(void *context, const char *address)
{
	struct peer *p = context;
	uint64_t over;

	p->counts.conflicts++;
	if (limit_take(&p->refusals, p->now.mono, 20, &over))
		LOG(ERROR, "member-conflict", KV("node", p->settings->node),
		    KV("other", address), KV("left_out", over));
}

struct session_hooks
loop_hooks(struct peer *p)
{
	return (struct session_hooks){ p, publish_sign_hello, check_hello,
		resolve, seed_name, asked, answered, namesake };
}

/* --- a round ----------------------------------------------------------------
 */

static void
end(struct peer *p, const char *event, enum vh_err err)
{
	if (p->done)
		return;
	p->done = true;
	if (p->stays)
		return; /* that is how it ends */
	LOG(ERROR, event, KV_ERR(err));
	p->status = 1;
}

static enum vh_err
read_vault(struct peer *p)
{
	struct slice message;
	struct frame f;

	TRY(link_fill(p->vault));
	for (;;) {
		TRY(link_next(p->vault, &message));
		if (message.len == 0)
			return VH_OK;
		TRY(frame_parse(message, &f));
		if (!f.answer) {
			TRY(frame_check(&f, VH_WHO_VAULT));
			publish_changed(p, &f.f);
			continue;
		}
		struct pending *w = pending_find(p, f.id);

		if (w != NULL && w->whom == OF_VAULT)
			pending_end(p, w, f.err, &f);
	}
}

static struct pollfd
watch(struct link *l)
{
	if (l == NULL)
		return (struct pollfd){ -1, 0, 0 };
	return (struct pollfd){ link_fd(l),
		(short)(POLLIN | (link_is_blocked(l) ? POLLOUT : 0)), 0 };
}

static int
wait_ms(const struct peer *p, int max_ms)
{
	uint32_t ms = mono_left_ms(member_due(p->member), clock_mono());

	if (sessions_hurry(p->sessions) || unread_any(p))
		ms = 0;
	if (ms > SESSION_TICK_MS)
		ms = SESSION_TICK_MS;
	return max_ms >= 0 && (uint32_t)max_ms < ms ? max_ms : (int)ms;
}

static void
each_second(struct peer *p)
{
	if (!mono_passed(p->second, p->now.mono))
		return;
	p->second = mono_after_ms(p->now.mono, 1000);
	p->live_changed = true; /* loads */
	p->ledger_changed = true;
	certs_tick(p);
	super_ask_names(p);
	pull_tick(p);
	if (net_address(p->net)[0] == '\0' && net_listen_again(p->net) == VH_OK)
		LOG(NOTICE, "listening", KV("address", net_address(p->net)));
}

/* Keys that are called as others are: said when the set of them changes. */
static void
report_clashes(struct peer *p)
{
	uint64_t sum = 0;
	size_t count;
	const struct ledger_clash *c = ledger_clashes(p->ledger, &count);

	for (size_t i = 0; i < count; i++)
		for (const char *k = c[i].kid; *k != '\0'; k++)
			sum = sum * 31 + (uint8_t)*k;
	if (sum == p->clashes)
		return;
	p->clashes = sum;
	for (size_t i = 0; i < count; i++)
		LOG(ERROR, "kid-refused", KV("kid", c[i].published),
		    KV("key", (const char *)c[i].kid), KV("node", c[i].node),
		    KV("owner", (const char *)c[i].owner));
}

static void
settle_ledger(struct peer *p)
{
	if (p->live_changed)
		gossip_set_live(p);
	if (p->ledger_changed && ledger_tick(p->ledger, p->now) == VH_OK)
		p->ledger_changed = false;
	report_clashes(p);
	front_tell(p);
}

static void
do_what_is_due(struct peer *p)
{
	if (sessions_hurry(p->sessions) ||
	    mono_passed(p->tick_at, p->now.mono)) {
		p->tick_at = mono_after_ms(p->now.mono, SESSION_TICK_MS / 2);
		pendings_expire(p);
		sessions_tick(p->sessions, p->now.mono);
	}
	member_tick(p->member, p->now.mono);
	gossip_pump(p);
	unread_tick(p);
	if (p->pull_now)
		pull_tick(p);
	each_second(p);
	settle_ledger(p);
	publish_tick(p);
	save_tick(p, false);
	super_settle_stop(p);
}

static void
flush(struct peer *p)
{
	net_flush(p->net);
	enum vh_err err = link_flush(p->super);

	if (err != VH_OK)
		end(p, "supervisor-lost", err);
	err = link_flush(p->vault);
	if (err != VH_OK)
		end(p, "vault-lost", err);
	err = p->front == NULL ? VH_OK : link_flush(p->front);
	if (err != VH_OK)
		front_lose(p, err);
}

void
loop_round(struct peer *p, int max_ms)
{
	struct pollfd fds[] = { watch(p->super), watch(p->vault),
		watch(p->front), { net_fd(p->net), POLLIN, 0 } };
	enum vh_err err = VH_OK;

	(void)poll(fds, ARRAY_LEN(fds), wait_ms(p, max_ms));
	p->now = (struct moment){ clock_wall(), clock_mono() };
	if (fds[1].revents != 0 && (err = read_vault(p)) != VH_OK)
		end(p, "vault-lost", err);
	if (fds[2].revents != 0 && p->front != NULL)
		front_read(p);
	if (fds[0].revents != 0 && (err = super_read(p)) != VH_OK)
		end(p, "supervisor-lost", err);
	sessions_run(p->sessions, p->now.mono);
	do_what_is_due(p);
	flush(p);
}

int
loop_run(struct peer *p)
{
	while (!p->done)
		loop_round(p, -1);
	return p->status;
}
