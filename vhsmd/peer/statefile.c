#include "peer/statefile.h"

#include <sodium.h>

#define HEAD      "vhsmd cluster state 1\n"
#define TOMBSTONE "tombstone "
#define RECORD    "record "
#define SUM       "sha256 "
#define SUM_LINE  (sizeof SUM - 1 + 64 + 1)

/* --- writing ---------------------------------------------------------------
 */

struct writer {
	struct buf *out;
	size_t max; /* of out, without the last line */
	const char *word;
	size_t left_out;
};

static bool
put_token(struct slice token, void *context)
{
	struct writer *w = context;
	size_t size = strlen(w->word) + token.len + 1;

	if (buf_slice(w->out).len + size > w->max) {
		w->left_out++;
		return true;
	}
	buf_put_text(w->out, w->word);
	buf_put(w->out, token);
	buf_put_u8(w->out, '\n');
	return true;
}

static void
put_sum(struct buf *out, size_t start)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];

	if (buf_end(out) != VH_OK)
		return;
	(void)crypto_hash_sha256(hash, out->p + start,
	    out->len - start); /* returns 0 */
	buf_put_text(out, SUM);
	buf_put_text(out, sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
	buf_put_u8(out, '\n');
}

enum vh_err
statefile_put(const struct ledger *l, size_t max, struct buf *out,
    size_t *left_out)
{
	size_t start = buf_slice(out).len;
	struct writer w = { .out = out, .word = TOMBSTONE };

	*left_out = 0;
	if (max < start + sizeof HEAD - 1 + SUM_LINE)
		return VH_ETOOBIG;
	w.max = max - SUM_LINE;
	buf_put_text(out, HEAD);
	ledger_each_tombstone(l, put_token, &w);
	w.word = RECORD;
	for (size_t i = 0; ledger_current_at(l, i) != NULL; i++)
		put_token(buf_slice(ledger_current_at(l, i)->token), &w);
	ledger_each_evidence(l, put_token, &w);
	put_sum(out, start);
	*left_out = w.left_out;
	return buf_end(out);
}

/* --- reading ---------------------------------------------------------------
 */

/* Cuts the next line off, without its line feed. */
static struct slice
next_line(struct slice *rest)
{
	const uint8_t *end = memchr(rest->p, '\n', rest->len);
	size_t len = end == NULL ? rest->len : (size_t)(end - rest->p);
	struct slice line = slice_of(rest->p, len);
	size_t cut = end == NULL ? len : len + 1;

	*rest = slice_of(rest->p + cut, rest->len - cut);
	return line;
}

static bool
starts_with(struct slice line, const char *word, struct slice *rest)
{
	size_t len = strlen(word);

	if (line.len < len ||
	    !slice_eq(slice_of(line.p, len), slice_text(word)))
		return false;
	*rest = slice_of(line.p + len, line.len - len);
	return true;
}

/* Takes the last line off if it fits what is before it. */
static bool
take_sum(struct slice *text)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];
	struct slice last, sum;

	if (text->len < SUM_LINE)
		return false;
	last = slice_of(text->p + text->len - SUM_LINE, SUM_LINE);
	if (!starts_with(last, SUM, &sum) || last.p[SUM_LINE - 1] != '\n')
		return false;
	(void)crypto_hash_sha256(hash, text->p,
	    text->len - SUM_LINE); /* returns 0 */
	(void)sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	if (!slice_eq(slice_of(sum.p, sizeof hex - 1), slice_text(hex)))
		return false;
	text->len -= SUM_LINE;
	return true;
}

static enum vh_err
take_line(struct ledger *l, struct moment now, struct slice line,
    struct statefile_report *out)
{
	struct verdict verdict;
	struct slice token;
	enum vh_err err;

	if (starts_with(line, RECORD, &token)) {
		err = ledger_take_saved_record(l, now, token, &verdict);
	} else if (starts_with(line, TOMBSTONE, &token)) {
		err = ledger_take_saved_tombstone(l, now, token, &verdict);
	} else {
		out->malformed++;
		return VH_OK;
	}
	if (err == VH_OK)
		out->taken++;
	else
		out->refused[verdict.reason]++;
	return err == VH_ENOMEM ? err : VH_OK;
}

enum vh_err
statefile_load(struct ledger *l, struct moment now, struct slice text,
    struct statefile_report *out)
{
	struct slice rest = text, body;

	*out = (struct statefile_report){ 0 };
	if (text.len == 0)
		return VH_OK;
	out->damaged = !take_sum(&rest);
	if (!starts_with(rest, HEAD, &body)) {
		out->damaged = true;
		return VH_OK;
	}
	while (body.len > 0) {
		struct slice line = next_line(&body);
		struct slice sum;

		if (out->damaged && starts_with(line, SUM, &sum))
			continue;
		TRY(take_line(l, now, line, out));
	}
	return VH_OK;
}
