/* JWS compact serialization (RFC 7515): apart, and together.  No cryptography;
 * jku, x5u, x5c and jwk members are neither fetched nor trusted nor read. */
#ifndef JOSE_JWS_H
#define JOSE_JWS_H

#include "jose/header.h"
#include "wire/b64.h"

/* A token taken apart; immutable. */
struct jws {
	const struct alg *alg;
	struct slice kid;    /* empty when the header has none */
	struct slice header; /* JSON text, as the signer wrote it */
	struct slice payload, signature;
	struct slice input; /* what was signed; borrowed from the token */
	struct buf *bytes;  /* holds the others */
};

void jws_free(struct jws *jws);
AUTO_FREE(struct jws, jws_free)

/* Takes token apart; *out is the caller's, NULL on failure, and needs token to
 * stay.  VH_ETOKEN, VH_ETOOBIG, VH_EJSON; VH_EALG for an alg that is no JWS row
 * of alg.def; VH_EHEADER for crit, b64, or ill-typed members. */
enum vh_err jws_parse(struct slice token, struct jws **out, struct buf *why);

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

#endif
