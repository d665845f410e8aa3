/* VERIFY: a JWS, against the keys of the request or all that the node
 * publishes, those of its cluster.
 * A key that a signature names by kid is the only one tried; without kid, those
 * that fit its alg, at most VERIFY_TRIES.  A key that has another kid than the
 * signature names is never tried.  Of several signatures each is judged, and
 * one valid one is enough unless the caller wants all. */
#include "front/ops.h"
#include "front/select.h"
#include "front/verify_mac.h"
#include "jose/jwk.h"

#define VERIFY_TRIES     8
#define VERIFY_TRIES_ALL 32 /* for all signatures of a message */

/* Everything a try of one signature needs, and what the reply says of the key.
 */
struct tries {
	struct front *f;
	const struct jws *jws;
	struct slice input;
	size_t count, most;
	struct slice kid; /* of the key that verified it */
	size_t jwk_at, jwk_len;
	struct buf *jwk; /* those of all signatures */
};

/* Where the keys come from. */
struct source_of_keys {
	const struct search *node;
	const struct jwks *set; /* NULL: the node's */
};

static bool
try_pkey(struct tries *t, EVP_PKEY *pkey)
{
	t->count++;
	return verify_signature(t->f->verifier, pkey, t->jws->alg, t->input,
		   t->jws->signature) == VH_OK;
}

static enum vh_err
no_key(struct tries *t, const struct selector *s, bool denied)
{
	struct selector named = *s;

	const struct selector token = { .kid = t->jws->kid };

	if (s->kid.len == 0)
		named.kid = token.kid;
	named.alg = slice_text(t->jws->alg->name);
	buf_put_text(t->f->why, denied ? SELECT_DENIED ":" : "no key:");
	selector_say(&named, t->f->why);
	if (token.kid.len > 0 && !slice_eq(token.kid, named.kid)) {
		buf_put_text(t->f->why, "; the token's");
		selector_say(&token, t->f->why);
	}
	return denied ? VH_EPOLICY : VH_ENOKEY;
}

/* Where q found none. */
static enum vh_err
none_found(struct tries *t, const struct search *q)
{
	return no_key(t, q->s, search_is_denied(q, t->jws->kid, t->jws->alg));
}

/* --- published keys ------------------------------------------------------ */

static bool
try_dkey(struct tries *t, const struct dkey *key)
{
	if (!try_pkey(t, key->pkey))
		return false;
	t->kid = slice_text(dkey_kid(key));
	buf_put(t->jwk, key->jwk);
	return true;
}

static enum vh_err
verify_by_node(struct tries *t, const struct search *q)
{
	const struct alg *alg = t->jws->alg;
	const struct dkey *key;
	size_t i = 0;

	if (t->jws->kid.len > 0) {
		key = search_named(q, t->jws->kid, alg);
		if (key == NULL)
			return none_found(t, q);
		return try_dkey(t, key) ? VH_OK : VH_EVERIFY;
	}
	while (t->count < t->most && (key = search_next(q, alg, &i)) != NULL)
		if (try_dkey(t, key))
			return VH_OK;
	return t->count == 0 ? none_found(t, q) : VH_EVERIFY;
}

/* --- the request's keys --------------------------------------------------- */

static bool
jwk_matches(const struct jwk *jwk, const struct selector *s)
{
	return (s->kid.len == 0 || jwk_is(jwk, s->kid)) && s->name.len == 0 &&
	       (s->kty == 0 || s->kty == jwk->pub.kty) &&
	       (s->crv == 0 || s->crv == jwk->pub.crv) &&
	       (s->use == 0 || s->use == jwk->use);
}

/* named: only keys of the token's kid; else only those it cannot rule out. */
static bool
is_candidate(const struct tries *t, const struct jwk *jwk,
    const struct selector *s, bool named)
{
	struct slice kid = t->jws->kid;

	if (!jwk_fits(jwk, t->jws->alg) || !jwk_matches(jwk, s))
		return false;
	if (named)
		return jwk_is(jwk, kid);
	return kid.len == 0 || jwk->published.len == 0;
}

