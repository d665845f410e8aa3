/* Reading an audit trail: each line against the one before it. */
#include <sodium.h>

#include "wire/audit.h"
#include "wire/b64.h"

#define DIGITS 19 /* of a number that fits */
#define CHAIN  ",\"chain\":\""
#define END    "\"}"

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
	while (n < rest->len && n < DIGITS && rest->p[n] >= '0' &&
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
	audit_step(&c, line->body);
	return sodium_memcmp(c.hash, line->chain, sizeof c.hash) == 0;
}

static void
move_to(struct audit_chain *c, const struct line *line)
{
	c->seq = line->seq;
	memcpy(c->hash, line->chain, sizeof c->hash);
}

static bool
same_hash(const struct audit_chain *a, const struct audit_chain *b)
{
	return sodium_memcmp(a->hash, b->hash, AUDIT_HASH) == 0;
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

static bool
is_op(const struct line *line, const char *op)
{
	return line->anchor && slice_is(audit_member(line->body, "op"), op);
}

/* Whether line repairs the torn one that was seen before it. */
static bool
repairs(const struct audit_reader *r, const struct line *line)
{
	struct slice size = audit_member(line->body, "torn");
	struct slice digest = audit_member(line->body, "digest");
	uint8_t hash[AUDIT_HASH];
	uint64_t n;

	return is_op(line, "repair") && cut_number(&size, &n) && n == r->torn &&
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

/* --- lines that come again -------------------------------------------------
 */

/* What a line of op again says: from which number on lines come once more, and
 * the hash before them. */
static bool
says_again(const struct line *line, struct audit_chain *base)
{
	struct slice from = audit_member(line->body, "from");
	struct slice hash = audit_member(line->body, "base");
	uint64_t n;

	*base = (struct audit_chain){ 0 };
	if (!is_op(line, "again") || !cut_number(&from, &n) || n == 0 ||
	    n > line->seq || !cut_hash(&hash, base->hash))
		return false;
	base->seq = n - 1;
	return true;
}

bool
audit_is_cut_again(struct slice head, struct slice tail)
{
	const uint8_t *first_end =
	    head.len == 0 ? NULL : memchr(head.p, '\n', head.len);
	const uint8_t *last_end =
	    tail.len == 0 ? NULL : memrchr(tail.p, '\n', tail.len);
	struct line first, last;
	struct audit_chain base;
	struct slice text;

	if (first_end == NULL || last_end == NULL)
		return false;
	tail.len = (size_t)(last_end - tail.p) + 1;
	if (!parse(slice_of(head.p, (size_t)(first_end - head.p)), &first) ||
	    !says_again(&first, &base) || !last_line(&tail, &text))
		return false;
	/* They have the numbers before its own, what follows has the next. */
	return parse(text, &last) && last.seq <= first.seq;
}

/* The last line that is sound with all before it. */
static const struct audit_chain *
place(const struct audit_reader *r)
{
	return r->again.seq < r->again_last ? &r->again : &r->chain;
}

/* Those that come again are the same, so that all that was read is either among
 * them or before them. */
static enum audit_fault
begin_again(struct audit_reader *r, const struct line *line,
    const struct audit_chain *base)
{
	const struct audit_chain *at = place(r);

	if (r->begun && base->seq > at->seq)
		return AUDIT_MISSING;
	if (r->begun && base->seq == at->seq && !same_hash(base, at))
		return AUDIT_ANCHOR;
	if (r->seen.seq < at->seq)
		r->seen = *at;
	r->again = *base;
	r->again_last = line->seq - 1;
	memcpy(r->again_hash, line->prev, AUDIT_HASH);
	memcpy(r->chain.hash, line->prev, AUDIT_HASH);
	return AUDIT_SOUND;
}

/* The line at which the chain is now was read before, perhaps, and then was the
 * same. */
static enum audit_fault
compare(struct audit_reader *r, const struct audit_chain *at)
{
	return r->seen.seq == at->seq && !same_hash(&r->seen, at)
		   ? AUDIT_CHANGED
		   : AUDIT_SOUND;
}

static enum audit_fault
read_again(struct audit_reader *r, const struct line *line)
{
	struct audit_chain *at = &r->again;

	r->before = *at;
	if (line->seq != at->seq + 1)
		return line->seq > at->seq ? AUDIT_MISSING : AUDIT_ORDER;
	if (!is_sound(line, at->hash))
		return AUDIT_CHANGED;
	move_to(at, line);
	r->repeated += at->seq <= r->seen.seq;
	if (at->seq == r->again_last &&
	    sodium_memcmp(at->hash, r->again_hash, AUDIT_HASH) != 0)
		return AUDIT_ANCHOR;
	return compare(r, at);
}

bool
audit_comes_again(const struct audit_reader *r, struct slice text)
{
	struct audit_chain base;
	struct line line;

	return parse(text, &line) && says_again(&line, &base) &&
	       base.seq <= place(r)->seq;
}

/* --- one after the other ---------------------------------------------------
 */

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
	struct audit_chain base;
	struct line line;

	if (!parse(text, &line))
		return note_torn(r, text);
	if (r->torn > 0 && !repairs(r, &line))
		return AUDIT_BAD;
	r->torn = 0;
	bool again = says_again(&line, &base);

	if (!again && place(r) == &r->again)
		return read_again(r, &line);
	enum audit_fault fault =
	    again ? begin_again(r, &line, &base) : check_place(r, &line);

	if (fault != AUDIT_SOUND)
		return fault;
	if (!is_sound(&line, r->chain.hash))
		return AUDIT_CHANGED;
	if (!r->begun)
		r->first = again ? base.seq + 1 : line.seq;
	r->before = r->chain;
	move_to(&r->chain, &line);
	r->begun = true;
	return compare(r, &r->chain);
}

enum audit_fault
audit_end(const struct audit_reader *r)
{
	if (r->torn > 0)
		return AUDIT_TORN;
	return place(r) == &r->again || r->seen.seq > r->chain.seq
		   ? AUDIT_CUT
		   : AUDIT_SOUND;
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
		[AUDIT_CUT] = "is the last one, but after it lines are to come "
			      "that come again",
		[AUDIT_CHANGED] = "was changed, or a line before it was",
	};

	return texts[fault];
}
