#include "peer/announce.h"

#include <stdlib.h>
#include <uthash.h>

#include "wire/pub.h"

#define KIDS_MAX  4096 /* of a record */
#define NODES_MAX 1024
#define NODE_MAX  64 /* bytes of a node's name */

struct taker {
	char node[NODE_MAX + 1];
	UT_hash_handle hh;
};

typedef char kid_text[VH_KID_SIZE + 1];

struct announce {
	uint64_t epoch, seq;
	struct mono_ns since, push_at;
	kid_text *kids; /* sorted */
	size_t count;   /* 0: nothing is waited for */
	bool shows;     /* takers count all the same */
	bool saved;
	struct taker *takers;
};

struct announce *
announce_new(void)
{
	return calloc(1, sizeof(struct announce));
}

static void
forget_takers(struct announce *a)
{
	struct taker *t, *next;

	HASH_ITER(hh, a->takers, t, next)
	{
		HASH_DEL(a->takers, t);
		free(t);
	}
	a->saved = false;
}

void
announce_free(struct announce *a)
{
	if (a == NULL)
		return;
	forget_takers(a);
	free(a->kids);
	free(a);
}

/* --- in --------------------------------------------------------------------
 */

static int
compare_kids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static size_t
count_kids(const struct fields *f)
{
	struct slice rest = f->body, value;
	size_t n = 0;
	unsigned tag;

	while (fields_next(&rest, &tag, &value))
		n += tag == VH_F_ANNOUNCED;
	return n;
}

static enum vh_err
copy_kids(const struct fields *f, kid_text *to)
{
	struct slice rest = f->body, value;
	size_t n = 0;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_ANNOUNCED)
			continue;
		if (value.len != VH_KID_SIZE)
			return VH_EFIELD;
		memcpy(to[n], value.p, value.len);
		to[n++][VH_KID_SIZE] = '\0';
	}
	qsort(to, n, sizeof *to, compare_kids);
	return VH_OK;
}

static inline void
kids_free(kid_text *kids)
{
	free(kids);
}
AUTO_FREE(kid_text, kids_free)

enum vh_err
announce_shown(struct announce *a, struct mono_ns now, uint64_t epoch,
    uint64_t seq, const struct fields *f)
{
	size_t count = count_kids(f);
	AUTO(kids_free) kid_text *kids = calloc(count + 1, sizeof *kids);

	if (kids == NULL)
		return VH_ENOMEM;
	if (count > KIDS_MAX)
		return VH_EFIELD;
	TRY(copy_kids(f, kids));
	/* However often it is signed anew meanwhile, the wait is one. */
	if (a->count == 0)
		a->since = now;
	free(a->kids);
	a->kids = TAKE(kids);
	a->count = count;
	a->epoch = epoch;
	a->seq = seq;
	a->push_at = now;
	forget_takers(a);
	return VH_OK;
}

static bool
is_ours(const struct announce *a, uint64_t epoch, uint64_t seq)
{
	return (a->count > 0 || a->shows) &&
	       (epoch > a->epoch || (epoch == a->epoch && seq >= a->seq));
}

static struct taker *
find(const struct announce *a, const char *node)
{
	struct taker *t;

	HASH_FIND_STR(a->takers, node, t);
	return t;
}

void
announce_taken(struct announce *a, const char *node, uint64_t epoch,
    uint64_t seq)
{
	if (!is_ours(a, epoch, seq) || find(a, node) != NULL ||
	    HASH_COUNT(a->takers) >= NODES_MAX || strlen(node) > NODE_MAX)
		return;
	struct taker *t = calloc(1, sizeof *t);

	if (t == NULL)
		return; /* it is asked again */
	memcpy(t->node, node, strlen(node));
	HASH_ADD_STR(a->takers, node, t);
}

void
announce_saved(struct announce *a, uint64_t epoch, uint64_t seq)
{
	a->saved = a->saved || is_ours(a, epoch, seq);
}

void
announce_show(struct announce *a, bool on)
{
	a->shows = on;
}

/* --- out -------------------------------------------------------------------
 */

bool
announce_waits(const struct announce *a, uint64_t *epoch, uint64_t *seq)
{
	*epoch = a->epoch;
	*seq = a->seq;
	return a->count > 0;
}

bool
announce_holds(const struct announce *a, const char *kid)
{
	return a->count > 0 && bsearch(kid, a->kids, a->count, sizeof *a->kids,
				   compare_kids) != NULL;
}

bool
announce_has_taken(const struct announce *a, const char *node)
{
	return find(a, node) != NULL;
}

bool
announce_is_saved(const struct announce *a)
{
	return a->saved;
}

bool
announce_push_is_due(struct announce *a, struct mono_ns now)
{
	if ((a->count == 0 && !a->shows) || !mono_passed(a->push_at, now))
		return false;
	a->push_at = mono_after_ms(now, ANNOUNCE_EACH_MS);
	return true;
}

static bool
has_waited(const struct announce *a, uint32_t ms, struct mono_ns now)
{
	return mono_passed(mono_after_ms(a->since, ms), now);
}

enum announce_state
announce_look(const struct announce *a, struct mono_ns now, size_t others,
    size_t acked)
{
	bool last = has_waited(a, ANNOUNCE_LAST_MS, now);

	if (a->count == 0)
		return ANNOUNCE_WAITS;
	if (!a->saved)
		return last && acked > 0 ? ANNOUNCE_UNSAVED : ANNOUNCE_WAITS;
	if (acked >= others)
		return ANNOUNCE_SAFE;
	if (acked > 0 && has_waited(a, ANNOUNCE_SLOW_MS, now))
		return ANNOUNCE_SLOW;
	return acked == 0 && last ? ANNOUNCE_ALONE : ANNOUNCE_WAITS;
}

const char *
announce_state_name(enum announce_state state)
{
	static const char *const names[] = {
		[ANNOUNCE_WAITS] = "waits",
		[ANNOUNCE_SAFE] = "safe",
		[ANNOUNCE_SLOW] = "slow",
		[ANNOUNCE_ALONE] = "alone",
		[ANNOUNCE_UNSAVED] = "unsaved",
	};

	return names[state];
}
