#include "peer/member_core.h"

/* One probe at a time.  A PING first; when it is not answered in time, or has
 * failed, a second PING and some helpers; the first good answer ends it.  With
 * none until the next probe is due, the node becomes suspect. */

#define HELP_MIN_MS 10
#define HELP_MAX_MS 5000

static void
end_asks(struct member *m, struct ask *list)
{
	struct ask *a, *next;

	DL_FOREACH_SAFE(list, a, next)
	if (a->purpose == ASK_PROBE || a->purpose == ASK_INDIRECT)
		ask_end(m, a);
}

void
probe_drop(struct member *m)
{
	if (m->probe.node == NULL)
		return;
	m->probe = (struct probe){ 0 };
	end_asks(m, m->outbox);
	end_asks(m, m->asked);
}

/* Only a probe that needs it takes longer than one period. */
static void
probe_over(struct member *m)
{
	if (m->probe.next_at.ns < m->probe_at.ns)
		m->probe_at = m->probe.next_at;
	due_by(m, m->probe_at);
	probe_drop(m);
}

/* Lifeguard, 3.1: a helper that stays silent, or none to ask, speaks against
 * ourselves; NACKs do not.  Unlike there one point whatever the number of the
 * silent: the smaller side of a partition has to stay quick enough to notice
 * it. */
static void
probe_lost(struct member *m)
{
	const struct probe p = m->probe;

	m->stats.probes_failed++;
	health_add(m, p.helpers == 0 || p.nacks < p.helpers);
	probe_over(m);
	if (passed(m, m->grace))
		suspect(m, p.node, node_name(m->self), false);
}

static void
ask_target(struct member *m, uint32_t timeout_ms)
{
	if (ask_begin(m, ASK_PROBE, MESSAGE_PING, m->probe.node, timeout_ms) !=
	    NULL)
		m->probe.waiting++;
}

static bool
is_among(struct node *const *nodes, unsigned count, const struct node *n)
{
	for (unsigned i = 0; i < count; i++)
		if (nodes[i] == n)
			return true;
	return false;
}

static void
ask_helpers(struct member *m, uint32_t timeout_ms)
{
	struct node *asked[HELPERS_MAX];
	struct probe *p = &m->probe;

	/* A few more draws than helpers: the same may come twice. */
	for (unsigned i = 0; i < 2 * m->c.helpers; i++) {
		struct node *n =
		    node_random(m, MEMBER_ALIVE, MEMBER_ALIVE, p->node);

		if (p->helpers == m->c.helpers || n == NULL)
			break;
		if (is_among(asked, p->helpers, n))
			continue;
		struct ask *a =
		    ask_begin(m, ASK_INDIRECT, MESSAGE_PING_REQ, n, timeout_ms);

		if (a == NULL)
			break;
		a->about = p->node;
		a->help_ms = scaled_ms(m, m->c.timeout_ms) * 8 / 10;
		asked[p->helpers++] = n;
		p->waiting++;
		m->stats.indirect++;
	}
}

static void
probe_help(struct member *m)
{
	uint32_t left = mono_left_ms(m->probe_at, m->now);

	m->probe.helped = true;
	ask_target(m, left);
	ask_helpers(m, left);
}

static void
probe_won(struct member *m)
{
	health_add(m, -1);
	m->probe.node->cleared = 0;
	probe_over(m);
}

void
probe_answered(struct member *m, const struct ask *a, bool acked)
{
	struct probe *p = &m->probe;

	if (p->node == NULL)
		return;
	if (a->purpose == ASK_PROBE)
		p->node->rtt_us = (uint32_t)((m->now.ns - a->asked.ns) / 1000);
	if (acked) {
		probe_won(m);
		return;
	}
	p->nacks++;
	if (--p->waiting == 0)
		probe_lost(m);
}

void
probe_failed(struct member *m, const struct ask *a)
{
	struct probe *p = &m->probe;

	if (p->node == NULL)
		return;
	p->waiting--;
	if (a->purpose == ASK_PROBE && !p->helped)
		probe_help(m);
	if (p->waiting == 0)
		probe_lost(m);
}

static void
shuffle(struct member *m)
{
	for (size_t i = m->count; i > 1; i--) {
		size_t j = random_below(m, i);
		struct node *n = m->order[j];

		m->order[j] = m->order[i - 1];
		m->order[i - 1] = n;
	}
	for (size_t i = 0; i < m->count; i++)
		m->order[i]->at = (uint32_t)i;
	m->cursor = 0;
}

/* SWIM, 4.3: everybody once a round, in an order of our own. */
static struct node *
next_in_order(struct member *m, bool accused_too)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->cursor >= m->count)
			shuffle(m);
		struct node *n = m->order[m->cursor++];

		if (node_lives(n) &&
		    (accused_too || !is_accused_by(n, node_name(m->self))))
			return n;
	}
	return NULL;
}

/* Those whom we accuse already come last: others look after them, and when half
 * of a cluster is lost, the rest of it should be noticed. */
static struct node *
next_target(struct member *m)
{
	struct node *n = m->urgent;

	if (n != NULL) {
		node_not_urgent(m, n);
		return n;
	}
	n = next_in_order(m, false);
	return n != NULL ? n : next_in_order(m, true);
}

static void
probe_begin(struct member *m)
{
	struct node *n = next_target(m);

	m->probe_at = after_ms(m, scaled_ms(m, m->c.probe_ms));
	if (n == NULL)
		return;
	m->probe = (struct probe){
		.node = n,
		.next_at = after_ms(m, m->c.probe_ms),
		.help_at = after_ms(m, scaled_ms(m, m->c.timeout_ms)),
	};
	ask_target(m, scaled_ms(m, m->c.probe_ms));
	if (m->probe.waiting == 0)
		m->probe.node = NULL;
	else
		m->stats.probes++;
}

void
probe_tick(struct member *m)
{
	if (passed(m, m->probe_at)) {
		if (m->probe.node != NULL)
			probe_lost(m);
		probe_begin(m);
	} else if (m->probe.node != NULL && !m->probe.helped &&
		   passed(m, m->probe.help_at)) {
		probe_help(m);
	}
}

struct mono_ns
probe_due(const struct member *m)
{
	const struct probe *p = &m->probe;

	if (p->node != NULL && !p->helped && p->help_at.ns < m->probe_at.ns)
		return p->help_at;
	return m->probe_at;
}

void
help_begin(struct member *m, struct reply *r, const struct message *q)
{
	struct node *n = node_find(m, q->target);
	struct ask *a = NULL;
	uint32_t ms = q->help_ms;

	if (n == m->self) {
		reply_ready(m, r, MESSAGE_ACK);
		return;
	}
	ms = ms < HELP_MIN_MS ? HELP_MIN_MS : ms;
	ms = ms > HELP_MAX_MS ? HELP_MAX_MS : ms;
	/* Only nodes that we know: nobody makes us dial what it likes. */
	if (n != NULL)
		a = ask_begin(m, ASK_HELP, MESSAGE_PING, n, ms);
	if (a == NULL)
		reply_ready(m, r, MESSAGE_NACK);
	else
		a->reply = r;
}
