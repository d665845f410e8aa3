/* Public keys as libcrypto objects; used by front (verify) and vault. */
#ifndef BASE_PKEY_H
#define BASE_PKEY_H

#include <openssl/evp.h>

#include "wire/pub.h"

/* A public-only key, the caller's.  VH_EKEY when pub_check refuses it or its
 * point is not on the curve; *out is then NULL. */
enum vh_err pkey_of_pub(const struct pub *pub, EVP_PKEY **out);

/* Gives a public-only key of the same curve, EC or OKP, that no other thread
 * uses, another public key: a twentieth of the time to make one.  As above;
 * after VH_EKEY pkey is of no use until a call succeeds. */
enum vh_err pkey_set_pub(EVP_PKEY *pkey, const struct pub *pub);

/* The public part of any key of ours: its numbers are appended to bytes (which
 * must stay as it is while out is used) and out points into them.  VH_EKEY for
 * a kind of key that alg.def has no row for. */
enum vh_err pub_of_pkey(EVP_PKEY *pkey, struct buf *bytes, struct pub *out);

static inline void
pkey_free(EVP_PKEY *pkey)
{
	EVP_PKEY_free(pkey);
}
AUTO_FREE(EVP_PKEY, pkey_free)

#endif
