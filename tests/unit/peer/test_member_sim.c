#include "test_member_sim.h"

#include <stdio.h>
#include <stdlib.h>

enum what { TICK, QUESTION, ANSWER, FAILURE };

struct sim_message {
	uint64_t at, order;
	enum what what;
	size_t from, to;
	uint64_t to_life; /* a message to a former life is lost */
	uint64_t id;
	uint8_t *bytes;
	size_t len;
};

/* An asker's question, as the token of the one who is asked. */
#define TOKEN(from, id) ((uint64_t)(from) << 48 | (id))

static struct mono_ns
at(const struct sim *s)
{
	return mono_after_ms((struct mono_ns){ 1000000000 }, s->now);
}

static uint64_t
draw(struct sim *s, uint64_t n)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	return (s->random >> 33) % n;
}

static bool
sooner(const struct sim_message *a, const struct sim_message *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
push(struct sim *s, struct sim_message e)
{
	if (s->heaped == s->room) {
		s->room = s->room == 0 ? 1024 : s->room * 2;
		s->heap = realloc(s->heap, s->room * sizeof *s->heap);
		if (s->heap == NULL)
			abort();
	}
	e.order = ++s->messages;
	size_t i = s->heaped++;

	for (; i > 0 && sooner(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = e;
}

static struct sim_message
pop(struct sim *s)
{
	struct sim_message top = s->heap[0], last = s->heap[--s->heaped];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= s->heaped)
			break;
		if (child + 1 < s->heaped &&
		    sooner(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!sooner(&s->heap[child], &last))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	if (s->heaped > 0)
		s->heap[i] = last;
	return top;
}

static bool
reaches(struct sim *s, size_t from, size_t to)
{
	if (s->nodes[to].m == NULL)
		return false;
	if (s->parted && s->nodes[from].side != s->nodes[to].side)
		return false;
	if (from < ARRAY_LEN(s->nodes[to].deaf_from) &&
	    s->nodes[to].deaf_from[from])
		return false;
	return draw(s, 1000) >= s->loss;
}

static void
post(struct sim *s, enum what what, size_t from, size_t to, uint64_t id,
    struct slice bytes)
{
	if (!reaches(s, from, to))
		return;
	struct sim_message e = {
		.at = s->now + 1 + draw(s, 4),
		.what = what,
		.from = from,
		.to = to,
		.to_life = s->nodes[to].life,
		.id = id,
		.bytes = malloc(bytes.len),
		.len = bytes.len,
	};

	if (e.bytes == NULL)
		abort();
	memcpy(e.bytes, bytes.p, bytes.len);
	push(s, e);
}

static size_t
index_of(const struct sim *s, const char *address)
{
	size_t i = strtoul(address + 1, NULL, 10);

	return i < s->count ? i : s->count;
}

static void
ask(struct sim *s, size_t from, const struct member_action *a)
{
	size_t to = index_of(s, a->address);
	struct sim_message late = {
		.at = s->now + a->timeout_ms,
		.what = FAILURE,
		.to = from,
		.to_life = s->nodes[from].life,
		.id = a->id,
	};

	/* Another name than asked for: the transport refuses. */
	if (to < s->count && a->name[0] != '\0' &&
	    strcmp(a->name, s->nodes[to].name) != 0)
		late.at = s->now + 1;
	else if (to < s->count)
		post(s, QUESTION, from, to, TOKEN(from, a->id), a->bytes);
	push(s, late);
}

static void
note(struct sim *s, size_t i, const struct member_event *e)
{
	s->nodes[i].seen[e->kind]++;
	if (e->kind != MEMBER_IS_DEAD && e->kind != MEMBER_IS_LEFT)
		return;
	for (size_t j = 0; j < s->count; j++)
		if (s->nodes[j].m != NULL && s->nodes[j].paused_until == 0 &&
		    strcmp(s->nodes[j].name, e->node.name) == 0)
			s->wrong_deaths++;
}

static void
drain(struct sim *s, size_t i)
{
	struct sim_node *n = &s->nodes[i];
	struct member_action a;
	struct member_event e;

	while (member_next(n->m, at(s), &a)) {
		if (a.kind == MEMBER_ASK)
			ask(s, i, &a);
		else
			post(s, ANSWER, i, a.id >> 48, a.id & 0xffffffffffff,
			    a.bytes);
	}
	while (member_next_event(n->m, &e))
		note(s, i, &e);
	uint64_t due =
	    (member_due(n->m).ns - at((struct sim[]){ { 0 } }).ns + 999999) /
	    1000000;

	due = due <= s->now ? s->now + 1 : due;
	if (due != n->tick_at)
		push(s, (struct sim_message){ .at = due,
			    .what = TICK,
			    .to = i,
			    .to_life = n->life });
	n->tick_at = due;
}

static void
deliver(struct sim *s, const struct sim_message *e)
{
	struct sim_node *n = &s->nodes[e->to];
	struct slice bytes = slice_of(e->bytes, e->len);
	struct slice from = slice_text(s->nodes[e->from].name);

	switch (e->what) {
	case TICK: member_tick(n->m, at(s)); break;
	case QUESTION:
		(void)member_asked(n->m, at(s), e->id, from, bytes);
		break;
	case ANSWER:
		(void)member_answered(n->m, at(s), e->id, from, bytes);
		break;
	case FAILURE: member_failed(n->m, at(s), e->id, VH_EDEADLINE); break;
	}
}

static void
step(struct sim *s)
{
	struct sim_message e = pop(s);
	struct sim_node *n = &s->nodes[e.to];

	s->now = e.at > s->now ? e.at : s->now;
	if (n->m == NULL || n->life != e.to_life ||
	    (e.what == TICK && e.at != n->tick_at)) {
		free(e.bytes);
		return;
	}
	if (n->paused_until > s->now) {
		e.at = n->paused_until;
		if (e.what == TICK)
			n->tick_at = e.at;
		push(s, e);
		return;
	}
	n->paused_until = 0;
	deliver(s, &e);
	free(e.bytes);
	drain(s, e.to);
}

struct sim *
sim_new(size_t count, uint64_t seed)
{
	struct sim *s = calloc(1, sizeof *s);

	if (s == NULL)
		abort();
	s->random = seed * 7919 + 1;
	s->count = count;
	s->nodes = calloc(count, sizeof *s->nodes);
	if (s->nodes == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		struct sim_node *n = &s->nodes[i];

		(void)snprintf(n->name, sizeof n->name, "n%zu", i);
		(void)snprintf(n->address, sizeof n->address, "h%zu:7600", i);
	}
	return s;
}

void
sim_free(struct sim *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		member_free(s->nodes[i].m);
	for (size_t i = 0; i < s->heaped; i++)
		free(s->heap[i].bytes);
	free(s->heap);
	free(s->nodes);
	free(s);
}

void
sim_start(struct sim *s, size_t i, size_t seed)
{
	struct sim_node *n = &s->nodes[i];
	struct member_config c = s->config;
	const char *seeds[] = { s->nodes[seed].address };

	c.name = n->name;
	c.address = n->address;
	c.version = "1.0";
	c.instance = ++s->messages * 2654435761u + i + 1;
	c.incarnation = 1700000000000 + s->now - s->clock_back;
	c.seed = draw(s, UINT32_MAX);
	n->life++;
	n->m = member_new(&c, at(s));
	n->paused_until = n->tick_at = 0;
	if (n->m == NULL ||
	    member_seeds(n->m, at(s), seeds, ARRAY_LEN(seeds)) != VH_OK)
		abort();
	drain(s, i);
}

void
sim_start_all(struct sim *s)
{
	for (size_t i = 0; i < s->count; i++)
		sim_start(s, i, 0);
}

void
sim_kill(struct sim *s, size_t i)
{
	member_free(s->nodes[i].m);
	s->nodes[i].m = NULL;
}

void
sim_pause(struct sim *s, size_t i, uint64_t ms)
{
	s->nodes[i].paused_until = s->now + ms;
}

void
sim_run(struct sim *s, uint64_t ms)
{
	uint64_t end = s->now + ms;

	while (s->heaped > 0 && s->heap[0].at <= end)
		step(s);
	s->now = end;
}

enum member_state
sim_state(const struct sim *s, size_t i, size_t j)
{
	struct member_node n;

	if (!member_find(s->nodes[i].m, slice_text(s->nodes[j].name), &n))
		return 0;
	return n.state;
}

static bool
view_right(const struct sim *s, size_t i, size_t j)
{
	enum member_state state = sim_state(s, i, j);
	bool there = s->nodes[j].m != NULL &&
		     (!s->parted || s->nodes[i].side == s->nodes[j].side);

	if (there)
		return state == MEMBER_ALIVE;
	return state != MEMBER_ALIVE && state != MEMBER_SUSPECT;
}

size_t
sim_wrong(const struct sim *s)
{
	size_t wrong = 0;

	for (size_t i = 0; i < s->count; i++)
		for (size_t j = 0; s->nodes[i].m != NULL && j < s->count; j++)
			wrong += i != j && !view_right(s, i, j);
	return wrong;
}

/* Cheaper than all views: whether everybody counts as many as there are. */
static bool
counts_right(const struct sim *s)
{
	size_t there[2] = { 0, 0 };
	struct member_stats stats;

	for (size_t i = 0; i < s->count; i++)
		there[s->parted && s->nodes[i].side] += s->nodes[i].m != NULL;
	for (size_t i = 0; i < s->count; i++) {
		if (s->nodes[i].m == NULL)
			continue;
		member_stats(s->nodes[i].m, &stats);
		if (stats.suspect != 0 ||
		    stats.alive != there[s->parted && s->nodes[i].side])
			return false;
	}
	return true;
}

uint64_t
sim_settle(struct sim *s, uint64_t most)
{
	uint64_t begun = s->now;

	while (s->now - begun < most) {
		if (counts_right(s) && sim_wrong(s) == 0)
			return s->now - begun;
		sim_run(s, 100);
	}
	return most;
}

unsigned
sim_total(const struct sim *s, enum member_event_kind kind)
{
	unsigned total = 0;

	for (size_t i = 0; i < s->count; i++)
		total += s->nodes[i].seen[kind];
	return total;
}

void
sim_forget_events(struct sim *s)
{
	for (size_t i = 0; i < s->count; i++)
		memset(s->nodes[i].seen, 0, sizeof s->nodes[i].seen);
	s->wrong_deaths = 0;
}
