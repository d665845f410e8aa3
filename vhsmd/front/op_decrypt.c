/* DECRYPT: a JWE (RFC 7516, 7) is taken apart here and decrypted in the vault.
 * Of its recipients those come first that name a key; for those that name none,
 * keys that may fit are tried in turn, at most PENDING_TRIES in all.  All that
 * fails then is one error.  What is compressed is unpacked here. */
#include "front/ops.h"
#include "front/select.h"
#include "front/vaultlink.h"
#include "front/zip.h"
#include "jose/jwe_json.h"

/* Keys to be tried, each for one recipient. */
struct candidates {
	size_t count;
	const struct dkey *keys[PENDING_TRIES];
	uint8_t recipient[PENDING_TRIES];
};

/* Whether a key of the right algorithm can be the one: an ECDH key lies on the
 * curve of epk, an RSA ciphertext is as long as the modulus. */
static bool
can_fit(const struct dkey *key, const struct jwe *jwe)
{
	if (key->pub.kty == VH_KTY_RSA)
		return jwe->encrypted_key.len == key->pub.n.len;
	if (key->pub.kty == VH_KTY_OCT)
		return jwe->alg->kind != VH_KIND_DIR ||
		       key->pub.secret == jwe->enc->cek;
	return key->pub.kty == jwe->epk.kty && key->pub.crv == jwe->epk.crv;
}

static enum vh_err
refuse(const struct selector *s, struct buf *why, enum vh_err err)
{
	const char *what = "no key:";

	if (err == VH_EALG)
		what = "the key does not fit:";
	if (err == VH_EPOLICY)
		what = SELECT_DENIED ":";
	buf_put_text(why, what);
	selector_say(s, why);
	return err;
}

static void
add(struct candidates *c, const struct dkey *key, size_t recipient)
{
	if (c->count == PENDING_TRIES)
		return;
	c->recipient[c->count] = (uint8_t)recipient;
	c->keys[c->count++] = key;
}

/* The one key that a recipient names. */
static enum vh_err
find_named(const struct search *q, const struct jwe *jwe, size_t recipient,
    struct candidates *out, struct buf *why)
{
	struct selector named = *q->s;
	const struct dkey *key = search_named(q, jwe->kid, NULL);

	named.kid = jwe->kid;
	if (key == NULL && search_is_denied(q, jwe->kid, NULL))
		return refuse(&named, why, VH_EPOLICY);
	if (key == NULL)
		return refuse(&named, why, VH_ENOKEY);
	if (dkey_alg(key, jwe->alg) == NULL)
		return refuse(&named, why, VH_EALG);
	add(out, key, recipient);
	return VH_OK;
}

static enum vh_err
find_fitting(const struct search *q, const struct jwe *jwe, size_t recipient,
    struct candidates *out, struct buf *why)
{
	const struct dkey *key;
	size_t i = 0, before = out->count;

	while (out->count < PENDING_TRIES &&
	       (key = search_next(q, jwe->alg, &i)) != NULL)
		if (can_fit(key, jwe))
			add(out, key, recipient);
	return out->count == before ? refuse(q->s, why, VH_ENOKEY) : VH_OK;
}

static enum vh_err
check_alg(const struct selector *s, const struct jwe *jwe, struct buf *why)
{
	TRY(jwe->err);
	if (selector_takes(s, jwe->alg))
		return VH_OK;
	buf_format(why, "the token's alg is %s", jwe->alg->name);
	return VH_EALG;
}

static enum vh_err
find_for(const struct search *q, const struct jwe *jwe, size_t recipient,
    struct candidates *out, struct buf *why)
{
	TRY(check_alg(q->s, jwe, why));
	return (jwe->kid.len > 0 ? find_named : find_fitting)(q, jwe, recipient,
	    out, why);
}

/* Of what came of two recipients, what tells more. */
static enum vh_err
worse(enum vh_err a, enum vh_err b)
{
	if (a == VH_EPOLICY || b == VH_EPOLICY)
		return VH_EPOLICY;
	return a == VH_EALG || b == VH_EALG ? VH_EALG : VH_ENOKEY;
}

/* Why none of several has a key. */
static enum vh_err
say_none(const struct jwe_set *set, enum vh_err err, struct buf *why)
{
	/* What another node may know has to be looked for. */
	for (size_t i = 0; i < set->count && err == VH_EALG; i++)
		if (set->at[i]->err == VH_OK && set->at[i]->kid.len > 0)
			err = VH_ENOKEY;
	if (err == VH_EPOLICY)
		buf_put_text(why, SELECT_DENIED ": ");
	buf_format(why, "no key for any of %zu recipients", set->count);
	return err;
}

/* Of several recipients it is no news that one is somebody else. */
static enum vh_err
find_keys(const struct search *q, const struct jwe_set *set,
    struct candidates *out, struct buf *why)
{
	enum vh_err err = VH_ENOKEY;

	out->count = 0;
	if (set->count == 1)
		return find_for(q, set->at[0], 0, out, why);
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < set->count; i++)
			if ((set->at[i]->kid.len == 0) == (pass == 1))
				err = worse(err,
				    find_for(q, set->at[i], i, out, NULL));
	return out->count > 0 ? VH_OK : say_none(set, err, why);
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
	if (jwe->key_iv.len > 0) {
		frame_put(b, VH_F_KEY_IV, jwe->key_iv);
		frame_put(b, VH_F_KEY_TAG, jwe->key_tag);
	}
	if (jwe->apu.len > 0)
		frame_put(b, VH_F_APU, jwe->apu);
	if (jwe->apv.len > 0)
		frame_put(b, VH_F_APV, jwe->apv);
	if (jwe->aad.len > 0)
		frame_put(b, VH_F_AAD, jwe->aad);
	frame_close(b, start);
}

