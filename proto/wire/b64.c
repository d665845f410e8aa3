#include "wire/b64.h"

#include <sodium.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

void
b64_put(struct buf *b, struct slice bytes)
{
	size_t size = b64_size(bytes.len);

	/* sodium writes a NUL too: room for it, then it is cut off. */
	if (!buf_reserve(b, size + 1))
		return;
	(void)sodium_bin2base64((char *)b->p + b->len, size + 1,
	    bytes.len == 0 ? (const unsigned char *)"" : bytes.p, bytes.len,
	    VARIANT);
	b->len += size;
}

enum vh_err
b64_decode_into(struct slice text, uint8_t *out, size_t max, size_t *len)
{
	const char *end = NULL;

	*len = 0;
	if (text.len == 0)
		return VH_OK;
	if (text.len / 4 * 3 > max)
		return VH_ETOOBIG;
	if (sodium_base642bin(out, max, (const char *)text.p, text.len, NULL,
		len, &end, VARIANT) != 0 ||
	    end != (const char *)text.p + text.len)
		return VH_EPARSE;
	return VH_OK;
}

enum vh_err
b64_decode(struct slice text, struct buf *b)
{
	size_t most = text.len / 4 * 3 + 3, before = buf_slice(b).len, len;

	TRY(buf_end(b));
	if (!buf_reserve(b, most))
		return buf_end(b);
	TRY(b64_decode_into(text, b->p + before, most, &len));
	b->len = before + len;
	return VH_OK;
}
