#include "jose/header.h"

#include "wire/b64.h"

#define ALG_NAME_MAX 64 /* bytes of an alg or enc name */

enum vh_err
compact_split(struct slice token, struct slice *parts, size_t count,
    struct buf *why)
{
	const uint8_t *p = token.p, *end = token.p + token.len;
	size_t found = 0;

	if (token.len > VH_TOKEN_MAX)
		return why_say(why, VH_ETOOBIG, "token too long");
	if (token.len == 0)
		return why_say(why, VH_ETOKEN, "token empty");
	for (;;) {
		const uint8_t *dot = memchr(p, '.', (size_t)(end - p));

		if (found == count || (dot == NULL && found + 1 < count))
			break;
		parts[found++] =
		    slice_of(p, (size_t)((dot == NULL ? end : dot) - p));
		if (dot == NULL)
			return VH_OK;
		p = dot + 1;
	}
	buf_format(why, "token has not %zu parts", count);
	return VH_ETOKEN;
}

enum vh_err
compact_decode(struct slice part, const char *name, struct buf *bytes,
    struct slice *out, struct buf *why)
{
	size_t start = buf_slice(bytes).len;
	enum vh_err err = b64_decode(part, bytes);

	if (err == VH_EPARSE) {
		buf_format(why, "%s is not canonical base64url", name);
		return VH_ETOKEN;
	}
	TRY(err);
	*out = slice_of(bytes->p + start, bytes->len - start);
	return VH_OK;
}

size_t
header_room(struct slice part)
{
	return part.len + 3 + JOSE_KID_MAX;
}

static enum vh_err
refuse_crit(struct buf *why, const char *text)
{
	buf_put_text(why, "header member \"crit\": ");
	return why_say(why, VH_EHEADER, text);
}

/* RFC 7515, 4.1.11: names of what is there and understood, each once.  We
 * understand b64 of a JWS (RFC 7797) and nothing else. */
static enum vh_err
check_crit(const json_t *json, enum vh_use use, struct buf *why)
{
	const json_t *crit = json_object_get(json, "crit"), *name;

	if (crit == NULL)
		return VH_OK;
	if (!json_is_array(crit))
		return refuse_crit(why, "not an array");
	if (json_array_size(crit) == 0)
		return refuse_crit(why, "empty");
	for (size_t i = 0; i < json_array_size(crit); i++) {
		name = json_array_get(crit, i);
		struct slice text =
		    slice_of(json_string_value(name), json_string_length(name));

		if (!json_is_string(name))
			return refuse_crit(why, "not an array of names");
		if (use != VH_USE_SIG || !slice_is(text, "b64"))
			return why_name(why, VH_EHEADER,
			    "header member \"crit\": extension ", text,
			    " not understood");
		if (i > 0)
			return refuse_crit(why, "names b64 twice");
	}
	return json_object_get(json, "b64") != NULL
		   ? VH_OK
		   : refuse_crit(why, "names b64, which is missing");
}

/* RFC 7797, 3 and 6: b64 is true or false, and nothing without crit. */
static enum vh_err
check_b64(const json_t *json, enum vh_use use, struct buf *why)
{
	const json_t *b64 = json_object_get(json, "b64");

	if (b64 == NULL || use != VH_USE_SIG)
		return VH_OK;
	if (!json_is_boolean(b64))
		return why_say(why, VH_EHEADER,
		    "header member \"b64\" is neither true nor false");
	return json_object_get(json, "crit") != NULL
		   ? VH_OK
		   : why_say(why, VH_EHEADER,
			 "header member \"b64\" without \"crit\"");
}

static enum vh_err
read_alg(const json_t *json, enum vh_use use, const struct alg **out,
    struct buf *why)
{
	struct slice name;

	if (!json_get_text(json, "alg", ALG_NAME_MAX, &name) || name.len == 0)
		return why_say(why, VH_EHEADER,
		    "header member \"alg\" missing or malformed");
	const struct alg *alg = alg_by_name(name);

	if (alg == NULL)
		return why_name(why, VH_EALG, "algorithm ", name, " not known");
	if (alg->use != use)
		return why_name(why, VH_EALG, "algorithm ", name,
		    use == VH_USE_SIG ? " does not sign" : " does not encrypt");
	*out = alg;
	return VH_OK;
}

static enum vh_err
read_kid(const json_t *json, struct buf *bytes, struct slice *out,
    struct buf *why)
{
	size_t start = buf_slice(bytes).len;
	struct slice kid;

