#include "client/cli/report.h"

#include <stdlib.h>

#include "wire/buf.h"

#define COLUMNS    12    /* of a table; more are left out */
#define DEPTH      8     /* of sections */
#define JOINED_MAX 65536 /* bytes of a list in one cell */

static inline void
text_free(char *text)
{
	free(text);
}
AUTO_FREE(char, text_free)

/* A list of texts with commas between them; NULL for anything else, and for a
 * text that has commas of its own.  To be freed. */
static char *
join_texts(const json_t *list)
{
	AUTO(buf_free) struct buf *b = buf_new(JOINED_MAX);
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || strchr(text, ',') != NULL)
			return NULL;
		buf_format(b, "%s%s", i == 0 ? "" : ",", text);
	}
	buf_put_u8(b, 0);
	return count > 0 && buf_end(b) == VH_OK ? strdup((const char *)b->p)
						: NULL;
}

/* Prints one value, "-" for an absent or empty one, without a line end, and
 * gives how wide it was.  With to NULL it only measures. */
static int
print_value(FILE *to, const json_t *value)
{
	AUTO(text_free) char *dump = join_texts(value);
	const char *text = dump == NULL ? json_string_value(value) : dump;
	bool empty = value == NULL || json_is_null(value) ||
		     (json_is_object(value) && json_object_size(value) == 0) ||
		     (json_is_array(value) && json_array_size(value) == 0);

	if (text == NULL && !empty)
		dump = json_dumps(value,
		    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	if (text == NULL)
		text = dump == NULL ? "-" : dump;
	if (to != NULL)
		print_safely(to, text);
	return (int)strlen(text);
}

/* An array of objects as it is, an object of objects with each name as the
 * member "name"; NULL for what is no table.  To be freed. */
static json_t *
rows_of(json_t *value)
{
	const char *name;
	json_t *member;

	if (json_is_object(json_array_get(value, 0)))
		return json_incref(value);
	if (json_object_size(value) == 0)
		return NULL;
	AUTO(json_decref) json_t *rows = json_array();

	json_object_foreach(value, name, member)
	{
		AUTO(json_decref) json_t *row = json_object();

		if (!json_is_object(member))
			return NULL;
		put_text(row, "name", name);
		if (json_object_update_missing(row, member) != 0 ||
		    json_array_append(rows, row) != 0)
			return NULL;
	}
	return TAKE(rows);
}

static int
column_width(const json_t *rows, const char *name)
{
	int width = (int)strlen(name);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		int w = print_value(NULL,
		    json_object_get(json_array_get(rows, i), name));

		if (w > width)
			width = w;
	}
	return width;
}

struct column {
	const char *name;
	int width;
	bool right;
};

static size_t
columns_of(const json_t *rows, struct column c[static COLUMNS])
{
	json_t *first = json_array_get(rows, 0);
	size_t n = 0;
	const char *name;
	json_t *value;

	json_object_foreach(first, name, value)
	{
		if (n == COLUMNS)
			break;
		c[n++] = (struct column){ name, column_width(rows, name),
			json_is_number(value) };
	}
	return n;
}

/* One line; row NULL is the heading. */
static void
print_row(FILE *to, const json_t *row, const struct column *c, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		json_t *heading = json_string(c[k].name);
		const json_t *value =
		    row == NULL ? heading : json_object_get(row, c[k].name);
		int pad = c[k].width - print_value(NULL, value);

		fprintf(to, "%*s", c[k].right ? pad : 0, "");
		(void)print_value(to, value);
		if (k + 1 < n)
			fprintf(to, "%*s", (c[k].right ? 0 : pad) + 2, "");
		json_decref(heading);
	}
	fputc('\n', to);
}

static void
print_table(FILE *to, const json_t *rows, int indent)
{
	struct column c[COLUMNS];
	size_t n = columns_of(rows, c);

	fprintf(to, "\n%*s", indent, "");
	print_row(to, NULL, c, n);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		fprintf(to, "%*s", indent, "");
		print_row(to, json_array_get(rows, i), c, n);
	}
}

static void print_section(FILE *to, const json_t *object, int depth);

/* What stands behind a name of depth, and the end of its line. */
static void
print_member(FILE *to, json_t *value, int gap, int depth)
{
	AUTO(json_decref) json_t *rows = rows_of(value);

	if (rows != NULL) {
		print_table(to, rows, 2 * depth + 2);
	} else if (json_object_size(value) > 0 && depth < DEPTH) {
		fputc('\n', to);
		print_section(to, value, depth + 1);
	} else {
		fprintf(to, "%*s", gap, "");
		(void)print_value(to, value);
		fputc('\n', to);
	}
}

static void
print_section(FILE *to, const json_t *object, int depth)
{
	int width = 0;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name,
	    value) if ((int)strlen(name) > width) width = (int)strlen(name);
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		fprintf(to, "%*s", 2 * depth, "");
		print_safely(to, name);
		print_member(to, value, width - (int)strlen(name) + 2, depth);
	}
}

void
report_print(FILE *to, const json_t *object)
{
	print_section(to, object, 0);
}
