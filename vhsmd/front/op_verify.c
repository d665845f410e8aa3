/* VERIFY: a compact JWS, against the keys of the request or all that the node
 * publishes, those of its cluster.
 * A key that the token names by kid is the only one tried; without kid, those
 * that fit its alg, at most VERIFY_TRIES.  A key that has another kid than the
 * token names is never tried. */
#include "front/ops.h"
#include "front/select.h"
#include "jose/jwk.h"
#include "jose/jws.h"

#define VERIFY_TRIES 8

/* Everything a try needs, and what the reply says of the key. */
struct tries {
	struct front *f;
	const struct jws *jws;
	size_t count;
	struct slice kid; /* of the key that verified it */
	struct buf *jwk;
};

static bool
try_pkey(struct tries *t, EVP_PKEY *pkey)
{
	t->count++;
	return verify_signature(t->f->verifier, pkey, t->jws->alg,
		   t->jws->input, t->jws->signature) == VH_OK;
}

static enum vh_err
no_key(struct tries *t, const struct selector *s)
{
	struct selector named = *s;

	if (t->jws->kid.len > 0)
		named.kid = t->jws->kid;
	named.alg = slice_text(t->jws->alg->name);
	buf_put_text(t->f->why, "no key:");
	selector_say(&named, t->f->why);
	return VH_ENOKEY;
}

/* --- published keys ------------------------------------------------------ */

static bool
try_dkey(struct tries *t, const struct dkey *key)
{
	if (!try_pkey(t, key->pkey))
		return false;
	t->kid = slice_text(key->kid);
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
			return no_key(t, q->s);
		return try_dkey(t, key) ? VH_OK : VH_EVERIFY;
	}
	while (
	    t->count < VERIFY_TRIES && (key = search_next(q, alg, &i)) != NULL)
		if (try_dkey(t, key))
			return VH_OK;
	return t->count == 0 ? no_key(t, q->s) : VH_EVERIFY;
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
	return t->count == 0 ? no_key(t, s) : VH_EVERIFY;
}

/* -------------------------------------------------------------------------- */

static enum vh_err
reply(struct front *f, const struct request *q, const struct tries *t)
{
	struct reply r;

	TRY(buf_end(t->jwk));
	struct buf *b = reply_open(f, &r, &q->to);

	frame_put(b, VH_F_DATA, t->jws->payload);
	frame_put(b, VH_F_KID, t->kid);
	frame_put_text(b, VH_F_ALG, t->jws->alg->name);
	frame_put(b, VH_F_HEADER, t->jws->header);
	frame_put(b, VH_F_JWK, buf_slice(t->jwk));
	reply_close(f, &r);
	return VH_OK;
}

static enum vh_err
check(const struct front *f, const struct selector *s, const struct jws *jws)
{
	if (!selector_takes(s, jws->alg)) {
		buf_format(f->why, "the token's alg is %s", jws->alg->name);
		return VH_EALG;
	}
	return jws->payload.len > f->settings->payload ? VH_ETOOBIG : VH_OK;
}

enum vh_err
verify_begin(struct front *f, struct request *q)
{
	AUTO(jws_free) struct jws *jws = NULL;
	AUTO(jwks_free) struct jwks *set = NULL;
	AUTO(buf_free) struct buf *jwk = buf_new(field_row(VH_F_JWK)->max);
	const struct fields *in = &q->frame.f;
	struct selector s;

	TRY(selector_parse(in, &s, f->why));
	TRY(jws_parse(in->at[VH_F_TOKEN], &jws, f->why));
	TRY(check(f, &s, jws));
	struct tries t = { .f = f, .jws = jws, .jwk = jwk };
	const struct search search = { .d = front_listed(f),
		.s = &s,
		.asker = &q->asker,
		.purpose = FOR_VERIFY };

	if (fields_have(in, VH_F_JWKS)) {
		TRY(jwks_parse(in->at[VH_F_JWKS], &set, f->why));
		TRY(verify_by_set(&t, set, &s));
	} else {
		TRY(verify_by_node(&t, &search));
	}
	return reply(f, q, &t);
}
