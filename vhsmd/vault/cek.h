/* The content encryption key of a JWE: how it travels (RFC 7516, 5). */
#ifndef VAULT_CEK_H
#define VAULT_CEK_H

#include "vault/agree.h"

/* The CEK of a message for key, from the fields ENCRYPTED_KEY, KEY_IV, KEY_TAG
 * and, as epk, PUB of q.  Whatever is wrong with these, *cek is a random key at
 * the same cost (design, invariant 6), and content_open fails with it.  a->alg
 * fits key. VH_ENOMEM, VH_EINTERNAL. */
enum vh_err cek_unwrap(struct crypto *c, const struct key *key,
    const struct agreement *a, const struct fields *q, struct secret **cek);

/* A new CEK, and what a JWE carries for its recipient to get it. */
struct parcel {
	struct secret *cek;
	struct buf *encrypted; /* the encrypted key; empty if agreed on */
	bool has_tag;          /* AxGCMKW: iv and tag go into the header */
	uint8_t iv[VH_GCMKW_IV], tag[VH_GCMKW_TAG];
	struct pub epk; /* points into numbers; kty 0 if there is none */
	struct buf *numbers;
};
void parcel_free(struct parcel *p);
AUTO_FREE(struct parcel, parcel_free)

/* Whom a message is for: all borrowed. */
struct addressee {
	EVP_PKEY *pkey;           /* NULL: a symmetric key */
	struct pub pub;           /* its public numbers */
	const struct secret *oct; /* the symmetric key, or NULL */
};

/* Makes one for to; a->alg fits.  given: a CEK that others get as well, in
 * place of a new one, for an alg that wraps keys; or NULL.  VH_EKEY when to
 * gives no shared secret, VH_EALG for a given CEK and an alg that cannot carry
 * it, or a key that is itself to be the CEK (dir) and has another size,
 * VH_ENOMEM, VH_EINTERNAL. */
enum vh_err cek_wrap(struct crypto *c, const struct addressee *to,
    const struct agreement *a, const struct secret *given, struct parcel **out);

/* AES-GCM key wrap (RFC 7518, 4.7): in to out, which has as many bytes, with
 * iv; makes the tag.  False when libcrypto fails. */
bool gcm_wrap(struct crypto *c, const struct alg *alg, const struct secret *kek,
    const uint8_t *iv, struct slice in, uint8_t *out,
    uint8_t tag[static VH_GCMKW_TAG]);

#endif
