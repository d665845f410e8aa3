#include "peer/member_core.h"

#include <stdio.h>
#include <stdlib.h>

/* Contact beyond probing: seeds, the dead, whole tables, and goodbye. */

static struct slice
seed_address(const struct seed *s)
{
	return slice_text(s->address);
}

static struct seed *
seed_find(const struct member *m, struct slice address)
{
	for (size_t i = 0; i < m->seed_count; i++)
		if (slice_eq(seed_address(&m->seeds[i]), address))
			return &m->seeds[i];
	return NULL;
}

/* Keeps what is known of those that stay. */
static void
seed_set(const struct member *m, struct seed *s, struct slice address)
{
	const struct seed *old = seed_find(m, address);

	if (old != NULL) {
		*s = *old;
		return;
	}
	(void)snprintf(s->address, sizeof s->address, "%.*s", (int)address.len,
	    (const char *)address.p);
	s->wait_ms = m->c.seed_min_ms;
	s->at = m->now;
}

enum vh_err
member_seeds(struct member *m, struct mono_ns now, const char *const *addresses,
    size_t count)
{
	time_moves(m, now);
	if (count > MEMBER_SEEDS_MAX)
		return VH_EFIELD;
	for (size_t i = 0; i < count; i++)
		if (!message_address_ok(slice_text(addresses[i])))
			return VH_EFIELD;
	struct seed *seeds = calloc(count + 1, sizeof *seeds);

	if (seeds == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < count; i++)
		seed_set(m, &seeds[i], slice_text(addresses[i]));
	free(m->seeds);
	m->seeds = seeds;
	m->seed_count = count;
	due_by(m, now);
	return VH_OK;
}

/* Whether a living member is behind it; we ourselves are one. */
static bool
seed_is_met(const struct member *m, const struct seed *s)
{
	if (strcmp(s->address, m->self->address) == 0)
		return true;
	if (s->behind[0] != '\0') {
		const struct node *n = node_find(m, slice_text(s->behind));

		return n != NULL && node_lives(n);
	}
	for (size_t i = 0; i < m->count; i++)
		if (node_lives(m->order[i]) &&
		    strcmp(m->order[i]->address, s->address) == 0)
			return true;
	return false;
}

static void
seeds_tick(struct member *m)
{
	unsigned begun = 0;

	for (size_t i = 0; i < m->seed_count; i++) {
		struct seed *s = &m->seeds[i];

		if (s->asking || !passed(m, s->at))
			continue;
		if (seed_is_met(m, s)) {
			s->wait_ms = m->c.seed_min_ms;
			s->at = after_ms(m, jittered(m, m->c.seed_max_ms));
			continue;
		}
		if (++begun > SEEDS_AT_ONCE) {
			s->at = after_ms(m, m->c.seed_min_ms);
			continue;
		}
		struct ask *a =
		    ask_begin(m, ASK_SEED, MESSAGE_SYNC, NULL, SEED_TIMEOUT_MS);

		if (a == NULL)
			return;
		memcpy(a->address, s->address, sizeof a->address);
		s->asking = true;
	}
}

/* A twin of ours does not count as a member that we have met. */
static struct slice
met_name(const struct member *m, const struct update *word)
{
	bool twin = word != NULL && slice_eq(word->name, node_name(m->self)) &&
		    word->instance != m->self->instance;

	return word == NULL || twin ? slice_text("") : word->name;
}

void
seed_ended(struct member *m, const struct ask *a, const struct update *word)
{
	struct seed *s = seed_find(m, slice_text(a->address));
	struct slice from = met_name(m, word);

	if (s == NULL)
		return;
	s->asking = false;
	(void)snprintf(s->behind, sizeof s->behind, "%.*s", (int)from.len,
	    (const char *)from.p);
	s->at = after_ms(m, jittered(m, s->wait_ms));
	s->wait_ms = 2 * s->wait_ms < m->c.seed_max_ms ? 2 * s->wait_ms
						       : m->c.seed_max_ms;
	due_by(m, s->at);
}

/* Of some random ones the latest dead: those of a partition are found even
 * among many that are gone for good. */
static struct node *
dead_one(struct member *m, unsigned draws)
{
	struct node *best = NULL;

	for (unsigned i = 0; i < draws; i++) {
		struct node *n = node_random(m, MEMBER_DEAD, MEMBER_DEAD, NULL);

		if (n == NULL || best == NULL || n->since.ns > best->since.ns)
			best = n;
	}
	return best;
}

static void
call(struct member *m, struct node *n)
{
	n->called = m->now;
	(void)ask_begin(m, ASK_DEAD, MESSAGE_PING, n, CALL_TIMEOUT_MS);
}

