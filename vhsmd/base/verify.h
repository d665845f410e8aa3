/* Signature checks with public keys (RFC 7518, section 3; RFC 8037). */
#ifndef BASE_VERIFY_H
#define BASE_VERIFY_H

#include "base/pkey.h"

/* Digests, fetched once: a fetch per check costs about a microsecond. */
struct verifier;

/* NULL when libcrypto lacks something.  One thread at a time uses it. */
struct verifier *verifier_new(void);
void verifier_free(struct verifier *v);
AUTO_FREE(struct verifier, verifier_free)

/* VH_OK when signature, exactly as JOSE has it, is one of input by key with
 * alg, which must fit the key; VH_EVERIFY else; VH_ENOMEM. */
enum vh_err verify_signature(struct verifier *v, EVP_PKEY *key,
    const struct alg *alg, struct slice input, struct slice signature);

#endif
