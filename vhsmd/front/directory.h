/* Public keys and what may be done with them: those of the node, as the vault
 * lists them, or those of the whole cluster, as peer does.  Filled, closed,
 * then read-only; whoever looks must apply `allow` (front/policy.h). */
#ifndef FRONT_DIRECTORY_H
#define FRONT_DIRECTORY_H

#include "base/pkey.h"
#include "front/nodes.h"
#include "front/rules.h"
#include "wire/pub.h"

#define DIRECTORY_KEYS    131072 /* keys of one node, or of one cluster */
#define DIRECTORY_HOLDERS 64     /* holders of a key that are looked at */
#define DKEY_ALGS         8      /* algorithms one key can fit */

/* An algorithm of a key, and what every token it makes starts with. */
struct dkey_alg {
	const struct alg *alg;
	struct slice head; /* sig: base64url of {"alg":...,"kid":...} */
};

/* One key, immutable but for the state of the node's own; all texts end in NUL.
 */
struct dkey {
	enum vh_key_state state; /* 0: revoked, or not listed any more */
	/* What the vault says of its life, wall times; 0: none. */
	uint64_t keep_ms, not_before_ms, next_ms, until_ms, end_ms;
	bool here;             /* this node can use it */
	struct node **holders; /* other living nodes that can use it */
	size_t holder_count;
	char kid[VH_KID_SIZE + 1]; /* its thumbprint: what we call it */
	char *published;           /* NULL, or what everybody else calls it */
	char *name;                /* NULL: none */
	char *allow;               /* NULL: everyone */
	uint32_t ops;              /* bits by enum vh_key_op, for ops_have */
	struct rules *rules;       /* for what it signs; NULL: none */
	enum vh_use use;
	const struct alg *pin; /* the only algorithm allowed, or NULL */
	struct pub pub;        /* points into bytes */
	struct slice
	    jwk; /* its public JWK, in bytes; of an oct key, without k */
	struct dkey_alg algs[DKEY_ALGS]; /* that it fits, in table order */
	size_t alg_count;
	EVP_PKEY *pkey; /* for verification; NULL for use enc and kty oct */
	struct buf *bytes;
};

struct directory;

/* The node's own keys.  NULL when out of memory. */
struct directory *directory_new(void);
/* The same anew; of keys that `before` has too, the checks are not repeated. */
struct directory *directory_new_again(struct directory *before);

/* Those of a cluster, for which fields say STATE and HOLDER.  A key that
 * `before` (or NULL) has too is cheaper: of unchanged numbers the checks are
 * not repeated.  self is this node's name; borrowed until directory_free, as
 * nodes is.  One reference, the caller's; NULL when out of memory. */
struct directory *directory_new_cluster(struct nodes *nodes, const char *self,
    struct directory *before);

struct directory *directory_use(struct directory *d); /* one reference more */
void directory_free(struct directory *d); /* gives one reference back */
AUTO_FREE(struct directory, directory_free)

/* Adds the key in the body of a KEY field, which is copied.  VH_EPARSE,
 * VH_EFIELD; VH_EKEY when it is a symmetric one and not the node's own, its kid
 * is not its thumbprint or, of a symmetric one, has not that form, its numbers
 * are unsound or its use is none; VH_EFIELD for a PUBLISHED_KID that is not
 * publishable; VH_EALG for a pin that is no algorithm of it;
 * VH_EDUPLICATE, VH_ETOOBIG, VH_ENOMEM. */
enum vh_err directory_add(struct directory *d, struct slice fields);

/* Once all are added: sorts by kid, so that all that follows has one order. */
void directory_close(struct directory *d);

/* What the cluster says of the node's own keys: d's take over their states.  A
 * key that is active elsewhere only is not active here; one that the cluster
 * calls otherwise is not used: nobody would find the key of its tokens.  When
 * another node has the name of this one, none signs. */
void directory_learn(struct directory *d, const struct directory *cluster,
    bool name_taken);

/* What tokens and the JWK Set call it. */
const char *dkey_kid(const struct dkey *key);
/* Whether it is called so: its thumbprint, or what it is published by. */
bool dkey_is(const struct dkey *key, struct slice kid);

/* The key of that thumbprint; NULL when absent. */
const struct dkey *directory_find(const struct directory *d, struct slice kid);
/* The key that is called so; NULL when absent. */
const struct dkey *directory_get(const struct directory *d, struct slice kid);
size_t directory_count(const struct directory *d);
/* In the order of kids, once closed; NULL past the end. */
const struct dkey *directory_at(const struct directory *d, size_t i);

/* Some of the keys of a directory, in its order. */
struct part {
	struct dkey *const *at;
	size_t count;
};
/* Those among which all with that name (or empty) that fit alg (or NULL) are:
 * no others than need be, once closed. */
struct part directory_part(const struct directory *d, struct slice name,
    const struct alg *alg);

/* The key's row for alg; NULL when it does not fit. */
const struct dkey_alg *dkey_alg(const struct dkey *key, const struct alg *alg);
/* What a key signs with when nobody asked for an algorithm: its pin, else
 * RS256, the curve's ECDSA, EdDSA; NULL for use enc without a pin. */
const struct dkey_alg *dkey_preset(const struct dkey *key);

/* What somebody wants to do with a key. */
enum purpose {
	FOR_SIGN,
	FOR_VERIFY,
	FOR_ENCRYPT,
	FOR_DECRYPT,
	FOR_LIST,
	FOR_RAW_SIGN,
	FOR_RAW_DECRYPT, /* and RAWDERIVE */
};

/* Whether a key's use and state allow that, wherever its private part is. */
bool dkey_serves(const struct dkey *key, enum purpose purpose);

/* Whether the key spec lets callers do that. */
bool dkey_lets(const struct dkey *key, enum purpose purpose);

/* Appends the JWK Set of all keys that serve FOR_LIST, but for symmetric ones:
 * what is published. */
void directory_put_jwks(struct buf *b, const struct directory *d);

#endif
