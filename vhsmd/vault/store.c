#include "vault/store.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define GROW 16 /* keys that fit at first; doubled when full */

struct entry {
	struct key *key;
	UT_hash_handle hh;
};

struct store {
	struct entry *by_kid;
	struct entry **all; /* in order of addition; owns the entries */
	size_t count, room;
};

static void
entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	key_free(e->key);
	free(e);
}
AUTO_FREE(struct entry, entry_free)

struct store *
store_new(void)
{
	return calloc(1, sizeof(struct store));
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	HASH_CLEAR(hh, s->by_kid);
	for (size_t i = 0; i < s->count; i++)
		entry_free(s->all[i]);
	free(s->all);
	free(s);
}

static struct entry *
find(const struct store *s, struct slice kid)
{
	struct entry *e = NULL;

	if (kid.len == VH_KID_SIZE)
		HASH_FIND(hh, s->by_kid, kid.p, kid.len, e);
	return e;
}

static enum vh_err
reserve(struct store *s)
{
	size_t room = s->room == 0 ? GROW : 2 * s->room;

	if (s->count < s->room)
		return VH_OK;
	struct entry **all = reallocarray(s->all, room, sizeof *all);

	if (all == NULL)
		return VH_ENOMEM;
	s->all = all;
	s->room = room;
	return VH_OK;
}

enum vh_err
store_add(struct store *s, struct key *key)
{
	AUTO(key_free) struct key *mine = key;
	AUTO(entry_free) struct entry *e = NULL;
	const struct entry *old = find(s, slice_text(key->kid));

	if (old != NULL)
		return key_same_terms(old->key, key) ? VH_OK : VH_EDUPLICATE;
	TRY(reserve(s));
	e = calloc(1, sizeof *e);
	if (e == NULL)
		return VH_ENOMEM;
	e->key = TAKE(mine);
	HASH_ADD_KEYPTR(hh, s->by_kid, e->key->kid, VH_KID_SIZE, e);
	/* So uthash says that it found no memory. */
	if (e->hh.tbl == NULL)
		return VH_ENOMEM;
	s->all[s->count++] = TAKE(e);
	return VH_OK;
}

struct key *
store_get(const struct store *s, struct slice kid)
{
	const struct entry *e = find(s, kid);

	return e == NULL ? NULL : e->key;
}

size_t
store_count(const struct store *s)
{
	return s->count;
}

struct key *
store_at(const struct store *s, size_t i)
{
	return i < s->count ? s->all[i]->key : NULL;
}