	if (!json_get_text(json, "kid", JOSE_KID_MAX, &kid))
		return why_say(why, VH_EHEADER,
		    "header member \"kid\" malformed");
	buf_put(bytes, kid);
	TRY(buf_end(bytes));
	*out = slice_of(bytes->p + start, kid.len);
	return VH_OK;
}

/* Whether b64 is false and crit names it, whatever else crit names. */
static bool
is_unencoded(const json_t *json)
{
	const json_t *crit = json_object_get(json, "crit");

	if (!json_is_false(json_object_get(json, "b64")))
		return false;
	for (size_t i = 0; i < json_array_size(crit); i++) {
		const char *name = json_string_value(json_array_get(crit, i));

		if (name != NULL && strcmp(name, "b64") == 0)
			return true;
	}
	return false;
}

/* What must be protected to count: what changes the meaning of a token (RFC
 * 7515, 4.1.11; RFC 7516, 4.1.3; RFC 7797, 3), and by our own choice the
 * algorithm of a signature. */
static const struct {
	const char *name;
	bool jws, jwe;
} protected_only[] = {
	{ "alg", true, false },
	{ "crit", true, true },
	{ "b64", true, false },
	{ "zip", false, true },
};

static const char *
misplaced_in(const json_t *object, enum vh_use use)
{
	for (size_t i = 0; i < ARRAY_LEN(protected_only); i++) {
		bool must = use == VH_USE_SIG ? protected_only[i].jws
					      : protected_only[i].jwe;

		if (must &&
		    json_object_get(object, protected_only[i].name) != NULL)
			return protected_only[i].name;
	}
	return NULL;
}

/* RFC 7515, 7.2.1 and RFC 7516, 7.2.1: the names are disjoint. */
static enum vh_err
join(json_t *all, const json_t *object, struct buf *why)
{
	json_t *from = json_incref((json_t *)(uintptr_t)object), *value;
	AUTO(json_decref) json_t *held = from;
	const char *name;

	json_object_foreach(from, name, value)
	{
		if (json_object_get(all, name) != NULL)
			return why_name(why, VH_EHEADER, "header member ",
			    slice_text(name), " stands in two places");
		if (json_object_set(all, name, value) != 0)
			return VH_ENOMEM;
	}
	return VH_OK;
}

enum vh_err
header_join(const struct header_parts *parts, enum vh_use use,
    struct buf *bytes, struct header *out, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;
	struct slice part = parts->protected;

	*out = (struct header){ 0 };
	if (part.len > VH_HEADER_MAX)
		return why_say(why, VH_ETOOBIG, "header too long");
	TRY(compact_decode(part, "header", bytes, &out->text, why));
	if (part.len > 0 || (parts->shared == NULL && parts->own == NULL))
		TRY(json_read_object(out->text, VH_HEADER_MAX, &json, why));
	else
		json = json_object();
	if (json == NULL)
		return VH_ENOMEM;
	out->unencoded = use == VH_USE_SIG && is_unencoded(json);
	out->misplaced = misplaced_in(parts->shared, use);
	if (out->misplaced == NULL)
		out->misplaced = misplaced_in(parts->own, use);
	TRY(join(json, parts->shared, why));
	TRY(join(json, parts->own, why));
	out->json = TAKE(json);
	return VH_OK;
}

enum vh_err
header_understand(struct header *header, enum vh_use use, struct buf *bytes,
    struct buf *why)
{
	/* First: what cannot be verified still has a name. */
	TRY(read_kid(header->json, bytes, &header->kid, why));
	if (header->misplaced != NULL)
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(header->misplaced), " is not protected");
	TRY(check_crit(header->json, use, why));
	TRY(check_b64(header->json, use, why));
	return read_alg(header->json, use, &header->alg, why);
}

enum vh_err
header_read(struct slice part, enum vh_use use, struct buf *bytes,
    struct header *out, struct buf *why)
{
	const struct header_parts parts = { .protected = part };
	AUTO(json_decref) json_t *json = NULL;

	TRY(header_join(&parts, use, bytes, out, why));
	json = TAKE(out->json);
	out->json = json; /* borrowed for a moment */
	enum vh_err err = header_understand(out, use, bytes, why);

	out->json = err == VH_OK ? TAKE(json) : NULL;
	return err;
}

bool
header_is_json(struct slice token)
{
	size_t i = 0;

	while (i < token.len && json_is_space(token.p[i]))
		i++;
	return i < token.len && token.p[i] == '{';
}
