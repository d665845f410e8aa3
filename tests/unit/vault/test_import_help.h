/* What the tests of keys share: keys made by libcrypto, and their texts. */
#ifndef TEST_IMPORT_HELP_H
#define TEST_IMPORT_HELP_H

#include <openssl/evp.h>

#include "base/pkey.h"
#include "vault/import.h"

/* For .init: an arena for one test. */
void open_arena(void);

/* One import into a store of its own. */
struct tried {
	enum vh_err err;
	struct store *store;
	char why[512];
};

extern const struct key_terms no_terms, sig, enc;

/* Through a file, and through a pipe (up to 60,000 bytes). */
struct tried import_try(struct slice file, const struct key_terms *terms);
struct tried import_piped(struct slice file, const struct key_terms *terms);
void tried_done(struct tried *t);
/* Asserts that file is refused with err and that why holds text. */
void import_refused(struct slice file, const struct key_terms *terms,
    enum vh_err err, const char *text);
/* Asserts that file gives one key, the same as pkey. */
void import_gives(struct slice file, const struct key_terms *terms,
    EVP_PKEY *pkey);
/* Whether file is accepted; *same: with one key, the same as pkey. */
bool import_accepts(struct slice file, const struct key_terms *terms,
    EVP_PKEY *pkey, bool *same);

/* Has a key made, into s. */
enum vh_err generate_into(enum vh_kty kty, enum vh_crv crv, size_t bits,
    const struct key_terms *terms, struct store *s, struct buf *why);
EVP_PKEY *make_rsa(unsigned bits, const char *e_decimal);
/* "P-256", "ED25519", ... */
EVP_PKEY *make_curve(const char *name);

enum form { PKCS8_PEM, OLD_PEM, PKCS8_DER, OLD_DER, PUBLIC_PEM, PUBLIC_DER };
/* The caller's buffers. */
struct buf *key_file(EVP_PKEY *pkey, enum form form);
struct buf *base64_of(struct slice bytes);
/* A private JWK; more is put before the end: ",\"use\":\"sig\"". */
struct buf *jwk_file(EVP_PKEY *pkey, const char *more);
/* text with the first old replaced. */
struct buf *replaced(struct slice text, const char *old, const char *with);
/* The member's value in a JWK text, as {"name":"value"} without quotes. */
struct buf *jwk_member(struct slice text, const char *name);

char *kid_of(EVP_PKEY *pkey, char kid[static VH_KID_SIZE + 1]);

#endif
