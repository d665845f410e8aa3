/* VERIFY: what came of each signature, and those that need the vault. */
#ifndef FRONT_VERIFY_MAC_H
#define FRONT_VERIFY_MAC_H

#include "front/requests.h"
#include "front/select.h"
#include "jose/jws_json.h"

/* What came of one signature. */
struct verdict {
	enum vh_err err;
	struct slice kid;
	size_t jwk_at, jwk_len; /* its key in a buffer of them all */
};

/* The reply, or why there is none: whether what came of the signatures of set
 * is enough.  all: only if each is valid; else one is enough.  On failure
 * f->why may have a line. */
enum vh_err verify_conclude(struct front *f, const struct origin *to,
    const struct jws_set *set, const struct verdict *v, bool all,
    const struct buf *jwk);

/* Symmetric keys to be tried, each for one signature. */
struct macs {
	size_t count;
	const struct dkey *keys[PENDING_TRIES];
	uint8_t signature[PENDING_TRIES];
};

/* Looks for the keys of those signatures whose alg is one of symmetric keys and
 * whose verdict is VH_ENOKEY.  It becomes VH_EVERIFY where there are some, and
 * VH_ETOOBIG where there is no room for any. */
void macs_find(const struct search *own, const struct jws_set *set,
    struct verdict *v, struct macs *out);

/* Begins to try them: asks the vault, then concludes.  v: what came of the
 * others.  VH_EBUSY, VH_ENOMEM. */
enum vh_err verify_by_vault(struct front *f, struct request *q,
    struct jws_set *set, const struct verdict *v, const struct buf *jwk,
    const struct macs *macs);

#endif
