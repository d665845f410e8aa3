#include "peer/gossip.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "peer/pull.h"

#define GOSSIP_FRAME_MAX (MEMBER_MESSAGE_MAX + 1024)

struct load {
	char node[MEMBER_NAME_MAX + 1];
	uint32_t load;
	bool leaving;
	UT_hash_handle hh;
};

/* --- loads ------------------------------------------------------------------
 */

static struct load *
load_find(const struct peer *p, const char *node)
{
	struct load *l;

	HASH_FIND_STR(p->loads, node, l);
	return l;
}

uint32_t
gossip_load(const struct peer *p, const char *node)
{
	const struct load *l = load_find(p, node);

	return l == NULL ? 0 : l->load;
}

bool
gossip_is_leaving(const struct peer *p, const char *node)
{
	const struct load *l = load_find(p, node);

	return l != NULL && l->leaving;
}

/* A new one if need be; NULL when there are too many. */
static struct load *
load_of(struct peer *p, const char *node)
{
	struct load *l = load_find(p, node);

	if (l != NULL || HASH_COUNT(p->loads) >= MEMBER_MAX)
		return l;
	l = calloc(1, sizeof *l);
	if (l == NULL)
		return NULL;
	(void)strncpy(l->node, node, sizeof l->node - 1);
	HASH_ADD_STR(p->loads, node, l);
	return l;
}

void
gossip_note_leaving(struct peer *p, const char *node, bool leaving)
{
	struct load *l = load_of(p, node);

	if (l == NULL || l->leaving == leaving)
		return;
	LOG(NOTICE, leaving ? "member-leaving" : "member-stays",
	    KV("node", node));
	l->leaving = leaving;
	p->live_changed = true;
}

static void
note_load(struct peer *p, const char *node, const struct frame *f)
{
	struct load *l = load_of(p, node);

	if (l != NULL && fields_have(&f->f, VH_F_LOAD))
		l->load = fields_u32(&f->f, VH_F_LOAD);
	gossip_note_leaving(p, node, fields_u32(&f->f, VH_F_LEAVING) != 0);
}

static void
forget_load(struct peer *p, const char *node)
{
	struct load *l = load_find(p, node);

	if (l == NULL)
		return;
	HASH_DEL(p->loads, l);
	free(l);
}

/* It has left, or has come again. */
static void
forget_leaving(struct peer *p, const char *node)
{
	struct load *l = load_find(p, node);

	if (l != NULL)
		l->leaving = false;
}

void
gossip_free(struct peer *p)
{
	struct load *l, *next;

	HASH_ITER(hh, p->loads, l, next)
	{
		HASH_DEL(p->loads, l);
		free(l);
	}
}

/* --- messages ---------------------------------------------------------------
 */

/* What goes beside every message of the core. */
static void
put_beside(struct peer *p, struct buf *b)
{
	uint8_t digest[32];

	ledger_digest(p->ledger, digest);
	frame_put_u32(b, VH_F_LOAD, p->load + (uint32_t)p->relays);
	if (p->stopping || p->drains)
		frame_put_u32(b, VH_F_LEAVING, 1);
	frame_put(b, VH_F_DIGEST, slice_of(digest, sizeof digest));
}

/* What came beside one. */
static void
note_beside(struct peer *p, const char *node, const struct frame *f)
{
	uint8_t digest[32];

	note_load(p, node, f);
	ledger_digest(p->ledger, digest);
	if (fields_have(&f->f, VH_F_DIGEST) &&
	    !slice_eq(f->f.at[VH_F_DIGEST], slice_of(digest, sizeof digest)))
		pull_rest(p, node);
}

static void
answered(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	if (err == VH_OK && !fields_have(&a->f, VH_F_GOSSIP))
		err = VH_EPARSE;
	if (err != VH_OK) {
		member_failed(p->member, p->now.mono, w->ref, err);
		return;
	}
	note_beside(p, w->node, a);
	/* What does not fit has been counted there. */
	(void)member_answered(p->member, p->now.mono, w->ref,
	    slice_text(w->node), a->f.at[VH_F_GOSSIP]);
}

static void
ask(struct peer *p, const struct member_action *a)
{
	AUTO(buf_free) struct buf *b = buf_new(GOSSIP_FRAME_MAX);
	size_t start = frame_request(b, VH_OP_NGOSSIP, 0, a->timeout_ms);

	frame_put(b, VH_F_GOSSIP, a->bytes);
	put_beside(p, b);
	frame_close(b, start);
	node_ask(p, a->name, a->address, a->timeout_ms, b, answered, a->id);
}

