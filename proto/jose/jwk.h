/* Public keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037). */
#ifndef JOSE_JWK_H
#define JOSE_JWK_H

#include "jose/json.h"
#include "wire/pub.h"

#define JWK_MAX   65536u      /* bytes of one JWK; x5c makes them long */
#define JWKS_MAX  VH_DATA_MAX /* bytes of a JWK Set */
#define JWKS_KEYS 4096        /* keys of a set */

/* One public key; immutable. */
struct jwk {
	struct pub pub;            /* points into bytes */
	char kid[VH_KID_SIZE + 1]; /* RFC 7638 thumbprint, computed here */
	struct slice published;    /* the member kid, in bytes; or empty */
	enum vh_use use;           /* from use, key_ops or alg; 0: not said */
	const struct alg *alg;     /* the only algorithm allowed, or NULL */
	bool alg_unknown; /* pinned to one that alg.def lacks: fits none */
	struct buf *bytes;
};

void jwk_free(struct jwk *jwk);
AUTO_FREE(struct jwk, jwk_free)

/* One public JWK; *out is the caller's, NULL on failure.  VH_EJSON, VH_ETOOBIG;
 * VH_EKEY for private or symmetric members (d p q dp dq qi oth k), missing
 * members, non-canonical base64url, what pub_check refuses, and a use, key_ops
 * or alg that does not fit the key.  Points are not checked to be on their
 * curve: pkey_of_pub does that. */
enum vh_err jwk_parse(struct slice text, struct jwk **out, struct buf *why);

/* Whether the key's type, use and alg allow this algorithm. */
bool jwk_fits(const struct jwk *jwk, const struct alg *alg);
/* Whether kid is its published kid or its thumbprint. */
bool jwk_is(const struct jwk *jwk, struct slice kid);

/* Some public keys, in the order of their text. */
struct jwks {
	struct jwk **keys;
	size_t count;
	size_t skipped;
};

void jwks_free(struct jwks *jwks);
AUTO_FREE(struct jwks, jwks_free)

/* A JWK Set, or one JWK as a set of one.  As RFC 7517 section 5 asks, keys of a
 * set are skipped that have an unknown kty or crv, lack a member they need, or
 * have numbers out of range (RSA under 2048 bits); anything else that is wrong
 * with any key refuses the set, and a private member always does.  Errors as
 * jwk_parse; VH_ETOOBIG past JWKS_KEYS keys. */
enum vh_err jwks_parse(struct slice text, struct jwks **out, struct buf *why);

/* Appends a public JWK: its kty members, kid, use and, unless alg is NULL, alg.
 * kid is UTF-8; empty leaves it out, as use 0 does with use. */
void jwk_put(struct buf *b, const struct pub *pub, struct slice kid,
    enum vh_use use, const struct alg *alg);

/* The public key in a JSON object, for jwk_parse and epk.  Its numbers are
 * appended to bytes, where out then points: bytes must have room, 3 bytes more
 * for each number than its text.  *skip, unless NULL, is set when the fault is
 * one that jwks_parse skips.  VH_EKEY. */
enum vh_err jwk_read_pub(const json_t *object, struct buf *bytes,
    struct pub *out, bool *skip, struct buf *why);

#endif
