/* What a JWK says beside its numbers (RFC 7517, 4.2 to 4.4). */
#ifndef VAULT_IMPORT_JWK_H
#define VAULT_IMPORT_JWK_H

#include <jansson.h>

#include "vault/import_parts.h"

/* The text of a member: borrowed from jwk, empty when absent.  VH_EKEY when
 * it is not a string. */
enum vh_err jwk_text(const json_t *jwk, const char *name, struct slice *out,
    struct buf *why);

/* The terms of the key spec and what the JWK's use, alg and key_ops say, if
 * they agree.  use may follow from alg or key_ops alone.  VH_EKEY, VH_EALG. */
enum vh_err jwk_terms(const json_t *jwk, const struct key_terms *spec,
    struct key_terms *out, struct buf *why);

#endif
