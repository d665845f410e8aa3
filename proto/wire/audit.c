#include "wire/audit.h"

#include <sodium.h>

#include "wire/b64.h"

#define NUMBER_MAX 20 /* digits */
#define CHAIN      ",\"chain\":\""
#define END        "\"}"

/* --- writing ---------------------------------------------------------------
 */

/* Writes into room that was reserved before. */
struct pen {
	uint8_t *p;
};

static void
put(struct pen *to, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(to->p, bytes, len);
	to->p += len;
}

#define PUT(to, literal) put((to), (literal), sizeof(literal) - 1)

static void
put_number(struct pen *to, uint64_t v)
{
	uint8_t digits[NUMBER_MAX];
	size_t n = sizeof digits;

	do
		digits[--n] = (uint8_t)('0' + v % 10);
	while ((v /= 10) > 0);
	put(to, digits + n, sizeof digits - n);
}

static void
put_digits(struct pen *to, unsigned v, unsigned count)
{
	for (unsigned i = count; i-- > 0; v /= 10)
		to->p[i] = (uint8_t)('0' + v % 10);
	to->p += count;
}

static void
put_base64(struct pen *to, struct slice in)
{
	b64_write(to->p, in);
	to->p += b64_size(in.len);
}

/* What does not stand in a JSON string as it is. */
static const bool special[256] = { [0 ... 0x1f] = true,
	['"'] = true,
	['\\'] = true,
	[0x7f ... 0xff] = true };

static bool
has_special(struct slice text)
{
	bool has = false;

	for (size_t i = 0; i < text.len; i++)
		has |= special[text.p[i]];
	return has;
}

static void
put_escaped(struct pen *to, struct slice text)
{
	static const char hex[] = "0123456789abcdef";

	if (!has_special(text)) {
		put(to, text.p, text.len);
		return;
	}
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (!special[c]) {
			*to->p++ = c;
			continue;
		}
		PUT(to, "\\u00");
		*to->p++ = (uint8_t)hex[c >> 4];
		*to->p++ = (uint8_t)hex[c & 15];
	}
}

void
audit_put_escaped(struct buf *b, struct slice text)
{
	if (!buf_reserve(b, 6 * text.len))
		return;
	struct pen to = { b->p + b->len };

	put_escaped(&to, text);
	b->len = (size_t)(to.p - b->p);
}

/* RFC 3339.  Days to a date of the proleptic Gregorian calendar, in years that
 * begin in March, so that a leap day is the last of its year. */
static void
put_time(struct pen *to, uint64_t ms)
{
	uint64_t s = ms / 1000, day = s / 86400 + 719468;
	uint64_t era = day / 146097, of_era = day % 146097;
	uint64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;
	uint64_t first = (153 * month + 2) / 5;

	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	put_digits(to, (unsigned)year, 4);
	PUT(to, "-");
	put_digits(to, (unsigned)month, 2);
	PUT(to, "-");
	put_digits(to, (unsigned)(of_year - first + 1), 2);
	PUT(to, "T");
	put_digits(to, (unsigned)(s / 3600 % 24), 2);
	PUT(to, ":");
	put_digits(to, (unsigned)(s / 60 % 60), 2);
	PUT(to, ":");
	put_digits(to, (unsigned)(s % 60), 2);
	PUT(to, ".");
	put_digits(to, (unsigned)(ms % 1000), 3);
	PUT(to, "Z");
}

static void
put_text(struct pen *to, const char *name, size_t name_len, struct slice text)
{
	if (text.len == 0)
		return;
	put(to, name, name_len);
	put_escaped(to, text);
	PUT(to, "\"");
}

#define PUT_TEXT(to, name, text)                                               \
	put_text((to), ",\"" name "\":\"", sizeof ",\"" name "\":\"" - 1,      \
	    (text))

static void
put_body(struct pen *to, const struct audit_chain *c,
    const struct audit_entry *e)
{
	PUT(to, "{\"seq\":");
	put_number(to, c->seq + 1);
	if (e->anchor) {
		PUT(to, ",\"prev\":\"");
		put_base64(to, slice_of(c->hash, sizeof c->hash));
		PUT(to, "\"");
	}
	PUT(to, ",\"time\":\"");
	put_time(to, e->time_ms);
	PUT(to, "\"");
	PUT_TEXT(to, "node", e->node);
	PUT_TEXT(to, "who", e->who);
	PUT_TEXT(to, "op", e->op);
	PUT_TEXT(to, "kid", e->kid);
	PUT_TEXT(to, "alg", e->alg);
	PUT_TEXT(to, "outcome", e->outcome);
	if (e->digest.len > 0) {
		PUT(to, ",\"digest\":\"");
		put_base64(to, e->digest);
		PUT(to, "\"");
	}
	put(to, e->more.p, e->more.len);
}

void
audit_step(struct audit_chain *c, struct slice body)
{
	crypto_hash_sha256_state state;
	uint8_t *hash = c->hash;

	if (c->sha256 != NULL &&
	    c->sha256(c->context, slice_of(hash, AUDIT_HASH), body, hash))
		return;

	/* libsodium's return 0 always. */
	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, hash, AUDIT_HASH);
	(void)crypto_hash_sha256_update(&state, body.p, body.len);
	(void)crypto_hash_sha256_final(&state, hash);
}

/* More than the line can have. */
static size_t
bound(const struct audit_entry *e)
{
	return 512 + 2 * e->digest.len + e->more.len +
	       6 * (e->node.len + e->who.len + e->op.len + e->kid.len +
		       e->alg.len + e->outcome.len);
}

enum vh_err
audit_put(struct buf *b, struct audit_chain *c, const struct audit_entry *e)
{
	size_t most = bound(e);

	if (most > AUDIT_LINE_MAX)
		return VH_ETOOBIG;
	if (!buf_reserve(b, most))
		return buf_end(b) == VH_OK ? VH_ETOOBIG : buf_end(b);
	uint8_t *start = b->p + b->len;
	struct pen to = { start };

	put_body(&to, c, e);
	audit_step(c, slice_of(start, (size_t)(to.p - start)));
	c->seq++;
	PUT(&to, CHAIN);
	put_base64(&to, slice_of(c->hash, sizeof c->hash));
	PUT(&to, END "\n");
	b->len = (size_t)(to.p - b->p);
	return VH_OK;
}

void
audit_hash(struct slice bytes, uint8_t out[static AUDIT_HASH])
{
	(void)crypto_hash_sha256(out, bytes.p, bytes.len); /* returns 0 */
}

void
audit_hash_text(const uint8_t hash[static AUDIT_HASH],
    char out[static AUDIT_HASH_B64 + 1])
{
	struct pen to = { (uint8_t *)out };

	put_base64(&to, slice_of(hash, AUDIT_HASH));
	*to.p = '\0';
}
