/* What the tests of the vault's operations share: one worker's crypto and a
 * store, without threads or sockets; requests; and a verifier that is
 * libcrypto's own. */
#ifndef TEST_CRYPTO_RIG_H
#define TEST_CRYPTO_RIG_H

#include "base/pkey.h"
#include "vault/arena.h"
#include "vault/crypto.h"

struct rig {
	struct store *store;
	struct crypto *crypto;
	struct buf *answer;
};

/* For .init: an arena for one test. */
void rig_arena(void);
struct rig *rig_new(void);
void rig_free(struct rig *r);
AUTO_FREE(struct rig, rig_free)

/* Every kind of key there is, as EVP_PKEY and its name; NULL past the end. */
const char *rig_kind(size_t i);
/* Whether any algorithm of that use fits it. */
bool rig_fits(const char *kind, enum vh_use use);
EVP_PKEY *rig_make(const char *kind);
/* A key of the store; pin may be NULL.  Takes over pkey. */
struct key *rig_add(struct rig *r, EVP_PKEY *pkey, enum vh_use use,
    const struct alg *pin);
/* The same from a private JWK that the store does not have yet. */
struct key *rig_import(struct rig *r, struct slice jwk, enum vh_use use,
    const struct alg *pin);
/* A new symmetric key of the store. */
struct key *rig_add_oct(struct rig *r, size_t bits, enum vh_use use,
    const struct alg *pin);

/* A request; values are borrowed, numbers are kept here. */
struct ask {
	struct frame q;
	uint8_t number[VH_TAGS][4];
};
struct ask *ask_new(const char *kid, const struct alg *alg);
void ask_free(struct ask *a);
AUTO_FREE(struct ask, ask_free)
void ask_set(struct ask *a, enum vh_tag tag, struct slice value);
void ask_u32(struct ask *a, enum vh_tag tag, uint32_t v);
void ask_drop(struct ask *a, enum vh_tag tag);
void ask_pub(struct ask *a, const struct pub *pub);

typedef enum vh_err (*rig_op)(struct crypto *, const struct store *,
    const struct frame *, struct buf *);
/* Runs op; out borrows from r->answer until the next run. */
enum vh_err rig_run(struct rig *r, rig_op op, const struct ask *a,
    struct fields *out);

/* Whether JOSE signature of data is valid; sizes are exact. */
bool rig_verify(EVP_PKEY *key, const struct alg *alg, struct slice data,
    struct slice signature);

/* What a decryption request takes from an encryption's answer.  The epk is
 * found in PROTECTED; copies live in keep. */
struct ask *rig_reply(const struct key *key, const struct alg *alg,
    const struct enc *enc, const struct fields *sealed, struct buf *keep);

#endif
