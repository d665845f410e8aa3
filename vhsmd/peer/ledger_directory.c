/* The directory: what all records and tombstones together say about each key.
 * ledger.h has the rules. */
#include "peer/ledger_claims.h"
#include "peer/ledger_published.h"

#include <sodium.h>
#include <stdlib.h>

struct directory {
	struct ledger_key *keys; /* by kid */
	size_t count;
	struct ledger_holder *holders;
	size_t holder_count;
	struct ledger_clash *clashes; /* by kid */
	size_t clash_count;
	struct buf *bytes; /* where the texts and numbers are */
	uint8_t hash[32];  /* of all but load */
};

void
directory_free(struct directory *d)
{
	if (d == NULL)
		return;
	free(d->keys);
	free(d->holders);
	free(d->clashes);
	buf_free(d->bytes);
	free(d);
}

/* --- making one key of the claims on it ------------------------------------
 */

static bool
is_holder(const struct claim *c, const struct ledger_key *key)
{
	return c->here && c->state == key->state &&
	       slice_eq(slice_text(c->key->published), key->published);
}

/* Copies text to where it stays. */
static struct slice
keep(struct directory *d, struct slice text)
{
	size_t start = d->bytes->len;

	buf_put(d->bytes, text);
	return slice_of(d->bytes->p + start, text.len);
}

static void
keep_pub(struct directory *d, const struct pub *from, struct pub *to)
{
	*to = (struct pub){ .kty = from->kty, .crv = from->crv };
	to->n = keep(d, from->n);
	to->e = keep(d, from->e);
	to->x = keep(d, from->x);
	to->y = keep(d, from->y);
}

/* Ourselves first, then those after us by name, then from the start: so not
 * every node asks the same ones when there are too many to list. */
static void
add_holders(struct ledger *l, struct directory *d, const struct group *g,
    struct ledger_key *key)
{
	struct ledger_holder *holders = d->holders + d->holder_count;
	size_t first = 0;

	while (
	    first < g->count && strcmp(g->all[first].node->name, l->self) < 0)
		first++;
	for (size_t i = 0; i < g->count; i++) {
		const struct claim *c = &g->all[(first + i) % g->count];

		if (!is_holder(c, key) ||
		    key->holder_count >= LEDGER_HOLDERS_MAX)
			continue;
		struct slice name =
		    keep(d, slice_of(c->node->name, strlen(c->node->name) + 1));

		holders[key->holder_count++] =
		    (struct ledger_holder){ (const char *)name.p, 0 };
	}
	key->holders = holders;
	d->holder_count += key->holder_count;
}

/* --- who may use it --------------------------------------------------------
 */

static int
compare_texts(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int c = strncmp((const char *)x->p, (const char *)y->p, len);

	return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

/* Whether the claim has a say: holders have, and everyone when there is none.
 */
static bool
has_say(const struct claim *c, const struct ledger_key *key)
{
	return key->holder_count == 0 || is_holder(c, key);
}

/* Puts sorted items together, each once, as long as they fit. */
static void
join_items(const struct slice *items, size_t count, struct directory *d)
{
	size_t start = d->bytes->len;

	for (size_t i = 0; i < count; i++) {
		size_t used = d->bytes->len - start;

		if (items[i].len == 0 ||
		    (i > 0 && slice_eq(items[i - 1], items[i])) ||
		    used + items[i].len + 1 > RECORD_ALLOW_MAX)
			continue;
		if (used > 0)
			buf_put_u8(d->bytes, ',');
		buf_put(d->bytes, items[i]);
	}
}

static enum vh_err
unite_allow(const struct group *g, size_t bytes, struct directory *d,
    struct ledger_key *key)
{
	struct slice *items = calloc(bytes + 1, sizeof *items), rest;
	size_t count = 0, start = d->bytes->len;

	if (items == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < g->count; i++) {
		rest = g->all[i].key->allow;
		if (has_say(&g->all[i], key))
			while (slice_next_item(&rest, &items[count]))
				count++;
	}
	qsort(items, count, sizeof *items, compare_texts);
	join_items(items, count, d);
	free(items);
	key->allow = slice_of(d->bytes->p + start, d->bytes->len - start);
	return VH_OK;
}

static enum vh_err
set_allow(const struct group *g, struct directory *d, struct ledger_key *key)
{
	const struct slice *first = NULL;
	bool same = true;
	size_t bytes = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct slice *allow = &g->all[i].key->allow;

		if (!has_say(&g->all[i], key))
			continue;
		if (allow->len == 0)
			return VH_OK; /* everyone */
		first = first == NULL ? allow : first;
		same = same && slice_eq(*first, *allow);
		bytes += allow->len + 1;
	}
	if (first == NULL)
		return VH_OK;
	if (!same)
		return unite_allow(g, bytes, d, key);
	key->allow = keep(d, *first);
	return VH_OK;
}

