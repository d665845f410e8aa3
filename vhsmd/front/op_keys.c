/* KEYS: the JWK Set of the keys, of the whole cluster, that a caller may use
 * and that fit its selector; or a report of them. */
#include <stdlib.h>

#include "front/key_report.h"
#include "front/mine.h"
#include "front/ops.h"
#include "jose/json.h"
#include "jose/why.h"

static enum vh_err
too_long(struct front *f)
{
	return why_say(f->why, VH_ETOOBIG,
	    "more keys than a message can list: ask for some of them, or read "
	    "all that are published over HTTP");
}

#define SET_HEAD "{\"keys\":["

/* Whether the key fits one algorithm of the list, if there is one. */
static bool
fits_list(const struct dkey *key, const struct selector *s)
{
	for (size_t i = 0; i < s->alg_count; i++)
		if (dkey_alg(key, s->algs[i]) != NULL)
			return true;
	return s->alg_count == 0;
}

/* Appends those that search finds; hidden: symmetric ones alone.  False when
 * the set, which began at start, would get too long. */
static bool
put_keys(struct buf *b, size_t start, const struct search *search, bool hidden)
{
	const struct dkey *key;
	size_t i = 0, first = start + strlen(SET_HEAD);

	while ((key = search_next(search, NULL, &i)) != NULL) {
		if (!fits_list(key, search->s) ||
		    (hidden && key->pub.kty != VH_KTY_OCT))
			continue;
		if (b->len - start + key->jwk.len + 3 > VH_LIST_MAX)
			return false;
		buf_put_text(b, b->len == first ? "" : ",");
		buf_put(b, key->jwk);
	}
	return true;
}

/* What is there and not in the list of what is published: symmetric keys, and
 * retired ones for encryption. */
static bool
is_own_only(const struct front *f, const struct search *search,
    const struct dkey *key)
{
	bool symmetric = key->pub.kty == VH_KTY_OCT;

	if (dkey_serves(key, FOR_LIST) ? !symmetric || search->d == f->directory
				       : key->state != VH_KEY_RETIRED)
		return false;
	return dkey_lets(key, FOR_LIST) && select_matches(search, key);
}

/* A report that is being made: of keys in that state, 0 for all. */
struct rows {
	const struct front *f;
	const struct search *search;
	enum vh_key_state state;
	bool mine;
	json_t *json;
};

static void
add_row(const struct rows *r, const struct dkey *key, const struct dkey *own)
{
	if ((r->state != 0 && r->state != key->state) ||
	    !fits_list(key, r->search->s))
		return;
	(void)json_array_append_new(r->json,
	    r->mine ? mine_key(r->f, r->search, key, own)
		    : key_report(key, own));
}

static void
add_rows(const struct rows *r)
{
	const struct directory *own = r->f->directory;
	const struct dkey *key;
	size_t i = 0;

	while ((key = search_next(r->search, NULL, &i)) != NULL)
		add_row(r, key, directory_find(own, slice_text(key->kid)));
	for (i = 0; (key = directory_at(own, i)) != NULL; i++)
		if (is_own_only(r->f, r->search, key))
			add_row(r, key, key);
}

/* With STATE or MINE: a report. */
static enum vh_err
report(struct front *f, struct request *q, const struct search *search)
{
	const struct fields *in = &q->frame.f;
	const struct rows r = { .f = f,
		.search = search,
		.state = (enum vh_key_state)fields_u32(in, VH_F_STATE),
		.mine = (fields_u32(in, VH_F_FLAGS) & VH_KEYS_MINE) != 0,
		.json = json_array() };
	AUTO(json_decref)
	json_t *json = r.mine ? mine_caller(f, q) : json_object();
	struct reply to;

	add_rows(&r);
	if (json_object_set_new(json, "keys", r.json) != 0)
		return VH_ENOMEM;
	char *text = json_dumps(json, JSON_COMPACT);

	if (text == NULL)
		return VH_ENOMEM;
	if (strlen(text) > VH_LIST_MAX) {
		free(text);
		return too_long(f);
	}
	struct buf *b = reply_open(f, &to, &q->to);

	/* Whoever asks for KEYS relies on a set, if only an empty one. */
	frame_put_text(b, VH_F_JWKS, "{\"keys\":[]}");
	frame_put_text(b, VH_F_JSON, text);
	free(text);
	reply_close(f, &to);
	return VH_OK;
}

enum vh_err
keys_begin(struct front *f, struct request *q)
{
	struct selector s;
	struct search search = { .d = front_listed(f),
		.s = &s,
		.asker = &q->asker,
		.purpose = FOR_LIST };
	struct reply r;

	TRY(selector_parse(&q->frame.f, &s, f->why));
	if (fields_have(&q->frame.f, VH_F_STATE) ||
	    fields_u32(&q->frame.f, VH_F_FLAGS) != 0)
		return report(f, q, &search);
	struct buf *b = reply_open(f, &r, &q->to);
	size_t head = b->len;

	frame_put_head(b, VH_F_JWKS, 0);
	size_t start = b->len;

	buf_put_text(b, SET_HEAD);
	bool fits = put_keys(b, start, &search, false);

	/* What the cluster's directory never has. */
	if (fits && search.d != f->directory) {
		search.d = f->directory;
		fits = put_keys(b, start, &search, true);
	}
	if (!fits) {
		buf_trim(b, r.outer);
		return too_long(f);
	}
	buf_put_text(b, "]}");
	size_t end = b->len;

	/* The head again, now that the size is known. */
	buf_trim(b, head);
	frame_put_head(b, VH_F_JWKS, end - start);
	(void)buf_extend(b, end - start);
	reply_close(f, &r);
	return VH_OK;
}
