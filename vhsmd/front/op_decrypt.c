/* DECRYPT: a compact JWE (RFC 7516, 7.1) is taken apart here and decrypted in
 * the vault.  Without kid, keys that may fit are tried in turn, at most
 * PENDING_TRIES; all that fails then is one error. */
#include "front/ops.h"
#include "front/select.h"
#include "front/vaultlink.h"
#include "jose/jwe.h"

/* Whether a key of the right algorithm can be the one: an ECDH key lies on the
 * curve of epk, an RSA ciphertext is as long as the modulus. */
static bool
can_fit(const struct dkey *key, const struct jwe *jwe)
{
	if (key->pub.kty == VH_KTY_RSA)
		return jwe->encrypted_key.len == key->pub.n.len;
	return key->pub.kty == jwe->epk.kty && key->pub.crv == jwe->epk.crv;
}

static enum vh_err
refuse(const struct selector *s, struct buf *why, enum vh_err err)
{
	buf_put_text(why, err == VH_EALG ? "the key does not fit:" : "no key:");
	selector_say(s, why);
	return err;
}

/* The one key that the token names. */
static enum vh_err
find_named(const struct search *q, const struct jwe *jwe,
    const struct dkey **out, struct buf *why)
{
	struct selector named = *q->s;
	const struct dkey *key = search_named(q, jwe->kid, NULL);

	named.kid = jwe->kid;
	if (key == NULL)
		return refuse(&named, why, VH_ENOKEY);
	if (dkey_alg(key, jwe->alg) == NULL)
		return refuse(&named, why, VH_EALG);
	*out = key;
	return VH_OK;
}

static enum vh_err
find_keys(const struct search *q, const struct jwe *jwe,
    const struct dkey *out[static PENDING_TRIES], size_t *count,
    struct buf *why)
{
	const struct dkey *key;
	size_t i = 0;

	*count = 1;
	if (jwe->kid.len > 0)
		return find_named(q, jwe, out, why);
	*count = 0;
	while (*count < PENDING_TRIES &&
	       (key = search_next(q, jwe->alg, &i)) != NULL)
		if (can_fit(key, jwe))
			out[(*count)++] = key;
	return *count == 0 ? refuse(q->s, why, VH_ENOKEY) : VH_OK;
}

static void
ask_vault(struct front *f, struct pending *p, const struct jwe *jwe)
{
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VDECRYPT, &start);

	frame_put_text(b, VH_F_KID, p->tries[p->tried]->kid);
	frame_put_u32(b, VH_F_ALG_ID, jwe->alg->id);
	frame_put_u32(b, VH_F_ENC_ID, jwe->enc->id);
	frame_put(b, VH_F_PROTECTED, jwe->protected);
	frame_put(b, VH_F_IV, jwe->iv);
	frame_put(b, VH_F_TAG, jwe->tag);
	if (jwe->encrypted_key.len > 0)
		frame_put(b, VH_F_ENCRYPTED_KEY, jwe->encrypted_key);
	frame_put(b, VH_F_CIPHERTEXT, jwe->ciphertext);
	if (jwe->epk.kty != 0)
		pub_put_fields(b, &jwe->epk);
	if (jwe->apu.len > 0)
		frame_put(b, VH_F_APU, jwe->apu);
	if (jwe->apv.len > 0)
		frame_put(b, VH_F_APV, jwe->apv);
	frame_close(b, start);
}

/* Whether other nodes have the key as well. */
static bool
is_shared(const struct front *f, const struct dkey *key)
{
	const struct dkey *same =
	    f->cluster == NULL
		? NULL
		: directory_get(f->cluster, slice_text(key->kid));

	return same != NULL && same->holder_count > 0;
}

/* For one try only the header is needed again, for several the token; for other
 * nodes the request as it is. */
