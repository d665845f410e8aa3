#include "front/zip.h"

#include <criterion/criterion.h>
#include <zlib.h>

#define ROOM (4u * ZIP_MAX)

/* Bytes that do not repeat soon. */
static struct buf *
noise(size_t size)
{
	struct buf *b = buf_new(size + 1);
	uint32_t state = 1;

	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		buf_put_u8(b, (uint8_t)(state >> 24));
	}
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

/* DEFLATE by zlib itself: bits as deflateInit2 has them. */
static struct buf *
pack(struct slice plain, int bits)
{
	z_stream z = { 0 };
	struct buf *b = buf_new(2 * plain.len + ROOM);

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, bits, 8,
			 Z_DEFAULT_STRATEGY),
	    Z_OK);
	size_t room = deflateBound(&z, plain.len);
	uint8_t *to = buf_extend(b, room);

	cr_assert_not_null(to);
	z.next_in = (Bytef *)(uintptr_t)plain.p;
	z.avail_in = (uInt)plain.len;
	z.next_out = to;
	z.avail_out = (uInt)room;
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_trim(b, z.total_out);
	(void)deflateEnd(&z); /* it has ended */
	return b;
}

static void
round_trip(struct slice plain)
{
	AUTO(buf_free) struct buf *packed = buf_new(ROOM);
	AUTO(buf_free) struct buf *again = buf_new(ROOM);

	buf_put_text(packed, "before");
	buf_put_text(again, "before");
	cr_assert_eq(zip_pack(plain, packed), VH_OK, "%zu", plain.len);
	cr_assert_eq(zip_unpack(slice_of(packed->p + 6, packed->len - 6),
			 ZIP_MAX, again),
	    VH_OK, "%zu", plain.len);
	cr_assert_eq(again->len, plain.len + 6);
	cr_expect(slice_eq(slice_of(again->p + 6, again->len - 6), plain));
}

Test(zip, what_was_packed_comes_back)
{
	static const size_t sizes[] = { 0, 1, 15, 4095, 4096, 4097, 70000,
		ZIP_MAX - 1, ZIP_MAX };
	AUTO(buf_free) struct buf *plain = noise(ZIP_MAX);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		round_trip(slice_of(plain->p, sizes[i]));
	memset(plain->p, 0, plain->len);
	round_trip(buf_slice(plain));
}

Test(zip, repetition_becomes_short)
{
	AUTO(buf_free) struct buf *plain = noise(ZIP_MAX);
	AUTO(buf_free) struct buf *packed = buf_new(ROOM);

	memset(plain->p, 'a', plain->len);
	cr_assert_eq(zip_pack(buf_slice(plain), packed), VH_OK);
	cr_expect_lt(packed->len, 1000);
}

Test(zip, more_than_a_receiver_unpacks_is_not_packed)
{
	AUTO(buf_free) struct buf *plain = noise(ZIP_MAX + 1);
	AUTO(buf_free) struct buf *packed = buf_new(ROOM);

	cr_expect_eq(zip_pack(buf_slice(plain), packed), VH_ETOOBIG);
	cr_expect_eq(packed->len, 0);
}

/* One byte too many, and very many: both end soon after the bound. */
Test(zip, a_bomb_stops_at_the_bound)
{
	static const size_t sizes[] = { ZIP_MAX + 1, 64u << 20 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(buf_free) struct buf *plain = buf_new(sizes[i]);
		AUTO(buf_free) struct buf *packed = NULL;
		AUTO(buf_free) struct buf *b = buf_new(ROOM);

		memset(buf_extend(plain, sizes[i]), 0, sizes[i]);
		packed = pack(buf_slice(plain), -15);
		cr_expect_eq(zip_unpack(buf_slice(packed), SIZE_MAX, b),
		    VH_EDECRYPT);
		cr_expect_leq(b->len, ZIP_MAX + 4096);
	}
}

Test(zip, a_lower_bound_holds)
{
	AUTO(buf_free) struct buf *plain = noise(5000);
	AUTO(buf_free) struct buf *packed = pack(buf_slice(plain), -15);

	for (size_t max = 4999; max <= 5001; max++) {
		AUTO(buf_free) struct buf *b = buf_new(ROOM);

		cr_expect_eq(zip_unpack(buf_slice(packed), max, b),
		    max < 5000 ? VH_EDECRYPT : VH_OK, "%zu", max);
	}
}

Test(zip, every_prefix_is_refused)
{
	AUTO(buf_free) struct buf *plain = noise(300);
	AUTO(buf_free) struct buf *packed = pack(buf_slice(plain), -15);

	for (size_t n = 0; n < packed->len; n++) {
		AUTO(buf_free) struct buf *b = buf_new(ROOM);

		cr_expect_eq(zip_unpack(slice_of(packed->p, n), ZIP_MAX, b),
		    VH_EDECRYPT, "%zu", n);
	}
}

Test(zip, one_byte_more_is_refused)
{
	AUTO(buf_free) struct buf *plain = noise(300);
	AUTO(buf_free) struct buf *packed = pack(buf_slice(plain), -15);
	size_t len = packed->len;

	for (unsigned c = 0; c < 256; c++) {
		AUTO(buf_free) struct buf *b = buf_new(ROOM);

		buf_trim(packed, len);
		buf_put_u8(packed, (uint8_t)c);
		cr_expect_eq(zip_unpack(buf_slice(packed), ZIP_MAX, b),
		    VH_EDECRYPT, "%u", c);
	}
}

/* DEFLATE has no checksum; a change may go unnoticed here, but never goes past
 * the bound.  The tag of the JWE is what finds it. */
Test(zip, every_flipped_bit_is_refused_or_stays_within_the_bound)
{
	AUTO(buf_free) struct buf *plain = noise(300);
	size_t refused = 0;

	memset(plain->p + 100, 'x', 150);
	AUTO(buf_free) struct buf *packed = pack(buf_slice(plain), -15);

	for (size_t i = 0; i < 8 * packed->len; i++) {
		AUTO(buf_free) struct buf *b = buf_new(ROOM);

		packed->p[i / 8] ^= (uint8_t)(1 << i % 8);
		enum vh_err err = zip_unpack(buf_slice(packed), 1000, b);

		packed->p[i / 8] ^= (uint8_t)(1 << i % 8);
		cr_expect(err == VH_OK || err == VH_EDECRYPT, "%zu", i);
		cr_expect(err != VH_OK || b->len <= 1000, "%zu", i);
		refused += err != VH_OK;
	}
	cr_expect_gt(refused, 0);
}

Test(zip, other_wrappings_of_deflate_are_refused)
{
	static const int bits[] = { 15, 15 + 16 }; /* zlib's, gzip's */

	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		AUTO(buf_free)
		struct buf *packed = pack(slice_text("some text"), bits[i]);
		AUTO(buf_free) struct buf *b = buf_new(ROOM);

		cr_expect_eq(zip_unpack(buf_slice(packed), ZIP_MAX, b),
		    VH_EDECRYPT, "%d", bits[i]);
	}
}

Test(zip, without_room_it_is_a_matter_of_memory)
{
	AUTO(buf_free) struct buf *plain = noise(300);
	AUTO(buf_free) struct buf *packed = pack(buf_slice(plain), -15);
	AUTO(buf_free) struct buf *small = buf_new(100);

	cr_expect_neq(zip_unpack(buf_slice(packed), ZIP_MAX, small), VH_OK);
	cr_expect_neq(zip_unpack(buf_slice(packed), ZIP_MAX, small),
	    VH_EDECRYPT);
}
