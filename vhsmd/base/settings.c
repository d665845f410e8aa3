#include "base/settings.h"

#include <errno.h>
#include <stdlib.h>

enum type { TEXT, UINT };

#define PRESET_TEXT(v) .text = (v)
#define PRESET_UINT(v) .number = (v)

static const struct row {
	const char *name;
	enum type type;
	size_t at;
	const char *text;
	uint32_t number;
} rows[] = {
#define VH_SETTING(name, type, preset, what)                                   \
	{ #name, type, offsetof(struct settings, name), PRESET_##type(preset) },
#include "base/settings.def"
};

static char **
text_of(const struct settings *s, const struct row *row)
{
	return (char **)((uintptr_t)s + row->at);
}

static uint32_t *
number_of(const struct settings *s, const struct row *row)
{
	return (uint32_t *)((uintptr_t)s + row->at);
}

struct settings *
settings_new(void)
{
	AUTO(settings_free) struct settings *s = calloc(1, sizeof *s);

	for (size_t i = 0; s != NULL && i < ARRAY_LEN(rows); i++) {
		if (rows[i].type == UINT)
			*number_of(s, &rows[i]) = rows[i].number;
		else if (settings_set_text(text_of(s, &rows[i]),
			     rows[i].text) != VH_OK)
			return NULL;
	}
	return TAKE(s);
}

void
settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == TEXT)
			free(*text_of(s, &rows[i]));
	free(s);
}

enum vh_err
settings_set_text(char **text, const char *value)
{
	if (strchr(value, '\n') != NULL)
		return VH_EFIELD;
	char *copy = strdup(value);

	if (copy == NULL)
		return VH_ENOMEM;
	free(*text);
	*text = copy;
	return VH_OK;
}

void
settings_put(struct buf *b, const struct settings *s)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].type == UINT)
			buf_format(b, "%s %u\n", rows[i].name,
			    *number_of(s, &rows[i]));
		else
			buf_format(b, "%s %s\n", rows[i].name,
			    *text_of(s, &rows[i]));
	}
}

static enum vh_err
parse_line(struct settings *s, const char *name, const char *value)
{
	char *end;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (rows[i].type == TEXT)
			return settings_set_text(text_of(s, &rows[i]), value);
		errno = 0;
		unsigned long v = strtoul(value, &end, 10);

		if (*value < '0' || *value > '9' || *end != '\0' ||
		    errno != 0 || v > UINT32_MAX)
			return VH_EPARSE;
		*number_of(s, &rows[i]) = (uint32_t)v;
		return VH_OK;
	}
	return VH_EPARSE;
}

/* Cuts off a line as a text of its own; NULL when it has no end, holds a NUL,
 * or memory is short. */
static char *
take_line(struct slice *lines)
{
	const uint8_t *end = memchr(lines->p, '\n', lines->len);
	size_t len = end == NULL ? 0 : (size_t)(end - lines->p);

	if (end == NULL || memchr(lines->p, '\0', len) != NULL)
		return NULL;
	char *line = strndup((const char *)lines->p, len);

	*lines = slice_of(end + 1, lines->len - len - 1);
	return line;
}

static void
text_free(char *text)
{
	free(text);
}
AUTO_FREE(char, text_free)

enum vh_err
settings_parse(struct slice lines, struct settings **out)
{
	AUTO(settings_free) struct settings *s = settings_new();

	if (s == NULL)
		return VH_ENOMEM;
	while (lines.len > 0) {
		AUTO(text_free) char *line = take_line(&lines);
		char *space = line == NULL ? NULL : strchr(line, ' ');

		if (space == NULL)
			return VH_EPARSE;
		*space = '\0';
		TRY(parse_line(s, line, space + 1));
	}
	*out = TAKE(s);
	return VH_OK;
}