void
call_node(struct member *m, struct node *n)
{
	if (n->called.ns == 0 ||
	    passed(m, mono_after_ms(n->called, CALL_QUIET_MS)))
		call(m, n);
}

static void
forget_old(struct member *m)
{
	size_t i = 0;

	while (i < m->count) {
		struct node *n = m->order[i];

		if (!node_lives(n) &&
		    passed(m, mono_after_ms(n->since, m->c.forget_ms)))
			node_forget(m, n); /* another is now at i */
		else
			i++;
	}
}

static void
dead_tick(struct member *m)
{
	if (!passed(m, m->dead_at))
		return;
	m->dead_at = after_ms(m, jittered(m, m->c.dead_ms));
	forget_old(m);
	struct node *any = dead_one(m, 1);
	struct node *late = dead_one(m, 8);

	if (any != NULL)
		call(m, any);
	if (late != NULL && late != any)
		call(m, late);
}

/* A table of n entries costs n: less often in large clusters. */
static uint32_t
sync_scaled_ms(const struct member *m, uint32_t ms)
{
	uint32_t times = 1;

	for (size_t n = living(m); n > 128; n /= 2)
		times++;
	return ms * times;
}

/* Sooner while it brings news, later when it does not. */
static void
sync_tick(struct member *m)
{
	uint32_t shortest = sync_scaled_ms(m, SYNC_MIN_MS);
	uint32_t longest = sync_scaled_ms(m, m->c.sync_ms);

	if (!passed(m, m->sync_at))
		return;
	if (m->news != m->news_seen)
		m->sync_wait_ms /= 2;
	else
		m->sync_wait_ms *= 2;
	if (m->sync_wait_ms < shortest)
		m->sync_wait_ms = shortest;
	if (m->sync_wait_ms > longest)
		m->sync_wait_ms = longest;
	m->news_seen = m->news;
	m->sync_at = after_ms(m, jittered(m, m->sync_wait_ms));
	struct node *n = node_random(m, MEMBER_ALIVE, MEMBER_ALIVE, NULL);

	if (n != NULL)
		(void)ask_begin(m, ASK_SYNC, MESSAGE_SYNC, n, SYNC_TIMEOUT_MS);
}

/* Probes carry gossip, but those of the dead carry it nowhere, and when we are
 * unwell they are rare: news also goes out by itself. */
static void
tell_tick(struct member *m)
{
	if (!passed(m, m->tell_at))
		return;
	m->tell_at = after_ms(m, jittered(m, m->c.probe_ms / TELL_TIMES));
	struct node *n = any_to_tell(m)
			     ? node_random(m, MEMBER_ALIVE, MEMBER_ALIVE, NULL)
			     : NULL;

	if (n != NULL)
		(void)ask_begin(m, ASK_TELL, MESSAGE_PING, n,
		    scaled_ms(m, m->c.timeout_ms));
}

void
seek_tick(struct member *m)
{
	tell_tick(m);
	seeds_tick(m);
	dead_tick(m);
	sync_tick(m);
}

struct mono_ns
seek_due(const struct member *m)
{
	struct mono_ns due =
	    m->sync_at.ns < m->dead_at.ns ? m->sync_at : m->dead_at;

	if (m->tell_at.ns < due.ns && any_to_tell(m))
		due = m->tell_at;
	for (size_t i = 0; i < m->seed_count; i++)
		if (!m->seeds[i].asking && m->seeds[i].at.ns < due.ns)
			due = m->seeds[i].at;
	return due;
}

void
member_leave(struct member *m, struct mono_ns now)
{
	time_moves(m, now);
	if (m->leaving)
		return;
	m->leaving = true;
	probe_drop(m);
	self_raise(m, m->self->incarnation);
	m->self->state = MEMBER_LEFT;
	m->self->since = m->now;
	if (m->count == 0)
		return;
	size_t start = random_below(m, m->count), told = 0;

	for (size_t i = 0; i < m->count && told < GOODBYES_MAX; i++) {
		struct node *n = m->order[(start + i) % m->count];

		if (node_lives(n) && ask_begin(m, ASK_LEAVE, MESSAGE_LEAVE, n,
					 CALL_TIMEOUT_MS) != NULL)
			told++;
	}
}

static bool
any_goodbye(const struct ask *list)
{
	const struct ask *a;

	DL_FOREACH(list, a)
	if (a->purpose == ASK_LEAVE)
		return true;
	return false;
}

bool
member_has_left(const struct member *m)
{
	return m->leaving && !any_goodbye(m->outbox) && !any_goodbye(m->asked);
}
