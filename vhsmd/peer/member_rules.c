#include "peer/member_core.h"

/* What is believed of what is heard.  member.h says why, under TRUST. */

static bool
digest_newer(struct member_digest a, struct member_digest b)
{
	return a.epoch != b.epoch ? a.epoch > b.epoch : a.seq > b.seq;
}

void
node_alive(struct member *m, struct node *n)
{
	suspicion_end(m, n);
	if (n->state != MEMBER_ALIVE)
		node_set_state(m, n, MEMBER_ALIVE);
	node_tell(m, n);
	node_event(m, n);
}

void
node_gone(struct member *m, struct node *n, enum member_state state)
{
	suspicion_end(m, n);
	contest_end(m, n);
	node_not_urgent(m, n);
	if (m->probe.node == n)
		probe_drop(m);
	if (n->cleared > 0)
		n->distrusted = after_ms(m, DISTRUST_MS);
	n->cleared = 0;
	m->stats.deaths += state == MEMBER_DEAD;
	node_set_state(m, n, state);
	node_tell(m, n);
	node_event(m, n);
}

static void
changed(struct member *m, struct node *n)
{
	n->changed = true;
	node_tell(m, n);
	node_event(m, n);
}

void
node_takeover(struct member *m, struct node *n, const struct update *u,
    bool hearsay)
{
	contest_end(m, n);
	if (m->probe.node == n)
		probe_drop(m);
	n->instance = u->instance;
	n->incarnation = u->incarnation;
	n->said = hearsay ? 0 : u->incarnation;
	n->digest = u->digest;
	n->rtt_us = 0;
	n->cleared = hearsay;
	n->distrusted.ns = 0;
	if (!hearsay)
		n->last_seen = m->now;
	(void)node_set_texts(n, u->address, u->version);
	n->restarted = true;
	m->news += m->bulk;
	node_alive(m, n);
}

/* --- What somebody says of itself ------------------------------------------
 */

static void
meet(struct member *m, const struct update *u, bool hearsay)
{
	struct node *n = node_add(m, u);

	if (n == NULL)
		return;
	n->cleared = hearsay;
	if (!hearsay) {
		n->said = u->incarnation;
		n->last_seen = m->now;
	}
	node_alive(m, n);
	if (u->state == MEMBER_SUSPECT)
		suspect(m, n, u->by, false);
}

/* Whether anything of it is new.  replace: also by an older digest. */
static bool
take_facts(struct node *n, const struct update *u, bool replace)
{
	bool news = node_set_texts(n, u->address, u->version);

	if (digest_newer(u->digest, n->digest) ||
	    (replace && digest_newer(n->digest, u->digest))) {
		n->digest = u->digest;
		news = true;
	}
	return news;
}

static void
word_taken(struct member *m, struct node *n, const struct update *u,
    bool strong)
{
	bool newer = u->incarnation > n->incarnation;
	bool settles = newer || strong;

	n->last_seen = m->now;
	/* Overtaken by a later word. */
	if (u->incarnation < n->said)
		return;
	n->said = u->incarnation;
	n->cleared = 0;
	n->distrusted.ns = 0;
	if (u->state == MEMBER_LEFT) {
		n->incarnation = u->incarnation;
		if (n->state != MEMBER_LEFT)
			node_gone(m, n, MEMBER_LEFT);
		return;
	}
	bool moved = settles && u->incarnation != n->incarnation;
	bool news = take_facts(n, u, moved);

	if (settles)
		n->incarnation = u->incarnation;
	if (settles && n->state != MEMBER_ALIVE)
		node_alive(m, n);
	else if (moved)
		node_tell(m, n);
	if (news)
		changed(m, n);
}

static void
other_speaks(struct member *m, struct node *n, const struct update *u,
    bool strong, const char *address)
{
	bool at_its_place =
	    strong && address != NULL && strcmp(address, n->address) == 0;

	if (u->state == MEMBER_LEFT)
		return;
	if (!node_lives(n) || at_its_place)
		node_takeover(m, n, u, false);
	else
		contest_begin(m, n, u, true);
}

void
word_heard(struct member *m, const struct update *u, bool strong,
    const char *address)
{
	if (slice_eq(u->name, node_name(m->self))) {
		if (u->instance != m->self->instance)
			self_twin(m, u->instance, u->address);
		return;
	}
	struct node *n = node_find(m, u->name);

	if (n != NULL && n->instance == u->instance)
		word_taken(m, n, u, strong);
	else if (n != NULL)
		other_speaks(m, n, u, strong, address);
	else if (u->state == MEMBER_ALIVE)
		meet(m, u, false);
}

/* --- What others say -------------------------------------------------------
 */

void
self_raise(struct member *m, uint64_t above)
{
	if (above < MEMBER_INCARNATION_MAX)
		above++;
	m->self->incarnation = above;
	m->stats.refutations++;
}

/* Others know an instance of our name that is not this one: most likely our
 * life before a restart, which we have to outdo to be heard.  Not often, for it
 * may be a twin that does the same. */
static void
self_other(struct member *m, const struct update *u)
{
	if (u->incarnation < m->self->incarnation || !passed(m, m->raised))
		return;
	m->raised = after_ms(m, RAISE_QUIET_MS);
	self_raise(m, u->incarnation);
}

