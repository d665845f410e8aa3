/* Content encryption (RFC 7518, 5.2 and 5.3). */
#ifndef VAULT_CONTENT_H
#define VAULT_CONTENT_H

#include "vault/arena.h"
#include "vault/context.h"

#define CONTENT_IV_MAX  16
#define CONTENT_TAG_MAX 32
#define CONTENT_AAD_MAX (4u << 16) /* a header and, encoded, a field AAD */

/* One message's key and parameters; cek has the size that enc says. */
struct content {
	const struct enc *enc;
	const struct secret *cek;
	struct slice iv, aad;
};

/* Appends what a JWE authenticates beside its ciphertext (RFC 7516, 5.1, step
 * 14): the protected header as it stands in the token, and aad, if any, encoded
 * behind a dot.  VH_ETOOBIG, VH_ENOMEM. */
enum vh_err content_put_aad(struct buf *b, struct slice protected,
    struct slice aad);

/* Bytes of the ciphertext of n bytes. */
size_t content_size(const struct enc *enc, size_t n);
/* Writes content_size bytes to out and enc->tag to tag; iv has its exact size.
 * VH_EINTERNAL. */
enum vh_err content_seal(struct crypto *c, const struct content *m,
    struct slice plain, uint8_t *out, uint8_t *tag);
/* out has room for the ciphertext's length; *len is the plaintext's.
 * VH_EDECRYPT for all that is wrong, also with the sizes of iv and tag; out is
 * then zeros. */
enum vh_err content_open(struct crypto *c, const struct content *m,
    struct slice ciphertext, struct slice tag, uint8_t *out, size_t *len);

#endif
