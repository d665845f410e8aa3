/* Tokens that say they live longer than their key stays published. */
#ifndef FRONT_EXPIRY_H
#define FRONT_EXPIRY_H

#include "front/front.h"

/* The number that the member `exp` of a JSON object has (RFC 7519, 4.1.4),
 * whole seconds since 1970; false when text is no object, or has none on its
 * top level.  Only a look: what is no JSON may be taken for some. */
bool expiry_of(struct slice text, uint64_t *seconds);

/* Counts, and says once an hour for each key, that a payload outlives
 * keep_after. */
void expiry_look(struct front *f, const struct dkey *key, struct slice payload);
void expiry_free(struct expiry *e);

#endif
