/* A table of atomic pointers: a key is added, replaced and removed in place; a
 * table that is full is copied into a larger one.  What readers may still see
 * (keys, old tables) goes into a list with the time, counted in changes, when
 * it left.  Every reader shows since when it has been reading: what left before
 * all of them came is freed. */
#include "vault/store.h"

#include <stdatomic.h>
#include <stdlib.h>

#define ROOM_FIRST 16 /* keys that fit at first; doubled when full */
#define RESTING    UINT64_MAX

typedef _Atomic(struct key *) place;

/* count: places used, also those whose key has left.  buckets: twice as many as
 * places, so that a search always ends. */
struct table {
	size_t room;
	_Atomic size_t count;
	place *all, *bucket;
};

struct left {
	struct left *next;
	struct key *key; /* one of these two */
	struct table *table;
	uint64_t when;
};

/* A cache line of its own: readers do not disturb each other. */
struct reader {
	_Alignas(64) _Atomic uint64_t since;
};

struct store {
	_Atomic(struct table *) table;
	_Atomic size_t keys;
	_Atomic uint64_t version, when;
	struct reader *readers;
	size_t reader_count;
	struct left *left;
};

/* What stands in a bucket whose key has left: a search goes on behind it. */
static struct key gone;

static void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	free(t->all);
	free(t->bucket);
	free(t);
}
AUTO_FREE(struct table, table_free)

static struct table *
table_new(size_t room)
{
	AUTO(table_free) struct table *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->room = room;
	t->all = calloc(room, sizeof *t->all);
	t->bucket = calloc(2 * room, sizeof *t->bucket);
	return t->all == NULL || t->bucket == NULL ? NULL : TAKE(t);
}

/* A kid is a hash, or random: any part of it will do. */
static size_t
hash_of(const uint8_t *kid)
{
	uint64_t h;

	memcpy(&h, kid, sizeof h);
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h >> 32);
}

/* The bucket of that kid, or the empty one where the search ended. */
static place *
bucket_of(const struct table *t, struct slice kid)
{
	size_t mask = 2 * t->room - 1;
	struct key *key;

	for (size_t i = hash_of(kid.p);; i++) {
		place *b = &t->bucket[i & mask];

		key = atomic_load(b);
		if (key == NULL || (key != &gone && slice_is(kid, key->kid)))
			return b;
	}
}

/* There is room. */
static void
table_add(struct table *t, struct key *key)
{
	size_t count = atomic_load(&t->count);

	key->place = count;
	atomic_store(&t->all[count], key);
	atomic_store(bucket_of(t, slice_text(key->kid)), key);
	atomic_store(&t->count, count + 1);
}

struct store *
store_new(void)
{
	AUTO(store_free) struct store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	atomic_store(&s->table, table_new(ROOM_FIRST));
	return atomic_load(&s->table) == NULL ? NULL : TAKE(s);
}

static void
left_free(struct left *l)
{
	key_free(l->key);
	table_free(l->table);
	free(l);
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	struct table *t = atomic_load(&s->table);

	for (size_t i = 0; t != NULL && i < atomic_load(&t->count); i++)
		key_free(atomic_load(&t->all[i]));
	table_free(t);
	while (s->left != NULL) {
		struct left *l = s->left;

		s->left = l->next;
		left_free(l);
	}
	free(s->readers);
	free(s);
}

/* --- reading -------------------------------------------------------------- */

struct key *
store_get(const struct store *s, struct slice kid)
{
	if (kid.len != VH_KID_SIZE)
		return NULL;
	return atomic_load(bucket_of(atomic_load(&s->table), kid));
}

size_t
store_count(const struct store *s)
{
	return atomic_load(&s->keys);
}

struct key *
store_next(const struct store *s, size_t *i)
{
	const struct table *t = atomic_load(&s->table);
	size_t count = atomic_load(&t->count);

	while (*i < count) {
		struct key *key = atomic_load(&t->all[(*i)++]);

		if (key != NULL)
			return key;
	}
	return NULL;
}

struct key *
store_at(const struct store *s, size_t i)
{
	const struct table *t = atomic_load(&s->table);

	return i < atomic_load(&t->count) ? atomic_load(&t->all[i]) : NULL;
}

uint64_t
store_version(const struct store *s)
{
	return atomic_load(&s->version);
}

void
store_touch(struct store *s)
{
	atomic_fetch_add(&s->version, 1);
}

