#include "wire/b64.h"

#include <sodium.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

void
b64_put(struct buf *b, struct slice bytes)
{
	size_t size = b64_size(bytes.len);

	/* sodium writes a NUL too; a buffer has room for it. */
	if (bytes.len == 0 || !buf_reserve(b, size))
		return;
	(void)sodium_bin2base64((char *)b->p + b->len, size + 1, bytes.p,
	    bytes.len, VARIANT);
	b->len += size;
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
