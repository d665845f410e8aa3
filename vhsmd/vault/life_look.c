/* What can be seen of the lives of keys. */
#include "vault/life_inner.h"

/* The wall time of an instant, now or then. */
static uint64_t
wall_of(struct mono_ns at, struct life_now now)
{
	if (at.ns >= now.mono.ns)
		return now.wall.ms + (at.ns - now.mono.ns) / 1000000;
	uint64_t ago = (now.mono.ns - at.ns) / 1000000;

	return ago < now.wall.ms ? now.wall.ms - ago : 1;
}

static void
look_published(const struct one *k, struct life_now now, struct life_view *out)
{
	if (k->timed)
		out->not_before_ms = wall_of(k->due, now);
}

static void
look_active(const struct one *k, struct life_now now, struct life_view *out)
{
	struct mono_ns next = life_rotates_at(k->line);

	if (k->line->next != NULL && k->line->next->timed)
		next = k->line->next->due;
	out->not_before_ms = wall_of(k->at, now);
	if (next.ns != LIFE_NEVER && k->line->makes && !k->line->left)
		out->next_ms = wall_of(next, now);
}

static void
look_retired(const struct one *k, struct life_now now, struct life_view *out)
{
	struct mono_ns end = k->at;

	if (!k->closed)
		end = mono_after_ms(end, k->line->terms.keep_ms);
	out->until_ms = k->until_ms;
	out->end_ms = wall_of(end, now);
}

bool
life_look(const struct life *l, const char *kid, struct life_now now,
    struct life_view *out)
{
	const struct one *k = life_find(l, kid);

	if (k == NULL)
		return false;
	*out = (struct life_view){ .state = k->state,
		.closed = k->closed,
		.leaves = k->leaves,
		.line = k->line->id,
		.entry = k->line->entry,
		.terms = k->line->terms };
	if (k->state == VH_KEY_PUBLISHED)
		look_published(k, now, out);
	else if (k->state == VH_KEY_ACTIVE)
		look_active(k, now, out);
	else
		look_retired(k, now, out);
	return true;
}

struct mono_ns
life_next_rotation(const struct life *l, size_t *failing)
{
	struct mono_ns soonest = { LIFE_NEVER };

	*failing = 0;
	for (const struct line *line = l->lines; line != NULL;
	     line = line->hh.next) {
		struct mono_ns at = life_rotates_at(line);

		if (line->left || !line->makes)
			continue;
		*failing += line->failures > 0;
		if (line->next != NULL && line->next->timed)
			at = line->next->due;
		if (at.ns < soonest.ns)
			soonest = at;
	}
	return soonest;
}

bool
life_next_line(const struct life *l, uint32_t *id, struct life_line_view *out)
{
	const struct line *line = *id == 0 ? l->lines : life_find_line(l, *id);

	if (*id != 0 && line != NULL)
		line = line->hh.next;
	while (line != NULL && line->left)
		line = line->hh.next;
	if (line == NULL)
		return false;
	*id = line->id;
	*out = (struct life_line_view){ line->entry, line->terms, line->makes,
		line->failures, line->keys == NULL && !line->wanted };
	return true;
}

const char *
life_next_key(const struct life *l, uint32_t id, const char *after)
{
	const struct line *line = life_find_line(l, id);
	const struct one *k = after == NULL ? NULL : life_find(l, after);

	if (line == NULL)
		return NULL;
	if (after == NULL)
		k = line->keys;
	else if (k != NULL)
		k = k->after;
	return k == NULL ? NULL : k->kid;
}
