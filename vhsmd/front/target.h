/* For whom a JWE is made, and how: a key of the node or its cluster, or the
 * public JWK in the request. */
#ifndef FRONT_TARGET_H
#define FRONT_TARGET_H

#include "front/requests.h"
#include "jose/jwk.h"

struct target {
	const struct dkey *key; /* of the node or its cluster; or NULL */
	struct jwk *jwk;        /* of the request, and owned here; or NULL */
	const struct pub
	    *pub; /* to encrypt with; NULL: the vault has the key */
	const struct alg *alg;
	struct slice kid; /* for the header; may be empty */
};

/* in: the fields of one recipient.  What select_key and jwk_parse say;
 * VH_EFIELD for a JWK beside other criteria than alg. */
enum vh_err target_choose(struct front *f, const struct asker *asker,
    const struct fields *in, struct target *to);
void target_end(struct target *to);

/* What the reply calls the key. */
struct slice target_name(const struct target *to);

/* Appends KID or PUB, and ALG_ID, APU, APV: what the vault needs. */
void target_put(struct buf *b, const struct target *to,
    const struct fields *in);

#endif
