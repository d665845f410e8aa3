/* VERIFY with a symmetric key: only the vault can, and only for who may use the
 * key.  Keys of the request never serve here: a public key as an HMAC key is
 * the oldest of forgeries.  Without kid, keys that fit are tried in turn, at
 * most PENDING_TRIES. */
#include "front/ops.h"
#include "front/vaultlink.h"
#include "front/verify_mac.h"

static void
ask_vault(struct front *f, struct pending *p, struct jws_set *set)
{
	const struct jws *jws = set->at[0];
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VVERIFY, &start);

	frame_put_text(b, VH_F_KID, p->tries[p->tried]->kid);
	frame_put_u32(b, VH_F_ALG_ID, jws->alg->id);
	frame_put(b, VH_F_DATA, jws_set_input(set, 0));
	frame_put(b, VH_F_SIGNATURE, jws->signature);
	frame_close(b, start);
}

static size_t
find_keys(const struct search *q, const struct jws *jws,
    const struct dkey *out[static PENDING_TRIES])
{
	size_t count = 0, i = 0;

	if (jws->kid.len > 0) {
		out[0] = search_named(q, jws->kid, jws->alg);
		return out[0] == NULL ? 0 : 1;
	}
	while (count < PENDING_TRIES &&
	       (out[count] = search_next(q, jws->alg, &i)) != NULL)
		count++;
	return count;
}

static enum vh_err
refuse(struct front *f, const struct selector *s, const struct jws *jws)
{
	struct selector named = *s;

	if (jws->kid.len > 0)
		named.kid = jws->kid;
	named.alg = slice_text(jws->alg->name);
	buf_put_text(f->why, "no key:");
	selector_say(&named, f->why);
	return VH_ENOKEY;
}

/* What the answer needs again: the token and, if it came apart, the payload. */
static enum vh_err
keep(struct front *f, struct pending *p, const struct fields *in)
{
	frame_put(p->kept, VH_F_TOKEN, in->at[VH_F_TOKEN]);
	if (fields_have(in, VH_F_DATA))
		frame_put(p->kept, VH_F_DATA, in->at[VH_F_DATA]);
	p->body_at = p->kept->len;
	pending_weigh(f->pendings, p);
	return buf_end(p->kept);
}

enum vh_err
verify_mac(struct front *f, struct request *q, const struct selector *s,
    struct jws_set *set)
{
	const struct search own = { .d = f->directory,
		.s = s,
		.asker = &q->asker,
		.purpose = FOR_VERIFY };
	const struct fields *in = &q->frame.f;
	const struct dkey *tries[PENDING_TRIES];

	if (fields_have(in, VH_F_JWKS)) {
		buf_format(f->why, "%s needs a key of the node, not a JWK Set",
		    set->at[0]->alg->name);
		return VH_EALG;
	}
	size_t count = find_keys(&own, set->at[0], tries);

	if (count == 0)
		return refuse(f, s, set->at[0]);
	if (front_is_full(f,
		2 * (in->at[VH_F_TOKEN].len + in->at[VH_F_DATA].len)))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	memcpy(p->tries, tries, count * sizeof tries[0]);
	p->try_count = count;
	enum vh_err err = keep(f, p, in);

	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	ask_vault(f, p, set);
	return VH_OK;
}

static enum vh_err
parse_again(const struct pending *p, struct jws_set **out)
{
	struct fields kept;

	TRY(fields_parse(buf_slice(p->kept), &kept));
	return jws_set_parse(kept.at[VH_F_TOKEN],
	    fields_have(&kept, VH_F_DATA) ? &kept.at[VH_F_DATA] : NULL, out,
	    NULL);
}

static enum vh_err
reply(struct front *f, const struct pending *p, const struct jws_set *set)
{
	const struct dkey *key = p->tries[p->tried];
	AUTO(buf_free) struct buf *jwk = buf_new(field_row(VH_F_JWK)->max);
	const struct verdict v = { .err = VH_OK,
		.kid = slice_text(key->kid),
		.jwk_len = key->jwk.len };

	buf_put(jwk, key->jwk);
	TRY(buf_end(jwk));
	return verify_reply(f, &p->to, set, &v, 0, jwk);
}

enum vh_err
verify_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;
	bool next = vault->err == VH_EVERIFY && p->tried + 1 < p->try_count;

	if (!next)
		TRY(vault->err);
	TRY(parse_again(p, &set));
	if (!next)
		return reply(f, p, set);
	if (front_is_full(f, p->kept->len))
		return VH_EBUSY;
	p->tried++;
	ask_vault(f, p, set);
	*again = true;
	return VH_OK;
}
