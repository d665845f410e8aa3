#include "peer/member_core.h"

#include <stdio.h>
#include <stdlib.h>

/* A second instance has shown up under the name of a living node.  Who of both
 * is really there is found out by asking: first at the known address; if the
 * newcomer is only hearsay, then at its own.
 *
 *   known answers, newcomer was heard or answers   both live: CONFLICT
 *   known silent,  newcomer was heard or answers   a restart: takes over
 *   newcomer neither heard nor answers             nothing was there
 *
 * (An answer by the newcomer at the known address ends the matter before it
 * gets here, see other_speaks.) */

static void
contest_ask(struct member *m, struct node *n, enum contest_phase phase)
{
	struct contest *c = n->contest;
	struct ask *a = ask_begin(m, ASK_CONTEST, MESSAGE_PING, n,
	    scaled_ms(m, m->c.timeout_ms));

	if (a == NULL) {
		c->phase = CONTEST_WAIT;
		c->when = after_ms(m, m->c.timeout_ms);
		due_by(m, c->when);
		return;
	}
	if (phase == CONTEST_NEW)
		(void)snprintf(a->address, sizeof a->address, "%s", c->address);
	c->phase = phase;
}

/* On hearsay everybody looks, so not everybody at once. */
static uint64_t
delay_ms(struct member *m, bool heard)
{
	uint64_t most = living(m) * 10;

	return heard ? 0 : random_below(m, most < 10000 ? most : 10000);
}

static void
contest_set(struct member *m, struct node *n, const struct update *u,
    bool heard)
{
	struct contest *c = n->contest;

	*c = (struct contest){
		.phase = CONTEST_WAIT,
		.heard = heard,
		.instance = u->instance,
		.incarnation = u->incarnation,
		.when = after_ms(m, delay_ms(m, heard)),
	};
	(void)snprintf(c->address, sizeof c->address, "%.*s",
	    (int)u->address.len, (const char *)u->address.p);
	due_by(m, c->when);
}

void
contest_begin(struct member *m, struct node *n, const struct update *u,
    bool heard)
{
	struct contest *c = n->contest;

	if (c == NULL) {
		n->contest = calloc(1, sizeof *c);
		if (n->contest == NULL)
			return;
		DL_APPEND2(m->contests, n, contest_prev, contest_next);
		contest_set(m, n, u, heard);
	} else if (c->phase == CONTEST_NONE && heard) {
		contest_set(m, n, u, heard);
	} else if (c->instance == u->instance && heard && !c->heard) {
		c->heard = true;
		c->incarnation = u->incarnation;
		if (c->phase == CONTEST_WAIT)
			c->when = m->now;
		due_by(m, m->now);
	}
}

void
contest_end(struct member *m, struct node *n)
{
	if (n->contest == NULL)
		return;
	DL_DELETE2(m->contests, n, contest_prev, contest_next);
	free(n->contest);
	n->contest = NULL;
}

static void
settle(struct member *m, struct node *n, enum contest_phase phase)
{
	n->contest->phase = phase;
	n->contest->when = after_ms(m, CONTEST_HOLD_MS);
	due_by(m, n->contest->when);
}

static void
both_live(struct member *m, struct node *n)
{
	settle(m, n, CONTEST_TWIN);
	n->twin = true;
	node_event(m, n);
	m->stats.conflicts++;
	/* The newcomer learns of it from our replies. */
	(void)ask_begin(m, ASK_TWIN, MESSAGE_PING, n,
	    scaled_ms(m, m->c.timeout_ms));
}

static void
newcomer_wins(struct member *m, struct node *n)
{
	char address[MEMBER_ADDRESS_MAX + 1];
	char version[MEMBER_VERSION_MAX + 1];

	(void)snprintf(address, sizeof address, "%s", n->contest->address);
	(void)snprintf(version, sizeof version, "%s", n->version);
	/* Its digest and version come with its next word. */
	struct update u = {
		.state = MEMBER_ALIVE,
		.instance = n->contest->instance,
		.incarnation = n->contest->incarnation,
		.name = node_name(n),
		.address = slice_text(address),
		.version = slice_text(version),
	};

	node_takeover(m, n, &u, false);
}

static void
no_answer(struct member *m, struct node *n)
{
	struct contest *c = n->contest;

	if (++c->tries < CONTEST_TRIES) {
		contest_ask(m, n, c->phase);
		return;
	}
	c->tries = 0;
	if (c->phase == CONTEST_NEW)
		settle(m, n, CONTEST_NONE);
	else if (c->heard)
		newcomer_wins(m, n);
	else
		contest_ask(m, n, CONTEST_NEW);
}

static void
old_answered(struct member *m, struct node *n)
{
	n->contest->old_answered = true;
	n->contest->tries = 0;
	if (n->contest->heard)
		both_live(m, n);
	else
		contest_ask(m, n, CONTEST_NEW);
}

void
contest_answer(struct member *m, struct node *n, const struct update *u)
{
	struct contest *c = n->contest;

	if (c == NULL || (c->phase != CONTEST_OLD && c->phase != CONTEST_NEW))
		return;
	if (u == NULL)
		no_answer(m, n);
	else if (c->phase == CONTEST_OLD)
		old_answered(m, n);
	else if (u->instance != c->instance)
		settle(m, n, CONTEST_NONE);
	else if (c->old_answered)
		both_live(m, n);
	else
		newcomer_wins(m, n);
}

void
contests_tick(struct member *m)
{
	struct node *n, *next;

	for (n = m->contests; n != NULL; n = next) {
		struct contest *c = n->contest;

		next = n->contest_next;
		if (c->phase == CONTEST_OLD || c->phase == CONTEST_NEW ||
		    !passed(m, c->when))
			continue;
		if (c->phase == CONTEST_WAIT)
			contest_ask(m, n, CONTEST_OLD);
		else
			contest_end(m, n);
	}
}

void
self_twin(struct member *m, uint64_t instance, struct slice address)
{
	if (m->twin != 0 && !passed(m, m->twin_quiet))
		return;
	m->twin = instance;
	m->twin_quiet = after_ms(m, TWIN_QUIET_MS);
	(void)snprintf(m->twin_address, sizeof m->twin_address, "%.*s",
	    (int)address.len, (const char *)address.p);
	m->self->twin = true;
	node_event(m, m->self);
	m->stats.conflicts++;
}