static bool
try_jwk(struct tries *t, const struct jwk *jwk)
{
	AUTO(pkey_free) EVP_PKEY *pkey = NULL;

	if (pkey_of_pub(&jwk->pub, &pkey) != VH_OK || !try_pkey(t, pkey))
		return false;
	jwk_put(t->jwk, &jwk->pub, jwk->published, jwk->use, jwk->alg);
	t->kid = jwk->published.len > 0 ? jwk->published : slice_text(jwk->kid);
	return true;
}

static bool
try_set(struct tries *t, const struct jwks *set, const struct selector *s,
    bool named)
{
	for (size_t i = 0; i < set->count && t->count < VERIFY_TRIES; i++)
		if (is_candidate(t, set->keys[i], s, named) &&
		    try_jwk(t, set->keys[i]))
			return true;
	return false;
}

static enum vh_err
verify_by_set(struct tries *t, const struct jwks *set, const struct selector *s)
{
	if (t->jws->kid.len > 0 && try_set(t, set, s, true))
		return VH_OK;
	if (t->count == 0 && try_set(t, set, s, false))
		return VH_OK;
	return t->count == 0 ? no_key(t, s, false) : VH_EVERIFY;
}

/* --- all signatures ------------------------------------------------------ */

static enum vh_err
check_alg(const struct front *f, const struct selector *s,
    const struct jws *jws)
{
	TRY(jws->err);
	if (selector_takes(s, jws->alg))
		return VH_OK;
	buf_format(f->why, "the token's alg is %s", jws->alg->name);
	return VH_EALG;
}

/* Of MACs the vault alone can judge, with keys of the node: macs_find. */
static enum vh_err
no_mac(struct tries *t, const struct source_of_keys *from)
{
	struct search own = *from->node;

	own.d = t->f->directory;
	if (from->set == NULL)
		return none_found(t, &own);
	buf_format(t->f->why, "%s needs a key of the node, not a JWK Set",
	    t->jws->alg->name);
	return VH_EALG;
}

static enum vh_err
judge_one(struct tries *t, const struct source_of_keys *from)
{
	const struct selector *s = from->node->s;

	TRY(check_alg(t->f, s, t->jws));
	if (t->jws->alg->kty == VH_KTY_OCT)
		return no_mac(t, from);
	/* Out of tries: nobody can say. */
	if (t->most == 0)
		return VH_ETOOBIG;
	t->jwk_at = buf_slice(t->jwk).len;
	if (from->set != NULL)
		TRY(verify_by_set(t, from->set, s));
	else
		TRY(verify_by_node(t, from->node));
	t->jwk_len = t->jwk->len - t->jwk_at;
	return buf_end(t->jwk);
}

static void
judge(struct front *f, struct jws_set *set, const struct source_of_keys *from,
    struct buf *jwk, struct verdict out[static FORM_PARTIES])
{
	size_t left = VERIFY_TRIES_ALL;

	for (size_t i = 0; i < set->count; i++) {
		struct tries t = { .f = f,
			.jws = set->at[i],
			.input = jws_set_input(set, i),
			.most = left < VERIFY_TRIES ? left : VERIFY_TRIES,
			.jwk = jwk };

		out[i].err = judge_one(&t, from);
		out[i].kid = t.kid.len > 0 ? t.kid : t.jws->kid;
		out[i].jwk_at = t.jwk_at;
		out[i].jwk_len = t.jwk_len;
		left -= t.count;
		/* Of several, the outcomes tell. */
		if (set->count > 1)
			buf_clear(f->why);
	}
}

static enum vh_err
refuse_all(const struct jws_set *set, const struct verdict *v, struct buf *why)
{
	enum vh_err err = v[0].err;

	for (size_t i = 1; i < set->count; i++)
		if (v[i].err == VH_EVERIFY)
			err = VH_EVERIFY;
	buf_format(why, "none of %zu signatures is valid; the first: %s",
	    set->count, err_text(v[0].err));
	return err;
}

