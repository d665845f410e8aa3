/* VERIFY: what came of a signature, and the part of it that needs the vault. */
#ifndef FRONT_VERIFY_MAC_H
#define FRONT_VERIFY_MAC_H

#include "front/requests.h"
#include "jose/jws_json.h"

/* What came of one signature. */
struct verdict {
	enum vh_err err;
	struct slice kid;
	size_t jwk_at, jwk_len; /* its key in a buffer of them all */
};

/* The reply for a message whose signature first is valid. */
enum vh_err verify_reply(struct front *f, const struct origin *to,
    const struct jws_set *set, const struct verdict *v, size_t first,
    const struct buf *jwk);

/* Begins to verify the only signature of set, whose alg is one of symmetric
 * keys: asks the vault.  VH_ENOKEY, VH_EALG, VH_EBUSY. */
enum vh_err verify_mac(struct front *f, struct request *q,
    const struct selector *s, struct jws_set *set);

#endif
