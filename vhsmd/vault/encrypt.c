#include <openssl/rand.h>

#include "base/pkey.h"
#include "vault/cek.h"
#include "vault/content.h"
#include "wire/b64.h"

/* --- whom it is for --------------------------------------------------------
 */

/* A public key; a symmetric one from outside is none (pub_of_fields). */
static enum vh_err
stranger(const struct frame *q, const struct alg **alg, EVP_PKEY **made,
    struct addressee *to)
{
	TRY(crypto_alg(q, VH_USE_ENC, alg));
	TRY(pub_of_fields(&q->f, &to->pub));
	if (!alg_fits(*alg, to->pub.kty, to->pub.crv, VH_USE_ENC))
		return VH_EALG;
	TRY(pkey_of_pub(&to->pub, made));
	to->pkey = *made;
	return VH_OK;
}

static enum vh_err
own_key(const struct store *s, const struct frame *q, const struct alg **alg,
    EVP_PKEY **held, struct addressee *to)
{
	struct key *key;

	TRY(crypto_key(s, q, VH_KEY_ENCRYPT, &key, alg));
	if (key->pkey != NULL && EVP_PKEY_up_ref(key->pkey) != 1)
		return VH_EINTERNAL;
	*held = key->pkey;
	*to = (struct addressee){ key->pkey, key->pub, key->oct };
	return VH_OK;
}

/* held: what to points to, where that is the caller's to free. */
static enum vh_err
recipient(const struct store *s, const struct frame *q, const struct alg **alg,
    EVP_PKEY **held, struct addressee *to)
{
	bool own = fields_have(&q->f, VH_F_KID);

	if (own == fields_have(&q->f, VH_F_KTY_ID))
		return VH_EFIELD;
	return own ? own_key(s, q, alg, held, to) : stranger(q, alg, held, to);
}

/* --- the protected header --------------------------------------------------
 */

static bool
is_blank(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr(" \t\r\n", text.p[i]) == NULL)
			return false;
	return true;
}

static void
put_made(struct buf *b, const struct parcel *p)
{
	if (p->epk.kty != 0) {
		buf_put_text(b, "\"epk\":{");
		pub_put_members(b, &p->epk);
		buf_put_text(b, "}");
		return;
	}
	buf_put_text(b, "\"iv\":\"");
	b64_put(b, slice_of(p->iv, sizeof p->iv));
	buf_put_text(b, "\",\"tag\":\"");
	b64_put(b, slice_of(p->tag, sizeof p->tag));
	buf_put_text(b, "\"");
}

/* The header as front wrote it, with what was made here as its last members. */
static void
put_header(struct buf *b, struct slice header, const struct parcel *p)
{
	if (p->epk.kty == 0 && !p->has_tag) {
		buf_put(b, header);
		return;
	}
	struct slice inside = slice_of(header.p + 1, header.len - 2);

	buf_put_text(b, "{");
	if (!is_blank(inside)) {
		buf_put(b, inside);
		buf_put_text(b, ",");
	}
	put_made(b, p);
	buf_put_text(b, "}");
}

/* Appends PROTECTED; *at is where its bytes begin, *len how many they are. */
static enum vh_err
put_protected(struct buf *answer, struct slice header, const struct parcel *p,
    size_t *at, size_t *len)
{
	AUTO(buf_free) struct buf *json = buf_new(VH_HEADER_MAX);

	put_header(json, header, p);
	TRY(buf_end(json));
	*len = b64_size(json->len);
	if (*len > VH_HEADER_MAX)
		return VH_ETOOBIG;
	frame_put_head(answer, VH_F_PROTECTED, *len);
	*at = buf_slice(answer).len;
	b64_put(answer, buf_slice(json));
	return buf_end(answer);
}

static bool
is_object(struct slice text)
{
	return text.len >= 2 && text.p[0] == '{' && text.p[text.len - 1] == '}';
}

/* --- */

static enum vh_err
put_content(struct crypto *c, struct content *m, struct slice plain,
    struct buf *answer)
{
	uint8_t iv[CONTENT_IV_MAX], tag[CONTENT_TAG_MAX];
	size_t size = content_size(m->enc, plain.len);

	if (RAND_bytes(iv, (int)m->enc->iv) != 1)
		return VH_EINTERNAL;
	m->iv = slice_of(iv, m->enc->iv);
	frame_put(answer, VH_F_IV, m->iv);
	frame_put_head(answer, VH_F_CIPHERTEXT, size);
	uint8_t *to = buf_extend(answer, size);

