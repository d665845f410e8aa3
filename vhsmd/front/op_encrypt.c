/* ENCRYPT: a compact JWE for a key of the node or its cluster, or for the
 * public JWK in the request.  The header is made here, all that needs
 * randomness or a symmetric key in the vault. */
#include "front/ops.h"
#include "front/select.h"
#include "front/vaultlink.h"
#include "jose/jwe.h"

/* For whom, and how. */
struct target {
	const struct dkey *key; /* of the node or its cluster; or NULL */
	const struct jwk *jwk;  /* of the request; or NULL */
	const struct pub
	    *pub; /* to encrypt with; NULL: the vault has the key */
	const struct alg *alg;
	const struct enc *enc;
	struct slice kid; /* for the header; may be empty */
};

/* A JWK, the caller's, is chosen already: no criterion but alg has anything to
 * say. */
static enum vh_err
choose_jwk(const struct selector *s, struct slice text, struct target *to,
    struct jwk **jwk, struct buf *why)
{
	if (s->kid.len > 0 || s->name.len > 0 || s->kty != 0 || s->crv != 0 ||
	    s->use != 0) {
		buf_put_text(why, "JWK and a selector exclude each other");
		return VH_EFIELD;
	}
	TRY(jwk_parse(text, jwk, why));
	to->jwk = *jwk;
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
choose_key(struct front *f, const struct request *q, const struct selector *s,
    struct target *to)
{
	struct search search = { .d = f->directory,
		.s = s,
		.asker = &q->asker,
		.purpose = FOR_ENCRYPT };
	struct choice c;
	enum vh_err err = select_key(&search, front_random(f), &c, f->why);

	if (err != VH_OK && f->cluster != NULL) {
		search.d = f->cluster;
		search.holds = has_any_holder;
		TRY(select_key(&search, front_random(f), &c, NULL) == VH_OK
			? VH_OK
			: err);
		buf_clear(f->why);
		to->pub = &c.key->pub;
		err = VH_OK;
	}
	TRY(err);
	to->key = c.key;
	to->alg = c.alg;
	to->kid = slice_text(c.key->kid);
	return VH_OK;
}

static enum vh_err
choose(struct front *f, const struct request *q, struct target *to,
    struct jwk **jwk)
{
	const struct fields *in = &q->frame.f;
	struct selector s;

	TRY(selector_parse(in, &s, f->why));
	to->enc = enc_by_name(in->at[VH_F_ENC]);
	if (to->enc == NULL) {
		buf_put_text(f->why, "enc not known: ");
		why_quote(f->why, in->at[VH_F_ENC]);
		return VH_EALG;
	}
	if (fields_have(in, VH_F_JWK))
		return choose_jwk(&s, in->at[VH_F_JWK], to, jwk, f->why);
	return choose_key(f, q, &s, to);
}

static enum vh_err
put_header(struct front *f, const struct fields *in, const struct target *to,
    struct buf *out)
{
	const struct header_wish wish = { .alg = to->alg,
		.enc = to->enc,
		.kid = to->kid,
		.typ = in->at[VH_F_TYP],
		.extra = in->at[VH_F_HEADER],
		.apu = in->at[VH_F_APU],
		.apv = in->at[VH_F_APV] };

	TRY(header_put(&wish, out, f->why));
	return buf_end(out);
}

static void
ask_vault(struct front *f, struct pending *p, const struct fields *in,
    const struct target *to, struct slice header)
{
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VENCRYPT, &start);

	frame_put_u32(b, VH_F_ALG_ID, to->alg->id);
	frame_put_u32(b, VH_F_ENC_ID, to->enc->id);
	frame_put(b, VH_F_HEADER, header);
	frame_put(b, VH_F_DATA, in->at[VH_F_DATA]);
	if (to->pub == NULL)
		frame_put_text(b, VH_F_KID, to->key->kid);
	else
		pub_put_fields(b, to->pub);
	if (in->at[VH_F_APU].len > 0)
		frame_put(b, VH_F_APU, in->at[VH_F_APU]);
	if (in->at[VH_F_APV].len > 0)
		frame_put(b, VH_F_APV, in->at[VH_F_APV]);
	frame_close(b, start);
}

/* What the reply calls the key. */
static struct slice
name_of(const struct target *to)
{
	if (to->kid.len > 0)
		return to->kid;
	return slice_text(to->jwk->kid);
}

static enum vh_err
begin(struct front *f, struct request *q, const struct target *to,
    struct slice header)
{
	if (front_is_full(f, 2 * q->frame.f.at[VH_F_DATA].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	buf_put(p->kept, name_of(to));
	pending_weigh(f->pendings, p);
	ask_vault(f, p, &q->frame.f, to, header);
	return VH_OK;
}

enum vh_err
encrypt_begin(struct front *f, struct request *q)
{
	AUTO(buf_free) struct buf *header = buf_new(VH_HEADER_MAX);
	AUTO(jwk_free) struct jwk *jwk = NULL;
	struct target to = { .key = NULL };

	TRY(choose(f, q, &to, &jwk));
	TRY(put_header(f, &q->frame.f, &to, header));
	return begin(f, q, &to, buf_slice(header));
}

enum vh_err
encrypt_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	const struct slice *at = vault->f.at;
	struct slice head = at[VH_F_PROTECTED], key = at[VH_F_ENCRYPTED_KEY],
		     iv = at[VH_F_IV], text = at[VH_F_CIPHERTEXT],
		     tag = at[VH_F_TAG];
	struct reply r;

	(void)again;
	TRY(vault->err);
	if (head.len == 0 || iv.len == 0 || tag.len == 0)
		return VH_EINTERNAL;
	struct buf *b = reply_open(f, &r, &p->to);

	frame_put_head(b, VH_F_TOKEN,
	    jwe_size(head.len, key.len, iv.len, text.len, tag.len));
	jwe_put(b, head, key, iv, text, tag);
	frame_put(b, VH_F_KID, buf_slice(p->kept));
	reply_close(f, &r);
	return VH_OK;
}
