#include "vault/import_parts.h"

#include <openssl/err.h>
#include <openssl/rand.h>

/* Any libcrypto type; its RSA default for e is 65537. */
static EVP_PKEY *
make(const struct crv *crv, size_t bits)
{
	if (crv == NULL)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
	if (crv->kty == VH_KTY_EC)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", crv->lib);
	return EVP_PKEY_Q_keygen(NULL, NULL, crv->lib);
}

static enum vh_err
generate_oct(size_t bits, const struct key_terms *terms, size_t workers,
    struct store *to, struct buf *why)
{
	struct key *key;

	if (bits < VH_OCT_BITS_MIN || bits > VH_OCT_BITS_MAX || bits % 8 != 0)
		return REFUSE(why, VH_EKEY,
		    "symmetric key of %zu bits asked for, expected %d to %d in "
		    "steps of 8",
		    bits, VH_OCT_BITS_MIN, VH_OCT_BITS_MAX);
	AUTO(secret_free) struct secret *oct = secret_new(bits / 8);

	if (oct == NULL ||
	    RAND_priv_bytes(secret_rw(oct), (int)secret_len(oct)) != 1)
		return check_failed(why, "libcrypto could not make the key");
	TRY(key_new_oct(TAKE(oct), terms, workers, &key, why));
	return store_add(to, key);
}

enum vh_err
generate_key(enum vh_kty kty, enum vh_crv id, size_t bits,
    const struct key_terms *terms, size_t workers, struct store *to,
    struct buf *why)
{
	const struct crv *crv = crv_by_id(id);
	struct key *key;

	if (kty == VH_KTY_RSA &&
	    (bits < VH_RSA_BITS_MIN || bits > VH_RSA_BITS_MAX || bits % 8 != 0))
		return REFUSE(why, VH_EKEY,
		    "RSA modulus of %zu bits asked for, expected %d to %d in "
		    "steps of 8",
		    bits, VH_RSA_BITS_MIN, VH_RSA_BITS_MAX);
	if (kty == VH_KTY_RSA || kty == VH_KTY_OCT
		? id != 0
		: crv == NULL || crv->kty != kty)
		return REFUSE(why, VH_EKEY,
		    "key type and curve asked for do not belong together");
	if (kty == VH_KTY_OCT)
		return generate_oct(bits, terms, workers, to, why);
	ERR_clear_error();
	EVP_PKEY *pkey = make(crv, bits);

	if (pkey == NULL)
		return check_failed(why, "libcrypto could not make the key");
	TRY(key_new(pkey, terms, workers, &key, why));
	return store_add(to, key);
}
