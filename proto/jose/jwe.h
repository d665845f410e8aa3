/* JWE compact serialization (RFC 7516): apart, and together.  No cryptography.
 */
#ifndef JOSE_JWE_H
#define JOSE_JWE_H

#include "jose/header.h"
#include "jose/jwk.h"
#include "wire/b64.h"

#define JWE_KEY_MAX 1024 /* bytes of the encrypted key: RSA-8192 */

/* A token taken apart; immutable. */
struct jwe {
	const struct alg *alg;
	const struct enc *enc;
	struct slice kid;           /* empty when the header has none */
	struct slice header;        /* JSON text, as the sender wrote it */
	struct slice protected;     /* base64url; borrowed from the token */
	struct slice encrypted_key; /* empty for ECDH-ES */
	struct slice iv, ciphertext, tag;
	struct pub epk;        /* ECDH: EC or X25519; else kty is 0 */
	struct slice apu, apv; /* ECDH, decoded; or empty */
	struct buf *bytes;     /* holds the others */
};

void jwe_free(struct jwe *jwe);
AUTO_FREE(struct jwe, jwe_free)

/* Takes token apart; *out is the caller's, NULL on failure, and needs token to
 * stay.  VH_ETOKEN (also for a wrong size of IV or tag, an encrypted key where
 * there is none to be, or none where there must be), VH_ETOOBIG, VH_EJSON;
 * VH_EALG for an alg or enc that is no row of alg.def; VH_EHEADER for crit, zip
 * and ill-typed members, a missing epk, one with private members, or one whose
 * curve no ECDH row takes. */
enum vh_err jwe_parse(struct slice token, struct jwe **out, struct buf *why);

/* The protected header before the vault adds epk: header_put with enc set. */

/* Bytes of the compact token of parts of these sizes (protected is encoded
 * already), and the token itself. */
size_t jwe_size(size_t protected_size, size_t encrypted_key_size,
    size_t iv_size, size_t ciphertext_size, size_t tag_size);
void jwe_put(struct buf *b, struct slice protected, struct slice encrypted_key,
    struct slice iv, struct slice ciphertext, struct slice tag);

#endif