/* Whether other nodes have the key as well. */
static bool
is_shared(const struct front *f, const struct dkey *key)
{
	const struct dkey *same =
	    f->cluster == NULL
		? NULL
		: directory_find(f->cluster, slice_text(key->kid));

	return same != NULL && same->holder_count > 0;
}

/* For one try of a compact token only its header is needed again, else the
 * token; for other nodes the request as it is. */
static enum vh_err
keep(struct front *f, struct pending *p, const struct jwe_set *set,
    const struct request *q)
{
	p->whole_token = set->json || p->try_count > 1;
	p->zip = set->at[0]->zip;
	buf_put(p->kept,
	    p->whole_token ? q->frame.f.at[VH_F_TOKEN] : set->at[0]->header);
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
check_size(const struct front *f, const struct jwe_set *set)
{
	/* One block of CBC padding at most. */
	return set->at[0]->ciphertext.len > (size_t)f->settings->payload + 16
		   ? VH_ETOOBIG
		   : VH_OK;
}

static enum vh_err
begin(struct front *f, struct request *q, const struct jwe_set *set,
    const struct candidates *c)
{
	if (front_is_full(f, 2 * q->frame.f.at[VH_F_TOKEN].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	memcpy(p->tries, c->keys, c->count * sizeof c->keys[0]);
	memcpy(p->recipient, c->recipient, c->count);
	p->try_count = c->count;
	enum vh_err err = keep(f, p, set, q);

	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	ask_vault(f, p, set->at[p->recipient[0]]);
	return VH_OK;
}

/* Without kid no other node is asked: that would be a search. */
static enum vh_err
ask_others(struct front *f, struct request *q, const struct selector *s,
    const struct jwe_set *set, enum vh_err err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct jwe *jwe = set->at[i];

		if (jwe->err != VH_OK || jwe->kid.len == 0 ||
		    !selector_takes(s, jwe->alg))
			continue;
		err = forward_take(f, q, s, jwe->kid, NULL, err);
		if (err == VH_OK)
			break;
	}
	return err;
}

enum vh_err
decrypt_begin(struct front *f, struct request *q)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;
	struct candidates found;
	struct selector s;

	TRY(selector_parse(&q->frame.f, &s, f->why));
	TRY(jwe_set_parse(q->frame.f.at[VH_F_TOKEN], &set, f->why));
	TRY(check_size(f, set));
	const struct search own = { .d = f->directory,
		.s = &s,
		.asker = &q->asker,
		.purpose = FOR_DECRYPT };
	enum vh_err err = find_keys(&own, set, &found, f->why);

	if (err == VH_OK)
		return begin(f, q, set, &found);
	/* Another holder may have other rules. */
	return err == VH_ENOKEY || err == VH_EPOLICY
		   ? ask_others(f, q, &s, set, err)
		   : err;
}

static enum vh_err
try_next(struct front *f, struct pending *p)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;

	TRY(jwe_set_parse(kept(p), &set, NULL));
	if (front_is_full(f, p->kept->len))
		return VH_EBUSY;
	p->tried++;
	ask_vault(f, p, set->at[p->recipient[p->tried]]);
	return VH_OK;
}

/* jwe: NULL when the header alone was kept. */
static enum vh_err
reply(struct front *f, const struct pending *p, struct slice data,
    const struct jwe *jwe)
{
	AUTO(buf_free) struct buf *unpacked = buf_new(2 * ZIP_MAX);
	struct reply r;

	if (p->zip) {
		TRY(zip_unpack(data, f->settings->payload, unpacked));
		data = buf_slice(unpacked);
	}
	struct buf *b = reply_open(f, &r, &p->to);

	frame_put(b, VH_F_DATA, data);
	frame_put_text(b, VH_F_KID, dkey_kid(p->tries[p->tried]));
	if (jwe == NULL)
		frame_put(b, VH_F_HEADER, kept(p));
	else
		jwe_put_shown(b, jwe);
	reply_close(f, &r);
	return VH_OK;
}

void
jwe_put_shown(struct buf *b, const struct jwe *jwe)
{
	frame_put(b, VH_F_HEADER, jwe->header);
	if (jwe->unprotected.len > 0)
		frame_put(b, VH_F_UNPROTECTED, jwe->unprotected);
	if (jwe->aad.len > 0)
		frame_put(b, VH_F_AAD, jwe->aad);
}

enum vh_err
decrypt_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;

	if (vault->err == VH_EDECRYPT && p->tried + 1 < p->try_count) {
		TRY(try_next(f, p));
		*again = true;
		return VH_OK;
	}
	if (forward_overflows(vault->err)) {
		TRY(forward_overflow(f, p, vault->err));
		*again = true;
		return VH_OK;
	}
	TRY(vault->err);
	if (!fields_have(&vault->f, VH_F_DATA))
		return VH_EINTERNAL;
	if (!p->whole_token)
		return reply(f, p, vault->f.at[VH_F_DATA], NULL);
	TRY(jwe_set_parse(kept(p), &set, NULL));
	return reply(f, p, vault->f.at[VH_F_DATA],
	    set->at[p->recipient[p->tried]]);
}
