#include "super/arena_size.h"

#include <criterion/criterion.h>

#define KIB UINT64_C(1024)

Test(arena_size, six_default_keys_on_two_workers_fit_the_usual_lock_limit)
{
	uint64_t sum = arena_size_base(2) +
		       4 * arena_size_key(VH_KTY_EC, 0, 2) +
		       2 * arena_size_key(VH_KTY_RSA, 2048, 2);

	cr_expect_lt(sum, 8192 * KIB - (1u << 20));
}

Test(arena_size,
    a_base_holds_libcrypto_and_its_context_and_stacks_for_each_worker)
{
	cr_expect_geq(arena_size_base(2), 2048 * KIB + 9 * 256 * KIB);
	cr_expect_eq(arena_size_base(5) - arena_size_base(4), 4 * 256 * KIB);
	cr_expect_eq(arena_size_base(65) - arena_size_base(64), 3 * 256 * KIB);
}

Test(arena_size, a_key_takes_twice_what_was_measured)
{
	cr_expect_eq(arena_size_key(VH_KTY_RSA, 2048, 2), 2 * 30 * KIB);
	cr_expect_eq(arena_size_key(VH_KTY_EC, 0, 2), 2 * 7 * KIB);
	cr_expect_eq(arena_size_key(VH_KTY_OKP, 0, 2), 2 * 7 * KIB);
}

Test(arena_size, an_rsa_key_grows_with_its_modulus)
{
	cr_expect_eq(arena_size_key(VH_KTY_RSA, 8192, 3),
	    4 * arena_size_key(VH_KTY_RSA, 2048, 3));
}

Test(arena_size, a_file_may_be_full_of_keys)
{
	/* A set of 1,000 EC keys, and one of 1,000 RSA-2048 keys. */
	cr_expect_gt(arena_size_file(200 * 1000, 4),
	    1000 * arena_size_key(VH_KTY_EC, 0, 4));
	cr_expect_gt(arena_size_file(1200 * 1000, 4),
	    1000 * arena_size_key(VH_KTY_RSA, 2048, 4));
}

Test(arena_size, a_file_of_one_large_key_has_room_for_it)
{
	/* RSA-8192, PKCS#1 as DER. */
	cr_expect_gt(arena_size_file(4650, 2),
	    arena_size_key(VH_KTY_RSA, 8192, 2) + 4 * 4650);
}

Test(arena_size, the_largest_of_everything_does_not_overflow)
{
	uint64_t file = arena_size_file(4u << 20, 256);

	cr_expect_gt(file, arena_size_file(4u << 20, 255));
	cr_expect_lt(file, UINT64_MAX / 4096);
}
