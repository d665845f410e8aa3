#include "front/http_variants.h"

#include <jansson.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_BITS  (15 + 16) /* the largest window, a gzip header */
#define GZIP_LEVEL 6
#define GZIP_TAG   "-gzip\"" /* another form needs another strong tag */

struct variant {
	struct jwks_filter filter;
	struct published *plain, *gzip; /* gzip: NULL until asked for */
	uint64_t used;
};

struct variants {
	struct published *of; /* what all are forms of; a reference */
	struct variant at[VARIANTS_MAX];
	size_t count;
	uint64_t uses;
};

AUTO_FREE(json_t, json_decref)

static void
text_drop(char *text)
{
	free(text);
}
AUTO_FREE(char, text_drop)

struct variants *
variants_new(void)
{
	return calloc(1, sizeof(struct variants));
}

static void
drop(struct variant *row)
{
	published_free(row->plain);
	published_free(row->gzip);
	*row = (struct variant){ 0 };
}

static void
forget(struct variants *v)
{
	for (size_t i = 0; i < v->count; i++)
		drop(&v->at[i]);
	v->count = 0;
	published_free(v->of);
	v->of = NULL;
}

void
variants_free(struct variants *v)
{
	if (v == NULL)
		return;
	forget(v);
	free(v);
}

static struct slice
member(const json_t *key, const char *name)
{
	return slice_text(json_string_value(json_object_get(key, name)));
}

static bool
matches(const json_t *key, const struct jwks_filter *f)
{
	enum vh_use use = use_by_name(member(key, "use"));
	enum vh_kty kty = kty_by_name(member(key, "kty"));
	const struct crv *crv = crv_by_name(member(key, "crv"));
	struct slice pin = member(key, "alg");

	if ((f->use != 0 && f->use != use) || (f->kty != 0 && f->kty != kty))
		return false;
	if (f->alg == NULL)
		return true;
	return alg_fits(f->alg, kty, crv == NULL ? 0 : crv->id, use) &&
	       (pin.len == 0 ? !alg_needs_pin(f->alg)
			     : slice_is(pin, f->alg->name));
}

/* The keys of the set that match, in their order; members in theirs. */
static struct published *
filtered(const struct published *set, const struct jwks_filter *f)
{
	AUTO(json_decref)
	json_t *all = json_loadb(set->text, set->len, 0, NULL);
	const json_t *keys = json_object_get(all, "keys");

	for (size_t i = json_array_size(keys); i-- > 0;)
		if (!matches(json_array_get(keys, i), f) &&
		    json_array_remove((json_t *)(uintptr_t)keys, i) != 0)
			return NULL;
	AUTO(text_drop) char *text = json_dumps(all, JSON_COMPACT);

	return text == NULL ? NULL : published_new(slice_text(text));
}

static struct published *
compressed(const struct published *plain)
{
	z_stream z = { 0 };
	size_t tag = strlen(plain->etag);

	if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_BITS, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	size_t room = deflateBound(&z, plain->len);
	struct published *p = calloc(1, sizeof *p + room);

	if (p != NULL) {
		z.next_in = (Bytef *)(uintptr_t)plain->text;
		z.avail_in = (uInt)plain->len;
		z.next_out = (Bytef *)p->text;
		z.avail_out = (uInt)room;
		p->refs = 1;
		memcpy(p->etag, plain->etag, tag - 1);
		memcpy(p->etag + tag - 1, GZIP_TAG, sizeof GZIP_TAG);
	}
	if (p != NULL && deflate(&z, Z_FINISH) != Z_STREAM_END) {
		published_free(p);
		p = NULL;
	}
	if (p != NULL)
		p->len = z.total_out;
	(void)deflateEnd(&z); /* frees; says whether input was left */
	return p;
}

/* The row of a filter; an empty one, in place of what was used longest ago,
 * when there is none. */
static struct variant *
row_of(struct variants *v, const struct jwks_filter *f)
{
	struct variant *oldest = &v->at[0];

	for (size_t i = 0; i < v->count; i++) {
		struct variant *row = &v->at[i];

		if (row->filter.use == f->use && row->filter.kty == f->kty &&
		    row->filter.alg == f->alg)
			return row;
		if (row->used < oldest->used)
			oldest = row;
	}
	if (v->count < VARIANTS_MAX)
		oldest = &v->at[v->count++];
	drop(oldest);
	oldest->filter = *f;
	return oldest;
}

static struct published *
one_more(struct published *p)
{
	(void)atomic_fetch_add(&p->refs, 1); /* the count before */
	return p;
}

/* The plain form of a row, made if need be. */
static struct published *
plain_of(struct variant *row, struct published *set)
{
	const struct jwks_filter *f = &row->filter;

	if (row->plain == NULL && f->use == 0 && f->kty == 0 && f->alg == NULL)
		row->plain = one_more(set);
	if (row->plain == NULL)
		row->plain = filtered(set, f);
	return row->plain;
}

enum vh_err
variants_get(struct variants *v, struct published *set,
    const struct jwks_filter *filter, bool gzip, struct published **out,
    bool *gzipped)
{
	if (v->of != set) {
		forget(v);
		v->of = one_more(set);
	}
	struct variant *row = row_of(v, filter);
	struct published *found = plain_of(row, set);

	row->used = ++v->uses;
	*gzipped = gzip && found != NULL && found->len >= VARIANT_GZIP_MIN;
	if (*gzipped && row->gzip == NULL)
		row->gzip = compressed(found);
	if (*gzipped)
		found = row->gzip;
	if (found == NULL)
		return VH_ENOMEM;
	*out = one_more(found);
	return VH_OK;
}
