/* base64url without padding (RFC 7515, 2); decoding is constant-time in the
 * bytes, encoding is for what is public. */
#ifndef WIRE_B64_H
#define WIRE_B64_H

#include "wire/buf.h"

/* Characters that n bytes become. */
static inline size_t
b64_size(size_t n)
{
	return n / 3 * 4 + (n % 3 == 0 ? 0 : n % 3 + 1);
}

/* Writes the encoding of bytes to to, which has room for it. */
void b64_write(uint8_t *to, struct slice bytes);
/* Appends it to b; a failure sticks to b. */
void b64_put(struct buf *b, struct slice bytes);
/* Appends what text encodes to b.  VH_EPARSE for anything but the one
 * canonical encoding (padding, white space, stray trailing bits), and b is as
 * it was; VH_ETOOBIG, VH_ENOMEM from b. */
enum vh_err b64_decode(struct slice text, struct buf *b);
/* Decodes into out, which has room for max bytes; *len is what was written.
 * For secrets: nothing is kept elsewhere. */
enum vh_err b64_decode_into(struct slice text, uint8_t *out, size_t max,
    size_t *len);

#endif
