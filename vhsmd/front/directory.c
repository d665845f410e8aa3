#include "front/directory.h"

#include <stdlib.h>
#include <uthash.h>

#include "front/directory_inner.h"
#include "front/parts.h"
#include "jose/jwk.h"
#include "wire/b64.h"

/* What numbers, JWK and headers of one key come to: the numbers, their
 * base64url, and what is around it. */
#define BYTES_TIMES 3
#define BYTES_PLUS  2048

/* A key and its place in the hash table, which struct dkey need not show. */
struct entry {
	struct dkey key;
	UT_hash_handle hh, hp;
};

struct directory {
	unsigned refs;
	struct entry *by_kid, *by_published;
	struct dkey **list;  /* each the beginning of an entry */
	struct parts *parts; /* once closed; NULL when out of memory */
	size_t count, room;
	/* Of a cluster only: */
	struct nodes *nodes;
	const char *self;
	struct directory *before; /* until closed */
};

struct directory *
directory_new(void)
{
	struct directory *d = calloc(1, sizeof *d);

	if (d != NULL)
		d->refs = 1;
	return d;
}

struct directory *
directory_new_again(struct directory *before)
{
	struct directory *d = directory_new();

	if (d != NULL)
		d->before = directory_use(before);
	return d;
}

struct directory *
directory_new_cluster(struct nodes *nodes, const char *self,
    struct directory *before)
{
	struct directory *d = directory_new();

	if (d == NULL)
		return NULL;
	d->nodes = nodes;
	d->self = self;
	d->before = before == NULL ? NULL : directory_use(before);
	return d;
}

struct directory *
directory_use(struct directory *d)
{
	d->refs++;
	return d;
}

static void
drop_holders(struct directory *d, struct dkey *key)
{
	for (size_t i = 0; i < key->holder_count; i++)
		node_end(d->nodes, key->holders[i]);
	free(key->holders);
	key->holders = NULL;
	key->holder_count = 0;
}

static void
entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	free(e->key.name);
	free(e->key.published);
	free(e->key.allow);
	rules_free(e->key.rules);
	pkey_free(e->key.pkey);
	buf_free(e->key.bytes);
	free(e);
}
AUTO_FREE(struct entry, entry_free)

void
directory_free(struct directory *d)
{
	if (d == NULL || --d->refs > 0)
		return;
	HASH_CLEAR(hh, d->by_kid);
	HASH_CLEAR(hp, d->by_published);
	for (size_t i = 0; i < d->count; i++) {
		drop_holders(d, d->list[i]);
		entry_free((struct entry *)d->list[i]);
	}
	parts_free(d->parts);
	directory_free(d->before);
	free(d->list);
	free(d);
}

/* The optional text of a field, as a copy; NULL when the field is absent. */
static enum vh_err
copy_text(const struct fields *f, enum vh_tag tag, char **out)
{
	if (!fields_have(f, tag))
		return VH_OK;
	*out = strndup((const char *)f->at[tag].p, f->at[tag].len);
	return *out == NULL ? VH_ENOMEM : VH_OK;
}

static struct slice
copy_number(struct buf *b, struct slice number)
{
	size_t at = b->len;

	buf_put(b, number);
	return slice_of(b->p + at, number.len);
}

/* Of a symmetric key all that is known is its size; its kid is random.  Nobody
 * else's is any affair of this node. */
static enum vh_err
read_secret(const struct directory *d, struct dkey *key, const struct fields *f)
{
	struct slice kid = f->at[VH_F_KID];
	uint32_t bits = fields_u32(f, VH_F_BITS);
	AUTO(buf_free) struct buf *random = buf_new(64);

	if (d->nodes != NULL || kid.len != VH_KID_SIZE || bits % 8 != 0 ||
	    b64_decode(kid, random) != VH_OK)
		return VH_EKEY;
	memcpy(key->kid, kid.p, kid.len);
	key->pub = (struct pub){ .kty = VH_KTY_OCT, .secret = bits / 8 };
	return VH_OK;
}

/* Copies the numbers; bytes has room for all that will ever be put there, so
 * that slices into it stay. */
static enum vh_err
read_numbers(struct dkey *key, const struct fields *f)
{
	struct pub pub;
	char kid[VH_KID_SIZE + 1];

	TRY(pub_of_fields(f, &pub));
	TRY(pub_thumbprint(&pub, kid));
	/* Whoever receives a key recomputes its kid. */
	if (!slice_is(f->at[VH_F_KID], kid))
		return VH_EKEY;
	memcpy(key->kid, kid, sizeof kid);
	key->pub = pub;
	key->pub.n = copy_number(key->bytes, pub.n);
	key->pub.e = copy_number(key->bytes, pub.e);
	key->pub.x = copy_number(key->bytes, pub.x);
	key->pub.y = copy_number(key->bytes, pub.y);
	return VH_OK;
}

/* Of other nodes' keys rules are what a newer node may say otherwise: those it
 * sees to itself. */
