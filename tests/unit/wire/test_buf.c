#include "wire/buf.h"

#include <criterion/criterion.h>

Test(buf, puts_follow_each_other)
{
	AUTO(buf_free) struct buf *b = buf_new(64);
	const uint8_t want[] = { 'a', 'b', 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0,
		0, 0, 8, '9', '!' };

	buf_put_text(b, "ab");
	buf_put_u8(b, 1);
	buf_put_u16(b, 0x0203);
	buf_put_u32(b, 0x04050607);
	buf_put_u64(b, 8);
	buf_format(b, "%d%s", 9, "!");
	cr_assert_eq(buf_end(b), VH_OK);
	cr_expect(slice_eq(buf_slice(b), slice_of(want, sizeof want)));
}

Test(buf, its_bound_is_exact)
{
	AUTO(buf_free) struct buf *b = buf_new(4);

	buf_format(b, "%s", "1234");
	cr_assert_eq(buf_end(b), VH_OK);
	buf_put_u8(b, '5');
	cr_expect_eq(buf_end(b), VH_ETOOBIG);
	cr_expect(slice_is(buf_slice(b), "1234"));
}

Test(buf, the_first_failure_sticks)
{
	AUTO(buf_free) struct buf *b = buf_new(4);

	buf_put_text(b, "12345");
	buf_put_text(b, "1");
	cr_expect_null(buf_extend(b, 1));
	cr_expect_eq(buf_end(b), VH_ETOOBIG);
	cr_expect_eq(buf_slice(b).len, 0);
	buf_clear(b);
	buf_put_text(b, "1");
	cr_expect_eq(buf_end(b), VH_OK);
}

Test(buf, a_huge_put_does_not_wrap_around)
{
	AUTO(buf_free) struct buf *b = buf_new(16);

	buf_put_u8(b, 1);
	cr_expect_not(buf_reserve(b, SIZE_MAX));
	cr_expect_eq(buf_end(b), VH_ETOOBIG);
}

Test(buf, a_null_buffer_has_failed)
{
	buf_put_text(NULL, "a");
	buf_put_u64(NULL, 1);
	buf_format(NULL, "%d", 1);
	buf_trim(NULL, 0);
	buf_drop(NULL, 1);
	buf_clear(NULL);
	buf_free(NULL);
	cr_expect_null(buf_extend(NULL, 1));
	cr_expect_eq(buf_end(NULL), VH_ENOMEM);
	cr_expect_eq(buf_slice(NULL).len, 0);
}

Test(buf, it_grows_and_keeps_what_it_has)
{
	AUTO(buf_free) struct buf *b = buf_new(100000);

	for (unsigned i = 0; i < 25000; i++)
		buf_put_u32(b, i);
	cr_assert_eq(buf_end(b), VH_OK);
	cr_assert_eq(buf_slice(b).len, 100000);
	for (unsigned i = 0; i < 25000; i++) {
		const uint8_t *p = b->p + 4 * i;

		cr_assert_eq((unsigned)p[2] << 8 | p[3], i & 0xffff);
	}
}

Test(buf, reserved_room_does_not_move)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);

	cr_assert(buf_reserve(b, 10000));
	const uint8_t *p = b->p;

	for (int i = 0; i < 10000; i++)
		buf_put_u8(b, 1);
	cr_expect_eq(buf_end(b), VH_OK);
	cr_expect_eq(b->p, p);
}

Test(buf, trim_and_drop_shorten_at_their_ends)
{
	AUTO(buf_free) struct buf *b = buf_new(16);

	buf_put_text(b, "abcdef");
	buf_trim(b, 9);
	cr_expect(slice_is(buf_slice(b), "abcdef"));
	buf_trim(b, 5);
	buf_drop(b, 2);
	cr_expect(slice_is(buf_slice(b), "cde"));
	buf_drop(b, 9);
	cr_expect_eq(buf_slice(b).len, 0);
}
