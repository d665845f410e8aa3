#include "vault/context.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include "vault/ecdsa.h"
#include "vault/ed25519.h"
#include "vault/libctx.h"

#define DECRYPT_ROOM 16384u /* in one piece, whatever the key */

#define VH_ALG(sym, id, name, kind, kty, crv, digest, size)                    \
	_Static_assert((id) < ALG_IDS, name);
#define VH_ENC(sym, id, name, cek, iv, tag, lib, mac)                          \
	_Static_assert((id) < ENC_IDS, name);
#define VH_CRV(sym, id, name, kty, size, sig, agrees, lib)                     \
	_Static_assert((id) < CRV_IDS, name);
#include "wire/alg.def"

static bool
fetch_digest(struct crypto *c, const struct alg *alg)
{
	if (alg->digest == NULL)
		return true;
	c->md[alg->id] = EVP_MD_fetch(NULL, alg->digest, NULL);
	c->hash[alg->id] = EVP_MD_CTX_new();
	return c->md[alg->id] != NULL && c->hash[alg->id] != NULL &&
	       EVP_DigestInit_ex2(c->hash[alg->id], c->md[alg->id], NULL) == 1;
}

static bool
fetch_wrap(struct crypto *c, const struct alg *alg)
{
	char name[32];
	bool gcm = alg->kind == VH_KIND_GCMKW;

	if (alg->use != VH_USE_ENC || alg->size == 0)
		return true;
	(void)snprintf(name, sizeof name, "AES-%zu-%s", alg->size * 8,
	    gcm ? "GCM" : "WRAP");
	c->wrap[alg->id] = EVP_CIPHER_fetch(NULL, name, NULL);
	(void)snprintf(name, sizeof name, "AES-%zu-ECB", alg->size * 8);
	c->block[alg->id] = gcm ? NULL : EVP_CIPHER_fetch(NULL, name, NULL);
	return c->wrap[alg->id] != NULL && (gcm || c->block[alg->id] != NULL);
}

/* An HMAC with a digest, without a key; NULL on failure. */
static EVP_MAC_CTX *
hmac_with(EVP_MAC *hmac, const char *name)
{
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	/* libcrypto takes the name as char * and does not write to it. */
	OSSL_PARAM digest[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    (void *)(uintptr_t)name, strlen(name)),
		OSSL_PARAM_END,
	};

	if (mac != NULL && EVP_MAC_CTX_set_params(mac, digest) == 1)
		return mac;
	EVP_MAC_CTX_free(mac);
	return NULL;
}

static bool
fetch_content(struct crypto *c, const struct enc *enc)
{
	c->cipher[enc->id] = EVP_CIPHER_fetch(NULL, enc->lib, NULL);
	if (c->cipher[enc->id] == NULL || enc->mac == NULL)
		return c->cipher[enc->id] != NULL;
	c->mac[enc->id] = hmac_with(c->hmac, enc->mac);
	return c->mac[enc->id] != NULL;
}

static void
free_kdf(EVP_KDF *kdf)
{
	EVP_KDF_free(kdf);
}
AUTO_FREE(EVP_KDF, free_kdf)

/* RFC 7518, 4.6.2: Concat KDF is SP 800-56A's single-step KDF, SHA-256. */
static bool
fetch_concat(struct crypto *c)
{
	AUTO(free_kdf) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);
	char sha256[] = "SHA256";
	OSSL_PARAM digest[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256,
		    sizeof sha256 - 1),
		OSSL_PARAM_END,
	};

	c->concat = EVP_KDF_CTX_new(kdf);
	return c->concat != NULL &&
	       EVP_KDF_CTX_set_params(c->concat, digest) == 1;
}

static bool
fetch_all(struct crypto *c)
{
	const struct alg *alg;
	const struct enc *enc;

	c->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (c->hmac == NULL)
		return false;
	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++)
		if (!fetch_digest(c, alg) || !fetch_wrap(c, alg))
			return false;
	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++)
		if (!fetch_content(c, enc))
			return false;
	c->cipher_ctx = EVP_CIPHER_CTX_new();
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->digest = EVP_MD_CTX_new();
	if (c->cipher_ctx == NULL || c->sha256 == NULL || c->digest == NULL ||
	    EVP_DigestInit_ex2(c->digest, c->sha256, NULL) != 1)
		return false;
	return fetch_concat(c);
}

