/* Private keys from bytes, and new ones.  Runs on a worker, so that every
 * intermediate lies in the arena. */
#ifndef VAULT_IMPORT_H
#define VAULT_IMPORT_H

#include "vault/arena.h"
#include "vault/store.h"

#define IMPORT_FILE_MAX (4u << 20) /* bytes of one key file */
#define IMPORT_KEYS_MAX 4096       /* keys of one JWK Set */

#define IMPORT_PASSPHRASE_MAX 1024 /* bytes */

/* Reads fd to its end into the arena and adds every private key found: PEM
 * (PKCS#1, PKCS#8, SEC1; one or several), DER of the same, base64 DER, a JWK, a
 * JWK Set, or PKCS#12.  With terms->passphrase also encrypted PEM and PKCS#8.
 * use and alg come from the JWK, from terms, or from both if they agree; a use
 * must come from somewhere (a JWK's alg or key_ops imply one).  A JWK's own kid
 * is dropped, with a line in the log.  A symmetric key that is in `known` (or
 * NULL), too, has the kid that it has there.  Keys follow those already in the
 * store; on failure some may have been added: the caller gives up the store.
 * VH_EIO, VH_ETOOBIG, VH_EKEY, VH_EALG, VH_EDUPLICATE; *why gets one line: what
 * is wrong, and what was expected. */
enum vh_err import_fd(int fd, const struct key_terms *terms, size_t workers,
    const struct store *known, struct store *to, struct buf *why);

/* Reads a passphrase, without the line end that may follow it, to its end.
 * VH_EIO, VH_ETOOBIG, VH_EKEY, VH_ENOMEM; *why as above. */
enum vh_err import_passphrase(int fd, struct secret **out, struct buf *why);

/* Makes keys of one kind: kty, and crv or bits.  Of one thread.  VH_EKEY and
 * *why for a kind that there is not. */
struct generator;
enum vh_err generator_new(enum vh_kty kty, enum vh_crv crv, size_t bits,
    struct generator **out, struct buf *why);
void generator_free(struct generator *g);
AUTO_FREE(struct generator, generator_free)
/* One more, which nothing has tested yet.  Errors as key_new. */
enum vh_err generator_make(struct generator *g, const struct key_terms *terms,
    size_t workers, struct key **out, struct buf *why);

#endif
