/* Forms of the published JWK Set: filtered, compressed.  Each is made once for
 * a set, on its first request, and kept until another set is published; at most
 * VARIANTS_MAX at a time.  For one thread. */
#ifndef FRONT_HTTP_VARIANTS_H
#define FRONT_HTTP_VARIANTS_H

#include "front/http_query.h"
#include "front/shared.h"

#define VARIANTS_MAX     32
#define VARIANT_GZIP_MIN 512 /* bytes; below, compression wins nothing */

struct variants;
/* NULL when out of memory. */
struct variants *variants_new(void);
void variants_free(struct variants *v);
AUTO_FREE(struct variants, variants_free)

/* What the set comes to with a filter, compressed if gzip says so and it is
 * worth it (*gzipped); a reference of the caller's.  VH_ENOMEM. */
enum vh_err variants_get(struct variants *v, struct published *set,
    const struct jwks_filter *filter, bool gzip, struct published **out,
    bool *gzipped);

#endif
