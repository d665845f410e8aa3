/* The keys of a directory by name and by algorithm, so that who looks for one
 * need not look at all.  Filled once, then read-only. */
#ifndef FRONT_PARTS_H
#define FRONT_PARTS_H

#include "front/directory.h"

struct parts;

/* Of keys that outlive it, each part in their order.  NULL when out of memory.
 */
struct parts *parts_new(struct dkey *const *keys, size_t count);
void parts_free(struct parts *p);
AUTO_FREE(struct parts, parts_free)

/* The keys with that name, or, if it is empty, those that fit alg. */
struct part parts_find(const struct parts *p, struct slice name,
    const struct alg *alg);

#endif