static void
reply(struct peer *p, const struct member_action *a)
{
	AUTO(buf_free) struct buf *b = buf_new(GOSSIP_FRAME_MAX);
	size_t start = question_open(p, a->id, b);

	frame_put(b, VH_F_GOSSIP, a->bytes);
	put_beside(p, b);
	question_close(p, a->id, b, start);
}

void
gossip_asked(struct peer *p, uint64_t token, const char *node,
    const struct frame *q)
{
	enum vh_err err = member_asked(p->member, p->now.mono, token,
	    slice_text(node), q->f.at[VH_F_GOSSIP]);

	if (err != VH_OK) {
		question_fail(p, token, err);
		return;
	}
	note_beside(p, node, q);
}

/* --- events -----------------------------------------------------------------
 */

static void
count_event(struct peer *p, enum member_event_kind kind)
{
	p->counts.joins += kind == MEMBER_IS_JOINED;
	p->counts.deaths += kind == MEMBER_IS_DEAD;
	p->counts.conflicts += kind == MEMBER_IS_CONFLICT;
}

static void
log_event_of(const struct member_event *e)
{
	char event[32];

	if (e->kind == MEMBER_IS_CHANGED || e->kind == MEMBER_IS_FORGOTTEN)
		return;
	(void)snprintf(event, sizeof event, "member-%s",
	    member_event_name(e->kind));
	if (e->kind == MEMBER_IS_CONFLICT)
		LOG(ERROR, event, KV("node", e->node.name),
		    KV("address", e->node.address), KV("other", e->other));
	else
		LOG(NOTICE, event, KV("node", e->node.name),
		    KV("address", e->node.address),
		    KV("incarnation", e->node.incarnation));
}

static void
act(struct peer *p, const struct member_event *e)
{
	count_event(p, e->kind);
	log_event_of(e);
	p->live_changed = true;
	p->pull_now = true;
	if (e->kind == MEMBER_IS_RESTARTED)
		session_forget(p->sessions, p->now.mono, e->node.name);
	if (e->kind == MEMBER_IS_FORGOTTEN)
		forget_load(p, e->node.name);
	/* It says so again if it is. */
	if (e->kind == MEMBER_IS_RESTARTED || e->kind == MEMBER_IS_LEFT ||
	    e->kind == MEMBER_IS_DEAD)
		forget_leaving(p, e->node.name);
}

void
gossip_pump(struct peer *p)
{
	struct member_action a;
	struct member_event e;

	while (member_next(p->member, p->now.mono, &a)) {
		if (a.kind == MEMBER_ASK)
			ask(p, &a);
		else
			reply(p, &a);
	}
	while (member_next_event(p->member, &e))
		act(p, &e);
}

/* --- who lives --------------------------------------------------------------
 */

static bool
lives(const struct member_node *n)
{
	return n->self || n->state == MEMBER_ALIVE ||
	       n->state == MEMBER_SUSPECT;
}

bool
gossip_pick(const struct peer *p, const char * not, struct member_node *out)
{
	struct member_node n;
	uint32_t seen = 0;

	for (size_t i = 0; member_at(p->member, i, &n); i++) {
		if (n.self || n.state != MEMBER_ALIVE ||
		    strcmp(n.name, not ) == 0)
			continue;
		/* Each of those seen so far is as likely as another. */
		if (randombytes_uniform(++seen) == 0)
			*out = n;
	}
	return seen > 0;
}

static inline void
lives_free(struct ledger_live *all)
{
	free(all);
}
AUTO_FREE(struct ledger_live, lives_free)

void
gossip_set_live(struct peer *p)
{
	AUTO(lives_free)
	struct ledger_live *all = calloc(MEMBER_MAX, sizeof *all);
	struct member_node n;
	size_t count = 0;

	for (size_t i = 0; all != NULL && member_at(p->member, i, &n); i++) {
		if (!lives(&n) || count == MEMBER_MAX)
			continue;
		struct ledger_live *l = &all[count++];

		memcpy(l->node, n.name, sizeof l->node);
		l->epoch = n.digest.epoch;
		l->own = n.self;
		l->leaving = n.self ? p->stopping || p->drains
				    : gossip_is_leaving(p, n.name);
		l->load = n.self ? p->load : gossip_load(p, n.name);
	}
	if (all == NULL || ledger_set_live(p->ledger, all, count) != VH_OK)
		return; /* as before; the next second tries again */
	p->live_changed = false;
	p->ledger_changed = true;
}