static enum vh_err
read_rules(const struct directory *d, struct dkey *key, const struct fields *f)
{
	enum vh_err err =
	    rules_new(f->at[VH_F_TYPS], f->at[VH_F_CLAIMS], &key->rules);

	return err == VH_EFIELD && d->nodes != NULL ? VH_OK : err;
}

static enum vh_err
read_terms(const struct directory *d, struct dkey *key, const struct fields *f)
{
	uint32_t pin = fields_u32(f, VH_F_ALG_ID);

	key->use = (enum vh_use)fields_u32(f, VH_F_USE_ID);
	if (use_name(key->use) == NULL)
		return VH_EKEY;
	key->pin = alg_by_id(pin);
	if (pin != 0 &&
	    (key->pin == NULL || !pub_fits(&key->pub, key->pin, key->use)))
		return VH_EALG;
	if (fields_have(f, VH_F_PUBLISHED_KID) &&
	    !kid_is_publishable(f->at[VH_F_PUBLISHED_KID]))
		return VH_EFIELD;
	TRY(copy_text(f, VH_F_PUBLISHED_KID, &key->published));
	TRY(copy_text(f, VH_F_NAME, &key->name));
	TRY(copy_text(f, VH_F_ALLOW, &key->allow));
	key->ops = fields_u32(f, VH_F_OPS);
	return read_rules(d, key, f);
}

/* A kid is the thumbprint of the numbers, so an equal kid means equal numbers,
 * which are known to be sound: a point is checked once. */
static enum vh_err
make_pkey(const struct directory *d, struct dkey *key)
{
	const struct dkey *old =
	    d->before == NULL ? NULL
			      : directory_find(d->before, slice_text(key->kid));

	if (key->use != VH_USE_SIG || key->pub.kty == VH_KTY_OCT)
		return VH_OK;
	if (old == NULL || old->pkey == NULL)
		return pkey_of_pub(&key->pub, &key->pkey);
	if (EVP_PKEY_up_ref(old->pkey) != 1)
		return VH_EINTERNAL;
	key->pkey = old->pkey;
	return VH_OK;
}

static size_t
bytes_size(const struct fields *f)
{
	return BYTES_PLUS + 2 * DKEY_ALGS * f->at[VH_F_PUBLISHED_KID].len +
	       BYTES_TIMES * (f->at[VH_F_PUB_N].len + f->at[VH_F_PUB_E].len +
				 f->at[VH_F_PUB_X].len + f->at[VH_F_PUB_Y].len);
}

static enum vh_err
make_key(const struct directory *d, struct dkey *key, const struct fields *f)
{
	size_t size = bytes_size(f);

	key->bytes = buf_new(size);
	if (!buf_reserve(key->bytes, size))
		return VH_ENOMEM;
	bool oct = fields_u32(f, VH_F_KTY_ID) == VH_KTY_OCT;

	TRY(oct ? read_secret(d, key, f) : read_numbers(key, f));
	TRY(read_terms(d, key, f));
	size_t at = key->bytes->len;

	if (oct)
		dkey_put_secret(key->bytes, key);
	else
		jwk_put(key->bytes, &key->pub, slice_text(dkey_kid(key)),
		    key->use, key->pin);
	key->jwk = slice_of(key->bytes->p + at, key->bytes->len - at);
	TRY(dkey_list_algs(key));
	TRY(make_pkey(d, key));
	TRY(buf_end(key->bytes));
	/* Had it grown, the slices would point to where it was. */
	return key->bytes->cap == size ? VH_OK : VH_EINTERNAL;
}

static size_t
count_holders(const struct fields *f)
{
	struct slice rest = f->body, value;
	size_t n = 0;
	unsigned tag;

	while (fields_next(&rest, &tag, &value))
		n += tag == VH_F_HOLDER;
	return n < DIRECTORY_HOLDERS ? n : DIRECTORY_HOLDERS;
}

static enum vh_err
add_holder(const struct directory *d, struct dkey *key, struct slice body)
{
	struct fields f;

	TRY(fields_parse(body, &f));
	if (slice_is(f.at[VH_F_NODE], d->self)) {
		key->here = true;
		return VH_OK;
	}
	struct node *n = node_use(d->nodes, f.at[VH_F_NODE]);

	if (n == NULL)
		return VH_EFIELD;
	n->load = fields_u32(&f, VH_F_LOAD);
	key->holders[key->holder_count++] = n;
	return VH_OK;
}

/* On failure those read so far are the key's, too. */
static enum vh_err
read_holders(const struct directory *d, struct dkey *key,
    const struct fields *f)
{
	struct slice rest = f->body, value;
	size_t room = count_holders(f);
	unsigned tag;

	if (room == 0)
		return VH_OK;
	key->holders = calloc(room, sizeof(struct node *));
	if (key->holders == NULL)
		return VH_ENOMEM;
	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_HOLDER || key->holder_count == room)
			continue;
		TRY(add_holder(d, key, value));
	}
	return VH_OK;
}

