#include "peer/member_core.h"

#include <stdlib.h>

/* Inputs, and time. */

static uint64_t
random_next(struct member *m)
{
	uint64_t z = m->random += 0x9e3779b97f4a7c15u; /* SplitMix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t
random_below(struct member *m, uint64_t n)
{
	return n == 0 ? 0 : random_next(m) % n;
}

uint32_t
jittered(struct member *m, uint32_t ms)
{
	return ms - (uint32_t)random_below(m, ms / 4 + 1);
}

void
due_by(struct member *m, struct mono_ns t)
{
	if (t.ns < m->due.ns)
		m->due = t;
}

uint32_t
scaled_ms(const struct member *m, uint32_t ms)
{
	return ms * (m->stats.health + 1);
}

void
health_add(struct member *m, int points)
{
	int health = (int)m->stats.health + points;

	health = health < 0 ? 0 : health;
	m->stats.health = (uint32_t)(health > HEALTH_MAX ? HEALTH_MAX : health);
}

static void
set_default(uint32_t *value, uint32_t preset)
{
	if (*value == 0)
		*value = preset;
}

static void
set_defaults(struct member_config *c)
{
	set_default(&c->probe_ms, 500);
	set_default(&c->timeout_ms, 250);
	set_default(&c->helpers, 3);
	set_default(&c->suspicion, 4);
	set_default(&c->suspicion_longest, 3);
	set_default(&c->sync_ms, 30000);
	set_default(&c->seed_min_ms, 500);
	set_default(&c->seed_max_ms, 8000);
	set_default(&c->dead_ms, 4000);
	set_default(&c->forget_ms, 24 * 3600 * 1000);
	set_default(&c->gap_ms, 2000);
	if (c->helpers > HELPERS_MAX)
		c->helpers = HELPERS_MAX;
	c->name = c->address = c->version = NULL;
}

static struct node *
self_new(const struct member_config *c)
{
	const struct update u = {
		.instance = c->instance,
		.incarnation = c->incarnation,
		.name = slice_text(c->name),
		.address = slice_text(c->address),
		.version = slice_text(c->version),
	};

	if (!message_name_ok(u.name) || !message_address_ok(u.address) ||
	    !message_version_ok(u.version) || u.instance == 0 ||
	    u.incarnation >= MEMBER_INCARNATION_MAX)
		return NULL;
	return node_new(&u);
}

struct member *
member_new(const struct member_config *c, struct mono_ns now)
{
	AUTO(member_free) struct member *m = calloc(1, sizeof *m);

	if (m == NULL || !asks_init(m))
		return NULL;
	m->self = self_new(c);
	if (m->self == NULL)
		return NULL;
	m->c = *c;
	set_defaults(&m->c);
	m->random = c->seed;
	m->now = m->due = now;
	m->self->state = m->self->reported = MEMBER_ALIVE;
	m->self->since = now;
	HASH_ADD_KEYPTR(hh, m->by_name, m->self->name, m->self->name_len,
	    m->self);
	if (m->self->hh.tbl == NULL)
		return NULL;
	m->probe_at = after_ms(m, random_below(m, m->c.probe_ms));
	m->dead_at = after_ms(m, jittered(m, m->c.dead_ms));
	m->sync_wait_ms = SYNC_MIN_MS;
	m->sync_at = after_ms(m, jittered(m, SYNC_MIN_MS));
	return TAKE(m);
}

void
member_free(struct member *m)
{
	if (m == NULL)
		return;
	/* Forgotten nodes are only in the list of events. */
	for (struct node *n = m->events, *next; n != NULL; n = next) {
		next = n->event_next;
		if (n->forgotten)
			node_free(n);
	}
	HASH_CLEAR(hh, m->by_name);
	for (size_t i = 0; i < m->count; i++)
		node_free(m->order[i]);
	node_free(m->self);
	free(m->order);
	free(m->seeds);
	asks_free(m);
	free(m);
}

/* --- Time --------------------------------------------------------------------
 */

static void
asks_put_off(struct ask *list, uint64_t ms)
{
	struct ask *a;

	DL_FOREACH(list, a)
	a->deadline = mono_after_ms(a->deadline, ms);
}

/* We stood still for so long: whatever failed meanwhile failed because of us.
 * Waits go on from here, the probe under way is void, and for a while failed
 * probes prove nothing. */
