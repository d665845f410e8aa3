#include "peer/member_core.h"

#include <stdlib.h>

struct node *
node_find(const struct member *m, struct slice name)
{
	struct node *n = NULL;

	HASH_FIND(hh, m->by_name, name.p, name.len, n);
	return n;
}

bool
node_set_texts(struct node *n, struct slice address, struct slice version)
{
	if (n->address != NULL &&
	    slice_eq(address, slice_of(n->address, n->address_len)) &&
	    slice_eq(version, slice_of(n->version, n->version_len)))
		return false;
	char *texts = calloc(1, address.len + version.len + 2);

	if (texts == NULL)
		return false;
	memcpy(texts, address.p, address.len);
	if (version.len > 0)
		memcpy(texts + address.len + 1, version.p, version.len);
	free(n->address);
	n->address = texts;
	n->version = texts + address.len + 1;
	n->address_len = (uint8_t)address.len;
	n->version_len = (uint8_t)version.len;
	return true;
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	free(n->suspicion);
	free(n->contest);
	free(n->address);
	free(n);
}
AUTO_FREE(struct node, node_free)

struct node *
node_new(const struct update *u)
{
	AUTO(node_free)
	struct node *n = calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	memcpy(n->name, u->name.p, u->name.len);
	n->name_len = (uint8_t)u->name.len;
	n->instance = u->instance;
	n->incarnation = u->incarnation;
	n->digest = u->digest;
	n->state = MEMBER_DEAD;
	n->told = TOLD_MAX;
	if (!node_set_texts(n, u->address, u->version))
		return NULL;
	return TAKE(n);
}

/* The one that the table misses least: silent, then dead for longest. */
static struct node *
least_missed(const struct member *m)
{
	struct node *least = NULL;

	for (size_t i = 0; i < m->count; i++) {
		struct node *n = m->order[i];

		if (node_lives(n))
			continue;
		bool silent = n->last_seen.ns == 0;
		bool least_silent = least != NULL && least->last_seen.ns == 0;

		if (least == NULL || silent > least_silent ||
		    (silent == least_silent && n->since.ns < least->since.ns))
			least = n;
	}
	return least;
}

static bool
make_room(struct member *m)
{
	if (m->count + 1 >= MEMBER_MAX) {
		struct node *least = least_missed(m);

		if (least == NULL) {
			m->stats.table_full++;
			return false;
		}
		node_forget(m, least);
	}
	if (m->count < m->room)
		return true;
	size_t room = m->room == 0 ? 16 : m->room * 2;
	struct node **order = realloc(m->order, room * sizeof(struct node *));

	if (order == NULL)
		return false;
	m->order = order;
	m->room = room;
	return true;
}

/* Anywhere among those not yet probed in this round, so that a newcomer is
 * neither always first nor probed by everybody at once. */
static void
order_insert(struct member *m, struct node *n)
{
	size_t at = m->cursor > m->count ? m->count : m->cursor;

	at += random_below(m, m->count - at + 1);
	m->order[m->count] = m->order[at];
	if (at < m->count)
		m->order[m->count]->at = (uint32_t)m->count;
	m->order[at] = n;
	n->at = (uint32_t)at;
	m->count++;
}

struct node *
node_add(struct member *m, const struct update *u)
{
	AUTO(node_free) struct node *n = NULL;

	if (!make_room(m))
		return NULL;
	n = node_new(u);
	if (n == NULL)
		return NULL;
	HASH_ADD_KEYPTR(hh, m->by_name, n->name, n->name_len, n);
	/* So uthash says that it found no memory. */
	if (n->hh.tbl == NULL)
		return NULL;
	n->since = m->now;
	order_insert(m, n);
	m->states[n->state]++;
	return TAKE(n);
}

static void
order_remove(struct member *m, const struct node *n)
{
	size_t last = --m->count;

	m->order[n->at] = m->order[last];
	m->order[n->at]->at = n->at;
}

static void
tell_stop(struct member *m, struct node *n)
{
	if (n->telling)
		DL_DELETE2(m->tell[n->told], n, told_prev, told_next);
	n->telling = false;
	n->told = TOLD_MAX;
}

