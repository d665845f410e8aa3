/* One private or symmetric key: a live EVP object or its bytes, and what it may
 * be used for. */
#ifndef VAULT_KEY_H
#define VAULT_KEY_H

#include <openssl/evp.h>

#include "vault/arena.h"
#include "wire/ops.h"
#include "wire/pub.h"

/* Cost classes of private-key work (RSA-4096 never delays ES256). */
enum lane { LANE_FAST, LANE_NORMAL, LANE_HEAVY, LANES };

/* Contexts of one key, made by a worker on its first use of the key with an
 * algorithm and used by that worker only. */
#define KEY_SLOTS 8
struct key_slot {
	const struct alg *alg;
	EC_KEY *ec;
	EVP_PKEY_CTX *pkey;
	EVP_MD_CTX *md;
	struct secret *ed25519;
	EVP_MAC_CTX *mac;
};
/* Frees what it has; it can be filled again. */
void key_slot_clear(struct key_slot *slot);

/* What a key spec says of a key; zero, NULL or empty where it is silent. */
struct key_terms {
	enum vh_use use;
	const struct alg *pin;
	uint32_t ops; /* bits by enum vh_key_op */
	struct slice name, allow, published, typs, claims; /* borrowed */
	uint64_t keep_ms;                                  /* keep_after */
	uint32_t entry;          /* of the key spec, from 0 */
	struct slice passphrase; /* of its file; borrowed from the arena */
	bool generated;          /* made by libcrypto a moment ago */
};

/* Immutable once in the store, but for the slots, what is atomic, and what the
 * store and who fills it keep here. */
struct key {
	char kid[VH_KID_SIZE + 1];
	enum vh_use use;
	const struct alg *pin; /* the only algorithm allowed, or NULL */
	uint32_t ops;          /* bits by enum vh_key_op, for ops_have */
	/* NULL when the spec says nothing.  published: what the world calls
	 * it instead of kid; typs, claims: for front. */
	char *name, *allow, *published, *typs, *claims;
	struct pub pub; /* points into numbers */
	struct buf *numbers;
	enum lane lane;
	_Atomic enum vh_key_state state; /* any thread reads and sets it */
	_Atomic bool scheduled; /* PUBLISHED: active when its time comes */
	/* Shown active in records since that one (0: in none yet), and does
	 * not sign yet: record.c. */
	_Atomic bool announced;
	_Atomic uint64_t shown_epoch, shown_seq;
	_Atomic bool closing; /* RETIRED a moment ago: signs a bit longer */
	_Atomic uint64_t until_ms; /* RETIRED: wall time of its last use */
	_Atomic uint64_t keep_ms;  /* keep_after of its spec */
	uint32_t entry;            /* of the key spec that it came with */
	size_t place;              /* in the store: the store's */
	size_t batch;              /* that it came with: load.h */
	bool tested;               /* has passed its self-test */
	/* Lives in the arena, as all of libcrypto; NULL: wiped, for a signing
	 * key that signs no more. */
	EVP_PKEY *pkey;
	struct secret *oct;     /* of kty oct, in pkey's place; else NULL */
	struct key_slot *slots; /* [worker * KEY_SLOTS + i] */
	size_t workers;
};

/* A key starts ACTIVE; with a cluster record_new takes that back.
 *
 * Takes over pkey, also on failure, after checking it: kty and size known,
 * RSA at least 2048 bits with a sound e, point on its curve, private and public
 * part a pair (where terms->generated, the self-test of curves says so, which
 * uses both); terms->use given and fit for the key, terms->pin fit for both.
 * VH_EKEY, VH_EALG, VH_ENOMEM; *why then gets one line that says what is wrong
 * and what was expected.  Only on a worker thread. */
enum vh_err key_new(EVP_PKEY *pkey, const struct key_terms *terms,
    size_t workers, struct key **out, struct buf *why);
/* The same of a symmetric key, which gets a random kid: a thumbprint would help
 * who guesses.  Takes over oct, also on failure. */
enum vh_err key_new_oct(struct secret *oct, const struct key_terms *terms,
    size_t workers, struct key **out, struct buf *why);
void key_free(struct key *key);
AUTO_FREE(struct key, key_free)

/* VH_EALG unless alg fits the key's type, curve, size, use and pin. */
enum vh_err key_check_alg(const struct key *key, const struct alg *alg);

/* VH_EPOLICY when the key spec does not let callers do all that with the key:
 * bits by enum vh_key_op. */
enum vh_err key_check_ops(const struct key *key, uint32_t ops);

/* Whether two keys of one kid carry the same terms. */
bool key_same_terms(const struct key *a, const struct key *b);
/* What the key spec calls the first term in which they differ; NULL: none. */
const char *key_other_term(const struct key *a, const struct key *b);

/* A copy of old, with contexts of its own, and with other terms unless that is
 * NULL, for store_replace.  secret: else it has only the public half.
 * VH_ENOMEM. */
enum vh_err key_renew(const struct key *old, const struct key_terms *terms,
    bool secret, struct key **out);

/* The lane for private-key work with a public key's sizes. */
enum lane lane_of_pub(const struct pub *pub);
const char *lane_name(enum lane lane);

/* Appends the nested fields of a KEY: KID, USE_ID, ALG_ID (0: not pinned), the
 * public key, STATE, and NAME, ALLOW, PUBLISHED_KID, OPS, TYPS, CLAIMS when
 * set. */
void key_put(struct buf *b, const struct key *key);

#endif
