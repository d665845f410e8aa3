#include "peer/member_core.h"

#include <stdio.h>
#include <stdlib.h>

/* A suspicion starts long and shortens with each accuser that is not one of the
 * earlier ones (Lifeguard, 4: a node that is slow itself accuses alone). */

/* log(c + 1) / log(wanted + 1), in thousandths.  No more are wanted than there
 * are left to accuse; but one, so that who is alone takes its time. */
static uint32_t
confirmed_milli(const struct member *m, const struct suspicion *s)
{
	unsigned wanted = s->wanted;

	static_assert(CONFIRM_MAX == 2, "0.631 is log 2 / log 3");
	if (wanted > 1 && m->states[MEMBER_ALIVE] < wanted)
		wanted = 1;
	if (s->count >= wanted)
		return 1000;
	return s->count == 0 ? 0 : 631;
}

struct mono_ns
suspicion_due(const struct member *m, const struct suspicion *s)
{
	uint64_t span = s->max_ms - s->min_ms;

	return mono_after_ms(s->started,
	    s->max_ms - span * confirmed_milli(m, s) / 1000);
}

static uint32_t
hash_of(struct slice name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ name.p[i]) * 16777619u;
	return h;
}

bool
is_accused_by(const struct node *n, struct slice by)
{
	const struct suspicion *s = n->suspicion;
	uint32_t h = hash_of(by);

	for (unsigned i = 0; s != NULL && i <= s->count; i++)
		if (s->accusers[i] == h)
			return true;
	return false;
}

static void
accuse(struct suspicion *s, struct slice by)
{
	s->accusers[++s->count] = hash_of(by);
	(void)snprintf(s->by, sizeof s->by, "%.*s", (int)by.len,
	    (const char *)by.p);
}

static void
confirm(struct member *m, struct node *n, struct slice by, bool leaving)
{
	struct suspicion *s = n->suspicion;

	s->leaving |= leaving;
	if (s->count >= s->wanted || is_accused_by(n, by))
		return;
	accuse(s, by);
	node_tell(m, n);
	due_by(m, suspicion_due(m, s));
}

static struct suspicion *
suspicion_new(const struct member *m, struct slice by, bool leaving)
{
	struct suspicion *s = calloc(1, sizeof *s);
	size_t n = living(m);

	if (s == NULL)
		return NULL;
	s->started = m->now;
	s->leaving = leaving;
	s->wanted = n - 2 < CONFIRM_MAX ? (unsigned)(n - 2) : CONFIRM_MAX;
	s->min_ms = (uint32_t)((uint64_t)m->c.suspicion * m->c.probe_ms *
			       scale_milli(n) / 1000);
	s->max_ms = s->min_ms * m->c.suspicion_longest;
	s->accusers[0] = hash_of(by);
	(void)snprintf(s->by, sizeof s->by, "%.*s", (int)by.len,
	    (const char *)by.p);
	return s;
}

void
suspect(struct member *m, struct node *n, struct slice by, bool leaving)
{
	if (n->state == MEMBER_SUSPECT)
		confirm(m, n, by, leaving);
	if (n->state != MEMBER_ALIVE)
		return;
	n->suspicion = suspicion_new(m, by, leaving);
	/* Out of memory: whoever accuses next may find some. */
	if (n->suspicion == NULL)
		return;
	DL_APPEND2(m->suspects, n, suspect_prev, suspect_next);
	node_set_state(m, n, MEMBER_SUSPECT);
	node_tell(m, n);
	node_event(m, n);
	m->stats.suspicions++;
	/* A few of those who hear of it look for themselves, soon: that
	 * confirms it, or clears it. */
	if (random_below(m, living(m)) < HELPERS_MAX)
		node_urgent(m, n);
	due_by(m, suspicion_due(m, n->suspicion));
}

void
suspicion_end(struct member *m, struct node *n)
{
	if (n->suspicion == NULL)
		return;
	DL_DELETE2(m->suspects, n, suspect_prev, suspect_next);
	free(n->suspicion);
	n->suspicion = NULL;
}

void
suspects_tick(struct member *m)
{
	struct node *n, *next;

	for (n = m->suspects; n != NULL; n = next) {
		next = n->suspect_next;
		if (passed(m, suspicion_due(m, n->suspicion)))
			node_gone(m, n,
			    n->suspicion->leaving ? MEMBER_LEFT : MEMBER_DEAD);
	}
}
