#include "wire/b64.h"

#include <criterion/criterion.h>
#include <sodium.h>

/* RFC 4648, 10, without padding; RFC 7515, A.1 and C for the alphabet. */
static const struct {
	const char *bytes, *text;
} known[] = {
	{ "", "" },
	{ "f", "Zg" },
	{ "fo", "Zm8" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" },
	{ "\x03\xec\xff\xe0\xc1", "A-z_4ME" },
	{ "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}",
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" },
};

Test(b64, known_answers_both_ways)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		AUTO(buf_free) struct buf *b = buf_new(100);
		AUTO(buf_free) struct buf *back = buf_new(100);
		struct slice bytes = slice_text(known[i].bytes);

		b64_put(b, bytes);
		cr_expect(slice_is(buf_slice(b), known[i].text), "%zu", i);
		cr_expect_eq(b64_size(bytes.len), strlen(known[i].text));
		cr_expect_eq(b64_decode(slice_text(known[i].text), back),
		    VH_OK);
		cr_expect(slice_eq(buf_slice(back), bytes), "%zu", i);
	}
}

static const char *const wrong[] = {
	"Z",
	"Zg=",
	"Zg==",
	"Zh",
	"Zm9",
	"Zm8=",
	"Zm9vY",
	"Zm9v ",
	" Zm9v",
	"Zm 9v",
	"Zm9v\n",
	"Zm+v",
	"Zm/v",
	"Zm.v",
	"=",
	"====",
	"Zm9vYh",
	"Zm9vYmF",
	"Zm\x80v",
	"\xc3\xa4\xc3\xa4",
};

Test(b64, only_the_canonical_encoding_is_decoded)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO(buf_free) struct buf *b = buf_new(100);

		buf_put_text(b, "x");
		cr_expect_eq(b64_decode(slice_text(wrong[i]), b), VH_EPARSE,
		    "%s", wrong[i]);
		cr_expect(slice_is(buf_slice(b), "x"), "%s", wrong[i]);
		cr_expect_eq(buf_end(b), VH_OK);
	}
	AUTO(buf_free) struct buf *empty = buf_new(100);

	cr_expect_eq(b64_decode(slice_text("Z"), empty), VH_EPARSE);
	cr_expect_eq(b64_decode(slice_of("Zg\0", 3), empty), VH_EPARSE);
}

/* Every pair of characters decodes to a byte that encodes to just that pair,
 * or is refused. */
Test(b64, every_two_byte_text_is_canonical_or_refused)
{
	unsigned good = 0;

	for (unsigned v = 0; v < 65536; v++) {
		AUTO(buf_free) struct buf *back = buf_new(4);
		const uint8_t text[] = { (uint8_t)(v >> 8), (uint8_t)v };
		uint8_t byte;
		size_t len;

		if (b64_decode_into(slice_of(text, 2), &byte, 1, &len) != VH_OK)
			continue;
		good++;
		b64_put(back, slice_of(&byte, len));
		cr_assert(slice_eq(buf_slice(back), slice_of(text, 2)));
	}
	cr_expect_eq(good, 256);
}

Test(b64, bounds_are_exact)
{
	AUTO(buf_free) struct buf *b = buf_new(7);
	AUTO(buf_free) struct buf *back = buf_new(5);
	AUTO(buf_free) struct buf *small = buf_new(4);
	uint8_t out[5];
	size_t len;

	b64_put(b, slice_text("fooba"));
	cr_expect_eq(buf_end(b), VH_OK);
	cr_expect_eq(b64_decode(buf_slice(b), back), VH_OK);
	cr_expect_eq(b64_decode(buf_slice(b), small), VH_ETOOBIG);
	cr_expect_eq(b64_decode_into(buf_slice(b), out, 5, &len), VH_OK);
	cr_expect_eq(b64_decode_into(buf_slice(b), out, 4, &len), VH_ETOOBIG);
}

Test(b64, encodes_what_libsodium_does_at_every_length_and_place)
{
	char text[300];
	uint8_t bytes[200];

	for (size_t round = 0; round < 200; round++)
		for (size_t n = 0; n <= sizeof bytes; n++) {
			AUTO(buf_free) struct buf *b = buf_new(300);

			randombytes_buf(bytes, sizeof bytes);
			(void)sodium_bin2base64(text, sizeof text, bytes, n,
			    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
			b64_put(b, slice_of(bytes, n));
			cr_assert(slice_is(buf_slice(b), text), "%zu", n);
		}
}

/* Each value of six bits at each of the eight places of a group. */
Test(b64, encodes_every_character_at_every_place)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";

	for (size_t value = 0; value < 64; value++)
		for (size_t place = 0; place < 8; place++) {
			AUTO(buf_free) struct buf *b = buf_new(20);
			uint64_t bits = (uint64_t)value << (42 - 6 * place);
			uint8_t bytes[8] = { 0 };

			for (size_t i = 0; i < 6; i++)
				bytes[i] = (uint8_t)(bits >> (40 - 8 * i));
			b64_put(b, slice_of(bytes, sizeof bytes));
			for (size_t i = 0; i < 8; i++)
				cr_assert_eq(buf_slice(b).p[i],
				    alphabet[i == place ? value : 0],
				    "%zu at %zu", value, place);
		}
}
