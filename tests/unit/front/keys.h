/* Public keys for the tests of front: from the RFCs, and what the vault would
 * say of them. */
#ifndef TEST_FRONT_KEYS_H
#define TEST_FRONT_KEYS_H

#include "front/directory.h"

enum test_key {
	KEY_RSA,
	KEY_P256,
	KEY_P521,
	KEY_ED25519,
	KEY_X25519,
	KEY_X25519_B,
	TEST_KEYS
};

/* The JWK: RFC 7515 A.2 and A.3, RFC 7520 3.1, RFC 8037 A.2 and A.6
 * (B: its epk). */
const char *key_jwk(enum test_key which);
/* Its thumbprint. */
const char *key_kid(enum test_key which);

struct key_says {
	enum vh_use use;
	uint32_t pin; /* id of alg.def; 0: none */
	const char *name, *allow;
};

/* The body of a KEY field for it; the caller's. */
struct buf *key_fields(enum test_key which, const struct key_says *says);
/* The same for any JWK. */
struct buf *key_fields_jwk(const char *text, const struct key_says *says);
/* The same with OPS, bits by enum vh_key_op. */
struct buf *key_fields_ops(enum test_key which, const struct key_says *says,
    uint32_t ops);
/* Adds it to d. */
void key_add(struct directory *d, enum test_key which,
    const struct key_says *says);
/* The RSA key, Ed25519 and P-256 to sign, P-521 and both X25519 to decrypt;
 * closed.  Names: "rsa", "p256" and so on. */
struct directory *key_directory(void);

#endif
