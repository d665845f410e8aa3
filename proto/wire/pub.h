/* A public key as JOSE has it (RFC 7517, 7518, 8037): raw unsigned big-endian
 * numbers, borrowed from whoever decoded them. */
#ifndef WIRE_PUB_H
#define WIRE_PUB_H

#include "wire/alg.h"
#include "wire/frame.h"

#define VH_KID_SIZE 43 /* characters of a SHA-256 thumbprint */

struct pub {
	enum vh_kty kty;
	enum vh_crv crv;   /* 0 for RSA */
	struct slice n, e; /* RSA: no leading zero bytes */
	struct slice x, y; /* EC: both of the curve's size; OKP: x */
	/* oct: bytes of the key, which is all there is to be known of it.  No
	 * function below takes such a key unless it says so. */
	size_t secret;
};

/* Whether the key, an oct one too, is fit for use with alg.  An alg that needs
 * a pin fits: whether there is one is the caller's to see. */
bool pub_fits(const struct pub *pub, const struct alg *alg, enum vh_use use);

/* VH_EKEY unless kty and crv agree, every number has its exact size, an RSA
 * modulus is odd and within VH_RSA_BITS_MIN..MAX, its e is odd and
 * 65537 <= e < 2^64 (SP 800-56B, 6.2).  That a point is on its curve is for
 * libcrypto to say. */
enum vh_err pub_check(const struct pub *pub);

/* Bits of an RSA modulus, 0 for other keys. */
size_t pub_bits(const struct pub *pub);
/* Whether work with its private key takes milliseconds: RSA above 3072 bits. */
bool pub_is_slow(const struct pub *pub);

/* Bytes of a signature by the key, an oct one too, with alg, which must fit. */
size_t pub_signature_size(const struct pub *pub, const struct alg *alg);

/* Appends the JWK members of the key without braces, in RFC 7638 order:
 * "crv":"P-256","kty":"EC","x":"...","y":"..." */
void pub_put_members(struct buf *b, const struct pub *pub);

/* RFC 7638 SHA-256 thumbprint as base64url, NUL-terminated. */
enum vh_err pub_thumbprint(const struct pub *pub,
    char kid[static VH_KID_SIZE + 1]);

/* The fields KTY_ID, CRV_ID, PUB_X, PUB_Y, PUB_N, PUB_E of a frame; of an oct
 * key KTY_ID, CRV_ID and BITS. */
void pub_put_fields(struct buf *b, const struct pub *pub);
/* VH_EKEY unless pub_check accepts it. */
enum vh_err pub_of_fields(const struct fields *f, struct pub *out);

/* Whether a key that is not called by its thumbprint may be called this: 1 to
 * VH_PUBLISHED_MAX printable ASCII characters without space, double quote and
 * backslash, so that it stands in JSON as it is. */
bool kid_is_publishable(struct slice kid);

#endif
