#include "wire/b64.h"

#include <endian.h>
#include <sodium.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* What is encoded is public, and libsodium's encoder, which is there for
 * secrets, took six hundredths of a node's time. */
static const char alphabet[64] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
};

/* The first chars characters of three bytes. */
static void
put_group(uint8_t *to, const uint8_t group[static 3], size_t chars)
{
	uint32_t bits =
	    (uint32_t)group[0] << 16 | (uint32_t)group[1] << 8 | group[2];

	for (size_t i = 0; i < chars; i++)
		to[i] = (uint8_t)alphabet[bits >> (18 - 6 * i) & 63];
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* 1 in each byte of x, all below 64, that is at least least. */
static uint64_t
reaches(uint64_t x, unsigned least)
{
	return (x + EACH(128 - least)) >> 7 & EACH(1);
}

/* Eight characters of the first six of the eight bytes at from, side by side
 * in one number: 0 is A, 26 a, 52 '0', 62 '-', 63 '_'. */
static void
put_six(uint8_t *to, const uint8_t from[static 8])
{
	uint64_t x;

	memcpy(&x, from, sizeof x);
	x = be64toh(x) >> 16;
	x = (x & 0xffffff000000) << 8 | (x & 0xffffff);
	x = (x & 0x00fff00000fff000) << 4 | (x & 0x00000fff00000fff);
	x = (x & 0x0fc00fc00fc00fc0) << 2 | (x & 0x003f003f003f003f);
	x += EACH('A') + reaches(x, 26) * ('a' - 'Z' - 1) -
	     reaches(x, 52) * ('z' + 1 - '0') -
	     reaches(x, 62) * ('9' + 1 - '-') + reaches(x, 63) * ('_' - '.');
	x = htobe64(x);
	memcpy(to, &x, sizeof x);
}

void
b64_write(uint8_t *to, struct slice bytes)
{
	size_t whole = bytes.len / 3 * 3, rest = bytes.len - whole, i = 0;
	uint8_t last[3] = { 0 };

	for (; bytes.len - i >= 8; i += 6, to += 8)
		put_six(to, bytes.p + i);
	for (; i < whole; i += 3, to += 4)
		put_group(to, bytes.p + i, 4);
	if (rest == 0)
		return;
	memcpy(last, bytes.p + whole, rest);
	put_group(to, last, rest + 1);
}

void
b64_put(struct buf *b, struct slice bytes)
{
	uint8_t *to = buf_extend(b, b64_size(bytes.len));

	if (to != NULL)
		b64_write(to, bytes);
}

/* Bytes that n characters encode. */
static size_t
decoded_size(size_t n)
{
	return n / 4 * 3 + n % 4 * 3 / 4;
}

/* libsodium 1.0.18 takes some bytes above 127 for characters of the alphabet
 * (its arithmetic is on signed char).  Constant time as all the rest. */
static bool
is_ascii(struct slice text)
{
	uint8_t all = 0;

	for (size_t i = 0; i < text.len; i++)
		all |= text.p[i];
	return all < 0x80;
}

enum vh_err
b64_decode_into(struct slice text, uint8_t *out, size_t max, size_t *len)
{
	const char *end = NULL;

	*len = 0;
	if (text.len == 0)
		return VH_OK;
	if (decoded_size(text.len) > max)
		return VH_ETOOBIG;
	if (!is_ascii(text))
		return VH_EPARSE;
	if (sodium_base642bin(out, max, (const char *)text.p, text.len, NULL,
		len, &end, VARIANT) != 0 ||
	    end != (const char *)text.p + text.len)
		return VH_EPARSE;
	return VH_OK;
}

enum vh_err
b64_decode(struct slice text, struct buf *b)
{
	size_t most = decoded_size(text.len), before = buf_slice(b).len, len;

	TRY(buf_end(b));
	if (text.len == 0)
		return VH_OK;
	if (most == 0)
		return VH_EPARSE;
	if (!buf_reserve(b, most))
		return buf_end(b);
	TRY(b64_decode_into(text, b->p + before, most, &len));
	b->len = before + len;
	return VH_OK;
}
