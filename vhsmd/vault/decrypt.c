#include "vault/cek.h"
#include "vault/content.h"

static enum vh_err
decrypt(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer, bool *room)
{
	AUTO(secret_free) struct secret *cek = NULL;
	AUTO(buf_free) struct buf *aad = buf_new(CONTENT_AAD_MAX);
	const struct slice *at = q->f.at;
	struct agreement a = { .enc = enc_by_id(fields_u32(&q->f, VH_F_ENC_ID)),
		.apu = at[VH_F_APU],
		.apv = at[VH_F_APV] };
	struct slice ciphertext = at[VH_F_CIPHERTEXT];
	struct key *key;
	size_t len;

	TRY(crypto_key(s, q, VH_KEY_DECRYPT, &key, &a.alg));
	if (a.enc == NULL)
		return VH_EALG;
	*room = crypto_has_room(key);
	/* What does not fit the field DATA is not worth decrypting. */
	if (ciphertext.len > content_size(a.enc, VH_DATA_MAX))
		return VH_ETOOBIG;
	size_t field = frame_nest(answer, VH_F_DATA);
	uint8_t *to = buf_extend(answer, ciphertext.len);

	TRY(buf_end(answer));
	TRY(cek_unwrap(c, key, &a, &q->f, &cek));
	TRY(content_put_aad(aad, at[VH_F_PROTECTED], at[VH_F_AAD]));
	struct content m = { a.enc, cek, at[VH_F_IV], buf_slice(aad) };

	TRY(content_open(c, &m, ciphertext, at[VH_F_TAG], to, &len));
	buf_trim(answer, answer->len - (ciphertext.len - len));
	frame_nest_close(answer, field);
	return VH_OK;
}

enum vh_err
op_decrypt(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	bool room = true;
	enum vh_err err = decrypt(c, s, q, answer, &room);

	return err == VH_EDECRYPT && !room ? VH_ENOMEM : err;
}
