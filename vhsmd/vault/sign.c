#include "vault/sign.h"

#include <openssl/err.h>
#include <sodium.h>

#include "vault/ecdsa.h"
#include "vault/ed25519.h"

size_t
sign_size(const struct key *key, const struct alg *alg)
{
	return pub_signature_size(&key->pub, alg);
}

/* The context forgets the message, keeps the key; newer libcryptos insist. */
static bool
sign_eddsa(const struct key_slot *slot, struct slice data, uint8_t *out,
    size_t size)
{
	size_t len = size;

	if (slot->ed25519 != NULL && data.len <= ED25519_SHORT)
		return ed25519_sign(slot->ed25519, data, out);
	return EVP_DigestSignInit_ex(slot->md, NULL, NULL, NULL, NULL, NULL,
		   NULL) == 1 &&
	       EVP_DigestSign(slot->md, out, &len, data.p, data.len) == 1 &&
	       len == size;
}

static bool
sign_ecdsa(const struct key_slot *slot, struct slice digest, uint8_t *out,
    size_t size)
{
	return ecdsa_sign(slot->ec, digest, out, size);
}

static bool
sign_rsa(const struct key_slot *slot, struct slice digest, uint8_t *out,
    size_t size)
{
	size_t len = size;

	return EVP_PKEY_sign(slot->pkey, out, &len, digest.p, digest.len) > 0 &&
	       len == size;
}

/* RFC 7518, 3.2.  The context goes back to where its key was set. */
static bool
sign_hmac(const struct key_slot *slot, struct slice data, uint8_t *out,
    size_t size)
{
	size_t len = 0;

	return EVP_MAC_init(slot->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(slot->mac, data.p, data.len) == 1 &&
	       EVP_MAC_final(slot->mac, out, &len, size) == 1 && len == size;
}

static const struct {
	bool (*sign)(const struct key_slot *, struct slice, uint8_t *, size_t);
	bool hashes; /* wants the digest of the data, not the data */
} signers[] = {
	[VH_KIND_PKCS1] = { sign_rsa, true },
	[VH_KIND_PSS] = { sign_rsa, true },
	[VH_KIND_ECDSA] = { sign_ecdsa, true },
	[VH_KIND_EDDSA] = { sign_eddsa, false },
	[VH_KIND_HMAC] = { sign_hmac, false },
};

/* The context was initialised with the row's digest once and for all. */
static bool
digest_of(EVP_MD_CTX *ctx, struct slice data, uint8_t *out, unsigned *len)
{
	return EVP_DigestInit_ex2(ctx, NULL, NULL) == 1 &&
	       EVP_DigestUpdate(ctx, data.p, data.len) == 1 &&
	       EVP_DigestFinal_ex(ctx, out, len) == 1;
}

static bool
sign_with(struct crypto *c, const struct key_slot *slot, const struct alg *alg,
    struct slice data, uint8_t *out, size_t size)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!signers[alg->kind].hashes)
		return signers[alg->kind].sign(slot, data, out, size);
	if (!digest_of(c->hash[alg->id], data, digest, &len))
		return false;
	c->has_hashed = len == sizeof c->hashed;
	if (c->has_hashed)
		memcpy(c->hashed, digest, len);
	return signers[alg->kind].sign(slot, slice_of(digest, len), out, size);
}

/* Between attempt, which forgets what the arena refused before, and done lies
 * all that may ask it for memory. */
static void
attempt(void)
{
	(void)arena_refused();
}

static enum vh_err
done(bool good)
{
	if (good)
		return VH_OK;
	ERR_clear_error();
	return arena_refused() ? VH_ENOMEM : VH_EINTERNAL;
}

enum vh_err
sign_bytes(struct crypto *c, const struct key *key, const struct alg *alg,
    struct slice data, uint8_t *signature)
{
	const struct key_slot *slot;

	if (alg->use != VH_USE_SIG)
		return VH_EINTERNAL;
	attempt();
	return done(
	    crypto_slot(c, key, alg, &slot) == VH_OK &&
	    sign_with(c, slot, alg, data, signature, sign_size(key, alg)));
}

enum vh_err
sign_digest(struct crypto *c, const struct key *key, const struct alg *alg,
    struct slice digest, uint8_t *signature)
{
	const struct key_slot *slot;

	if (alg->use != VH_USE_SIG || !signers[alg->kind].hashes)
		return VH_EALG;
	if (digest.len != (size_t)EVP_MD_get_size(c->md[alg->id]))
		return VH_EFIELD;
	attempt();
	return done(crypto_slot(c, key, alg, &slot) == VH_OK &&
		    signers[alg->kind].sign(slot, digest, signature,
			sign_size(key, alg)));
}

enum vh_err
sign_bytes_once(struct crypto *c, const struct key *key, const struct alg *alg,
    struct slice data, uint8_t *signature)
{
	struct key_slot slot;

	if (alg->use != VH_USE_SIG)
		return VH_EINTERNAL;
	attempt();
	if (crypto_slot_new(c, key, alg, &slot) != VH_OK)
		return done(false);
	bool good =
	    sign_with(c, &slot, alg, data, signature, sign_size(key, alg));

	key_slot_clear(&slot);
	return done(good);
}

static bool
is_proof(struct slice data)
{
	const size_t len = strlen(SIGN_PROOF);

	return data.len >= len && slice_is(slice_of(data.p, len), SIGN_PROOF);
}

enum vh_err
sign_admit(const struct key *key, struct slice data)
{
	if ((key->state != VH_KEY_ACTIVE && !key->closing) ||
	    (key->pkey == NULL && key->oct == NULL))
		return VH_EINACTIVE;
	return is_proof(data) ? VH_EFIELD : VH_OK;
}

enum vh_err
op_sign(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	const struct alg *alg;
	struct key *key;

	c->has_hashed = false; /* of the one before */
	TRY(crypto_key(s, q, VH_KEY_SIGN, &key, &alg));
	TRY(sign_admit(key, q->f.at[VH_F_DATA]));
	size_t size = sign_size(key, alg);

	frame_put_head(answer, VH_F_SIGNATURE, size);
	uint8_t *to = buf_extend(answer, size);

	TRY(buf_end(answer));
	return sign_bytes(c, key, alg, q->f.at[VH_F_DATA], to);
}

enum vh_err
op_verify(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	uint8_t made[EVP_MAX_MD_SIZE];
	struct slice given = q->f.at[VH_F_SIGNATURE];
	const struct alg *alg;
	struct key *key;

	(void)answer; /* VH_OK says it all */
	TRY(crypto_key(s, q, VH_KEY_VERIFY, &key, &alg));
	if (alg->kind != VH_KIND_HMAC || alg->size > sizeof made)
		return VH_EALG;
	TRY(sign_bytes(c, key, alg, q->f.at[VH_F_DATA], made));
	bool same = given.len == alg->size &&
		    sodium_memcmp(made, given.p, alg->size) == 0;

	sodium_memzero(made, sizeof made);
	return same ? VH_OK : VH_EVERIFY;
}