static void
put_off(struct member *m, uint64_t ms)
{
	struct node *n;

	m->stats.pauses++;
	probe_drop(m);
	for (n = m->suspects; n != NULL; n = n->suspect_next)
		n->suspicion->started =
		    mono_after_ms(n->suspicion->started, ms);
	for (n = m->contests; n != NULL; n = n->contest_next) {
		n->contest->when = mono_after_ms(n->contest->when, ms);
		n->contest->tries = 0;
	}
	asks_put_off(m->outbox, ms);
	asks_put_off(m->asked, ms);
	m->probe_at = after_ms(m, random_below(m, m->c.probe_ms));
	m->grace = after_ms(m, m->c.gap_ms);
	m->sync_wait_ms = SYNC_MIN_MS;
	m->sync_at = m->dead_at = m->now;
	m->due = m->now;
}

void
time_moves(struct member *m, struct mono_ns now)
{
	if (now.ns <= m->now.ns)
		return;
	uint64_t ms = (now.ns - m->now.ns) / 1000000;

	m->now = now;
	if (ms >= m->c.gap_ms)
		put_off(m, ms);
}

static void
soonest_ask(struct ask *list, struct mono_ns *due)
{
	struct ask *a;

	DL_FOREACH(list, a)
	if (a->deadline.ns < due->ns)
		*due = a->deadline;
}

static void
set_due(struct member *m)
{
	/* Never so late that it looks as if we had been stopped. */
	struct mono_ns due = after_ms(m, m->c.gap_ms / 2);
	const struct node *n;

	soonest_ask(m->outbox, &due);
	soonest_ask(m->asked, &due);
	m->due = due;
	if (m->leaving)
		return;
	due_by(m, probe_due(m));
	due_by(m, seek_due(m));
	for (n = m->suspects; n != NULL; n = n->suspect_next)
		due_by(m, suspicion_due(m, n->suspicion));
	for (n = m->contests; n != NULL; n = n->contest_next)
		if (n->contest->phase != CONTEST_OLD &&
		    n->contest->phase != CONTEST_NEW)
			due_by(m, n->contest->when);
}

struct mono_ns
member_due(const struct member *m)
{
	return m->outbox != NULL || m->ready != NULL ? m->now : m->due;
}

/* --- What became of a question -----------------------------------------------
 */

/* word is the answerer's own entry; NULL: no answer. */
static void
ended(struct member *m, const struct ask *a, const struct update *word,
    bool acked)
{
	switch (a->purpose) {
	case ASK_PROBE:
	case ASK_INDIRECT:
		if (word != NULL)
			probe_answered(m, a, acked);
		else
			probe_failed(m, a);
		break;
	case ASK_HELP:
		reply_ready(m, a->reply,
		    word != NULL ? MESSAGE_ACK : MESSAGE_NACK);
		break;
	case ASK_SEED: seed_ended(m, a, word); break;
	case ASK_DEAD:
		/* The two sides of a partition have met. */
		if (word != NULL)
			(void)ask_begin(m, ASK_SYNC, MESSAGE_SYNC, a->node,
			    SYNC_TIMEOUT_MS);
		break;
	case ASK_CONTEST: contest_answer(m, a->node, word); break;
	case ASK_SYNC:
	case ASK_TELL:
	case ASK_TWIN:
	case ASK_LEAVE:
	case ASK_FREE: break;
	}
}

static void
fail(struct member *m, struct ask *a)
{
	const struct ask copy = *a;

	ask_end(m, a);
	ended(m, &copy, NULL, false);
}

static struct ask *
overdue(const struct member *m, struct ask *list)
{
	struct ask *a;

	DL_FOREACH(list, a)
	if (passed(m, a->deadline))
		return a;
	return NULL;
}

/* One that fails may end others: the search begins anew. */
static void
asks_tick(struct member *m)
{
	struct ask *a;

	while ((a = overdue(m, m->asked)) != NULL ||
	       (a = overdue(m, m->outbox)) != NULL)
		fail(m, a);
}

void
member_tick(struct member *m, struct mono_ns now)
{
	time_moves(m, now);
	asks_tick(m);
	if (!m->leaving) {
		probe_tick(m);
		suspects_tick(m);
		contests_tick(m);
		seek_tick(m);
	}
	set_due(m);
}

