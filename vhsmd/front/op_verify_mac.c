/* VERIFY with symmetric keys: only the vault can, and only for who may use the
 * key.  Keys of the request never serve here: a public key as an HMAC key is
 * the oldest of forgeries.  Without kid, keys that fit are tried in turn, at
 * most PENDING_TRIES for all signatures of a message.  What came of the others
 * is kept as fields until the vault has been asked for each. */
#include "front/ops.h"
#include "front/vaultlink.h"
#include "front/verify_mac.h"

/* --- which keys ----------------------------------------------------------- */

static void
add(struct macs *m, const struct dkey *key, size_t signature)
{
	m->signature[m->count] = (uint8_t)signature;
	m->keys[m->count++] = key;
}

static void
find_for(const struct search *q, const struct jws *jws, size_t i,
    struct macs *out)
{
	const struct dkey *key;
	size_t at = 0;

	if (jws->kid.len > 0) {
		key = search_named(q, jws->kid, jws->alg);
		if (key != NULL)
			add(out, key, i);
		return;
	}
	while (out->count < PENDING_TRIES &&
	       (key = search_next(q, jws->alg, &at)) != NULL)
		add(out, key, i);
}

void
macs_find(const struct search *own, const struct jws_set *set,
    struct verdict *v, struct macs *out)
{
	out->count = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct jws *jws = set->at[i];
		size_t before = out->count;

		if (v[i].err != VH_ENOKEY || jws->alg->kty != VH_KTY_OCT)
			continue;
		if (before == PENDING_TRIES) {
			v[i].err = VH_ETOOBIG;
			continue;
		}
		find_for(own, jws, i, out);
		if (out->count > before)
			v[i].err = VH_EVERIFY;
	}
}

/* --- asking --------------------------------------------------------------- */

static void
ask_vault(struct front *f, struct pending *p, struct jws_set *set)
{
	size_t start, i = p->recipient[p->tried];
	const struct jws *jws = set->at[i];
	struct buf *b = vault_ask(f, p, VH_OP_VVERIFY, &start);

	frame_put_text(b, VH_F_KID, p->tries[p->tried]->kid);
	frame_put_u32(b, VH_F_ALG_ID, jws->alg->id);
	frame_put(b, VH_F_DATA, jws_set_input(set, i));
	frame_put(b, VH_F_SIGNATURE, jws->signature);
	frame_close(b, start);
}

/* What the answer needs again: the token and, if it came apart, the payload;
 * what was wanted; the verdicts. */
static enum vh_err
keep(struct front *f, struct pending *p, const struct fields *in,
    const struct verdict *v, size_t count, const struct buf *jwk)
{
	struct buf *b = p->kept;

	frame_put(b, VH_F_TOKEN, in->at[VH_F_TOKEN]);
	if (fields_have(in, VH_F_DATA))
		frame_put(b, VH_F_DATA, in->at[VH_F_DATA]);
	frame_put_u32(b, VH_F_ALL, fields_u32(in, VH_F_ALL));
	for (size_t i = 0; i < count; i++) {
		size_t nest = frame_nest(b, VH_F_PARTY);

		frame_put_u32(b, VH_F_OUTCOME, v[i].err);
		frame_put(b, VH_F_KID, v[i].kid);
		if (v[i].err == VH_OK)
			frame_put(b, VH_F_JWK,
			    slice_of(jwk->p + v[i].jwk_at, v[i].jwk_len));
		frame_nest_close(b, nest);
	}
	p->body_at = buf_slice(b).len;
	pending_weigh(f->pendings, p);
	return buf_end(b);
}

enum vh_err
verify_by_vault(struct front *f, struct request *q, struct jws_set *set,
    const struct verdict *v, const struct buf *jwk, const struct macs *macs)
{
	const struct fields *in = &q->frame.f;

	buf_clear(f->why);
	if (front_is_full(f,
		2 * (in->at[VH_F_TOKEN].len + in->at[VH_F_DATA].len)))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	memcpy(p->tries, macs->keys, macs->count * sizeof macs->keys[0]);
	memcpy(p->recipient, macs->signature, macs->count);
	p->try_count = macs->count;
	enum vh_err err = keep(f, p, in, v, set->count, jwk);

	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	ask_vault(f, p, set);
	return VH_OK;
}

/* --- the answers ---------------------------------------------------------- */

static bool
is_valid(const struct pending *p, size_t signature)
{
	for (size_t i = 0; i < p->try_count; i++)
		if ((p->valid >> i & 1) != 0 && p->recipient[i] == signature)
			return true;
	return false;
}

/* Goes on to the next key of a signature that no key has verified yet. */
static bool
next_try(struct pending *p)
{
	while (++p->tried < p->try_count)
		if (!is_valid(p, p->recipient[p->tried]))
			return true;
	return false;
}

static enum vh_err
read_verdicts(const struct fields *kept, struct verdict *v, struct buf *jwk)
{
	struct slice rest = kept->body, body;
	struct fields party;
	size_t count = 0;
	unsigned tag;

	while (fields_next(&rest, &tag, &body)) {
		if (tag != VH_F_PARTY || count == FORM_PARTIES)
			continue;
		TRY(fields_parse(body, &party));
		v[count++] =
		    (struct verdict){ .err = err_of_wire(
					  fields_u32(&party, VH_F_OUTCOME)),
			    .kid = party.at[VH_F_KID],
			    .jwk_at = buf_slice(jwk).len,
			    .jwk_len = party.at[VH_F_JWK].len };
		buf_put(jwk, party.at[VH_F_JWK]);
	}
	return VH_OK;
}

static enum vh_err
conclude(struct front *f, const struct pending *p, const struct jws_set *set,
    const struct fields *kept)
{
	AUTO(buf_free)
	struct buf *jwk = buf_new(FORM_PARTIES * field_row(VH_F_JWK)->max);
	struct verdict v[FORM_PARTIES] = { { .err = VH_EINTERNAL } };

	TRY(read_verdicts(kept, v, jwk));
	for (size_t i = 0; i < p->try_count; i++) {
		const struct dkey *key = p->tries[i];

		if ((p->valid >> i & 1) == 0)
			continue;
		v[p->recipient[i]] = (struct verdict){ .err = VH_OK,
			.kid = slice_text(dkey_kid(key)),
			.jwk_at = buf_slice(jwk).len,
			.jwk_len = key->jwk.len };
		buf_put(jwk, key->jwk);
	}
	TRY(buf_end(jwk));
	return verify_conclude(f, &p->to, set, v,
	    fields_u32(kept, VH_F_ALL) != 0, jwk);
}

enum vh_err
verify_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;
	struct fields kept;

	if (vault->err == VH_OK)
		p->valid |= 1u << p->tried;
	else if (vault->err != VH_EVERIFY)
		return vault->err;
	TRY(fields_parse(buf_slice(p->kept), &kept));
	TRY(jws_set_parse(kept.at[VH_F_TOKEN],
	    fields_have(&kept, VH_F_DATA) ? &kept.at[VH_F_DATA] : NULL, &set,
	    NULL));
	if (!next_try(p))
		return conclude(f, p, set, &kept);
	if (front_is_full(f, p->kept->len))
		return VH_EBUSY;
	ask_vault(f, p, set);
	*again = true;
	return VH_OK;
}
