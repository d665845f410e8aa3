/* Keys and lines are in hash tables that remember the order of addition.  A
 * step goes on where the one before stopped, so that a thousand keys that are
 * due at once cost one walk, not a thousand. */
#include <stdlib.h>

#include "vault/life_inner.h"

#define LEAD_PART 20 /* of `every`, for making a key */

struct life *
life_new(bool announces)
{
	struct life *l = calloc(1, sizeof *l);

	if (l != NULL)
		l->announces = announces;
	return l;
}

void
life_free(struct life *l)
{
	struct line *line, *next_line;
	struct one *k, *next;

	if (l == NULL)
		return;
	HASH_ITER(hh, l->keys, k, next)
	{
		HASH_DEL(l->keys, k);
		free(k);
	}
	HASH_ITER(hh, l->lines, line, next_line)
	{
		HASH_DEL(l->lines, line);
		free(line);
	}
	free(l);
}

struct line *
life_find_line(const struct life *l, uint32_t id)
{
	struct line *line = NULL;

	HASH_FIND(hh, l->lines, &id, sizeof id, line);
	return line;
}

struct one *
life_find(const struct life *l, const char *kid)
{
	struct one *k = NULL;

	HASH_FIND(hh, l->keys, kid, strlen(kid), k);
	return k;
}

/* A line that nothing can come of any more. */
static void
drop_line(struct life *l, struct line *line)
{
	if (line->keys != NULL || line->making || !line->left)
		return;
	if (l->line_cursor == line)
		l->line_cursor = line->hh.next;
	HASH_DEL(l->lines, line);
	free(line);
}

static void
forget(struct life *l, struct one *k)
{
	struct line *line = k->line;

	if (l->cursor == k)
		l->cursor = k->hh.next;
	if (line->active == k)
		line->active = NULL;
	if (line->next == k)
		line->next = NULL;
	DL_DELETE2(line->keys, k, prev, after);
	HASH_DEL(l->keys, k);
	free(k);
	/* Another one can come only of a line that makes its keys. */
	line->left = line->left || (line->keys == NULL && !line->makes);
	drop_line(l, line);
}

enum vh_err
life_line(struct life *l, const struct life_terms *terms, uint32_t entry,
    bool makes, uint32_t *out)
{
	struct line *line = calloc(1, sizeof *line);

	if (line == NULL)
		return VH_ENOMEM;
	line->id = ++l->last_line;
	line->entry = entry;
	line->terms = *terms;
	line->makes = makes;
	HASH_ADD(hh, l->lines, id, sizeof line->id, line);
	/* So uthash says that it found no memory. */
	if (line->hh.tbl == NULL) {
		free(line);
		return VH_ENOMEM;
	}
	*out = line->id;
	return VH_OK;
}

static void
retire(struct one *k, struct life_now now)
{
	if (k->line->active == k)
		k->line->active = NULL;
	k->state = VH_KEY_RETIRED;
	k->told = false;
	k->at = mono_after_ms(now.mono, LIFE_SETTLE_MS);
	k->until_ms = now.wall.ms + LIFE_SETTLE_MS;
}

/* The one before it makes way. */
static void
activate(struct one *k, struct life_now now)
{
	struct line *line = k->line;

	if (line->active != NULL)
		retire(line->active, now);
	if (line->next == k)
		line->next = NULL;
	line->active = k;
	k->state = VH_KEY_ACTIVE;
	k->at = now.mono;
}

static struct mono_ns
later(struct mono_ns a, struct mono_ns b)
{
	return a.ns > b.ns ? a : b;
}

struct mono_ns
life_rotates_at(const struct line *line)
{
	if (line->active == NULL || line->terms.every_ms == 0)
		return (struct mono_ns){ LIFE_NEVER };
	return mono_after_ms(line->active->at, line->terms.every_ms);
}

static void
publish(struct one *k, struct mono_ns due)
{
	k->timed = true;
	k->due = k->at = due;
	k->line->next = k;
}

enum vh_err
life_add(struct life *l, uint32_t id, const char *kid, enum life_start start,
    struct life_now now)
{
	struct line *line = life_find_line(l, id);
	struct one *k = calloc(1, sizeof *k);

	if (k == NULL || line == NULL) {
		free(k);
		return line == NULL ? VH_ENOKEY : VH_ENOMEM;
	}
	(void)strncpy(k->kid, kid, VH_KID_SIZE); /* calloc put the NUL */
	k->line = line;
	k->state = VH_KEY_PUBLISHED;
	HASH_ADD_KEYPTR(hh, l->keys, k->kid, strlen(k->kid), k);
	if (k->hh.tbl == NULL) {
		free(k);
		return VH_ENOMEM;
	}
	DL_APPEND2(line->keys, k, prev, after);
	if (start == LIFE_ACTIVE)
		activate(k, now);
	if (start == LIFE_PUBLISHED)
		publish(k, mono_after_ms(now.mono, line->terms.publish_ms));
	return VH_OK;
}

