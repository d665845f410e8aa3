/* How large the vault's arena has to be.  Pure arithmetic. */
#ifndef SUPER_ARENA_SIZE_H
#define SUPER_ARENA_SIZE_H

#include "wire/alg.h"

/* Bytes of an arena without any key: what libcrypto takes, the stacks of
 * workers in each lane, and room for what goes on at once. */
uint64_t arena_size_base(size_t workers);
/* What one key adds.  bits: of an RSA modulus. */
uint64_t arena_size_key(enum vh_kty kty, uint32_t bits, size_t workers);
/* What importing a file of so many bytes adds, whatever keys it holds. */
uint64_t arena_size_file(uint64_t bytes, size_t workers);

#endif
