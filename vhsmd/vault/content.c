#include "vault/content.h"

#include <limits.h>

#include <openssl/err.h>
#include <sodium.h>

#include "wire/b64.h"

#define BLOCK 16 /* AES */

static const uint8_t zeros[EVP_MAX_MD_SIZE];

enum vh_err
content_put_aad(struct buf *b, struct slice protected, struct slice aad)
{
	buf_put(b, protected);
	if (aad.len > 0) {
		buf_put_u8(b, '.');
		b64_put(b, aad);
	}
	return buf_end(b);
}

size_t
content_size(const struct enc *enc, size_t n)
{
	return enc->mac == NULL ? n : (n / BLOCK + 1) * BLOCK; /* PKCS #7 */
}

/* libcrypto counts in int. */
static bool
is_workable(const struct content *m, size_t n)
{
	return secret_len(m->cek) == m->enc->cek && n <= INT_MAX - BLOCK &&
	       m->aad.len <= INT_MAX;
}

/* --- GCM -------------------------------------------------------------------
 */

static bool
gcm_start(struct crypto *c, const struct content *m, bool seal)
{
	int n;

	return EVP_CipherInit_ex2(c->cipher_ctx, c->cipher[m->enc->id],
		   secret_ro(m->cek).p, m->iv.p, seal, NULL) == 1 &&
	       EVP_CipherUpdate(c->cipher_ctx, NULL, &n, m->aad.p,
		   (int)m->aad.len) == 1;
}

/* libcrypto takes an update of no bytes without output for a final one. */
static bool
gcm_update(struct crypto *c, struct slice in, uint8_t *out)
{
	int n;

	return in.len == 0 || (EVP_CipherUpdate(c->cipher_ctx, out, &n, in.p,
				   (int)in.len) == 1 &&
				  (size_t)n == in.len);
}

static bool
gcm_seal(struct crypto *c, const struct content *m, struct slice plain,
    uint8_t *out, uint8_t *tag)
{
	uint8_t end[BLOCK];
	int n;

	return gcm_start(c, m, true) && gcm_update(c, plain, out) &&
	       EVP_CipherFinal_ex(c->cipher_ctx, end, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c->cipher_ctx, EVP_CTRL_AEAD_GET_TAG,
		   (int)m->enc->tag, tag) == 1;
}

static bool
gcm_open(struct crypto *c, const struct content *m, struct slice in,
    const uint8_t *tag, uint8_t *out, size_t *len)
{
	uint8_t want[CONTENT_TAG_MAX], end[BLOCK];
	int n;

	memcpy(want, tag, m->enc->tag);
	*len = in.len;
	return gcm_start(c, m, false) && gcm_update(c, in, out) &&
	       EVP_CIPHER_CTX_ctrl(c->cipher_ctx, EVP_CTRL_AEAD_SET_TAG,
		   (int)m->enc->tag, want) == 1 &&
	       EVP_CipherFinal_ex(c->cipher_ctx, end, &n) == 1;
}

/* --- CBC with HMAC: the first half of the CEK is the MAC key ---------------
 */

static bool
mac_all(EVP_MAC_CTX *mac, const struct content *m, struct slice in,
    uint8_t *out, size_t room)
{
	uint64_t bits = __builtin_bswap64((uint64_t)m->aad.len * 8);
	size_t len;

	return EVP_MAC_init(mac, secret_ro(m->cek).p, m->enc->cek / 2, NULL) ==
		   1 &&
	       EVP_MAC_update(mac, m->aad.p, m->aad.len) == 1 &&
	       EVP_MAC_update(mac, m->iv.p, m->iv.len) == 1 &&
	       EVP_MAC_update(mac, in.p, in.len) == 1 &&
	       EVP_MAC_update(mac, (const uint8_t *)&bits, sizeof bits) == 1 &&
	       EVP_MAC_final(mac, out, &len, room) == 1 && len >= m->enc->tag;
}