/* --- what was asked for --------------------------------------------------- */

static void
calm(struct line *line)
{
	line->failures = 0;
	line->pause_ms = 0;
	line->retry = (struct mono_ns){ 0 };
}

enum vh_err
life_made(struct life *l, uint32_t id, const char *kid, struct life_now now)
{
	struct line *line = life_find_line(l, id);

	l->making = false;
	if (line == NULL)
		return VH_ENOKEY;
	line->making = false;
	if (line->left) {
		drop_line(l, line);
		return VH_ENOKEY;
	}
	struct mono_ns due = mono_after_ms(now.mono, line->terms.publish_ms);
	struct mono_ns planned = life_rotates_at(line);

	if (line->hurried)
		due = now.mono;
	else if (!line->wanted && planned.ns != LIFE_NEVER)
		due = later(due, planned);
	TRY(life_add(l, id, kid, LIFE_WAITING, now));
	publish(life_find(l, kid), due);
	line->wanted = line->hurried = false;
	calm(line);
	return VH_OK;
}

void
life_failed(struct life *l, uint32_t id, struct life_now now)
{
	struct line *line = life_find_line(l, id);

	l->making = false;
	if (line == NULL)
		return;
	line->making = false;
	line->failures++;
	line->pause_ms =
	    line->pause_ms == 0 ? LIFE_AGAIN_MS : 2 * line->pause_ms;
	if (line->pause_ms > LIFE_PAUSE_MAX)
		line->pause_ms = LIFE_PAUSE_MAX;
	line->retry = mono_after_ms(now.mono, line->pause_ms);
	drop_line(l, line);
}

enum vh_err
life_activated(struct life *l, const char *kid, struct life_now now)
{
	struct one *k = life_find(l, kid);

	if (k == NULL)
		return VH_ENOKEY;
	if (k->state == VH_KEY_PUBLISHED)
		activate(k, now);
	return VH_OK;
}

enum vh_err
life_rotate(struct life *l, const char *kid, bool hurried, struct life_now now)
{
	struct one *k = life_find(l, kid);

	if (k == NULL)
		return VH_ENOKEY;
	if (!k->line->makes)
		return VH_EKEY;
	if (k->state != VH_KEY_ACTIVE)
		return VH_EINACTIVE;
	struct line *line = k->line;

	calm(line);
	if (line->next == NULL) {
		line->wanted = true;
		line->hurried |= hurried;
	} else if (hurried) {
		publish(line->next, now.mono);
	}
	return VH_OK;
}

enum vh_err
life_revive(struct life *l, uint32_t id, bool hurried)
{
	struct line *line = life_find_line(l, id);

	if (line == NULL || line->left || !line->makes)
		return VH_ENOKEY;
	if (line->active != NULL || line->next != NULL)
		return VH_EINACTIVE;
	calm(line);
	line->wanted = true;
	line->hurried |= hurried;
	return VH_OK;
}

enum vh_err
life_retire(struct life *l, const char *kid, struct life_now now)
{
	struct one *k = life_find(l, kid);

	if (k == NULL)
		return VH_ENOKEY;
	if (k->state == VH_KEY_RETIRED || k->leaves)
		return VH_EINACTIVE;
	if (k->state == VH_KEY_ACTIVE)
		retire(k, now);
	else
		k->leaves = true;
	return VH_OK;
}

enum vh_err
life_destroy(struct life *l, const char *kid, bool secret_only,
    struct life_now now)
{
	struct one *k = life_find(l, kid);

	if (k == NULL)
		return VH_ENOKEY;
	if (k->state == VH_KEY_PUBLISHED) {
		k->leaves = true;
		return VH_OK;
	}
	if (secret_only && k->closed)
		return VH_EINACTIVE;
	if (k->state == VH_KEY_ACTIVE) {
		retire(k, now);
		k->until_ms = now.wall.ms;
	}
	k->leaves = !secret_only;
	if (!k->closed)
		k->at = now.mono; /* closes at once */
	return VH_OK;
}

void
life_leave(struct life *l, uint32_t id, struct life_now now)
{
	struct line *line = life_find_line(l, id);
	struct one *k;

	if (line == NULL)
		return;
	line->left = true;
	line->wanted = line->hurried = false;
	DL_FOREACH2(line->keys, k, after)
	if (k->state != VH_KEY_RETIRED)
		(void)life_retire(l, k->kid, now); /* or it leaves already */
	drop_line(l, line);
}