static void
read_life(struct dkey *key, const struct fields *f)
{
	/* Of a key without a life here nobody knows. */
	key->keep_ms = fields_have(f, VH_F_KEEP_MS)
			   ? fields_u64(f, VH_F_KEEP_MS)
			   : UINT64_MAX;
	key->not_before_ms = fields_u64(f, VH_F_NOT_BEFORE_MS);
	key->next_ms = fields_u64(f, VH_F_NEXT_MS);
	key->until_ms = fields_u64(f, VH_F_UNTIL_MS);
	key->end_ms = fields_u64(f, VH_F_END_MS);
}

/* The vault says no state of a node that is in no cluster. */
static enum vh_err
read_state(struct directory *d, struct dkey *key, const struct fields *f)
{
	key->state = (enum vh_key_state)fields_u32(f, VH_F_STATE);
	if (!fields_have(f, VH_F_STATE))
		key->state = VH_KEY_ACTIVE;
	if (key->state < VH_KEY_PUBLISHED || key->state > VH_KEY_RETIRED)
		return VH_EFIELD;
	key->here = d->nodes == NULL;
	if (d->nodes == NULL)
		return VH_OK;
	enum vh_err err = read_holders(d, key, f);

	if (err != VH_OK)
		drop_holders(d, key);
	return err;
}

static enum vh_err
make_room(struct directory *d)
{
	if (d->count < d->room)
		return VH_OK;
	if (d->count >= DIRECTORY_KEYS)
		return VH_ETOOBIG;
	size_t room = d->room == 0 ? 16 : d->room * 2;
	struct dkey **list = realloc(d->list, room * sizeof(struct dkey *));

	if (list == NULL)
		return VH_ENOMEM;
	d->list = list;
	d->room = room;
	return VH_OK;
}

enum vh_err
directory_add(struct directory *d, struct slice fields)
{
	AUTO(entry_free) struct entry *e = calloc(1, sizeof *e);
	struct fields f;

	if (e == NULL)
		return VH_ENOMEM;
	TRY(fields_parse(fields, &f));
	TRY(make_room(d));
	TRY(make_key(d, &e->key, &f));
	if (directory_get(d, slice_text(e->key.kid)) != NULL ||
	    directory_get(d, slice_text(e->key.published)) != NULL)
		return VH_EDUPLICATE;
	TRY(read_state(d, &e->key, &f));
	read_life(&e->key, &f);
	HASH_ADD(hh, d->by_kid, key.kid, VH_KID_SIZE, e);
	if (e->key.published != NULL)
		HASH_ADD_KEYPTR(hp, d->by_published, e->key.published,
		    strlen(e->key.published), e);
	d->list[d->count++] = &TAKE(e)->key;
	return VH_OK;
}

static int
compare_kids(const void *a, const void *b)
{
	const struct dkey *const *x = a, *const *y = b;

	return strcmp((*x)->kid, (*y)->kid);
}

void
directory_close(struct directory *d)
{
	if (d->count > 0)
		qsort(d->list, d->count, sizeof(struct dkey *), compare_kids);
	d->parts = parts_new(d->list, d->count);
	directory_free(d->before);
	d->before = NULL;
}

void
directory_learn(struct directory *d, const struct directory *cluster,
    bool name_taken)
{
	for (size_t i = 0; i < d->count; i++) {
		struct dkey *own = d->list[i];

		if (own->pub.kty == VH_KTY_OCT)
			continue; /* the cluster knows nothing of it */
		const struct dkey *key =
		    directory_find(cluster, slice_text(own->kid));
		own->state = 0;
		if (key != NULL && strcmp(dkey_kid(key), dkey_kid(own)) == 0)
			own->state = key->state;
		if (own->state == VH_KEY_ACTIVE && (!key->here || name_taken))
			own->state = VH_KEY_PUBLISHED;
	}
}

const struct dkey *
directory_find(const struct directory *d, struct slice kid)
{
	struct entry *found = NULL;

	if (kid.len == VH_KID_SIZE)
		HASH_FIND(hh, d->by_kid, kid.p, VH_KID_SIZE, found);
	return found == NULL ? NULL : &found->key;
}

const struct dkey *
directory_get(const struct directory *d, struct slice kid)
{
	const struct dkey *key = directory_find(d, kid);
	struct entry *found = NULL;

	if (key != NULL || kid.len == 0)
		return key;
	HASH_FIND(hp, d->by_published, kid.p, kid.len, found);
	return found == NULL ? NULL : &found->key;
}

size_t
directory_count(const struct directory *d)
{
	return d->count;
}

const struct dkey *
directory_at(const struct directory *d, size_t i)
{
	return i < d->count ? d->list[i] : NULL;
}

struct part
directory_part(const struct directory *d, struct slice name,
    const struct alg *alg)
{
	if (d->parts != NULL && (name.len > 0 || alg != NULL))
		return parts_find(d->parts, name, alg);
	return (struct part){ d->list, d->count };
}
