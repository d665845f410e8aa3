/* What a key spec says of the tokens that its key signs: typ and claims.
 * Pure. */
#ifndef FRONT_RULES_H
#define FRONT_RULES_H

#include "front/draft.h"

struct rules;

/* From the fields TYPS, a comma list, and CLAIMS, "max_lifetime=MS;iss=TEXT";
 * either may be empty, and without both *out is NULL, as on failure.  VH_EFIELD
 * for what they are not, VH_ENOMEM. */
enum vh_err rules_new(struct slice typs, struct slice claims,
    struct rules **out);
void rules_free(struct rules *r);

/* VH_EPOLICY, with a line in why, when the token is not one the rules let pass:
 * its typ has to be listed; its payload a JSON object whose exp is at most
 * max_lifetime after now and after iat, where it has one, and whose iss is the
 * one of the rules.  Also what draft_typ says.  rules may be NULL. */
enum vh_err rules_check(const struct rules *r, struct draft *d,
    struct buf *why);

/* As they came; empty where there are none. */
struct slice rules_typs(const struct rules *r);
struct slice rules_claims(const struct rules *r);
/* What the claims come to: seconds a JWT may live, 0 for any; its issuer, empty
 * for any. */
int64_t rules_lifetime(const struct rules *r);
struct slice rules_issuer(const struct rules *r);

#endif
