/* ENCRYPT for several recipients, and in JSON serializations. */
#ifndef FRONT_ENCRYPT_JSON_H
#define FRONT_ENCRYPT_JSON_H

#include "front/party.h"
#include "front/target.h"

/* What a PARTY of ENCRYPT may have; its HEADER is unprotected. */
#define ENCRYPT_PARTY                                                          \
	(VH_TAG_BIT(VH_F_KID) | VH_TAG_BIT(VH_F_NAME) | VH_TAG_BIT(VH_F_ALG) | \
	    VH_TAG_BIT(VH_F_KTY) | VH_TAG_BIT(VH_F_CRV) |                      \
	    VH_TAG_BIT(VH_F_USE) | VH_TAG_BIT(VH_F_JWK) |                      \
	    VH_TAG_BIT(VH_F_APU) | VH_TAG_BIT(VH_F_APV) |                      \
	    VH_TAG_BIT(VH_F_HEADER))

/* Appends the fields of the request that its reply needs. */
void encrypt_keep(struct buf *b, const struct fields *in);

/* Chooses a key for each, makes the protected header, and asks the vault.  As
 * the handlers of front/ops.h. */
enum vh_err encrypt_several(struct front *f, struct request *q,
    const struct parties *all, const struct enc *enc);

/* The reply out of what was kept and what the vault made. */
enum vh_err encrypt_reply_json(struct front *f, struct pending *p,
    const struct fields *kept, enum form form, const struct fields *made);

#endif