void
life_change(struct life *l, uint32_t id, uint32_t entry,
    const struct life_terms *terms)
{
	struct line *line = life_find_line(l, id);

	if (line == NULL)
		return;
	line->entry = entry;
	line->terms = *terms;
}

/* --- what is to be done --------------------------------------------------- */

/* When something is to be done about it. */
static struct mono_ns
key_next(const struct one *k)
{
	const struct mono_ns never = { LIFE_NEVER }, now = { 0 };

	if (k->state == VH_KEY_RETIRED && !k->told)
		return now;
	if (k->leaves && (k->state == VH_KEY_PUBLISHED || k->closed))
		return now;
	if (k->state == VH_KEY_PUBLISHED)
		return k->timed ? k->at : never;
	return k->state == VH_KEY_RETIRED ? k->at : never;
}

static void
end(struct life *l, struct one *k, struct life_event *out)
{
	out->act = LIFE_END;
	forget(l, k);
}

static void
step_published(struct life *l, struct one *k, struct life_now now,
    struct life_event *out)
{
	if (l->announces) {
		k->at = mono_after_ms(now.mono, LIFE_AGAIN_MS);
		out->act = LIFE_DUE;
		return;
	}
	activate(k, now);
	out->act = LIFE_ACTIVATE;
}

static void
step_retired(struct life *l, struct one *k, struct life_now now,
    struct life_event *out)
{
	if (!k->told) {
		k->told = true;
		out->act = LIFE_RETIRE;
	} else if (!k->closed) {
		k->closed = true;
		k->at = mono_after_ms(now.mono, k->line->terms.keep_ms);
		out->act = LIFE_CLOSE;
	} else {
		end(l, k, out);
	}
}

static bool
step_key(struct life *l, struct one *k, struct life_now now,
    struct life_event *out)
{
	if (!mono_passed(key_next(k), now.mono))
		return false;
	*out = (struct life_event){ .line = k->line->id };
	memcpy(out->kid, k->kid, sizeof out->kid);
	if (k->state == VH_KEY_RETIRED)
		step_retired(l, k, now, out);
	else if (k->leaves)
		end(l, k, out);
	else
		step_published(l, k, now, out);
	return true;
}

/* When the line's next key is to be made. */
static struct mono_ns
line_next(const struct line *line)
{
	uint64_t lead = line->terms.every_ms / LEAD_PART;
	struct mono_ns at = life_rotates_at(line);

	if (!line->makes || line->left || line->making || line->next != NULL)
		return (struct mono_ns){ LIFE_NEVER };
	if (line->wanted)
		return line->retry;
	if (at.ns == LIFE_NEVER)
		return at;
	lead = lead > LIFE_LEAD_MAX ? LIFE_LEAD_MAX : lead;
	uint64_t before = (line->terms.publish_ms + lead) * 1000000;

	at.ns = at.ns > before ? at.ns - before : 0;
	return later(at, line->retry);
}

static bool
step_line(struct life *l, struct line *line, struct life_now now,
    struct life_event *out)
{
	if (l->making || !mono_passed(line_next(line), now.mono))
		return false;
	*out = (struct life_event){ .act = LIFE_MAKE, .line = line->id };
	line->making = l->making = true;
	return true;
}

bool
life_step(struct life *l, struct life_now now, struct life_event *out)
{
	struct one *first = l->cursor == NULL ? l->keys : l->cursor, *k = first;
	struct line *line;

	while (k != NULL) {
		struct one *next = k->hh.next == NULL ? l->keys : k->hh.next;

		if (step_key(l, k, now, out)) {
			/* next may be k, which has just been forgotten. */
			l->cursor = l->keys != NULL && next != k ? next : NULL;
			return true;
		}
		k = next == first ? NULL : next;
	}
	first = NULL;
	for (line = l->lines; !l->making && line != NULL; line = line->hh.next)
		if (step_line(l, line, now, out))
			return true;
	return false;
}

struct mono_ns
life_next(const struct life *l)
{
	struct mono_ns soonest = { LIFE_NEVER };

	for (const struct one *k = l->keys; k != NULL; k = k->hh.next)
		if (key_next(k).ns < soonest.ns)
			soonest = key_next(k);
	for (const struct line *line = l->lines; !l->making && line != NULL;
	     line = line->hh.next)
		if (line_next(line).ns < soonest.ns)
			soonest = line_next(line);
	return soonest;
}
