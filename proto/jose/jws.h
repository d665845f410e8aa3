/* JWS (RFC 7515, RFC 7797): apart, and together.  No cryptography; jku, x5u,
 * x5c and jwk members are neither fetched nor trusted nor read.  The compact
 * serialization here; jose/jws_json.h has the others. */
#ifndef JOSE_JWS_H
#define JOSE_JWS_H

#include "jose/header.h"
#include "wire/b64.h"

/* One signature and what it is over; immutable. */
struct jws {
	const struct alg *alg;    /* NULL when err is not VH_OK */
	enum vh_err err;          /* of jws_json.h: nobody here can verify it */
	bool unencoded;           /* b64 is false */
	struct slice kid;         /* empty when the header has none */
	struct slice header;      /* JSON text, as the signer wrote it */
	struct slice unprotected; /* JSON text of that header, or empty */
	struct slice protected;   /* base64url; borrowed, or in bytes */
	struct slice payload, signature;
	struct slice input; /* what was signed; borrowed, or in bytes */
	struct buf *bytes;  /* holds the others */
};

void jws_free(struct jws *jws);
AUTO_FREE(struct jws, jws_free)

/* Takes a compact token apart; *out is the caller's, NULL on failure, and needs
 * token to stay.  VH_ETOKEN, VH_ETOOBIG, VH_EJSON; VH_EALG for an alg that is
 * no JWS row of alg.def; VH_EHEADER for any crit but b64, or ill-typed members.
 */
enum vh_err jws_parse(struct slice token, struct jws **out, struct buf *why);

/* The same for one whose payload travels apart (RFC 7515, appendix F): its
 * place in the token is empty.  payload has to stay as well. */
enum vh_err jws_parse_detached(struct slice token, struct slice payload,
    struct jws **out, struct buf *why);

/* Appends the protected header, base64url.  Errors of header_put.  The result
 * depends on nothing but wish, so it may be cached. */
enum vh_err jws_put_protected(const struct header_wish *wish, struct buf *out,
    struct buf *why);

/* The signing input, PROTECTED.PAYLOAD: its size, and the thing itself.  The
 * compact token is the input followed by what jws_put_signature appends. */
size_t jws_input_size(struct slice protected, size_t payload_size);
void jws_put_input(struct buf *b, struct slice protected, struct slice payload);
size_t jws_signature_size(size_t signature_size);
void jws_put_signature(struct buf *b, struct slice signature);

/* Whether payload can stand in a compact token as it is (RFC 7797, 5.2):
 * printable ASCII without a dot. */
bool jws_is_compactable(struct slice payload);

/* --- for jws_json.c --------------------------------------------------------
 */

/* What one signature is made of. */
struct jws_parts {
	struct header_parts header;
	struct slice signature; /* base64url */
};

/* Header and signature; payload and input are the caller's to set.  more: bytes
 * to be kept free in jws->bytes.  soft: an alg or extension that is not
 * understood, and members in the wrong place, are no error but err of *out. */
enum vh_err jws_read(const struct jws_parts *parts, size_t more, bool soft,
    struct jws **out, struct buf *why);

#endif
