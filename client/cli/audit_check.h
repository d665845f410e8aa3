/* Checkpoints of the audit trail: signed by the node's record key. */
#ifndef CLI_AUDIT_CHECK_H
#define CLI_AUDIT_CHECK_H

#include <jansson.h>

#include "wire/audit.h"

/* Whom to believe: a CA that vouches for record keys, or the keys themselves.
 * Both may be missing: then nothing is believed or disbelieved. */
struct audit_trust;

/* ca: certificates in PEM; jwks: a JWK Set or one JWK.  NULL, and a line on
 * why, when one of them is none; either may be empty. */
struct audit_trust *audit_trust_new(struct slice ca, struct slice jwks,
    const char **why);
void audit_trust_free(struct audit_trust *t);
AUTO_FREE(struct audit_trust, audit_trust_free)

/* What is wrong with the checkpoint in a sound line, which comes after a line
 * of that chain; NULL: nothing.  node: of the line. */
const char *audit_check(const struct audit_trust *t, struct slice line,
    const struct audit_chain *before);

#endif
