/* Headers as the daemon makes them. */
#include "jose/header.h"
#include "wire/b64.h"

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

/* What some members are, whoever sets them (RFC 7515, 4.1). */
static const struct {
	const char *name;
	json_type type;
	const char *must_be;
} kinds[] = {
	{ "typ", JSON_STRING, " must be a string" },
	{ "cty", JSON_STRING, " must be a string" },
	{ "jku", JSON_STRING, " must be a string" },
	{ "x5u", JSON_STRING, " must be a string" },
	{ "x5t", JSON_STRING, " must be a string" },
	{ "x5t#S256", JSON_STRING, " must be a string" },
	{ "x5c", JSON_ARRAY, " must be an array" },
	{ "jwk", JSON_OBJECT, " must be an object" },
};

static enum vh_err
refuse_misshapen(const json_t *json, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const json_t *value = json_object_get(json, kinds[i].name);

		if (value != NULL && json_typeof(value) != kinds[i].type)
			return why_name(why, VH_EHEADER, "header member ",
			    slice_text(kinds[i].name), kinds[i].must_be);
	}
	return VH_OK;
}

static enum vh_err
refuse_reserved(bool jwe, struct slice typ, const json_t *json, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		bool not_theirs = jwe ? reserved[i].jwe : reserved[i].jws;

		if (not_theirs &&
		    json_object_get(json, reserved[i].name) != NULL)
			return why_name(why, VH_EHEADER, "header member ",
			    slice_text(reserved[i].name),
			    " is not the caller's to set");
	}
	if (typ.len > 0 && json_object_get(json, "typ") != NULL)
		return why_say(why, VH_EHEADER,
		    "header member \"typ\" given twice");
	return refuse_misshapen(json, why);
}

enum vh_err
header_check_unprotected(struct slice unprotected, bool jwe, struct slice typ,
    struct slice extra, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;
	AUTO(json_decref) json_t *all = NULL;
	const char *name;
	json_t *value;

	if (unprotected.len == 0)
		return VH_OK;
	TRY(json_read_object(unprotected, VH_HEADER_MAX, &json, why));
	TRY(refuse_reserved(jwe, typ, json, why));
	if (extra.len == 0)
		return VH_OK;
	TRY(json_read_object(extra, VH_HEADER_MAX, &all, why));
	json_object_foreach(json, name,
	    value) if (json_object_get(all, name) != NULL) return why_name(why,
	    VH_EHEADER, "header member ", slice_text(name),
	    " stands in two places");
	return VH_OK;
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && json_is_space(s.p[0]))
		s = slice_of(s.p + 1, s.len - 1);
	while (s.len > 0 && json_is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The brace that opens the object is there; after a member stands a comma. */
static void
put_members(struct slice members, struct buf *out)
{
	if (members.len == 0)
		return;
	if (buf_end(out) == VH_OK && out->p[out->len - 1] != '{')
		buf_put_text(out, ",");
	buf_put(out, members);
}

/* Checks extra and appends its members as they were written: taking a number
 * apart and printing it again would change it. */
static enum vh_err
put_extra(const struct header_wish *wish, bool jwe, struct buf *out,
    struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;

	if (wish->extra.len == 0)
		return VH_OK;
	TRY(json_read_object(wish->extra, VH_HEADER_MAX, &json, why));
	TRY(refuse_reserved(jwe, wish->typ, json, why));
	struct slice object = trim(wish->extra);
	struct slice members = trim(slice_of(object.p + 1, object.len - 2));

	put_members(members, out);
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
	if (wish->alg == NULL || wish->alg->kind != VH_KIND_ECDH)
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

static void
put_first(const struct header_wish *wish, struct buf *out)
{
	buf_put_text(out, "{");
	if (wish->alg != NULL)
		buf_format(out, "\"alg\":\"%s\"", wish->alg->name);
	if (wish->enc != NULL)
		buf_format(out, "%s\"enc\":\"%s\"",
		    wish->alg == NULL ? "" : ",", wish->enc->name);
	if (wish->enc != NULL && wish->zip)
		buf_put_text(out, ",\"zip\":\"DEF\"");
}

enum vh_err
header_put(const struct header_wish *wish, struct buf *out, struct buf *why)
{
	size_t start = buf_slice(out).len;
	bool jwe = wish->enc != NULL;

	put_first(wish, out);
	TRY(put_text_member("kid", wish->kid, out, why));
	TRY(put_text_member("typ", wish->typ, out, why));
	TRY(put_party("apu", wish->apu, wish, out, why));
	TRY(put_party("apv", wish->apv, wish, out, why));
	if (!jwe && wish->unencoded)
		buf_put_text(out, ",\"b64\":false,\"crit\":[\"b64\"]");
	TRY(put_extra(wish, jwe, out, why));
	buf_put_text(out, "}");
	TRY(buf_end(out));
	if (b64_size(out->len - start + (jwe ? HEADER_EPK_ROOM : 0)) >
	    VH_HEADER_MAX)
		return why_say(why, VH_ETOOBIG, "header too long");
	return VH_OK;
}

enum vh_err
header_put_recipient(const struct header_wish *wish, struct slice members,
    struct buf *out, struct buf *why)
{
	put_first(&(struct header_wish){ .alg = wish->alg }, out);
	TRY(put_text_member("kid", wish->kid, out, why));
	TRY(put_party("apu", wish->apu, wish, out, why));
	TRY(put_party("apv", wish->apv, wish, out, why));
	TRY(put_extra(wish, true, out, why));
	put_members(members, out);
	buf_put_text(out, "}");
	return buf_end(out);
}
