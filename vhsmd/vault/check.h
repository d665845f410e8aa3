/* Whether a key is sound.  Each refusal puts one line into why (which may be
 * NULL): what is wrong and what was expected, never private bytes. */
#ifndef VAULT_CHECK_H
#define VAULT_CHECK_H

#include <openssl/evp.h>

#include "wire/pub.h"

/* return REFUSE(why, VH_EKEY, "format", ...); */
#define REFUSE(why, err, ...) (buf_format((why), __VA_ARGS__), (err))

/* As pub_check, with the reason. */
enum vh_err check_public(const struct pub *pub, struct buf *why);

/* Whether the private part of pkey is there, sound, and one pair with pub, the
 * public part of the same object.  VH_EKEY, VH_ENOMEM.  Only on a worker. */
enum vh_err check_pair(EVP_PKEY *pkey, const struct pub *pub, struct buf *why);

/* After a failure inside libcrypto: empties its error queue; what check_full
 * says when the arena is full, else VH_EKEY with text as the reason. */
enum vh_err check_failed(struct buf *why, const char *text);
/* Whether the arena has what one key may take in one piece. */
bool check_room(void);
/* VH_ENOMEM, with a line that says how large the arena is and what is left. */
enum vh_err check_full(struct buf *why);

/* "an EC P-256 key", "an RSA key", "an Ed25519 key". */
const char *check_kind(enum vh_kty kty, enum vh_crv crv);

#endif
