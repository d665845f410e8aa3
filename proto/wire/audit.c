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

/* Public bytes: a table will do. */
static void
put_base64(struct pen *to, struct slice in)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
				  "stuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | in.p[i];
		for (have += 8; have >= 6; have -= 6)
			*to->p++ = (uint8_t)set[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*to->p++ = (uint8_t)set[bits << (6 - have) & 63];
}

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
put_escaped(struct pen *to, struct slice text)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (is_plain(c)) {
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

static void
step(struct audit_chain *c, struct slice body)
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
	step(c, slice_of(start, (size_t)(to.p - start)));
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

/* --- reading ---------------------------------------------------------------
 */

/* A line taken apart; body borrowed. */
struct line {
	uint64_t seq;
	bool anchor;
	uint8_t prev[AUDIT_HASH], chain[AUDIT_HASH];
	struct slice body;
};

static bool
cut(struct slice *rest, const char *text)
{
	size_t len = strlen(text);

	if (rest->len < len || memcmp(rest->p, text, len) != 0)
		return false;
	*rest = slice_of(rest->p + len, rest->len - len);
	return true;
}

static bool
cut_number(struct slice *rest, uint64_t *out)
{
	size_t n = 0;

	*out = 0;
	while (n < rest->len && n < NUMBER_MAX - 1 && rest->p[n] >= '0' &&
	       rest->p[n] <= '9')
		*out = *out * 10 + (uint64_t)(rest->p[n++] - '0');
	*rest = slice_of(rest->p + n, rest->len - n);
	return n > 0;
}

static bool
cut_hash(struct slice *rest, uint8_t out[static AUDIT_HASH])
{
	size_t len;

	if (rest->len < AUDIT_HASH_B64 ||
	    b64_decode_into(slice_of(rest->p, AUDIT_HASH_B64), out, AUDIT_HASH,
		&len) != VH_OK ||
	    len != AUDIT_HASH)
		return false;
	*rest = slice_of(rest->p + AUDIT_HASH_B64, rest->len - AUDIT_HASH_B64);
	return true;
}

static bool
parse(struct slice text, struct line *out)
{
	const size_t end = strlen(CHAIN) + AUDIT_HASH_B64 + strlen(END);

	if (text.len < end || text.len >= AUDIT_LINE_MAX)
		return false;
	struct slice rest = text, tail = slice_of(text.p + text.len - end, end);

	out->body = slice_of(text.p, text.len - end);
	if (!cut(&rest, "{\"seq\":") || !cut_number(&rest, &out->seq))
		return false;
	out->anchor = cut(&rest, ",\"prev\":\"");
	if (out->anchor && !cut_hash(&rest, out->prev))
		return false;
	return cut(&tail, CHAIN) && cut_hash(&tail, out->chain) &&
	       cut(&tail, END);
}

/* Whether the line is what its hash says, after one whose hash was that. */
static bool
is_sound(const struct line *line, const uint8_t before[static AUDIT_HASH])
{
	struct audit_chain c = { .seq = 0 };

	memcpy(c.hash, before, sizeof c.hash);
	step(&c, line->body);
	return sodium_memcmp(c.hash, line->chain, sizeof c.hash) == 0;
}

static void
move_to(struct audit_chain *c, const struct line *line)
{
	c->seq = line->seq;
	memcpy(c->hash, line->chain, sizeof c->hash);
}

/* Cuts the last line, without its line feed, off text, which ends with one. */
static bool
last_line(struct slice *text, struct slice *line)
{
	if (text->len == 0)
		return false;
	size_t end = text->len - 1;
	const uint8_t *before = end == 0 ? NULL : memrchr(text->p, '\n', end);
	size_t start = before == NULL ? 0 : (size_t)(before - text->p) + 1;

	*line = slice_of(text->p + start, end - start);
	text->len = start;
	return true;
}

enum vh_err
audit_resume(struct slice tail, bool whole, struct audit_chain *c,
    struct slice *torn)
{
	const uint8_t *end =
	    tail.len == 0 ? NULL : memrchr(tail.p, '\n', tail.len);
	size_t len = end == NULL ? 0 : (size_t)(end - tail.p) + 1;
	struct slice lines = slice_of(tail.p, len), text;
	struct line last, before;

	*torn = slice_of(tail.p + len, tail.len - len);
	if (!last_line(&lines, &text))
		return VH_EPARSE;
	if (!parse(text, &last))
		return VH_EVERIFY;
	if (!last.anchor) {
		bool cut_off =
		    !last_line(&lines, &text) || (lines.len == 0 && !whole);

		if (cut_off || !parse(text, &before) ||
		    before.seq + 1 != last.seq)
			return VH_EVERIFY;
		memcpy(last.prev, before.chain, sizeof last.prev);
	}
	if (!is_sound(&last, last.prev))
		return VH_EVERIFY;
	move_to(c, &last);
	return VH_OK;
}

struct slice
audit_member(struct slice line, const char *name)
{
	char wanted[64] = ",\"";
	size_t len = strlen(name);
	struct slice none = slice_of(NULL, 0);

	if (len + 6 > sizeof wanted)
		return none;
	memcpy(wanted + 2, name, len);
	memcpy(wanted + 2 + len, "\":", 2);
	/* A quote inside a string has a backslash before it, no comma. */
	const uint8_t *at = memmem(line.p, line.len, wanted, len + 4);

	if (at == NULL)
		return none;
	at += len + 4;
	size_t left = (size_t)(line.p + line.len - at);
	bool text = left > 0 && *at == '"';

	at += text;
	left -= text;
	size_t n = 0;

	while (n < left && at[n] != '"' &&
	       (text || (at[n] >= '0' && at[n] <= '9')))
		n++;
	return slice_of(at, n);
}

/* Whether line repairs the torn one that was seen before it. */
static bool
repairs(const struct audit_reader *r, const struct line *line)
{
	struct slice size = audit_member(line->body, "torn");
	struct slice digest = audit_member(line->body, "digest");
	uint8_t hash[AUDIT_HASH];
	uint64_t n;

	return line->anchor &&
	       slice_is(audit_member(line->body, "op"), "repair") &&
	       cut_number(&size, &n) && n == r->torn &&
	       cut_hash(&digest, hash) &&
	       sodium_memcmp(hash, r->torn_hash, sizeof hash) == 0;
}

static enum audit_fault
note_torn(struct audit_reader *r, struct slice line)
{
	if (r->torn > 0)
		return AUDIT_BAD;
	r->torn = line.len + (line.len == 0);
	audit_hash(line, r->torn_hash);
	return AUDIT_TORN;
}

static enum audit_fault
check_place(struct audit_reader *r, const struct line *line)
{
	if (!r->begun) {
		if (!line->anchor)
			return AUDIT_ANCHOR;
		memcpy(r->chain.hash, line->prev, AUDIT_HASH);
		return AUDIT_SOUND;
	}
	if (line->seq > r->chain.seq + 1)
		return AUDIT_MISSING;
	if (line->seq <= r->chain.seq)
		return AUDIT_ORDER;
	return line->anchor &&
		       sodium_memcmp(line->prev, r->chain.hash, AUDIT_HASH) != 0
		   ? AUDIT_ANCHOR
		   : AUDIT_SOUND;
}

enum audit_fault
audit_read(struct audit_reader *r, struct slice text)
{
	struct line line;

	if (!parse(text, &line))
		return note_torn(r, text);
	if (r->torn > 0 && !repairs(r, &line))
		return AUDIT_BAD;
	r->torn = 0;
	enum audit_fault fault = check_place(r, &line);

	if (fault != AUDIT_SOUND)
		return fault;
	if (!is_sound(&line, r->chain.hash))
		return AUDIT_CHANGED;
	move_to(&r->chain, &line);
	r->begun = true;
	return AUDIT_SOUND;
}

const char *
audit_fault_text(enum audit_fault fault)
{
	static const char *const texts[] = {
		[AUDIT_SOUND] = "is sound",
		[AUDIT_TORN] = "is torn, and no line after it says so",
		[AUDIT_BAD] = "is no line of an audit trail, and none after it "
			      "says that it was torn",
		[AUDIT_MISSING] =
		    "comes too early: lines before it are missing",
		[AUDIT_ORDER] = "comes too late: its number was there already",
		[AUDIT_ANCHOR] =
		    "does not go on from what came before it, or lines before "
		    "it were cut off",
		[AUDIT_CHANGED] = "was changed, or a line before it was",
	};

	return texts[fault];
}
