/* Measured with OpenSSL 3.0: libcrypto itself takes 0.5 MiB, and 0.2 MiB more
 * for the library context of each worker that has one of its own; an RSA-2048
 * key 4 KiB and 13 KiB more for each worker that has used it, growing with the
 * modulus; an EC or OKP key 3 KiB and 2 KiB; a symmetric one 1 KiB and 3 KiB.
 * What was measured of keys is doubled: an arena that runs full fails requests,
 * and memory is cheap. */
#include "super/arena_size.h"

#include "wire/ops.h"

#define KIB           UINT64_C(1024)
#define MIB           (1024 * KIB)
#define BASE          (2 * MIB)
#define RESERVE       MIB
#define LIBCTX        (256 * KIB)
#define STACK         (256 * KIB)
#define LANES         3
#define SINGLES       2 /* stacks: of the audit trail, and one to spare */
#define FILE_OVERHEAD (64 * KIB)
/* Intermediate copies: text, decoded text, numbers, structures. */
#define FILE_COPIES 8
/* The least bytes that hold a private key: a JWK with nothing to spare. */
#define EC_FILE_MIN  200
#define RSA_FILE_MIN 700

uint64_t
arena_size_base(size_t workers)
{
	size_t contexts = workers < VH_LIBCTX_MAX ? workers : VH_LIBCTX_MAX;

	return BASE + RESERVE + LIBCTX * contexts +
	       STACK * (workers * LANES + SINGLES);
}

uint64_t
arena_size_key(enum vh_kty kty, uint32_t bits, size_t workers)
{
	uint64_t measured = (3 + 2 * workers) * KIB;

	if (kty == VH_KTY_OCT)
		measured = (1 + 3 * workers) * KIB;
	if (kty == VH_KTY_RSA)
		measured = (4 + 13 * workers) * KIB * bits / VH_RSA_BITS_MIN;
	return 2 * measured;
}

uint64_t
arena_size_file(uint64_t bytes, size_t workers)
{
	uint64_t ec =
	    (bytes / EC_FILE_MIN + 1) * arena_size_key(VH_KTY_EC, 0, workers);
	uint64_t rsa = (bytes / RSA_FILE_MIN + 1) *
		       arena_size_key(VH_KTY_RSA, VH_RSA_BITS_MIN, workers);

	return bytes * FILE_COPIES + FILE_OVERHEAD + (rsa > ec ? rsa : ec);
}
