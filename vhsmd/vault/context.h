/* What one worker keeps of libcrypto; shared by the modules behind crypto.h.
 * Everything here is made once and used by one thread. */
#ifndef VAULT_CONTEXT_H
#define VAULT_CONTEXT_H

#include "vault/crypto.h"

#define ALG_IDS 64 /* ids of alg.def lie below; checked in crypto.c */
#define ENC_IDS 8
#define CRV_IDS 16

struct crypto {
	size_t index;               /* of the worker */
	OSSL_LIB_CTX *lib;          /* its own, for ECDSA and EdDSA */
	EVP_MD *md[ALG_IDS];        /* of the row's digest, by alg id */
	EVP_MD_CTX *hash[ALG_IDS];  /* initialised with it */
	EVP_CIPHER *wrap[ALG_IDS];  /* AES of rows that wrap a key with one */
	EVP_CIPHER *block[ALG_IDS]; /* and its bare block, of AES key wrap */
	EVP_MAC *hmac;
	EVP_CIPHER *cipher[ENC_IDS];
	EVP_MAC_CTX *mac[ENC_IDS];  /* HMAC of CBC-HMAC rows */
	EVP_CIPHER_CTX *cipher_ctx; /* reset after each use */
	EVP_KDF_CTX *concat;        /* Concat KDF with SHA-256 */
	EVP_PKEY *peers[CRV_IDS];   /* whom ECDH was last done with */
	EVP_MD *sha256;             /* for digests that are no signature's */
	EVP_MD_CTX *digest;
	uint8_t hashed[32]; /* SHA-256 of what was signed last */
	bool has_hashed;
};

/* The row that ALG_ID names if its use is use; else VH_EALG. */
enum vh_err crypto_alg(const struct frame *q, enum vh_use use,
    const struct alg **alg);
/* The same, and the key of KID, which may run it, and whose spec lets
 * callers do ops, bits by enum vh_key_op, with it.  VH_ENOKEY, VH_EALG,
 * VH_EPOLICY. */
enum vh_err crypto_key(const struct store *s, const struct frame *q,
    uint32_t ops, struct key **key, const struct alg **alg);

/* Whether the arena has what a decryption with key may take in one piece. */
bool crypto_has_room(const struct key *key);

/* This worker's contexts for key and alg, made at their first use: slot->ec is
 * set for ECDSA, slot->md for EdDSA (and slot->ed25519 for that curve),
 * slot->mac for HMAC, slot->pkey for RSA and ECDH, ready for the private
 * operation.  What else a symmetric key does needs none.
 * VH_EINTERNAL, VH_ENOMEM. */
enum vh_err crypto_slot(struct crypto *c, const struct key *key,
    const struct alg *alg, const struct key_slot **out);

/* The same for one use, on any worker, and the caller's: a key's own slots are
 * those of the workers of its lane. */
enum vh_err crypto_slot_new(const struct crypto *c, const struct key *key,
    const struct alg *alg, struct key_slot *out);

/* Sets OAEP with the row's digest, MGF1 the same (RFC 7518, 4.3). */
bool crypto_set_oaep(EVP_PKEY_CTX *ctx, const struct crypto *c,
    const struct alg *alg);

static inline void
pkey_ctx_free(EVP_PKEY_CTX *ctx)
{
	EVP_PKEY_CTX_free(ctx);
}
AUTO_FREE(EVP_PKEY_CTX, pkey_ctx_free)

#endif
