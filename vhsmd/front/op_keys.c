/* KEYS: the JWK Set of the keys, of the whole cluster, that a caller may use
 * and that fit its selector. */
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
