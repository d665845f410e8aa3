/* The control of the timing test: an unwrapping that stops at bad padding, as
 * the obvious code would.  Linked into a test build in place of the vault's. */
#include <openssl/err.h>

#include "vault/cek.h"
#include "vault/context.h"

enum vh_err
cek_unwrap(struct crypto *c, const struct key *key, const struct agreement *a,
    const struct fields *q, struct secret **cek)
{
	size_t size = key->pub.n.len, len = size;
	AUTO(secret_free) struct secret *plain = secret_new(size);
	struct slice in = q->at[VH_F_ENCRYPTED_KEY];
	const struct key_slot *slot;

	TRY(crypto_slot(c, key, a->alg, &slot));
	int ret =
	    EVP_PKEY_decrypt(slot->pkey, secret_rw(plain), &len, in.p, in.len);

	ERR_clear_error();
	if (ret != 1 || len != a->enc->cek)
		return VH_EDECRYPT;
	secret_trim(plain, len);
	*cek = TAKE(plain);
	return VH_OK;
}