void
member_failed(struct member *m, struct mono_ns now, uint64_t id,
    enum vh_err why)
{
	time_moves(m, now);
	struct ask *a = ask_find(m, id);

	if (a == NULL)
		return;
	const struct ask copy = *a;
	/* Too busy to answer is alive, and no more. */
	bool lives = why == VH_EBUSY &&
		     (a->purpose == ASK_PROBE || a->purpose == ASK_HELP);
	struct update word;

	ask_end(m, a);
	if (lives)
		update_of_node(m, copy.node, &word);
	ended(m, &copy, lives ? &word : NULL, lives);
}

static bool
kind_answers(enum message_kind answer, enum message_kind question)
{
	switch (question) {
	case MESSAGE_PING:
	case MESSAGE_LEAVE: return answer == MESSAGE_ACK;
	case MESSAGE_PING_REQ:
		return answer == MESSAGE_ACK || answer == MESSAGE_NACK;
	case MESSAGE_SYNC: return answer == MESSAGE_TABLE;
	default: return false;
	}
}

static enum vh_err
answer_parse(const struct ask *a, struct slice from, struct slice answer,
    struct message *out)
{
	TRY(message_parse(answer, out));
	if (!slice_eq(out->sender.name, from) ||
	    (a->node != NULL && !slice_eq(node_name(a->node), from)))
		return VH_EFORBIDDEN;
	return kind_answers(out->kind, a->kind) ? VH_OK : VH_EOP;
}

enum vh_err
member_answered(struct member *m, struct mono_ns now, uint64_t id,
    struct slice from, struct slice answer)
{
	time_moves(m, now);
	struct ask *a = ask_find(m, id);
	struct message msg;

	if (a == NULL)
		return VH_OK;
	enum vh_err err = answer_parse(a, from, answer, &msg);

	if (err != VH_OK) {
		m->stats.refused++;
		fail(m, a);
		return err;
	}
	const struct ask copy = *a;

	ask_end(m, a);
	/* The node of the question is not used after the gossip: learning of
	 * others may push it out of a full table. */
	word_heard(m, &msg.sender, true, copy.address);
	ended(m, &copy, &msg.sender, msg.kind != MESSAGE_NACK);
	gossip_heard(m, &msg);
	m->stats.syncs += msg.kind == MESSAGE_TABLE;
	return VH_OK;
}

/* --- Questions to us ---------------------------------------------------------
 */

static enum vh_err
question_parse(struct slice from, struct slice question, struct message *out)
{
	TRY(message_parse(question, out));
	if (out->kind > MESSAGE_LEAVE)
		return VH_EOP;
	return slice_eq(out->sender.name, from) ? VH_OK : VH_EFORBIDDEN;
}

enum vh_err
member_asked(struct member *m, struct mono_ns now, uint64_t token,
    struct slice from, struct slice question)
{
	struct message q;

	time_moves(m, now);
	enum vh_err err = question_parse(from, question, &q);

	if (err != VH_OK) {
		m->stats.refused++;
		return err;
	}
	struct reply *r = reply_begin(m, token, &q);

	if (r == NULL)
		return VH_EBUSY;
	word_heard(m, &q.sender, false, NULL);
	gossip_heard(m, &q);
	if (q.kind == MESSAGE_PING_REQ)
		help_begin(m, r, &q);
	else
		reply_ready(m, r,
		    q.kind == MESSAGE_SYNC ? MESSAGE_TABLE : MESSAGE_ACK);
	return VH_OK;
}

/* --- The rest ----------------------------------------------------------------
 */

enum vh_err
member_know(struct member *m, struct mono_ns now, const char *name,
    const char *address)
{
	/* Whatever instance it has, it is another. */
	const struct update u = {
		.instance = 1,
		.name = slice_text(name),
		.address = slice_text(address),
		.version = slice_text(""),
	};

	time_moves(m, now);
	if (!message_name_ok(u.name) || !message_address_ok(u.address))
		return VH_EFIELD;
	if (node_find(m, u.name) != NULL)
		return VH_OK;
	return node_add(m, &u) == NULL ? VH_EBUSY : VH_OK;
}

void
member_set_digest(struct member *m, struct member_digest digest)
{
	m->self->digest = digest;
}