static void
set_name(const struct group *g, struct directory *d, struct ledger_key *key)
{
	for (size_t i = 0; i < g->count; i++) {
		if (!has_say(&g->all[i], key) || g->all[i].key->name.len == 0)
			continue;
		key->name = keep(d, g->all[i].key->name);
		return;
	}
}

static void
set_ops(const struct group *g, struct ledger_key *key)
{
	bool all = false;

	for (size_t i = 0; i < g->count; i++) {
		if (!has_say(&g->all[i], key))
			continue;
		key->ops |= g->all[i].key->ops;
		all |= g->all[i].key->ops == 0;
	}
	if (all)
		key->ops &= VH_KEY_RAW;
}

/* Rules that all of them have; else there are some that do without. */
static void
set_rules(const struct group *g, struct directory *d, struct ledger_key *key)
{
	const struct record_key *one = NULL, *other;

	for (size_t i = 0; i < g->count; i++) {
		other = g->all[i].key;
		if (!has_say(&g->all[i], key))
			continue;
		if (one != NULL && (!slice_eq(one->typ, other->typ) ||
				       !slice_eq(one->claims, other->claims)))
			return;
		one = other;
	}
	if (one == NULL)
		return;
	key->typ = keep(d, one->typ);
	key->claims = keep(d, one->claims);
}

/* It was called so earlier, if the directory before says so. */
static void
set_published(const struct ledger *l, const struct group *g,
    struct directory *d, struct ledger_key *key)
{
	const struct claim *first = group_first(g);
	const struct ledger_key *before = ledger_key(l, key->kid);
	const char *node = first->node->name;

	key->since = claim_epoch(first);
	key->published = keep(d, slice_text(first->key->published));
	key->node = (const char *)keep(d, slice_of(node, strlen(node) + 1)).p;
	if (before != NULL && slice_eq(before->published, key->published) &&
	    before->since < key->since)
		key->since = before->since;
}

static enum vh_err
add_key(struct ledger *l, struct group g, struct directory *d)
{
	struct ledger_key *key = &d->keys[d->count];

	group_leave_speakers(&g);
	const struct record_key *one = g.all[0].key;

	memcpy(key->kid, one->kid, sizeof key->kid);
	key->use = one->use;
	key->alg = group_alg(&g);
	key->state = group_state(&g);
	keep_pub(d, &one->pub, &key->pub);
	set_published(l, &g, d, key);
	add_holders(l, d, &g, key);
	set_name(&g, d, key);
	set_ops(&g, key);
	set_rules(&g, d, key);
	TRY(set_allow(&g, d, key));
	d->count++;
	return VH_OK;
}

/* --- the whole -------------------------------------------------------------
 */

/* Bytes that suffice for what is kept of the claims. */
static size_t
room_for(const struct claims *c)
{
	size_t room = 1;

	for (size_t i = 0; i < c->count; i++) {
		const struct record_key *k = c->all[i].key;

		room += k->pub.n.len + k->pub.e.len + k->pub.x.len +
			k->pub.y.len + k->name.len + k->allow.len + 1 +
			k->typ.len + k->claims.len +
			slice_text(k->published).len + 2 * (NODE_NAME_MAX + 1);
	}
	return room;
}

static void
hash_bytes(crypto_hash_sha256_state *h, struct slice s)
{
	uint64_t len = s.len;

	/* These return 0.  The hash never leaves the process. */
	(void)crypto_hash_sha256_update(h, (const uint8_t *)&len, sizeof len);
	(void)crypto_hash_sha256_update(h, s.p, s.len);
}

static void
hash_directory(struct directory *d)
{
	crypto_hash_sha256_state h;

	(void)crypto_hash_sha256_init(&h); /* these return 0 */
	for (size_t i = 0; i < d->count; i++) {
		const struct ledger_key *k = &d->keys[i];
		uint64_t terms[] = { k->use, k->alg == NULL ? 0 : k->alg->id,
			k->state, k->holder_count, k->ops };

		hash_bytes(&h, slice_text(k->kid));
		hash_bytes(&h, slice_of(terms, sizeof terms));
		hash_bytes(&h, k->name);
		hash_bytes(&h, k->allow);
		hash_bytes(&h, k->typ);
		hash_bytes(&h, k->claims);
		hash_bytes(&h, k->published);
		for (size_t j = 0; j < k->holder_count; j++)
			hash_bytes(&h, slice_text(k->holders[j].node));
	}
	for (size_t i = 0; i < d->clash_count; i++)
		hash_bytes(&h, slice_text(d->clashes[i].kid));
	(void)crypto_hash_sha256_final(&h, d->hash);
}

