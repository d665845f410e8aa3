#include "super/options.h"

#include <stdio.h>

#include "keyspec/value.h"

static bool
format_ok(const char *text)
{
	return strcmp(text, "logfmt") == 0 || strcmp(text, "json") == 0;
}

static const struct row {
	const char *name, *value;
	bool (*ok)(const char *text);
	const char *help;
	size_t at;
} rows[] = {
#define VH_OPTION(name, value, ok, help)                                       \
	{ #name, value, ok, help, offsetof(struct options, name) },
#include "super/options.def"
};

static const char **
value_of(struct options *o, const struct row *row)
{
	return (const char **)((uintptr_t)o + row->at);
}

/* The row of --name or --name=value; NULL when there is none. */
static const struct row *
row_of(const char *arg)
{
	if (strncmp(arg, "--", 2) != 0)
		return NULL;
	size_t len = strcspn(arg + 2, "=");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strlen(rows[i].name) == len &&
		    strncmp(rows[i].name, arg + 2, len) == 0)
			return &rows[i];
	return NULL;
}

static enum vh_err
refused(struct buf *why, const char *arg, const char *text)
{
	buf_format(why, "%.64s: %s", arg, text);
	return VH_ECONFIG;
}

/* One option at argv[*i]; moves *i past it. */
static enum vh_err
parse_one(char **argv, int *i, struct options *o, struct buf *why)
{
	const char *arg = argv[(*i)++];
	const struct row *row = row_of(arg);

	if (row == NULL)
		return refused(why, arg, "unknown option");
	const char *value = strchr(arg, '=');
	const char **at = value_of(o, row);

	if (*at != NULL)
		return refused(why, arg, "given twice");
	if (value != NULL)
		value++;
	if (row->value == NULL) {
		*at = "";
		return value == NULL ? VH_OK
				     : refused(why, arg, "takes no value");
	}
	if (value == NULL && argv[*i] != NULL)
		value = argv[(*i)++];
	if (value == NULL || !row->ok(value)) {
		buf_format(why, "--%s: expected %s, %s", row->name, row->value,
		    row->help);
		return VH_ECONFIG;
	}
	*at = value;
	return VH_OK;
}

enum vh_err
options_parse(int argc, char **argv, struct options *out, struct buf *why)
{
	struct options o = { 0 };

	for (int i = 1; i < argc;)
		TRY(parse_one(argv, &i, &o, why));
	*out = o;
	return VH_OK;
}

void
options_put_help(struct buf *b)
{
	char left[40];

	buf_put_text(b, "usage: vhsmd [options]\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *value = rows[i].value;

		(void)snprintf(left, sizeof left, "--%s %s", rows[i].name,
		    value == NULL ? "" : value);
		buf_format(b, "  %-20s  %s\n", left, rows[i].help);
	}
}
