/* Signatures as JOSE has them (RFC 7518, 3; RFC 8037, 3.1). */
#ifndef VAULT_SIGN_H
#define VAULT_SIGN_H

#include "vault/context.h"

/* Bytes of a signature by key with alg, which must fit. */
size_t sign_size(const struct key *key, const struct alg *alg);
/* Signs data; signature has room for sign_size bytes and gets exactly that
 * many.  VH_EINTERNAL, VH_ENOMEM. */
enum vh_err sign_bytes(struct crypto *c, const struct key *key,
    const struct alg *alg, struct slice data, uint8_t *signature);

/* The same of data whose digest is given.  VH_EFIELD unless it is exactly as
 * long as that of alg; VH_EALG for an alg that signs no digest. */
enum vh_err sign_digest(struct crypto *c, const struct key *key,
    const struct alg *alg, struct slice digest, uint8_t *signature);

/* Whether callers may have the key sign that now.  VH_EINACTIVE; VH_EFIELD for
 * data that begins as proofs do. */
enum vh_err sign_admit(const struct key *key, struct slice data);

/* As sign_bytes on any worker, whatever the key's lane, at the cost of contexts
 * of its own. */
enum vh_err sign_bytes_once(struct crypto *c, const struct key *key,
    const struct alg *alg, struct slice data, uint8_t *signature);

/* How the text begins by which a key proves that its node holds it.  VSIGN
 * signs no such data: who may use a key may not vouch for it. */
#define SIGN_PROOF "vhsm-proof|"

#endif