struct crypto *
crypto_new(size_t index)
{
	AUTO(crypto_free) struct crypto *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->index = index;
	c->lib = libctx_of(index);
	if (c->lib == NULL || !fetch_all(c)) {
		ERR_clear_error();
		return NULL;
	}
	return TAKE(c);
}

void
crypto_free(struct crypto *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < ALG_IDS; i++) {
		EVP_MD_CTX_free(c->hash[i]);
		EVP_MD_free(c->md[i]);
		EVP_CIPHER_free(c->wrap[i]);
		EVP_CIPHER_free(c->block[i]);
	}
	for (size_t i = 0; i < ENC_IDS; i++) {
		EVP_MAC_CTX_free(c->mac[i]);
		EVP_CIPHER_free(c->cipher[i]);
	}
	for (size_t i = 0; i < CRV_IDS; i++)
		EVP_PKEY_free(c->peers[i]);
	EVP_MAC_free(c->hmac);
	EVP_CIPHER_CTX_free(c->cipher_ctx);
	EVP_KDF_CTX_free(c->concat);
	EVP_MD_free(c->sha256);
	EVP_MD_CTX_free(c->digest);
	free(c);
}

enum vh_err
crypto_digest(struct crypto *c, const struct slice *parts, size_t count,
    uint8_t out[static 32])
{
	unsigned len = 0;
	bool good = EVP_DigestInit_ex2(c->digest, NULL, NULL) == 1;

	for (size_t i = 0; good && i < count; i++)
		good =
		    EVP_DigestUpdate(c->digest, parts[i].p, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(c->digest, out, &len) == 1;
	return good ? VH_OK : VH_EINTERNAL;
}

bool
crypto_signed_digest(struct crypto *c, uint8_t out[static 32])
{
	bool has = c->has_hashed;

	if (has)
		memcpy(out, c->hashed, sizeof c->hashed);
	c->has_hashed = false;
	return has;
}

enum vh_err
crypto_alg(const struct frame *q, enum vh_use use, const struct alg **alg)
{
	const struct alg *found = alg_by_id(fields_u32(&q->f, VH_F_ALG_ID));

	if (found == NULL || found->use != use)
		return VH_EALG;
	*alg = found;
	return VH_OK;
}

enum vh_err
crypto_key(const struct store *s, const struct frame *q, uint32_t ops,
    struct key **key, const struct alg **alg)
{
	struct key *found = store_get(s, q->f.at[VH_F_KID]);

	if (found == NULL)
		return VH_ENOKEY;
	TRY(crypto_alg(q,
	    (ops & (VH_KEY_SIGN | VH_KEY_VERIFY)) != 0 ? VH_USE_SIG
						       : VH_USE_ENC,
	    alg));
	TRY(key_check_alg(found, *alg));
	TRY(key_check_ops(found, ops));
	*key = found;
	return VH_OK;
}

/* Looked at before the message is: what it says depends on no secret. libcrypto
 * makes a table of 64 powers of half the size of the modulus, and a context of
 * the key if it has none. */
bool
crypto_has_room(const struct key *key)
{
	size_t modulus = key->pub.kty == VH_KTY_RSA ? key->pub.n.len : 0;

	return arena_has_room(DECRYPT_ROOM + 64 * modulus);
}

/* --- slots: how a context is made ready for the rows of a kind -------------
 */

static bool
ready_pkcs1(EVP_PKEY_CTX *ctx, const struct crypto *c, const struct alg *alg)
{
	return EVP_PKEY_sign_init(ctx) > 0 &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, c->md[alg->id]) > 0;
}

/* RFC 7518, 3.5: MGF1 with the same digest, salt as long as the digest. */
static bool
ready_pss(EVP_PKEY_CTX *ctx, const struct crypto *c, const struct alg *alg)
{
	const EVP_MD *md = c->md[alg->id];

	return EVP_PKEY_sign_init(ctx) > 0 &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, md) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) >
		   0;
}

bool
crypto_set_oaep(EVP_PKEY_CTX *ctx, const struct crypto *c,
    const struct alg *alg)
{
	const EVP_MD *md = c->md[alg->id];

	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) > 0;
}

