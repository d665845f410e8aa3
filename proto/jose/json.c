#include "jose/json.h"

void
json_setup(void)
{
	json_object_seed(0);
}

/* Walks text as far as brackets and strings go, before jansson, which recurses
 * and allocates, sees it. */
static enum vh_err
check_bounds(struct slice text, struct buf *why)
{
	size_t depth = 0, values = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (c == 0)
			return why_say(why, VH_EJSON, "JSON: NUL byte");
		if (c == '"')
			in_string = !in_string;
		else if (c == '\\' && in_string)
			i++;
		if (in_string)
			continue;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		values += c == '{' || c == '[' || c == ',';
		if (depth > JSON_DEPTH_MAX)
			return why_say(why, VH_ETOOBIG,
			    "JSON: nested too deep");
		if (values > JSON_VALUES_MAX)
			return why_say(why, VH_ETOOBIG,
			    "JSON: too many values");
	}
	return VH_OK;
}

static const struct {
	enum json_error_code code;
	const char *text;
} faults[] = {
	{ json_error_invalid_utf8, "not UTF-8" },
	{ json_error_premature_end_of_input, "ends too early" },
	{ json_error_end_of_input_expected, "text after the end" },
	{ json_error_null_character, "NUL in a string" },
	{ json_error_null_byte_in_key, "NUL in a member's name" },
	{ json_error_duplicate_key, "member given twice" },
	{ json_error_numeric_overflow, "number out of range" },
};

/* jansson's own words quote the input, so they stay out. */
static enum vh_err
fault(const json_error_t *error, struct buf *why)
{
	enum json_error_code code = json_error_code(error);
	const char *text = "syntax error";

	if (code == json_error_out_of_memory)
		return why_say(why, VH_ENOMEM, "JSON: out of memory");
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i].code == code)
			text = faults[i].text;
	buf_format(why, "JSON, line %d, column %d: %s", error->line,
	    error->column, text);
	return VH_EJSON;
}

enum vh_err
json_read_object(struct slice text, size_t max, json_t **out, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;
	json_error_t error;

	*out = NULL;
	if (text.len > max)
		return why_say(why, VH_ETOOBIG, "JSON: too long");
	if (text.len == 0)
		return why_say(why, VH_EJSON, "JSON: empty");
	TRY(check_bounds(text, why));
	json = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		return fault(&error, why);
	if (!json_is_object(json))
		return why_say(why, VH_EJSON, "JSON: not an object");
	*out = TAKE(json);
	return VH_OK;
}

static bool
has_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			return true;
	return false;
}

bool
json_get_text(const json_t *object, const char *name, size_t max,
    struct slice *out)
{
	const json_t *value = json_object_get(object, name);

	*out = slice_of(NULL, 0);
	if (value == NULL)
		return true;
	struct slice text =
	    slice_of(json_string_value(value), json_string_length(value));

	if (text.len == 0 || text.len > max || has_control(text))
		return false;
	*out = text;
	return true;
}

bool
json_is_plain(struct slice text)
{
	AUTO(json_decref) json_t *checked = NULL;

	if (text.len == 0)
		return true;
	if (has_control(text))
		return false;
	checked = json_stringn((const char *)text.p, text.len);
	return checked != NULL;
}

void
json_put_text(struct buf *b, struct slice text)
{
	size_t from = 0;

	buf_put_text(b, "\"");
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(b, slice_of(text.p + from, i - from));
		from = i + 1;
		if (c < 0x20)
			buf_format(b, "\\u%04x", c);
		else
			buf_format(b, "\\%c", c);
	}
	if (from < text.len)
		buf_put(b, slice_of(text.p + from, text.len - from));
	buf_put_text(b, "\"");
}
