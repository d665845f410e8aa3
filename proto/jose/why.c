#include "jose/why.h"

#define QUOTE_MAX 64

void
why_quote(struct buf *why, struct slice text)
{
	buf_put_text(why, "\"");
	for (size_t i = 0; i < text.len && i < QUOTE_MAX; i++) {
		uint8_t c = text.p[i];

		if (c < 0x20 || c > 0x7e)
			buf_format(why, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			buf_format(why, "\\%c", c);
		else
			buf_put_u8(why, c);
	}
	buf_put_text(why, text.len > QUOTE_MAX ? "...\"" : "\"");
}

enum vh_err
why_say(struct buf *why, enum vh_err err, const char *text)
{
	buf_put_text(why, text);
	return err;
}

enum vh_err
why_name(struct buf *why, enum vh_err err, const char *before,
    struct slice text, const char *after)
{
	buf_put_text(why, before);
	why_quote(why, text);
	return why_say(why, err, after);
}