/* Whoever says so has asked both of us, and knows who was there first. */
static void
self_told_twin(struct member *m, const struct update *u)
{
	self_twin(m, u->instance, u->address);
	if (slice_eq(u->by, node_name(m->self)))
		m->lost_until = after_ms(m, TWIN_LOST_MS);
}

static void
self_heard(struct member *m, const struct update *u)
{
	struct node *self = m->self;

	if (u->instance != self->instance) {
		if (u->state == UPDATE_TWIN)
			self_told_twin(m, u);
		else
			self_other(m, u);
		return;
	}
	if (u->incarnation > self->incarnation + MEMBER_INCARNATION_STEP) {
		m->stats.implausible++;
		return;
	}
	if (u->state == UPDATE_TWIN || m->leaving)
		return;
	bool invented = u->incarnation > self->incarnation ||
			(u->incarnation == self->incarnation &&
			    digest_newer(u->digest, self->digest));

	if (u->state != MEMBER_ALIVE && u->incarnation >= self->incarnation) {
		health_add(m, 1);
		self_raise(m, u->incarnation);
	} else if (invented) {
		self_raise(m, u->incarnation);
	}
}

/* Somebody unknown is dead or gone: remembered, not told on; whole tables
 * spread it. */
static void
add_gone(struct member *m, const struct update *u)
{
	uint64_t age_ns = (uint64_t)u->age_s * 1000000000u;

	if (age_ns / 1000000 >= m->c.forget_ms)
		return;
	struct node *n = node_add(m, u);

	if (n == NULL)
		return;
	if (u->state == MEMBER_LEFT)
		node_set_state(m, n, MEMBER_LEFT);
	n->since.ns = m->now.ns > age_ns ? m->now.ns - age_ns : 0;
	node_event(m, n);
}

/* Hearsay may clear a suspicion or revive the dead, but not again and again
 * without any sign from the node itself: then we ask it. */
static bool
may_clear(struct member *m, struct node *n)
{
	if (n->state == MEMBER_ALIVE)
		return true;
	bool distrusted = node_lives(n) ? n->cleared >= CLEARED_MAX
					: !passed(m, n->distrusted);

	if (distrusted) {
		m->stats.implausible++;
		call_node(m, n);
		return false;
	}
	n->cleared++;
	return true;
}

static void
alive_heard(struct member *m, struct node *n, const struct update *u)
{
	if (u->incarnation < n->incarnation)
		return;
	if (u->incarnation == n->incarnation) {
		if (node_lives(n) && digest_newer(u->digest, n->digest)) {
			n->digest = u->digest;
			changed(m, n);
		}
		return;
	}
	if (!may_clear(m, n))
		return;
	bool news = digest_newer(u->digest, n->digest);

	n->incarnation = u->incarnation;
	n->digest = u->digest;
	if (n->last_seen.ns == 0)
		news |= node_set_texts(n, u->address, u->version);
	node_alive(m, n);
	if (news)
		changed(m, n);
}

/* It is called suspect, dead or gone. */
static void
ill_heard(struct member *m, struct slice from, struct node *n,
    const struct update *u)
{
	if (u->incarnation < n->incarnation)
		return;
	n->incarnation = u->incarnation;
	if (node_lives(n))
		suspect(m, n, u->by.len > 0 ? u->by : from,
		    u->state == MEMBER_LEFT);
}

/* Of an instance that is not the one we know. */
static void
other_heard(struct member *m, struct slice from, struct node *n,
    const struct update *u)
{
	bool alive = u->state == MEMBER_ALIVE || u->state == MEMBER_SUSPECT;

	if (!alive || u->incarnation <= n->incarnation)
		return;
	if (node_lives(n)) {
		contest_begin(m, n, u, false);
		return;
	}
	if (!passed(m, n->distrusted)) {
		m->stats.implausible++;
		return;
	}
	node_takeover(m, n, u, true);
	if (u->state == MEMBER_SUSPECT)
		suspect(m, n, u->by.len > 0 ? u->by : from, false);
}

void
hearsay_heard(struct member *m, struct slice from, const struct update *u)
{
	if (slice_eq(u->name, node_name(m->self))) {
		self_heard(m, u);
		return;
	}
	/* A sender's own entry is its first. */
	if (u->state == UPDATE_TWIN || slice_eq(u->name, from))
		return;
	struct node *n = node_find(m, u->name);

	if (n == NULL && (u->state == MEMBER_DEAD || u->state == MEMBER_LEFT))
		add_gone(m, u);
	else if (n == NULL)
		meet(m, u, true);
	else if (n->instance != u->instance)
		other_heard(m, from, n, u);
	else if (u->incarnation > n->incarnation + MEMBER_INCARNATION_STEP)
		m->stats.implausible++;
	else if (u->state == MEMBER_ALIVE)
		alive_heard(m, n, u);
	else
		ill_heard(m, from, n, u);
}

void
gossip_heard(struct member *m, const struct message *msg)
{
	struct slice rest = msg->rest;
	struct update u;

	m->bulk = msg->kind == MESSAGE_SYNC || msg->kind == MESSAGE_TABLE;
	while (message_next(&rest, &u))
		hearsay_heard(m, msg->sender.name, &u);
	m->bulk = false;
}