/* RFC 7518, 5.2.2.1: the tag is the first half of the HMAC. */
static bool
mac_tag(struct crypto *c, const struct content *m, struct slice in,
    uint8_t tag[static CONTENT_TAG_MAX])
{
	EVP_MAC_CTX *mac = c->mac[m->enc->id];
	uint8_t full[EVP_MAX_MD_SIZE];
	bool done = mac_all(mac, m, in, full, sizeof full);

	/* The context outlives the message; the MAC key must not. */
	done = EVP_MAC_init(mac, zeros, m->enc->cek / 2, NULL) == 1 && done;
	if (done)
		memcpy(tag, full, m->enc->tag);
	sodium_memzero(full, sizeof full);
	return done;
}

static bool
cbc_run(struct crypto *c, const struct content *m, struct slice in,
    uint8_t *out, size_t *len, bool seal)
{
	int n = 0, last = 0;

	if (EVP_CipherInit_ex2(c->cipher_ctx, c->cipher[m->enc->id],
		secret_ro(m->cek).p + m->enc->cek / 2, m->iv.p, seal,
		NULL) != 1 ||
	    EVP_CipherUpdate(c->cipher_ctx, out, &n, in.p, (int)in.len) != 1 ||
	    EVP_CipherFinal_ex(c->cipher_ctx, out + n, &last) != 1)
		return false;
	*len = (size_t)n + (size_t)last;
	return true;
}

static bool
cbc_seal(struct crypto *c, const struct content *m, struct slice plain,
    uint8_t *out, uint8_t *tag)
{
	uint8_t made[CONTENT_TAG_MAX];
	size_t size = content_size(m->enc, plain.len), len;

	if (!cbc_run(c, m, plain, out, &len, true) || len != size ||
	    !mac_tag(c, m, slice_of(out, size), made))
		return false;
	memcpy(tag, made, m->enc->tag);
	return true;
}

/* The MAC says whether the padding is worth a look: no padding oracle. */
static bool
cbc_open(struct crypto *c, const struct content *m, struct slice in,
    const uint8_t *tag, uint8_t *out, size_t *len)
{
	uint8_t want[CONTENT_TAG_MAX];
	bool genuine = mac_tag(c, m, in, want) &&
		       sodium_memcmp(want, tag, m->enc->tag) == 0;

	sodium_memzero(want, sizeof want);
	return genuine && in.len > 0 && in.len % BLOCK == 0 &&
	       cbc_run(c, m, in, out, len, false);
}

/* --- */

static const struct {
	bool (*seal)(struct crypto *, const struct content *, struct slice,
	    uint8_t *, uint8_t *);
	bool (*open)(struct crypto *, const struct content *, struct slice,
	    const uint8_t *, uint8_t *, size_t *);
} gcm = { gcm_seal, gcm_open }, cbc = { cbc_seal, cbc_open };

/* Frees the key schedule, which libcrypto wipes. */
static void
forget_key(struct crypto *c)
{
	(void)EVP_CIPHER_CTX_reset(c->cipher_ctx); /* returns 1 */
	ERR_clear_error();
}

enum vh_err
content_seal(struct crypto *c, const struct content *m, struct slice plain,
    uint8_t *out, uint8_t *tag)
{
	if (!is_workable(m, plain.len) || m->iv.len != m->enc->iv)
		return VH_EINTERNAL;
	bool sealed =
	    (m->enc->mac == NULL ? gcm : cbc).seal(c, m, plain, out, tag);

	forget_key(c);
	return sealed ? VH_OK : VH_EINTERNAL;
}

enum vh_err
content_open(struct crypto *c, const struct content *m, struct slice ciphertext,
    struct slice tag, uint8_t *out, size_t *len)
{
	struct content run = *m;
	bool exact = m->iv.len == m->enc->iv && tag.len == m->enc->tag;

	if (!is_workable(m, ciphertext.len))
		return VH_EDECRYPT;
	/* What cannot be right costs what the right one would. */
	if (!exact) {
		run.iv = slice_of(zeros, m->enc->iv);
		tag = slice_of(zeros, m->enc->tag);
	}
	bool opened = (m->enc->mac == NULL ? gcm : cbc)
			  .open(c, &run, ciphertext, tag.p, out, len);

	forget_key(c);
	if (opened && exact)
		return VH_OK;
	/* GCM has written what nobody vouches for. */
	if (ciphertext.len > 0)
		sodium_memzero(out, ciphertext.len);
	return VH_EDECRYPT;
}
