#include "front/target.h"

/* A JWK, the caller's, is chosen already: no criterion but alg has anything to
 * say. */
static enum vh_err
choose_jwk(const struct selector *s, struct slice text, struct target *to,
    struct buf *why)
{
	if (s->kid.len > 0 || s->name.len > 0 || s->kty != 0 || s->crv != 0 ||
	    s->use != 0) {
		buf_put_text(why, "JWK and a selector exclude each other");
		return VH_EFIELD;
	}
	TRY(jwk_parse(text, &to->jwk, why));
	to->pub = &to->jwk->pub;
	to->kid = to->jwk->published;
	for (size_t i = 0; i < s->alg_count && to->alg == NULL; i++)
		if (s->algs[i]->use == VH_USE_ENC &&
		    jwk_fits(to->jwk, s->algs[i]))
			to->alg = s->algs[i];
	if (to->alg != NULL)
		return VH_OK;
	buf_put_text(why, "the JWK does not fit:");
	selector_say(s, why);
	return VH_EALG;
}

static bool
has_any_holder(const void *context, const struct dkey *key)
{
	(void)context;
	return key->holder_count > 0;
}

/* A key of the node, else one that another node can decrypt with. */
static enum vh_err
choose_key(struct front *f, const struct asker *asker, const struct selector *s,
    const struct enc *enc, struct target *to)
{
	struct search search = { .d = f->directory,
		.s = s,
		.asker = asker,
		.purpose = FOR_ENCRYPT,
		.enc = enc };
	struct choice c;
	enum vh_err err = select_key(&search, front_random(f), &c, f->why);

	if (err != VH_OK && f->cluster != NULL) {
		search.d = f->cluster;
		search.holds = has_any_holder;
		enum vh_err found =
		    select_key(&search, front_random(f), &c, NULL);

		if (found != VH_OK && found != VH_EPOLICY)
			return err;
		buf_clear(f->why);
		/* The line, too. */
		if (found == VH_EPOLICY)
			return select_key(&search, 0, &c, f->why);
		to->pub = &c.key->pub;
		err = VH_OK;
	}
	TRY(err);
	to->key = c.key;
	to->alg = c.alg;
	to->kid = slice_text(dkey_kid(c.key));
	return VH_OK;
}

enum vh_err
target_choose(struct front *f, const struct asker *asker,
    const struct fields *in, struct target *to)
{
	struct selector s;

	TRY(selector_parse(in, &s, f->why));
	if (fields_have(in, VH_F_JWK))
		return choose_jwk(&s, in->at[VH_F_JWK], to, f->why);
	return choose_key(f, asker, &s, enc_by_name(in->at[VH_F_ENC]), to);
}

void
target_end(struct target *to)
{
	jwk_free(to->jwk);
	to->jwk = NULL;
}

struct slice
target_name(const struct target *to)
{
	if (to->kid.len > 0)
		return to->kid;
	return slice_text(to->jwk->kid);
}

void
target_put(struct buf *b, const struct target *to, const struct fields *in)
{
	frame_put_u32(b, VH_F_ALG_ID, to->alg->id);
	if (to->pub == NULL)
		frame_put_text(b, VH_F_KID, to->key->kid);
	else
		pub_put_fields(b, to->pub);
	if (in->at[VH_F_APU].len > 0)
		frame_put(b, VH_F_APU, in->at[VH_F_APU]);
	if (in->at[VH_F_APV].len > 0)
		frame_put(b, VH_F_APV, in->at[VH_F_APV]);
}
