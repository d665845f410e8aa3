#include "vault/rsa.h"

#define RSA_MAX (VH_RSA_BITS_MAX / 8)

static bool
is_below_modulus(struct slice in, struct slice n)
{
	return in.len == n.len && memcmp(in.p, n.p, n.len) < 0;
}

/* Between libcrypto's own selection, which is constant time up to here, and the
 * mask nothing branches on what was found. */
unsigned
rsa_decrypt(const struct key_slot *slot, const struct pub *pub, struct slice in,
    struct secret *plain, size_t *len)
{
	static const uint8_t decoy[RSA_MAX] = { [1 ... RSA_MAX - 1] = 0x5a };
	bool sound = is_below_modulus(in, pub->n);

	*len = secret_len(plain);
	if (!sound)
		in = slice_of(decoy, pub->n.len);
	int ret =
	    EVP_PKEY_decrypt(slot->pkey, secret_rw(plain), len, in.p, in.len);

	return mask_if_zero((uint64_t)(ret ^ 1)) & mask_if_zero(!sound);
}