static bool
ready_oaep(EVP_PKEY_CTX *ctx, const struct crypto *c, const struct alg *alg)
{
	return EVP_PKEY_decrypt_init(ctx) > 0 && crypto_set_oaep(ctx, c, alg);
}

/* Unpadded: libcrypto's own way tells by its timing what it found, and this
 * libcrypto has no implicit rejection (unwrap.c). */
static bool
ready_rsa15(EVP_PKEY_CTX *ctx, const struct crypto *c, const struct alg *alg)
{
	(void)c;
	(void)alg;
	return EVP_PKEY_decrypt_init(ctx) > 0 &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0;
}

static bool
ready_ecdh(EVP_PKEY_CTX *ctx, const struct crypto *c, const struct alg *alg)
{
	(void)c;
	(void)alg;
	return EVP_PKEY_derive_init(ctx) > 0;
}

static bool (*const ready[])(EVP_PKEY_CTX *, const struct crypto *,
    const struct alg *) = {
	[VH_KIND_PKCS1] = ready_pkcs1,
	[VH_KIND_PSS] = ready_pss,
	[VH_KIND_OAEP] = ready_oaep,
	[VH_KIND_ECDH] = ready_ecdh,
	[VH_KIND_RSA15] = ready_rsa15,
};

/* Elsewhere the locks of a library context do not count. */
static OSSL_LIB_CTX *
lib_of(const struct crypto *c, const struct key *key)
{
	return key->lane == LANE_FAST ? c->lib : NULL;
}

static bool
fill_eddsa(struct key_slot *slot, const struct crypto *c, const struct key *key)
{
	if (key->pub.crv == VH_CRV_ED25519) {
		slot->ed25519 = ed25519_key_new(key->pkey);
		if (slot->ed25519 == NULL)
			return false;
	}
	slot->md = EVP_MD_CTX_new();
	return slot->md != NULL &&
	       EVP_DigestSignInit_ex(slot->md, NULL, NULL, lib_of(c, key), NULL,
		   key->pkey, NULL) == 1;
}

static bool
slot_fill(struct key_slot *slot, const struct crypto *c, const struct key *key,
    const struct alg *alg)
{
	if (alg->kind == VH_KIND_ECDSA) {
		slot->ec = ecdsa_key_new(lib_of(c, key), key->pkey);
		return slot->ec != NULL;
	}
	if (alg->kind == VH_KIND_EDDSA)
		return fill_eddsa(slot, c, key);
	if (alg->kind == VH_KIND_HMAC) {
		struct slice oct = secret_ro(key->oct);

		slot->mac = hmac_with(c->hmac, alg->digest);
		return slot->mac != NULL &&
		       EVP_MAC_init(slot->mac, oct.p, oct.len, NULL) == 1;
	}
	slot->pkey = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	return slot->pkey != NULL && ready[alg->kind](slot->pkey, c, alg);
}

enum vh_err
crypto_slot_new(const struct crypto *c, const struct key *key,
    const struct alg *alg, struct key_slot *out)
{
	struct key_slot slot = { .alg = alg };

	if (slot_fill(&slot, c, key, alg)) {
		*out = slot;
		return VH_OK;
	}
	key_slot_clear(&slot);
	ERR_clear_error();
	return VH_EINTERNAL;
}

enum vh_err
crypto_slot(struct crypto *c, const struct key *key, const struct alg *alg,
    const struct key_slot **out)
{
	if (c->index >= key->workers)
		return VH_EINTERNAL;
	/* All ECDH rows begin with the same operation: one context. */
	if (alg->kind == VH_KIND_ECDH)
		alg = alg_by_id(VH_ALG_ECDH_ES);
	struct key_slot *slot = key->slots + c->index * KEY_SLOTS;

	for (size_t i = 0; i < KEY_SLOTS; i++, slot++) {
		if (slot->alg == NULL)
			TRY(crypto_slot_new(c, key, alg, slot));
		if (slot->alg == alg) {
			*out = slot;
			return VH_OK;
		}
	}
	return VH_EINTERNAL; /* more rows fit a key than KEY_SLOTS */
}