static enum vh_err
keep(struct front *f, struct pending *p, const struct jwe *jwe,
    const struct request *q)
{
	buf_put(p->kept,
	    p->try_count == 1 ? jwe->header : q->frame.f.at[VH_F_TOKEN]);
	p->body_at = p->kept->len;
	if (p->try_count == 1 && forward_may(f, q) && is_shared(f, p->tries[0]))
		forward_keep(p, q);
	pending_weigh(f->pendings, p);
	return buf_end(p->kept);
}

/* The first part of what was kept. */
static struct slice
kept(const struct pending *p)
{
	return slice_of(p->kept->p, p->body_at);
}

static enum vh_err
check(const struct front *f, const struct selector *s, const struct jwe *jwe)
{
	if (!selector_takes(s, jwe->alg)) {
		buf_format(f->why, "the token's alg is %s", jwe->alg->name);
		return VH_EALG;
	}
	/* One block of CBC padding at most. */
	return jwe->ciphertext.len > (size_t)f->settings->payload + 16
		   ? VH_ETOOBIG
		   : VH_OK;
}

static enum vh_err
begin(struct front *f, struct request *q, const struct jwe *jwe,
    const struct dkey *const tries[static PENDING_TRIES], size_t count)
{
	if (front_is_full(f, 2 * q->frame.f.at[VH_F_TOKEN].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	memcpy(p->tries, tries, count * sizeof tries[0]);
	p->try_count = count;
	enum vh_err err = keep(f, p, jwe, q);

	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	ask_vault(f, p, jwe);
	return VH_OK;
}

enum vh_err
decrypt_begin(struct front *f, struct request *q)
{
	AUTO(jwe_free) struct jwe *jwe = NULL;
	const struct dkey *tries[PENDING_TRIES];
	struct selector s;
	size_t count;

	TRY(selector_parse(&q->frame.f, &s, f->why));
	TRY(jwe_parse(q->frame.f.at[VH_F_TOKEN], &jwe, f->why));
	TRY(check(f, &s, jwe));
	const struct search own = { .d = f->directory,
		.s = &s,
		.asker = &q->asker,
		.purpose = FOR_DECRYPT };
	enum vh_err err = find_keys(&own, jwe, tries, &count, f->why);

	if (err == VH_OK)
		return begin(f, q, jwe, tries, count);
	/* Without kid no other node is asked: that would be a search. */
	if (err != VH_ENOKEY || jwe->kid.len == 0)
		return err;
	return forward_take(f, q, &s, jwe->kid, err);
}

static enum vh_err
try_next(struct front *f, struct pending *p)
{
	AUTO(jwe_free) struct jwe *jwe = NULL;

	TRY(jwe_parse(kept(p), &jwe, NULL));
	if (front_is_full(f, p->kept->len))
		return VH_EBUSY;
	p->tried++;
	ask_vault(f, p, jwe);
	return VH_OK;
}

static enum vh_err
reply(struct front *f, const struct pending *p, struct slice data,
    struct slice header)
{
	struct reply r;
	struct buf *b = reply_open(f, &r, &p->to);

	frame_put(b, VH_F_DATA, data);
	frame_put_text(b, VH_F_KID, p->tries[p->tried]->kid);
	frame_put(b, VH_F_HEADER, header);
	reply_close(f, &r);
	return VH_OK;
}

enum vh_err
decrypt_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	AUTO(jwe_free) struct jwe *jwe = NULL;

	if (vault->err == VH_EDECRYPT && p->tried + 1 < p->try_count) {
		TRY(try_next(f, p));
		*again = true;
		return VH_OK;
	}
	if (vault->err == VH_EBUSY || vault->err == VH_EINACTIVE) {
		TRY(forward_overflow(f, p, vault->err));
		*again = true;
		return VH_OK;
	}
	TRY(vault->err);
	if (!fields_have(&vault->f, VH_F_DATA))
		return VH_EINTERNAL;
	if (p->try_count == 1)
		return reply(f, p, vault->f.at[VH_F_DATA], kept(p));
	TRY(jwe_parse(kept(p), &jwe, NULL));
	return reply(f, p, vault->f.at[VH_F_DATA], jwe->header);
}
