#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "base/pkey.h"
#include "vault/cek.h"
#include "vault/check.h"
#include "vault/content.h"
#include "vault/sign.h"

#define SIGNATURE_MAX (VH_RSA_BITS_MAX / 8)

static const uint8_t message[] = "self-test";

/* --- signatures, checked with the public key -------------------------------
 */

static void
free_ecdsa(ECDSA_SIG *sig)
{
	ECDSA_SIG_free(sig);
}
AUTO_FREE(ECDSA_SIG, free_ecdsa)

static void
free_md_ctx(EVP_MD_CTX *ctx)
{
	EVP_MD_CTX_free(ctx);
}
AUTO_FREE(EVP_MD_CTX, free_md_ctx)

static enum vh_err
der_of_fixed(struct slice fixed, uint8_t *der, size_t room, size_t *len)
{
	AUTO(free_ecdsa) ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)(fixed.len / 2);
	BIGNUM *r = BN_bin2bn(fixed.p, half, NULL);
	BIGNUM *s = BN_bin2bn(fixed.p + half, half, NULL);

	if (sig == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return VH_ENOMEM;
	}
	int size = i2d_ECDSA_SIG(sig, NULL);

	if (size <= 0 || (size_t)size > room)
		return VH_EINTERNAL;
	*len = (size_t)i2d_ECDSA_SIG(sig, &der);
	return VH_OK;
}

static bool
verify(EVP_PKEY *pub, const struct alg *alg, struct slice signature)
{
	AUTO(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx; /* belongs to ctx */

	if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, &pctx, alg->digest,
			       NULL, NULL, pub, NULL) != 1)
		return false;
	if (alg->kind == VH_KIND_PSS &&
	    (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
		    RSA_PSS_SALTLEN_DIGEST) <= 0))
		return false;
	return EVP_DigestVerify(ctx, signature.p, signature.len, message,
		   sizeof message) == 1;
}

/* By another way of libcrypto's than the one that signs. */
static bool
verify_mac(const struct key *key, const struct alg *alg, struct slice signature)
{
	struct slice oct = secret_ro(key->oct);
	uint8_t made[EVP_MAX_MD_SIZE];
	size_t len = 0;

	return EVP_Q_mac(NULL, "HMAC", NULL, alg->digest, NULL, oct.p, oct.len,
		   message, sizeof message, made, sizeof made, &len) != NULL &&
	       len == signature.len &&
	       sodium_memcmp(made, signature.p, len) == 0;
}

static enum vh_err
test_sign(struct crypto *c, const struct key *key, const struct alg *alg,
    EVP_PKEY *pub)
{
	uint8_t fixed[SIGNATURE_MAX], der[160];
	struct slice signature = slice_of(fixed, sign_size(key, alg));

	if (signature.len > sizeof fixed)
		return VH_EKEY;
	TRY(sign_bytes(c, key, alg, slice_of(message, sizeof message), fixed));
	if (alg->kind == VH_KIND_HMAC)
		return verify_mac(key, alg, signature) ? VH_OK : VH_EKEY;
	if (alg->kind == VH_KIND_ECDSA) {
		size_t len;

		TRY(der_of_fixed(signature, der, sizeof der, &len));
		signature = slice_of(der, len);
	}
	return verify(pub, alg, signature) ? VH_OK : VH_EKEY;
}

/* --- encryption for the public key, opened with the private one ------------
 */

static struct fields
fields_of(const struct parcel *p)
{
	struct fields f = { .present = 0 };

	f.at[VH_F_ENCRYPTED_KEY] = buf_slice(p->encrypted);
	if (p->has_tag) {
		f.at[VH_F_KEY_IV] = slice_of(p->iv, sizeof p->iv);
		f.at[VH_F_KEY_TAG] = slice_of(p->tag, sizeof p->tag);
	}
	f.at[VH_F_PUB_X] = p->epk.x;
	f.at[VH_F_PUB_Y] = p->epk.y;
	return f;
}

/* Seals the message with one key and opens it with another. */
static enum vh_err
test_content(struct crypto *c, const struct enc *enc, const struct secret *here,
    const struct secret *there)
{
	uint8_t iv[CONTENT_IV_MAX] = { 0 }, tag[CONTENT_TAG_MAX];
	uint8_t sealed[sizeof message + 16], opened[sizeof sealed];
	struct slice plain = slice_of(message, sizeof message);
	struct content m = { enc, here, slice_of(iv, enc->iv), plain };
	struct slice ciphertext =
	    slice_of(sealed, content_size(enc, sizeof message));
	size_t len;

	TRY(content_seal(c, &m, plain, sealed, tag));
	m.cek = there;
	TRY(content_open(c, &m, ciphertext, slice_of(tag, enc->tag), opened,
	    &len));
	return slice_eq(slice_of(opened, len), plain) ? VH_OK : VH_EKEY;
}

/* The first one that the key can be the CEK of, for dir; else any. */
static const struct enc *
enc_for(const struct key *key, const struct alg *alg)
{
	for (size_t i = 0; alg->kind == VH_KIND_DIR && enc_at(i) != NULL; i++)
		if (enc_at(i)->cek == key->pub.secret)
			return enc_at(i);
	return enc_by_id(VH_ENC_A128GCM);
}

static enum vh_err
test_decrypt(struct crypto *c, const struct key *key, const struct alg *alg,
    EVP_PKEY *pub)
{
	AUTO(parcel_free) struct parcel *p = NULL;
	AUTO(secret_free) struct secret *cek = NULL;
	struct agreement a = { .alg = alg, .enc = enc_for(key, alg) };
	const struct addressee to = { pub, key->pub, key->oct };
	uint8_t kty[4] = { 0 }, crv[4] = { 0 };

	TRY(cek_wrap(c, &to, &a, NULL, &p));
	struct fields f = fields_of(p);

	kty[3] = (uint8_t)p->epk.kty;
	crv[3] = (uint8_t)p->epk.crv;
	f.at[VH_F_KTY_ID] = slice_of(kty, sizeof kty);
	f.at[VH_F_CRV_ID] = slice_of(crv, sizeof crv);
	TRY(cek_unwrap(c, key, &a, &f, &cek));
	return test_content(c, a.enc, p->cek, cek);
}

/* --- */

enum vh_err
crypto_selftest(struct crypto *c, const struct key *key, struct buf *why)
{
	AUTO(pkey_free) EVP_PKEY *pub = NULL;
	const struct alg *alg;
	size_t tested = 0;

	if (key->oct == NULL)
		TRY(pkey_of_pub(&key->pub, &pub));
	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
		if (key_check_alg(key, alg) != VH_OK)
			continue;
		enum vh_err err =
		    (alg->use == VH_USE_SIG ? test_sign : test_decrypt)(c, key,
			alg, pub);

		tested++;
		ERR_clear_error();
		if (err == VH_OK)
			continue;
		if (!check_room())
			return check_full(why);
		buf_format(why, "self-test of %s failed", alg->name);
		return VH_EKEY;
	}
	if (tested > 0)
		return VH_OK;
	buf_put_text(why, "no algorithm fits the key");
	return VH_EKEY;
}