enum vh_err
store_readers(struct store *s, size_t count)
{
	s->readers =
	    aligned_alloc(_Alignof(struct reader), count * sizeof *s->readers);
	if (s->readers == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < count; i++)
		atomic_init(&s->readers[i].since, RESTING);
	s->reader_count = count;
	return VH_OK;
}

/* Sequentially consistent, as all that is atomic here: whoever looks after this
 * store sees that we read, or we read what was there after it looked. */
void
store_enter(const struct store *s, size_t reader)
{
	if (reader < s->reader_count)
		atomic_store(&s->readers[reader].since, atomic_load(&s->when));
}

void
store_leave(const struct store *s, size_t reader)
{
	if (reader < s->reader_count)
		atomic_store_explicit(&s->readers[reader].since, RESTING,
		    memory_order_release);
}

/* --- changing ------------------------------------------------------------- */

/* Once it can be reached no more; l was made before, so that this cannot fail.
 */
static void
let_go(struct store *s, struct left *l, struct key *key, struct table *table)
{
	l->key = key;
	l->table = table;
	l->when = atomic_fetch_add(&s->when, 1) + 1;
	l->next = s->left;
	s->left = l;
}

/* A table with as much room again as there are keys, without those that left.
 */
static enum vh_err
grow(struct store *s)
{
	struct table *old = atomic_load(&s->table);
	size_t room = ROOM_FIRST, i = 0;
	struct left *l = calloc(1, sizeof *l);
	struct key *key;

	while (room < 2 * (store_count(s) + 1))
		room *= 2;
	struct table *t = table_new(room);

	if (t == NULL || l == NULL) {
		free(l);
		table_free(t);
		return VH_ENOMEM;
	}
	while ((key = store_next(s, &i)) != NULL)
		table_add(t, key);
	atomic_store(&s->table, t);
	let_go(s, l, NULL, old);
	return VH_OK;
}

enum vh_err
store_add(struct store *s, struct key *key)
{
	AUTO(key_free) struct key *mine = key;
	const struct key *old = store_get(s, slice_text(key->kid));
	const struct table *t = atomic_load(&s->table);

	if (old != NULL)
		return key_same_terms(old, key) ? VH_OK : VH_EDUPLICATE;
	if (atomic_load(&t->count) == t->room)
		TRY(grow(s));
	table_add(atomic_load(&s->table), TAKE(mine));
	atomic_fetch_add(&s->keys, 1);
	store_touch(s);
	return VH_OK;
}

static void
unlink_key(struct store *s, struct key *key)
{
	struct table *t = atomic_load(&s->table);

	atomic_store(bucket_of(t, slice_text(key->kid)), &gone);
	atomic_store(&t->all[key->place], NULL);
	atomic_fetch_sub(&s->keys, 1);
	store_touch(s);
}

enum vh_err
store_remove(struct store *s, struct key *key)
{
	struct left *l = calloc(1, sizeof *l);

	if (l == NULL)
		return VH_ENOMEM;
	unlink_key(s, key);
	let_go(s, l, key, NULL);
	return VH_OK;
}

void
store_take(struct store *s, struct key *key)
{
	unlink_key(s, key);
}

enum vh_err
store_replace(struct store *s, struct key *old, struct key *key)
{
	AUTO(key_free) struct key *mine = key;
	struct left *l = calloc(1, sizeof *l);
	struct table *t = atomic_load(&s->table);

	if (l == NULL)
		return VH_ENOMEM;
	mine->place = old->place;
	atomic_store(&t->all[old->place], mine);
	atomic_store(bucket_of(t, slice_text(old->kid)), TAKE(mine));
	let_go(s, l, old, NULL);
	store_touch(s);
	return VH_OK;
}

/* Since when the reader that came first has been reading. */
static uint64_t
oldest_reader(const struct store *s)
{
	uint64_t oldest = RESTING;

	for (size_t i = 0; i < s->reader_count; i++) {
		uint64_t since = atomic_load(&s->readers[i].since);

		if (since < oldest)
			oldest = since;
	}
	return oldest;
}

bool
store_reclaim(struct store *s)
{
	struct left **at = &s->left;

	if (s->left == NULL)
		return false;
	uint64_t oldest = oldest_reader(s);

	while (*at != NULL) {
		struct left *l = *at;

		if (l->when > oldest) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		left_free(l);
	}
	return s->left != NULL;
}
