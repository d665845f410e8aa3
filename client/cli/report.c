#include "client/cli/report.h"

#include <stdlib.h>

#define COLUMNS 12 /* of a table; more are left out */
#define DEPTH   8  /* of sections */

/* Prints one value without a line end, gives how wide it was.  With to NULL it
 * only measures. */
static int
print_value(FILE *to, const json_t *value)
{
	char *dump = NULL;
	const char *text = json_string_value(value);

	if (text == NULL) {
		dump = json_dumps(value,
		    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
		text = dump == NULL ? "?" : dump;
	}
	int width = (int)strlen(text);

	if (to != NULL)
		print_safely(to, text);
	free(dump);
	return width;
}

static void
print_padded(FILE *to, const json_t *value, int width, bool right)
{
	int pad = width - (value == NULL ? 0 : print_value(NULL, value));

	if (right)
		fprintf(to, "%*s", pad, "");
	if (value != NULL)
		print_value(to, value);
	if (!right)
		fprintf(to, "%*s", pad, "");
}

static bool
is_table(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static int
column_width(const json_t *rows, const char *name)
{
	int width = (int)strlen(name);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *v =
		    json_object_get(json_array_get(rows, i), name);
		int w = v == NULL ? 0 : print_value(NULL, v);

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

static void
print_table(FILE *to, const json_t *rows, int indent)
{
	struct column c[COLUMNS];
	size_t n = columns_of(rows, c);

	fprintf(to, "%*s", indent, "");
	for (size_t k = 0; k < n; k++) {
		fprintf(to, "%*s%s%*s  ",
		    c[k].right ? c[k].width - (int)strlen(c[k].name) : 0, "",
		    c[k].name,
		    c[k].right ? 0 : c[k].width - (int)strlen(c[k].name), "");
	}
	fputc('\n', to);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		fprintf(to, "%*s", indent, "");
		for (size_t k = 0; k < n; k++) {
			print_padded(to,
			    json_object_get(json_array_get(rows, i), c[k].name),
			    c[k].width, c[k].right);
			fputs("  ", to);
		}
		fputc('\n', to);
	}
}

static void
print_section(FILE *to, const json_t *object, int depth)
{
	int width = 0, indent = 2 * depth;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name,
	    value) if ((int)strlen(name) > width) width = (int)strlen(name);
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		fprintf(to, "%*s", indent, "");
		print_safely(to, name);
		if (is_table(value)) {
			fputc('\n', to);
			print_table(to, value, indent + 2);
		} else if (json_is_object(value) && depth < DEPTH) {
			fputc('\n', to);
			print_section(to, value, depth + 1);
		} else {
			fprintf(to, "%*s  ", width - (int)strlen(name), "");
			print_value(to, value);
			fputc('\n', to);
		}
	}
}

void
report_print(FILE *to, const json_t *object)
{
	print_section(to, object, 0);
}
