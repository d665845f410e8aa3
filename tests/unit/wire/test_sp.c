#include "wire/sp.h"

#include <criterion/criterion.h>

Test(sp, hellos_are_what_nng_sends)
{
	const uint8_t want[] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };
	uint8_t hello[SP_HELLO];

	sp_hello(hello, SP_REQ);
	cr_expect_arr_eq(hello, want, SP_HELLO);
	cr_expect_eq(sp_hello_check(hello, SP_REQ), VH_OK);
	cr_expect_eq(sp_hello_check(hello, SP_REP), VH_EPARSE);
}

Test(sp, every_flipped_bit_of_a_hello_is_refused)
{
	uint8_t hello[SP_HELLO];

	sp_hello(hello, SP_REP);
	for (size_t i = 0; i < 8 * sizeof hello; i++) {
		hello[i / 8] ^= (uint8_t)(1 << i % 8);
		cr_expect_eq(sp_hello_check(hello, SP_REP), VH_EPARSE);
		hello[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static const uint8_t message[] = { 1, 0, 0, 0, 0, 0, 0, 0, 7, 0x80, 1, 2, 3,
	'a', 'b', 'c' };

Test(sp, a_message_is_sized_and_parsed)
{
	uint8_t head[SP_HEAD + SP_ID];
	struct slice body;
	uint32_t id;
	size_t size;

	sp_head(head, 3, 0x010203);
	cr_expect_arr_eq(head, message, sizeof head);
	cr_expect_eq(sp_size(message, sizeof message, 3, &size), VH_OK);
	cr_expect_eq(size, sizeof message);
	cr_expect_eq(sp_parse(slice_of(message, sizeof message), &id, &body),
	    VH_OK);
	cr_expect_eq(id, 0x010203);
	cr_expect(slice_is(body, "abc"));
}

Test(sp, every_prefix_of_a_head_waits_for_more)
{
	struct slice body;
	uint32_t id;
	size_t size;

	for (size_t n = 0; n < SP_HEAD; n++) {
		size = 1;
		cr_expect_eq(sp_size(message, n, 3, &size), VH_OK, "%zu", n);
		cr_expect_eq(size, 0);
	}
	for (size_t n = 0; n < SP_HEAD + SP_ID; n++)
		cr_expect_eq(sp_parse(slice_of(message, n), &id, &body),
		    VH_EPARSE, "%zu", n);
}

Test(sp, every_flipped_bit_of_a_head_is_refused_or_another_size)
{
	uint8_t copy[sizeof message];

	for (size_t i = 0; i < 8 * SP_HEAD; i++) {
		size_t size;

		memcpy(copy, message, sizeof copy);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		if (sp_size(copy, sizeof copy, 100, &size) != VH_OK)
			cr_expect_eq(size, 0, "%zu", i);
		else
			cr_expect(size != sizeof copy && size <= 113, "%zu", i);
	}
}

Test(sp, wrong_types_short_bodies_and_long_ones_are_refused)
{
	uint8_t copy[sizeof message];
	struct slice body;
	uint32_t id;
	size_t size;

	memcpy(copy, message, sizeof copy);
	copy[0] = 0;
	cr_expect_eq(sp_size(copy, 1, 3, &size), VH_EPARSE);
	copy[0] = 1;
	copy[8] = 3;
	cr_expect_eq(sp_size(copy, SP_HEAD, 3, &size), VH_EPARSE);
	copy[8] = 7;
	cr_expect_eq(sp_size(copy, SP_HEAD, 2, &size), VH_ETOOBIG);
	memset(copy + 1, 0xff, 8);
	cr_expect_eq(sp_size(copy, SP_HEAD, 3, &size), VH_ETOOBIG);
	memcpy(copy, message, sizeof copy);
	copy[SP_HEAD] = 0;
	cr_expect_eq(sp_parse(slice_of(copy, sizeof copy), &id, &body),
	    VH_EPARSE);
}