void
node_forget(struct member *m, struct node *n)
{
	asks_drop_node(m, n);
	suspicion_end(m, n);
	contest_end(m, n);
	node_not_urgent(m, n);
	tell_stop(m, n);
	order_remove(m, n);
	m->states[n->state]--;
	HASH_DEL(m->by_name, n);
	n->forgotten = true;
	if (n->event_waits)
		return;
	if (n->reported == 0)
		node_free(n);
	else
		node_event(m, n);
}

void
node_set_state(struct member *m, struct node *n, enum member_state state)
{
	if (n != m->self) {
		m->states[n->state]--;
		m->states[state]++;
	}
	n->state = state;
	n->since = m->now;
	m->news += m->bulk;
}

void
node_urgent(struct member *m, struct node *n)
{
	if (n->urgent || n == m->self)
		return;
	DL_APPEND2(m->urgent, n, urgent_prev, urgent_next);
	n->urgent = true;
}

void
node_not_urgent(struct member *m, struct node *n)
{
	if (n->urgent)
		DL_DELETE2(m->urgent, n, urgent_prev, urgent_next);
	n->urgent = false;
}

unsigned
tell_limit(const struct member *m)
{
	unsigned limit = (4 * scale_milli(living(m) + 1) + 999) / 1000;

	limit = limit < 6 ? 6 : limit;
	return limit < TOLD_MAX ? limit : TOLD_MAX - 1;
}

bool
any_to_tell(const struct member *m)
{
	for (unsigned i = 0; i < TOLD_MAX; i++)
		if (m->tell[i] != NULL)
			return true;
	return false;
}

/* One met in a whole table is told on a few times only: others have it from
 * such tables too, and when a large cluster starts, news has to get through. */
void
node_tell(struct member *m, struct node *n)
{
	bool met = m->bulk && n->reported == 0;

	tell_stop(m, n);
	n->told = met ? (uint8_t)(tell_limit(m) - 2) : 0;
	n->telling = true;
	DL_PREPEND2(m->tell[n->told], n, told_prev, told_next);
	due_by(m, m->tell_at);
}

void
node_event(struct member *m, struct node *n)
{
	if (n->event_waits)
		return;
	n->event_waits = true;
	n->event_next = NULL;
	if (m->events_end == NULL)
		m->events = n;
	else
		m->events_end->event_next = n;
	m->events_end = n;
}

void
update_of_node(const struct member *m, const struct node *n, struct update *u)
{
	*u = (struct update){
		.state = n->state,
		.instance = n->instance,
		.incarnation = n->incarnation,
		.digest = n->digest,
		.name = node_name(n),
		.address = slice_of(n->address, n->address_len),
		.version = slice_of(n->version, n->version_len),
	};
	if (!node_lives(n))
		u->age_s = (uint32_t)((m->now.ns - n->since.ns) / 1000000000);
	if (n->suspicion == NULL)
		return;
	u->by = slice_text(n->suspicion->by);
	if (n->suspicion->leaving)
		u->state = MEMBER_LEFT;
}

size_t
living(const struct member *m)
{
	return 1 + m->states[MEMBER_ALIVE] + m->states[MEMBER_SUSPECT];
}

uint32_t
scale_milli(size_t n)
{
	uint32_t whole = 0;
	size_t power = 1;

	while (power * 2 <= n) {
		power *= 2;
		whole++;
	}
	/* Linear between powers of two is near enough; log10(2) = 0.301. */
	uint64_t log2_milli = whole * 1000u + (n - power) * 1000 / power;
	uint64_t log10_milli = log2_milli * 301 / 1000;

	return log10_milli < 1000 ? 1000 : (uint32_t)log10_milli;
}

struct node *
node_random(struct member *m, enum member_state state,
    enum member_state or_state, const struct node *but)
{
	if (m->states[state] + m->states[or_state] == 0)
		return NULL;
	size_t start = random_below(m, m->count);

	for (size_t i = 0; i < m->count; i++) {
		struct node *n = m->order[(start + i) % m->count];

		if (n != but && (n->state == state || n->state == or_state))
			return n;
	}
	return NULL;
}
