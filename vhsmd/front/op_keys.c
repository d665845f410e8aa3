/* KEYS: the JWK Set of the keys, of the whole cluster, that a caller may use
 * and that fit its selector. */
#include <jansson.h>
#include <stdlib.h>

#include "front/key_report.h"
#include "front/ops.h"
#include "front/select.h"

/* Whether the key fits one algorithm of the list, if there is one. */
static bool
fits_list(const struct dkey *key, const struct selector *s)
{
	for (size_t i = 0; i < s->alg_count; i++)
		if (dkey_alg(key, s->algs[i]) != NULL)
			return true;
	return s->alg_count == 0;
}

/* Appends those that search finds; hidden: symmetric ones alone. */
static void
put_keys(struct buf *b, const struct search *search, bool hidden,
    const char **comma)
{
	const struct dkey *key;
	size_t i = 0;

	while ((key = search_next(search, NULL, &i)) != NULL) {
		if (!fits_list(key, search->s) ||
		    (hidden && key->pub.kty != VH_KTY_OCT))
			continue;
		buf_put_text(b, *comma);
		buf_put(b, key->jwk);
		*comma = ",";
	}
}

/* Retired keys for encryption are not published, but are there. */
static json_t *
own_only(const struct front *f, const struct search *search,
    enum vh_key_state state, json_t *rows)
{
	const struct dkey *key;

	for (size_t i = 0; (key = directory_at(f->directory, i)) != NULL; i++)
		if ((state == 0 || state == key->state) &&
		    key->state == VH_KEY_RETIRED &&
		    !dkey_serves(key, FOR_LIST) && select_matches(search, key))
			(void)json_array_append_new(rows, key_report(key, key));
	return rows;
}

/* With STATE: a report of keys in that state, 0 for all, and their times. */
static enum vh_err
report(struct front *f, struct request *q, const struct search *search)
{
	enum vh_key_state state =
	    (enum vh_key_state)fields_u32(&q->frame.f, VH_F_STATE);
	json_t *rows = json_array();
	const struct dkey *key;
	struct reply r;
	size_t i = 0;

	while ((key = search_next(search, NULL, &i)) != NULL)
		if ((state == 0 || state == key->state) &&
		    fits_list(key, search->s))
			(void)json_array_append_new(rows,
			    key_report(key, directory_find(f->directory,
						slice_text(key->kid))));
	json_t *json =
	    json_pack("{s:o}", "keys", own_only(f, search, state, rows));
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text == NULL)
		return VH_ENOMEM;
	struct buf *b = reply_open(f, &r, &q->to);

	/* Whoever asks for KEYS relies on a set, if only an empty one. */
	frame_put_text(b, VH_F_JWKS, "{\"keys\":[]}");
	frame_put_text(b, VH_F_JSON, text);
	free(text);
	reply_close(f, &r);
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
	const char *comma = "";

	TRY(selector_parse(&q->frame.f, &s, f->why));
	if (fields_have(&q->frame.f, VH_F_STATE))
		return report(f, q, &search);
	struct buf *b = reply_open(f, &r, &q->to);
	size_t head = b->len;

	frame_put_head(b, VH_F_JWKS, 0);
	size_t start = b->len;

	buf_put_text(b, "{\"keys\":[");
	put_keys(b, &search, false, &comma);
	/* What the cluster's directory never has. */
	if (search.d != f->directory) {
		search.d = f->directory;
		put_keys(b, &search, true, &comma);
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
