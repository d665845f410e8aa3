#include "client/cli/cluster_index.h"

#include <stdlib.h>

#define COLUMNS     5
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"
#define YEAR_10000  INT64_C(253402300800)
#define FIRST_ROWS  64

struct cert_index {
	struct issued *rows;
	size_t n, cap;
};

void
index_free(struct cert_index *x)
{
	if (x == NULL)
		return;
	free(x->rows);
	free(x);
}

const struct issued *
index_at(const struct cert_index *x, size_t i)
{
	return i < x->n ? &x->rows[i] : NULL;
}

const struct issued *
index_find(const struct cert_index *x, const char *serial)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->rows[i].serial, serial) == 0)
			return &x->rows[i];
	return NULL;
}

enum vh_err
index_add(struct cert_index *x, const struct issued *row)
{
	if (index_find(x, row->serial) != NULL)
		return VH_EDUPLICATE;
	if (x->n == x->cap) {
		size_t cap = x->cap == 0 ? FIRST_ROWS : x->cap * 2;
		struct issued *rows = reallocarray(x->rows, cap, sizeof *rows);

		if (rows == NULL)
			return VH_ENOMEM;
		x->rows = rows;
		x->cap = cap;
	}
	x->rows[x->n++] = *row;
	return VH_OK;
}

static void
revoke(struct issued *row, time_t now)
{
	if (row->revoked == 0)
		row->revoked = now;
}

size_t
index_revoke_serial(struct cert_index *x, const char *serial, time_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++) {
		if (strcmp(x->rows[i].serial, serial) != 0)
			continue;
		revoke(&x->rows[i], now);
		n++;
	}
	return n;
}

size_t
index_revoke_name(struct cert_index *x, const char *name, time_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++) {
		if (strcmp(x->rows[i].name, name) != 0)
			continue;
		revoke(&x->rows[i], now);
		n++;
	}
	return n;
}

void
time_text(time_t t, char out[static TIME_TEXT_SIZE])
{
	struct tm tm;

	out[0] = '\0';
	if (t >= 0 && t < YEAR_10000 && gmtime_r(&t, &tm) != NULL &&
	    strftime(out, TIME_TEXT_SIZE, TIME_FORMAT, &tm) == 0)
		out[0] = '\0';
}

void
index_put(struct buf *b, const struct cert_index *x)
{
	char not_after[TIME_TEXT_SIZE], revoked[TIME_TEXT_SIZE];

	for (size_t i = 0; i < x->n; i++) {
		const struct issued *row = &x->rows[i];

		time_text(row->not_after, not_after);
		time_text(row->revoked, revoked);
		buf_format(b, "%s %s %s %s %s\n", row->serial,
		    kind_row(row->kind)->name, row->name, not_after,
		    row->revoked == 0 ? "-" : revoked);
	}
}

/* --- reading ------------------------------------------------------------- */

/* The next word before sep; false when sep is not there. */
static bool
cut(struct slice *rest, char sep, struct slice *word)
{
	const uint8_t *end =
	    rest->len == 0 ? NULL : memchr(rest->p, sep, rest->len);

	if (end == NULL)
		return false;
	*word = slice_of(rest->p, (size_t)(end - rest->p));
	*rest = slice_of(end + 1, rest->len - word->len - 1);
	return true;
}

/* What time_text wrote, and nothing else: strptime takes more. */
static bool
time_of(struct slice word, time_t *out)
{
	char text[TIME_TEXT_SIZE] = "", again[TIME_TEXT_SIZE];
	struct tm tm = { 0 };

	if (word.len != sizeof text - 1)
		return false;
	memcpy(text, word.p, word.len);
	const char *end = strptime(text, TIME_FORMAT, &tm);

	if (end == NULL || *end != '\0')
		return false;
	*out = timegm(&tm);
	time_text(*out, again);
	return *out > 0 && strcmp(text, again) == 0;
}

static bool
serial_of(struct slice word, char out[static SERIAL_MAX + 1])
{
	if (word.len == 0 || word.len > SERIAL_MAX)
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (memchr("0123456789abcdef", word.p[i], 16) == NULL)
			return false;
	memcpy(out, word.p, word.len);
	return true;
}

static enum vh_err
row_parse(struct slice line, struct issued *out)
{
	struct slice column[COLUMNS];
	struct issued row = { 0 };

	for (size_t i = 0; i + 1 < COLUMNS; i++)
		if (!cut(&line, ' ', &column[i]))
			return VH_EPARSE;
	column[COLUMNS - 1] = line;
	if (!serial_of(column[0], row.serial) ||
	    !kind_by_name(column[1], &row.kind) ||
	    !node_name_is_sound(column[2]) ||
	    !time_of(column[3], &row.not_after))
		return VH_EPARSE;
	memcpy(row.name, column[2].p, column[2].len);
	if (!slice_is(column[4], "-") && !time_of(column[4], &row.revoked))
		return VH_EPARSE;
	*out = row;
	return VH_OK;
}

enum vh_err
index_parse(struct slice text, struct cert_index **out, size_t *line)
{
	AUTO(index_free) struct cert_index *x = calloc(1, sizeof *x);
	struct slice one;
	struct issued row;

	*line = 0;
	if (x == NULL)
		return VH_ENOMEM;
	while (text.len > 0) {
		++*line;
		/* A last line without its end has been cut off. */
		if (!cut(&text, '\n', &one))
			return VH_EPARSE;
		TRY(row_parse(one, &row));
		enum vh_err err = index_add(x, &row);

		if (err != VH_OK)
			return err == VH_EDUPLICATE ? VH_EPARSE : err;
	}
	*out = TAKE(x);
	return VH_OK;
}