static enum vh_err
refuse_one(size_t i, const struct verdict *v, struct buf *why)
{
	buf_format(why, "signature %zu, ", i + 1);
	return why_name(why, VH_EVERIFY, "kid ", v[i].kid,
	    v[i].err == VH_EVERIFY ? ", is not valid" : ", cannot be judged");
}

/* Whether what came of them is enough; *first is a valid one. */
static enum vh_err
conclude(const struct jws_set *set, const struct verdict *v, bool all,
    size_t *first, struct buf *why)
{
	*first = 0;
	if (set->count == 1)
		return v[0].err;
	while (*first < set->count && v[*first].err != VH_OK)
		(*first)++;
	if (*first == set->count)
		return refuse_all(set, v, why);
	for (size_t i = 0; all && i < set->count; i++)
		if (v[i].err != VH_OK)
			return refuse_one(i, v, why);
	return VH_OK;
}

/* --- the reply ------------------------------------------------------------ */

static void
put_signature(struct buf *b, const struct jws *jws, const struct verdict *v,
    const struct buf *jwk)
{
	frame_put(b, VH_F_KID, v->kid);
	if (jws->alg != NULL)
		frame_put_text(b, VH_F_ALG, jws->alg->name);
	frame_put(b, VH_F_HEADER, jws->header);
	if (jws->unprotected.len > 0)
		frame_put(b, VH_F_UNPROTECTED, jws->unprotected);
	if (v->err == VH_OK)
		frame_put(b, VH_F_JWK,
		    slice_of(jwk->p + v->jwk_at, v->jwk_len));
}

static void
reply(struct front *f, const struct origin *to, const struct jws_set *set,
    const struct verdict *v, size_t first, const struct buf *jwk)
{
	struct reply r;
	struct buf *b = reply_open(f, &r, to);

	frame_put(b, VH_F_DATA, set->payload);
	put_signature(b, set->at[first], &v[first], jwk);
	for (size_t i = 0; set->json && i < set->count; i++) {
		size_t nest = frame_nest(b, VH_F_PARTY);

		frame_put_u32(b, VH_F_OUTCOME, v[i].err);
		put_signature(b, set->at[i], &v[i], jwk);
		frame_nest_close(b, nest);
	}
	reply_close(f, &r);
}

enum vh_err
verify_conclude(struct front *f, const struct origin *to,
    const struct jws_set *set, const struct verdict *v, bool all,
    const struct buf *jwk)
{
	size_t first;

	TRY(conclude(set, v, all, &first, f->why));
	reply(f, to, set, v, first, jwk);
	return VH_OK;
}

enum vh_err
verify_begin(struct front *f, struct request *q)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;
	AUTO(jwks_free) struct jwks *keys = NULL;
	AUTO(buf_free)
	struct buf *jwk = buf_new(FORM_PARTIES * field_row(VH_F_JWK)->max);
	const struct fields *in = &q->frame.f;
	struct verdict v[FORM_PARTIES];
	struct selector s;
	struct macs macs = { .count = 0 };

	TRY(selector_parse(in, &s, f->why));
	TRY(jws_set_parse(in->at[VH_F_TOKEN],
	    fields_have(in, VH_F_DATA) ? &in->at[VH_F_DATA] : NULL, &set,
	    f->why));
	if (set->payload.len > f->settings->payload)
		return VH_ETOOBIG;
	if (fields_have(in, VH_F_JWKS))
		TRY(jwks_parse(in->at[VH_F_JWKS], &keys, f->why));
	struct search search = { .d = front_listed(f),
		.s = &s,
		.asker = &q->asker,
		.purpose = FOR_VERIFY };
	const struct source_of_keys from = { &search, keys };

	judge(f, set, &from, jwk, v);
	search.d = f->directory;
	macs_find(&search, set, v, &macs);
	if (macs.count > 0)
		return verify_by_vault(f, q, set, v, jwk, &macs);
	return verify_conclude(f, &q->to, set, v, fields_u32(in, VH_F_ALL) != 0,
	    jwk);
}
