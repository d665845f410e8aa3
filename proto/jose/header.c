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

/* RFC 7515, 4.1.11.  We understand no extension, so any crit that is well
 * formed names one that we must refuse. */
static enum vh_err
refuse_crit(const json_t *json, struct buf *why)
{
	const json_t *crit = json_object_get(json, "crit");
	const json_t *first = json_array_get(crit, 0);

	if (crit == NULL)
		return VH_OK;
	buf_put_text(why, "header member \"crit\": ");
	if (!json_is_array(crit))
		return why_say(why, VH_EHEADER, "not an array");
	if (first == NULL)
		return why_say(why, VH_EHEADER, "empty");
	if (!json_is_string(first))
		return why_say(why, VH_EHEADER, "not an array of names");
	return why_name(why, VH_EHEADER, "extension ",
	    slice_of(json_string_value(first), json_string_length(first)),
	    " not understood");
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

enum vh_err
header_read(struct slice part, enum vh_use use, struct buf *bytes,
    struct header *out, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;

	*out = (struct header){ 0 };
	if (part.len > VH_HEADER_MAX)
		return why_say(why, VH_ETOOBIG, "header too long");
	TRY(compact_decode(part, "header", bytes, &out->text, why));
	TRY(json_read_object(out->text, VH_HEADER_MAX, &json, why));
	TRY(refuse_crit(json, why));
	TRY(read_alg(json, use, &out->alg, why));
	TRY(read_kid(json, bytes, &out->kid, why));
	out->json = TAKE(json);
	return VH_OK;
}

/* --- making one ------------------------------------------------------------
 */

/* What a caller may not set, because the daemon does, or because it changes
 * what the token means (RFC 7515, 4.1; RFC 7516, 4.1; RFC 7797). */
static const struct {
	const char *name;
	bool jws, jwe;
} reserved[] = {
	{ "alg", true, true },
	{ "kid", true, true },
	{ "crit", true, true },
	{ "b64", true, true },
	{ "enc", true, true },
	{ "zip", true, true },
	{ "epk", false, true },
	{ "apu", false, true },
	{ "apv", false, true },
	{ "iv", false, true },
	{ "tag", false, true },
	{ "p2s", false, true },
	{ "p2c", false, true },
};

static enum vh_err
refuse_reserved(const struct header_wish *wish, const json_t *json,
    struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		bool not_theirs =
		    wish->enc == NULL ? reserved[i].jws : reserved[i].jwe;

		if (not_theirs &&
		    json_object_get(json, reserved[i].name) != NULL)
			return why_name(why, VH_EHEADER, "header member ",
			    slice_text(reserved[i].name),
			    " is not the caller's to set");
	}
	if (wish->typ.len > 0 && json_object_get(json, "typ") != NULL)
		return why_say(why, VH_EHEADER,
		    "header member \"typ\" given twice");
	return VH_OK;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && is_space(s.p[0]))
		s = slice_of(s.p + 1, s.len - 1);
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Checks extra and appends its members as they were written: taking a number
 * apart and printing it again would change it. */
static enum vh_err
put_extra(const struct header_wish *wish, struct buf *out, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;

	if (wish->extra.len == 0)
		return VH_OK;
	TRY(json_read_object(wish->extra, VH_HEADER_MAX, &json, why));
	TRY(refuse_reserved(wish, json, why));
	struct slice object = trim(wish->extra);
	struct slice members = trim(slice_of(object.p + 1, object.len - 2));

	if (members.len == 0)
		return VH_OK;
	buf_put_text(out, ",");
	buf_put(out, members);
	return VH_OK;
}

static enum vh_err
put_text_member(const char *name, struct slice text, struct buf *out,
    struct buf *why)
{
	if (text.len == 0)
		return VH_OK;
	if (!json_is_plain(text))
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(name), " is not plain UTF-8");
	buf_format(out, ",\"%s\":", name);
	json_put_text(out, text);
	return VH_OK;
}

static enum vh_err
put_party(const char *name, struct slice bytes, const struct header_wish *wish,
    struct buf *out, struct buf *why)
{
	if (bytes.len == 0)
		return VH_OK;
	if (wish->enc == NULL || wish->alg->kind != VH_KIND_ECDH)
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(name), " goes with ECDH only");
	if (bytes.len > HEADER_PARTY_MAX)
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(name), " too long");
	buf_format(out, ",\"%s\":\"", name);
	b64_put(out, bytes);
	buf_put_text(out, "\"");
	return VH_OK;
}

enum vh_err
header_put(const struct header_wish *wish, struct buf *out, struct buf *why)
{
	size_t start = buf_slice(out).len;
	size_t room = wish->enc == NULL ? 0 : HEADER_EPK_ROOM;

	buf_format(out, "{\"alg\":\"%s\"", wish->alg->name);
	if (wish->enc != NULL)
		buf_format(out, ",\"enc\":\"%s\"", wish->enc->name);
	TRY(put_text_member("kid", wish->kid, out, why));
	TRY(put_text_member("typ", wish->typ, out, why));
	TRY(put_party("apu", wish->apu, wish, out, why));
	TRY(put_party("apv", wish->apv, wish, out, why));
	TRY(put_extra(wish, out, why));
	buf_put_text(out, "}");
	TRY(buf_end(out));
	if (b64_size(out->len - start + room) > VH_HEADER_MAX)
		return why_say(why, VH_ETOOBIG, "header too long");
	return VH_OK;
}