static enum vh_err
build(struct ledger *l, struct claims *c, struct directory **out)
{
	AUTO(directory_free) struct directory *d = calloc(1, sizeof *d);
	size_t room = room_for(c);

	if (d == NULL)
		return VH_ENOMEM;
	d->keys = calloc(c->count + 1, sizeof *d->keys);
	d->holders = calloc(c->count + 1, sizeof *d->holders);
	d->clashes = calloc(c->count + 1, sizeof *d->clashes);
	d->bytes = buf_new(room);
	if (d->clashes == NULL || d->keys == NULL || d->holders == NULL ||
	    !buf_reserve(d->bytes, room))
		return VH_ENOMEM;
	for (size_t i = 0, n; i < c->count; i += n) {
		for (n = 1; i + n < c->count; n++)
			if (strcmp(c->all[i].key->kid,
				c->all[i + n].key->kid) != 0)
				break;
		TRY(add_key(l, (struct group){ c->all + i, n }, d));
	}
	TRY(buf_end(d->bytes));
	TRY(published_settle(d->keys, &d->count, d->clashes, &d->clash_count));
	hash_directory(d);
	*out = TAKE(d);
	return VH_OK;
}

enum vh_err
ledger_directory_update(struct ledger *l, uint64_t now)
{
	AUTO(directory_free) struct directory *d = NULL;
	struct claims found = { .next_end = UINT64_MAX };
	AUTO(claims_free) struct claims *c = &found;

	TRY(claims_collect(l, now, c));
	TRY(build(l, c, &d));
	l->next_end = c->next_end;
	l->dirty = false;
	if (l->directory != NULL &&
	    slice_eq(slice_of(l->directory->hash, 32), slice_of(d->hash, 32)))
		return VH_OK;
	directory_free(l->directory);
	l->directory = TAKE(d);
	l->version++;
	ledger_directory_set_loads(l);
	return VH_OK;
}

void
ledger_directory_set_loads(struct ledger *l)
{
	for (size_t i = 0;
	     l->directory != NULL && i < l->directory->holder_count; i++) {
		struct ledger_holder *h = &l->directory->holders[i];
		const struct ledger_live *live = ledger_live_find(l, h->node);

		h->load = live == NULL ? 0 : live->load;
	}
}

/* --- queries ---------------------------------------------------------------
 */

bool
ledger_key_is_published(const struct ledger_key *k)
{
	return k->use == VH_USE_SIG || k->state != VH_KEY_RETIRED;
}

const struct ledger_key *
ledger_keys(const struct ledger *l, size_t *count)
{
	*count = l->directory == NULL ? 0 : l->directory->count;
	return l->directory == NULL ? NULL : l->directory->keys;
}

static int
by_kid(const void *kid, const void *key)
{
	return strcmp(kid, ((const struct ledger_key *)key)->kid);
}

const struct ledger_key *
ledger_key(const struct ledger *l, const char *kid)
{
	size_t count;
	const struct ledger_key *keys = ledger_keys(l, &count);

	return count == 0 ? NULL
			  : bsearch(kid, keys, count, sizeof *keys, by_kid);
}

const struct ledger_clash *
ledger_clashes(const struct ledger *l, size_t *count)
{
	*count = l->directory == NULL ? 0 : l->directory->clash_count;
	return l->directory == NULL ? NULL : l->directory->clashes;
}

bool
ledger_has_active(const struct ledger *l)
{
	size_t count;
	const struct ledger_key *keys = ledger_keys(l, &count);

	for (size_t i = 0; i < count; i++)
		if (keys[i].use == VH_USE_SIG &&
		    keys[i].state == VH_KEY_ACTIVE && keys[i].holder_count > 0)
			return true;
	return false;
}

bool
ledger_is_active(const struct ledger *l, const char *kid)
{
	const struct ledger_key *k = ledger_key(l, kid);

	return k != NULL && k->use == VH_USE_SIG && k->state == VH_KEY_ACTIVE;
}
