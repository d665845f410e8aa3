/* JWE (RFC 7516): apart, and together.  No cryptography.  The compact
 * serialization here; jose/jwe_json.h has the others. */
#ifndef JOSE_JWE_H
#define JOSE_JWE_H

#include "jose/header.h"
#include "jose/jwk.h"
#include "wire/b64.h"

#define JWE_KEY_MAX 1024 /* bytes of the encrypted key: RSA-8192 */
#define JWE_NUMBERS 4096 /* room for epk, apu, apv, iv and tag, decoded */

/* A token taken apart, as one recipient sees it; immutable. */
struct jwe {
	const struct alg *alg; /* NULL when err is not VH_OK */
	const struct enc *enc;
	enum vh_err err;     /* of jwe_json.h: nobody here can open this one */
	bool zip;            /* what is encrypted is compressed */
	struct slice kid;    /* empty when the header has none */
	struct slice header; /* protected: JSON text, as the sender wrote it */
	struct slice unprotected;   /* JSON text of what is not, or empty */
	struct slice protected;     /* base64url; borrowed, or in bytes */
	struct slice aad;           /* decoded; or empty */
	struct slice encrypted_key; /* empty for ECDH-ES, dir */
	struct slice iv, ciphertext, tag;
	struct pub epk;               /* ECDH: EC or X25519; else kty is 0 */
	struct slice apu, apv;        /* ECDH, decoded; or empty */
	struct slice key_iv, key_tag; /* AxGCMKW, decoded; or empty */
	struct buf *bytes;            /* holds the others */
};

void jwe_free(struct jwe *jwe);
AUTO_FREE(struct jwe, jwe_free)

/* Takes token apart; *out is the caller's, NULL on failure, and needs token to
 * stay.  VH_ETOKEN (also for a wrong size of IV or tag, an encrypted key where
 * there is none to be, or none where there must be), VH_ETOOBIG, VH_EJSON;
 * VH_EALG for an alg or enc that is no row of alg.def; VH_EHEADER for crit, a
 * zip that is not DEF and ill-typed members, a missing or wrong iv or tag of
 * AxGCMKW, a missing epk, one with private members, or one whose curve no ECDH
 * row takes. */
enum vh_err jwe_parse(struct slice token, struct jwe **out, struct buf *why);

/* The protected header before the vault adds epk: header_put with enc set. */

/* Bytes of the compact token of parts of these sizes (protected is encoded
 * already), and the token itself. */
size_t jwe_size(size_t protected_size, size_t encrypted_key_size,
    size_t iv_size, size_t ciphertext_size, size_t tag_size);
void jwe_put(struct buf *b, struct slice protected, struct slice encrypted_key,
    struct slice iv, struct slice ciphertext, struct slice tag);

/* --- for jwe_json.c --------------------------------------------------------
 */

/* What a token is made of for one recipient; the last four are decoded. */
struct jwe_parts {
	struct header_parts header;
	struct slice encrypted_key; /* base64url */
	struct slice iv, ciphertext, tag, aad;
};

/* Header and encrypted key; the rest is borrowed.  more: bytes to be kept free
 * in jwe->bytes.  soft: an alg that is not understood is no error but err of
 * *out.  Errors as jwe_parse. */
enum vh_err jwe_read(const struct jwe_parts *parts, size_t more, bool soft,
    struct jwe **out, struct buf *why);

/* Whether IV, tag and encrypted key have sizes that alg and enc allow.
 * VH_ETOKEN. */
enum vh_err jwe_check_sizes(const struct jwe *jwe, struct buf *why);

/* Whether the key of alg is the content key itself, or agreed on as such: there
 * is one recipient then (RFC 7516, 5.1). */
bool jwe_is_direct(const struct alg *alg);

#endif