	TRY(buf_end(answer));
	TRY(content_seal(c, m, plain, to, tag));
	frame_put(answer, VH_F_TAG, slice_of(tag, m->enc->tag));
	return buf_end(answer);
}

enum vh_err
op_encrypt(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	AUTO(pkey_free) EVP_PKEY *held = NULL;
	AUTO(parcel_free) struct parcel *p = NULL;
	AUTO(buf_free) struct buf *aad = buf_new(CONTENT_AAD_MAX);
	const struct slice *at = q->f.at;
	struct agreement a = { .enc = enc_by_id(fields_u32(&q->f, VH_F_ENC_ID)),
		.apu = at[VH_F_APU],
		.apv = at[VH_F_APV] };
	struct addressee to = { .oct = NULL };
	size_t head_at, head_len;

	TRY(recipient(s, q, &a.alg, &held, &to));
	if (a.enc == NULL)
		return VH_EALG;
	if (!is_object(at[VH_F_HEADER]))
		return VH_EHEADER;
	TRY(cek_wrap(c, &to, &a, NULL, &p));
	struct content m = { .enc = a.enc, .cek = p->cek };

	TRY(put_protected(answer, at[VH_F_HEADER], p, &head_at, &head_len));
	TRY(content_put_aad(aad, slice_of(answer->p + head_at, head_len),
	    at[VH_F_AAD]));
	m.aad = buf_slice(aad);
	if (p->encrypted->len > 0)
		frame_put(answer, VH_F_ENCRYPTED_KEY, buf_slice(p->encrypted));
	return put_content(c, &m, at[VH_F_DATA], answer);
}

/* --- several recipients ----------------------------------------------------
 */

/* Appends PARTY: how the CEK travels to the recipient that body describes. */
static enum vh_err
put_parcel(struct crypto *c, const struct store *s, struct slice body,
    struct agreement *a, const struct secret *cek, struct buf *answer)
{
	AUTO(pkey_free) EVP_PKEY *held = NULL;
	AUTO(parcel_free) struct parcel *p = NULL;
	struct frame one = { .op = VH_OP_VSEAL };
	struct addressee to = { .oct = NULL };

	TRY(fields_parse(body, &one.f));
	a->apu = one.f.at[VH_F_APU];
	a->apv = one.f.at[VH_F_APV];
	TRY(recipient(s, &one, &a->alg, &held, &to));
	TRY(cek_wrap(c, &to, a, cek, &p));
	size_t nest = frame_nest(answer, VH_F_PARTY);

	frame_put(answer, VH_F_ENCRYPTED_KEY, buf_slice(p->encrypted));
	if (p->epk.kty != 0)
		pub_put_fields(answer, &p->epk);
	if (p->has_tag) {
		frame_put(answer, VH_F_KEY_IV, slice_of(p->iv, sizeof p->iv));
		frame_put(answer, VH_F_KEY_TAG,
		    slice_of(p->tag, sizeof p->tag));
	}
	frame_nest_close(answer, nest);
	return buf_end(answer);
}

enum vh_err
op_seal(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	AUTO(secret_free) struct secret *cek = NULL;
	AUTO(buf_free) struct buf *aad = buf_new(CONTENT_AAD_MAX);
	struct agreement a = { .enc =
				   enc_by_id(fields_u32(&q->f, VH_F_ENC_ID)) };
	struct slice rest = q->f.body, value;
	size_t count = 0;
	unsigned tag;

	if (a.enc == NULL)
		return VH_EALG;
	cek = secret_new(a.enc->cek);
	if (cek == NULL)
		return VH_ENOMEM;
	if (RAND_priv_bytes(secret_rw(cek), (int)a.enc->cek) != 1)
		return VH_EINTERNAL;
	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_PARTY)
			continue;
		if (++count > VH_PARTIES)
			return VH_ETOOBIG;
		TRY(put_parcel(c, s, value, &a, cek, answer));
	}
	TRY(content_put_aad(aad, q->f.at[VH_F_PROTECTED], q->f.at[VH_F_AAD]));
	struct content m = { .enc = a.enc, .cek = cek, .aad = buf_slice(aad) };

	return put_content(c, &m, q->f.at[VH_F_DATA], answer);
}
