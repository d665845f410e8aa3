/* The content encryption key of a JWE: how it travels (RFC 7516, 5). */
#ifndef VAULT_CEK_H
#define VAULT_CEK_H

#include "vault/agree.h"

/* The CEK of a message for key, from the fields ENCRYPTED_KEY and, as epk, PUB
 * of q.  Whatever is wrong with these, *cek is a random key at the same cost
 * (design, invariant 6), and content_open fails with it.  a->alg fits key.
 * VH_ENOMEM, VH_EINTERNAL. */
enum vh_err cek_unwrap(struct crypto *c, const struct key *key,
    const struct agreement *a, const struct fields *q, struct secret **cek);

/* A new CEK, and what a JWE carries for its recipient to get it. */
struct parcel {
	struct secret *cek;
	struct buf *encrypted; /* the encrypted key; empty if agreed on */
	struct pub epk;        /* points into numbers; kty 0 if there is none */
	struct buf *numbers;
};
void parcel_free(struct parcel *p);
AUTO_FREE(struct parcel, parcel_free)

/* Makes one for the holder of to, whose public numbers are pub; a->alg fits.
 * given: a CEK that others get as well, in place of a new one, for an alg that
 * wraps keys; or NULL.  VH_EKEY when to gives no shared secret, VH_EALG for a
 * given CEK and an alg that cannot carry it, VH_ENOMEM, VH_EINTERNAL. */
enum vh_err cek_wrap(struct crypto *c, EVP_PKEY *to, const struct pub *pub,
    const struct agreement *a, const struct secret *given,
    struct parcel **out);

#endif
