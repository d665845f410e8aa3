#include "peer/member_core.h"

#include <stdio.h>

/* What the shell sees: copies of nodes, events, counts. */

static const char *const states[] = {
	[MEMBER_ALIVE] = "alive",
	[MEMBER_SUSPECT] = "suspect",
	[MEMBER_DEAD] = "dead",
	[MEMBER_LEFT] = "left",
};

static const char *const events[] = {
	[MEMBER_IS_JOINED] = "joined",
	[MEMBER_IS_ALIVE] = "alive",
	[MEMBER_IS_SUSPECT] = "suspect",
	[MEMBER_IS_DEAD] = "dead",
	[MEMBER_IS_LEFT] = "left",
	[MEMBER_IS_RESTARTED] = "restarted",
	[MEMBER_IS_CHANGED] = "changed",
	[MEMBER_IS_FORGOTTEN] = "forgotten",
	[MEMBER_IS_CONFLICT] = "conflict",
};

static const enum member_event_kind event_of_state[] = {
	[MEMBER_ALIVE] = MEMBER_IS_ALIVE,
	[MEMBER_SUSPECT] = MEMBER_IS_SUSPECT,
	[MEMBER_DEAD] = MEMBER_IS_DEAD,
	[MEMBER_LEFT] = MEMBER_IS_LEFT,
};

const char *
member_event_name(enum member_event_kind kind)
{
	return (size_t)kind < ARRAY_LEN(events) ? events[kind] : "unknown";
}

const char *
member_state_name(enum member_state state)
{
	if ((size_t)state >= ARRAY_LEN(states) || states[state] == NULL)
		return "unknown";
	return states[state];
}

static void
view(const struct member *m, const struct node *n, struct member_node *out)
{
	*out = (struct member_node){
		.instance = n->instance,
		.incarnation = n->incarnation,
		.state = n->state,
		.digest = n->digest,
		.self = n == m->self,
		.since = n->since,
		.last_seen = n->last_seen,
		.rtt_us = n->rtt_us,
	};
	(void)snprintf(out->name, sizeof out->name, "%s", n->name);
	(void)snprintf(out->address, sizeof out->address, "%s", n->address);
	(void)snprintf(out->version, sizeof out->version, "%s", n->version);
}

bool
member_at(const struct member *m, size_t i, struct member_node *out)
{
	if (i > m->count)
		return false;
	view(m, i == 0 ? m->self : m->order[i - 1], out);
	return true;
}

bool
member_has_lost_name(const struct member *m, struct mono_ns now)
{
	return m->lost_until.ns != 0 && !mono_passed(m->lost_until, now);
}

bool
member_find(const struct member *m, struct slice name, struct member_node *out)
{
	const struct node *n = node_find(m, name);

	if (n == NULL)
		return false;
	view(m, n, out);
	return true;
}

/* What of n is not yet reported, the most telling first. */
static bool
next_of_node(struct node *n, enum member_event_kind *kind)
{
	if (n->twin) {
		n->twin = false;
		*kind = MEMBER_IS_CONFLICT;
		return true;
	}
	if (n->forgotten) {
		bool known = n->reported != 0;

		n->reported = 0;
		*kind = MEMBER_IS_FORGOTTEN;
		return known;
	}
	if (n->restarted && n->reported != 0) {
		n->restarted = false;
		*kind = MEMBER_IS_RESTARTED;
		return true;
	}
	if (n->reported != n->state) {
		*kind = n->reported == 0 && n->state == MEMBER_ALIVE
			    ? MEMBER_IS_JOINED
			    : event_of_state[n->state];
		n->reported = n->state;
		return true;
	}
	*kind = MEMBER_IS_CHANGED;
	bool changed = n->changed;

	n->restarted = n->changed = false;
	return changed;
}

static const char *
twin_address(const struct member *m, const struct node *n)
{
	if (n == m->self)
		return m->twin_address;
	return n->contest == NULL ? "" : n->contest->address;
}

bool
member_next_event(struct member *m, struct member_event *out)
{
	while (m->events != NULL) {
		struct node *n = m->events;

		if (next_of_node(n, &out->kind)) {
			view(m, n, &out->node);
			out->other[0] = '\0';
			if (out->kind == MEMBER_IS_CONFLICT)
				(void)snprintf(out->other, sizeof out->other,
				    "%s", twin_address(m, n));
			return true;
		}
		m->events = n->event_next;
		if (m->events == NULL)
			m->events_end = NULL;
		n->event_waits = false;
		if (n->forgotten)
			node_free(n);
	}
	return false;
}

void
member_stats(const struct member *m, struct member_stats *out)
{
	*out = m->stats;
	out->alive = m->states[MEMBER_ALIVE] + !m->leaving;
	out->suspect = m->states[MEMBER_SUSPECT];
	out->dead = m->states[MEMBER_DEAD];
	out->left = m->states[MEMBER_LEFT] + m->leaving;
}
