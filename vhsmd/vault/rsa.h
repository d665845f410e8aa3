/* RSA decryption of messages that an attacker may have chosen (design,
 * invariant 6): what is found costs the same as what is not. */
#ifndef VAULT_RSA_H
#define VAULT_RSA_H

#include "vault/arena.h"
#include "vault/context.h"

/* All ones if v is 0, else 0, without a branch. */
static inline unsigned
mask_if_zero(uint64_t v)
{
	return 0u - (unsigned)((~v & (v - 1)) >> 63);
}

/* Decrypts in with a slot of the key that is ready for it; plain has as many
 * bytes as the modulus, *len is how many were found.  What is no number below
 * the modulus libcrypto would refuse unread, at no cost (RFC 8017, 7.1.2): a
 * decoy takes its place.  All ones if all went well, else 0. */
unsigned rsa_decrypt(const struct key_slot *slot, const struct pub *pub,
    struct slice in, struct secret *plain, size_t *len);

#endif
