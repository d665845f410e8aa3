#include "front/directory.h"

#include <stdlib.h>
#include <uthash.h>

#include "jose/jwk.h"
#include "jose/jws.h"

#define BYTES_MAX 16384 /* numbers, JWK and headers of one key */

/* A key and its place in the hash table, which struct dkey need not show. */
struct entry {
	struct dkey key;
	UT_hash_handle hh;
};

struct directory {
	struct entry *by_kid;
	struct entry **list;
	size_t count, room;
};

struct directory *
directory_new(void)
{
	return calloc(1, sizeof(struct directory));
}

static void
entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	free(e->key.name);
	free(e->key.allow);
	pkey_free(e->key.pkey);
	buf_free(e->key.bytes);
	free(e);
}
AUTO_FREE(struct entry, entry_free)

void
directory_free(struct directory *d)
{
	if (d == NULL)
		return;
	HASH_CLEAR(hh, d->by_kid);
	for (size_t i = 0; i < d->count; i++)
		entry_free(d->list[i]);
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

static enum vh_err
read_terms(struct dkey *key, const struct fields *f)
{
	uint32_t pin = fields_u32(f, VH_F_ALG_ID);

	key->use = (enum vh_use)fields_u32(f, VH_F_USE_ID);
	if (use_name(key->use) == NULL)
		return VH_EKEY;
	key->pin = alg_by_id(pin);
	if (pin != 0 && (key->pin == NULL || !alg_fits(key->pin, key->pub.kty,
						 key->pub.crv, key->use)))
		return VH_EALG;
	TRY(copy_text(f, VH_F_NAME, &key->name));
	return copy_text(f, VH_F_ALLOW, &key->allow);
}

static enum vh_err
put_head(struct dkey *key, struct dkey_alg *to)
{
	const struct header_wish wish = { .alg = to->alg,
		.kid = slice_text(key->kid) };
	size_t at = key->bytes->len;

	TRY(jws_put_protected(&wish, key->bytes, NULL));
	to->head = slice_of(key->bytes->p + at, key->bytes->len - at);
	return VH_OK;
}

static enum vh_err
list_algs(struct dkey *key)
{
	const struct alg *alg;

	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
		if ((key->pin != NULL && key->pin != alg) ||
		    !alg_fits(alg, key->pub.kty, key->pub.crv, key->use))
			continue;
		if (key->alg_count == DKEY_ALGS)
			return VH_EINTERNAL;
		key->algs[key->alg_count].alg = alg;
		if (key->use == VH_USE_SIG)
			TRY(put_head(key, &key->algs[key->alg_count]));
		key->alg_count++;
	}
	return key->alg_count == 0 ? VH_EKEY : VH_OK;
}

static enum vh_err
entry_make(struct slice fields, struct entry **out)
{
	AUTO(entry_free) struct entry *e = calloc(1, sizeof *e);
	struct fields f;

	TRY(fields_parse(fields, &f));
	if (e == NULL)
		return VH_ENOMEM;
	struct dkey *key = &e->key;

	key->bytes = buf_new(BYTES_MAX);
	if (!buf_reserve(key->bytes, BYTES_MAX))
		return VH_ENOMEM;
	TRY(read_numbers(key, &f));
	TRY(read_terms(key, &f));
	size_t at = key->bytes->len;

	jwk_put(key->bytes, &key->pub, slice_text(key->kid), key->use,
	    key->pin);
	key->jwk = slice_of(key->bytes->p + at, key->bytes->len - at);
	TRY(list_algs(key));
	if (key->use == VH_USE_SIG)
		TRY(pkey_of_pub(&key->pub, &key->pkey));
	TRY(buf_end(key->bytes));
	/* Had it grown, the slices would point to where it was. */
	if (key->bytes->cap != BYTES_MAX)
		return VH_EINTERNAL;
	*out = TAKE(e);
	return VH_OK;
}

static enum vh_err
make_room(struct directory *d)
{
	if (d->count < d->room)
		return VH_OK;
	if (d->count >= DIRECTORY_KEYS)
		return VH_ETOOBIG;
	size_t room = d->room == 0 ? 16 : d->room * 2;
	struct entry **list = realloc(d->list, room * sizeof(struct entry *));

	if (list == NULL)
		return VH_ENOMEM;
	d->list = list;
	d->room = room;
	return VH_OK;
}

enum vh_err
directory_add(struct directory *d, struct slice fields)
{
	AUTO(entry_free) struct entry *e = NULL;

	TRY(make_room(d));
	TRY(entry_make(fields, &e));
	if (directory_get(d, slice_text(e->key.kid)) != NULL)
		return VH_EDUPLICATE;
	HASH_ADD(hh, d->by_kid, key.kid, VH_KID_SIZE, e);
	d->list[d->count++] = TAKE(e);
	return VH_OK;
}

static int
compare_kids(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	return strcmp((*x)->key.kid, (*y)->key.kid);
}

void
directory_close(struct directory *d)
{
	if (d->count > 0)
		qsort(d->list, d->count, sizeof(struct entry *), compare_kids);
}

const struct dkey *
directory_get(const struct directory *d, struct slice kid)
{
	struct entry *found = NULL;

	if (kid.len == VH_KID_SIZE)
		HASH_FIND(hh, d->by_kid, kid.p, VH_KID_SIZE, found);
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
	return i < d->count ? &d->list[i]->key : NULL;
}

const struct dkey_alg *
dkey_alg(const struct dkey *key, const struct alg *alg)
{
	for (size_t i = 0; i < key->alg_count; i++)
		if (key->algs[i].alg == alg)
			return &key->algs[i];
	return NULL;
}

const struct dkey_alg *
dkey_preset(const struct dkey *key)
{
	/* A pin leaves one; the rows of alg.def begin with RS256, and every
	 * curve fits one signature algorithm. */
	return key->use == VH_USE_SIG || key->pin != NULL ? &key->algs[0]
							  : NULL;
}

void
directory_put_jwks(struct buf *b, const struct directory *d)
{
	buf_put_text(b, "{\"keys\":[");
	for (size_t i = 0; i < d->count; i++) {
		if (i > 0)
			buf_put_text(b, ",");
		buf_put(b, d->list[i]->key.jwk);
	}
	buf_put_text(b, "]}");
}
