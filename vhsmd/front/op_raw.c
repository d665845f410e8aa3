/* RAWSIGN, RAWDECRYPT, RAWDERIVE: what a key marked raw does without JOSE
 * around it (wire/raw.def).  The vault does it and checks all that counts; here
 * the key is chosen, and what cannot be is refused with a line that says why.
 */
#include "front/ops.h"
#include "front/select.h"
#include "front/vaultlink.h"
#include "jose/jwk.h"
#include "wire/raw.h"

static enum vh_err
check_digest(const struct fields *in, const struct alg *alg, struct buf *why)
{
	size_t size = raw_digest_size(alg), len = in->at[VH_F_DATA].len;

	if (fields_u32(in, VH_F_PREHASHED) == 0 || (size > 0 && size == len))
		return VH_OK;
	if (size == 0) {
		buf_format(why, "%s signs data, not its digest", alg->name);
		return VH_EALG;
	}
	buf_format(why, "a digest of %zu bytes, expected %zu for %s", len, size,
	    alg->name);
	return VH_EFIELD;
}

/* The other side's public key, where there is one. */
static enum vh_err
check_peer(const struct jwk *peer, const struct dkey *key, struct buf *why)
{
	if (peer == NULL ||
	    (peer->pub.kty == key->pub.kty && peer->pub.crv == key->pub.crv))
		return VH_OK;
	buf_format(why, "the JWK is not on %s, the curve of the key",
	    crv_by_id(key->pub.crv)->name);
	return VH_EKEY;
}

static void
ask_vault(struct front *f, struct pending *p, const struct fields *in,
    const struct jwk *peer)
{
	static const enum vh_tag passed[] = { VH_F_PREHASHED, VH_F_LABEL,
		VH_F_DATA };
	static const enum vh_op asks[] = { [VH_OP_RAWSIGN] = VH_OP_VRAWSIGN,
		[VH_OP_RAWDECRYPT] = VH_OP_VRAWDECRYPT,
		[VH_OP_RAWDERIVE] = VH_OP_VRAWDERIVE };
	size_t start;
	struct buf *b = vault_ask(f, p, asks[p->to.op], &start);

	frame_put_text(b, VH_F_KID, p->key->kid);
	frame_put_u32(b, VH_F_ALG_ID, p->alg->id);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (fields_have(in, passed[i]))
			frame_put(b, passed[i], in->at[passed[i]]);
	if (peer != NULL)
		pub_put_fields(b, &peer->pub);
	frame_close(b, start);
}

enum vh_err
raw_begin(struct front *f, struct request *q)
{
	AUTO(jwk_free) struct jwk *peer = NULL;
	const struct fields *in = &q->frame.f;
	struct selector s;
	struct choice c;
	const struct search own = { .d = f->directory,
		.s = &s,
		.asker = &q->asker,
		.purpose = purpose_of(q->to.op) };

	TRY(selector_parse(in, &s, f->why));
	TRY(selector_narrow(&s, q->to.op, f->why));
	if (fields_have(in, VH_F_JWK))
		TRY(jwk_parse(in->at[VH_F_JWK], &peer, f->why));
	enum vh_err found = select_key(&own, front_random(f), &c, f->why);

	if (found != VH_OK)
		return forward_take(f, q, &s, slice_of(NULL, 0), NULL, found);
	TRY(check_digest(in, c.alg, f->why));
	TRY(check_peer(peer, c.key, f->why));
	if (front_is_full(f, 2 * in->at[VH_F_DATA].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	p->key = c.key;
	p->alg = c.alg;
	if (forward_may(f, q))
		forward_keep(p, q);
	pending_weigh(f->pendings, p);
	ask_vault(f, p, in, peer);
	return VH_OK;
}

/* --- out -------------------------------------------------------------------
 */

/* What comes of an operation, and of what size it is with that key: exactly so
 * large, or at most. */
static bool
is_result(const struct slice *at, uint16_t op, const struct dkey *key,
    const struct alg *alg)
{
	if (op == VH_OP_RAWSIGN)
		return at[VH_F_SIGNATURE].len ==
		       pub_signature_size(&key->pub, alg);
	if (op == VH_OP_RAWDERIVE)
		return at[VH_F_DATA].len == crv_by_id(key->pub.crv)->size;
	return at[VH_F_DATA].len < key->pub.n.len;
}

enum vh_err
raw_reply(struct front *f, const struct origin *to, const struct dkey *key,
    const struct alg *alg, const struct fields *result)
{
	bool signs = to->op == VH_OP_RAWSIGN;
	enum vh_tag tag = signs ? VH_F_SIGNATURE : VH_F_DATA;
	struct reply r;

	if (!fields_have(result, tag) ||
	    !is_result(result->at, to->op, key, alg))
		return VH_EPARSE;
	struct buf *b = reply_open(f, &r, to);

	frame_put(b, tag, result->at[tag]);
	frame_put_text(b, VH_F_KID, dkey_kid(key));
	frame_put_text(b, VH_F_ALG, alg->name);
	if (signs)
		frame_put(b, VH_F_JWK, key->jwk);
	reply_close(f, &r);
	return VH_OK;
}

enum vh_err
raw_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	if (forward_overflows(vault->err)) {
		TRY(forward_overflow(f, p, vault->err));
		*again = true;
		return VH_OK;
	}
	if (vault->err == VH_EFIELD)
		buf_put_text(f->why,
		    "data that begins with \"vhsm-proof|\", by which nodes "
		    "prove that they hold a key; expected any other");
	if (vault->err == VH_EKEY)
		buf_put_text(f->why, "the JWK gives no shared secret");
	TRY(vault->err);
	return raw_reply(f, &p->to, p->key, p->alg, &vault->f) == VH_OK
		   ? VH_OK
		   : VH_EINTERNAL;
}
