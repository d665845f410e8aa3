#include "jose/forms.h"

#include "wire/b64.h"

static const char *const names[] = { [FORM_COMPACT] = "compact",
	[FORM_FLATTENED] = "flattened",
	[FORM_GENERAL] = "general" };

enum vh_err
form_by_name(struct slice name, enum form *out, struct buf *why)
{
	*out = FORM_COMPACT;
	if (name.len == 0)
		return VH_OK;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!slice_is(name, names[i]))
			continue;
		*out = (enum form)i;
		return VH_OK;
	}
	return why_name(why, VH_EFIELD, "format not known: ", name,
	    "; compact, flattened or general");
}

static enum vh_err
malformed(struct buf *why, const char *name)
{
	return why_name(why, VH_ETOKEN, "member ", slice_text(name),
	    " malformed");
}

enum vh_err
form_text(const json_t *object, const char *name, struct slice *out,
    struct buf *why)
{
	const json_t *value = json_object_get(object, name);

	*out = slice_of(json_string_value(value), json_string_length(value));
	if (value != NULL && out->len == 0)
		return malformed(why, name);
	return VH_OK;
}

enum vh_err
form_object(const json_t *object, const char *name, const json_t **out,
    struct buf *why)
{
	*out = json_object_get(object, name);
	if (*out != NULL && !json_is_object(*out))
		return malformed(why, name);
	return VH_OK;
}

enum vh_err
form_parties(const json_t *message, const char *name,
    const char *const *members, const json_t **out, struct buf *why)
{
	const json_t *list = json_object_get(message, name);
	size_t count = json_array_size(list);

	*out = list;
	if (list == NULL)
		return VH_OK;
	if (count > FORM_PARTIES) {
		buf_format(why, "more than %d %s", FORM_PARTIES, name);
		return VH_ETOOBIG;
	}
	if (count == 0)
		return malformed(why, name);
	for (size_t i = 0; i < count; i++)
		if (!json_is_object(json_array_get(list, i)))
			return malformed(why, name);
	for (; *members != NULL; members++)
		if (json_object_get(message, *members) != NULL)
			return why_name(why, VH_ETOKEN, "member ",
			    slice_text(*members), " of both serializations");
	return VH_OK;
}

static void
put_name(struct buf *b, size_t from, const char *name)
{
	buf_format(b, "%s\"%s\":", buf_slice(b).len > from + 1 ? "," : "",
	    name);
}

void
form_put_text(struct buf *b, size_t from, const char *name, struct slice text)
{
	if (text.len == 0)
		return;
	put_name(b, from, name);
	buf_put_text(b, "\"");
	buf_put(b, text);
	buf_put_text(b, "\"");
}

void
form_put_object(struct buf *b, size_t from, const char *name, struct slice json)
{
	if (json.len == 0)
		return;
	put_name(b, from, name);
	buf_put(b, json);
}

void
form_put_bytes(struct buf *b, size_t from, const char *name, struct slice bytes)
{
	put_name(b, from, name);
	buf_put_text(b, "\"");
	b64_put(b, bytes);
	buf_put_text(b, "\"");
}

static int
dump(const char *text, size_t len, void *to)
{
	buf_put(to, slice_of(text, len));
	return 0;
}

enum vh_err
form_dump(const json_t *object, struct buf *b)
{
	if (object == NULL)
		return VH_OK;
	if (json_dump_callback(object, dump, b, JSON_COMPACT) != 0)
		return VH_ENOMEM;
	return buf_end(b);
}
