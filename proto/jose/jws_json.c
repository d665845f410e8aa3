#include "jose/jws_json.h"

#include <stdlib.h>

void
jws_set_free(struct jws_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		jws_free(set->at[i]);
	buf_free(set->stage);
	buf_free(set->bytes);
	free(set);
}

/* --- one signature --------------------------------------------------------
 */

/* Its protected part is copied: the tree of the message goes. */
static enum vh_err
keep_texts(struct jws *jws, const struct header_parts *parts)
{
	size_t start = jws->bytes->len;

	buf_put(jws->bytes, parts->protected);
	jws->protected = slice_of(jws->bytes->p + start, parts->protected.len);
	start = jws->bytes->len;
	TRY(form_dump(parts->own, jws->bytes));
	jws->unprotected =
	    slice_of(jws->bytes->p + start, jws->bytes->len - start);
	return buf_end(jws->bytes);
}

static enum vh_err
measure(const json_t *object, size_t *size, struct buf *why)
{
	*size = object == NULL ? 0 : json_dumpb(object, NULL, 0, JSON_COMPACT);
	return *size > VH_HEADER_MAX
		   ? why_say(why, VH_ETOOBIG, "header too long")
		   : VH_OK;
}

static enum vh_err
add(struct jws_set *set, const json_t *object, bool soft, struct buf *why)
{
	struct jws_parts parts = { .header.shared = NULL };
	size_t room;

	TRY(form_text(object, "protected", &parts.header.protected, why));
	TRY(form_object(object, "header", &parts.header.own, why));
	TRY(form_text(object, "signature", &parts.signature, why));
	if (parts.header.protected.len == 0 && parts.header.own == NULL)
		return why_say(why, VH_ETOKEN, "signature without a header");
	if (parts.signature.len == 0)
		return why_say(why, VH_ETOKEN, "member \"signature\" missing");
	TRY(measure(parts.header.own, &room, why));
	room += parts.header.protected.len;
	TRY(jws_read(&parts, room, soft, &set->at[set->count], why));
	return keep_texts(set->at[set->count++], &parts.header);
}

static enum vh_err
add_all(struct jws_set *set, const json_t *message, struct buf *why)
{
	static const char *const own[] = { "protected", "header", "signature",
		NULL };
	const json_t *list;

	TRY(form_parties(message, "signatures", own, &list, why));
	if (list == NULL)
		return add(set, message, false, why);
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
		TRY(add(set, json_array_get(list, i), count > 1, why));
	/* RFC 7797, 3. */
	for (size_t i = 1; i < count; i++)
		if (set->at[i]->unencoded != set->at[0]->unencoded)
			return why_say(why, VH_EHEADER,
			    "the signatures do not agree on b64");
	return VH_OK;
}

/* --- the payload -----------------------------------------------------------
 */

/* Behind the place for the header stands the dot. */
static enum vh_err
open_stage(struct jws_set *set, size_t size)
{
	size_t room = VH_HEADER_MAX + 1 + size;

	set->stage = buf_new(room);
	if (!buf_reserve(set->stage, room))
		return VH_ENOMEM;
	(void)buf_extend(set->stage, VH_HEADER_MAX);
	buf_put_u8(set->stage, '.');
	return VH_OK;
}

static enum vh_err
take_detached(struct jws_set *set, struct slice payload, struct buf *why)
{
	bool raw = set->at[0]->unencoded;

	if (payload.len > VH_DATA_MAX)
		return why_say(why, VH_ETOOBIG, "payload too long");
	set->payload = payload;
	TRY(open_stage(set, raw ? payload.len : b64_size(payload.len)));
	if (raw)
		buf_put(set->stage, payload);
	else
		b64_put(set->stage, payload);
	return buf_end(set->stage);
}

static enum vh_err
take_attached(struct jws_set *set, const json_t *member, struct buf *why)
{
	struct slice text =
	    slice_of(json_string_value(member), json_string_length(member));

	if (!json_is_string(member))
		return why_say(why, VH_ETOKEN,
		    "member \"payload\" missing or malformed");
	TRY(open_stage(set, text.len));
	buf_put(set->stage, text);
	set->bytes = buf_new(text.len + 4);
	if (!buf_reserve(set->bytes, text.len + 4))
		return VH_ENOMEM;
	if (!set->at[0]->unencoded)
		return compact_decode(text, "payload", set->bytes,
		    &set->payload, why);
	buf_put(set->bytes, text);
	set->payload = buf_slice(set->bytes);
	return VH_OK;
}

static enum vh_err
read_json(struct jws_set *set, struct slice token, const struct slice *detached,
    struct buf *why)
{
	AUTO(json_decref) json_t *message = NULL;

	set->json = true;
	TRY(json_read_object(token, VH_TOKEN_MAX, &message, why));
	TRY(add_all(set, message, why));
	const json_t *payload = json_object_get(message, "payload");

	if (detached == NULL)
		return take_attached(set, payload, why);
	if (payload != NULL)
		return why_say(why, VH_ETOKEN,
		    "payload in the token and apart from it");
	return take_detached(set, *detached, why);
}

static enum vh_err
read_compact(struct jws_set *set, struct slice token,
    const struct slice *detached, struct buf *why)
{
	if (detached == NULL)
		TRY(jws_parse(token, &set->at[0], why));
	else
		TRY(jws_parse_detached(token, *detached, &set->at[0], why));
	set->count = 1;
	set->payload = set->at[0]->payload;
	return VH_OK;
}

enum vh_err
jws_set_parse(struct slice token, const struct slice *detached,
    struct jws_set **out, struct buf *why)
{
	AUTO(jws_set_free) struct jws_set *set = calloc(1, sizeof *set);

	*out = NULL;
	if (set == NULL)
		return VH_ENOMEM;
	TRY((header_is_json(token) ? read_json : read_compact)(set, token,
	    detached, why));
	*out = TAKE(set);
	return VH_OK;
}

struct slice
jws_set_input(struct jws_set *set, size_t i)
{
	const struct jws *jws = set->at[i];
	size_t at = VH_HEADER_MAX - jws->protected.len;

	if (set->stage == NULL)
		return jws->input;
	if (jws->protected.len > 0)
		memcpy(set->stage->p + at, jws->protected.p,
		    jws->protected.len);
	return slice_of(set->stage->p + at, set->stage->len - at);
}

/* --- making one ------------------------------------------------------------
 */

bool
jws_is_jsonable(struct slice payload)
{
	AUTO(json_decref) json_t *checked = NULL;

	if (payload.len == 0)
		return true;
	if (memchr(payload.p, 0, payload.len) != NULL)
		return false;
	checked = json_stringn((const char *)payload.p, payload.len);
	return checked != NULL;
}

static void
put_signature(struct buf *b, size_t from, const struct jws_made *made)
{
	form_put_text(b, from, "protected", made->protected);
	form_put_object(b, from, "header", made->unprotected);
	form_put_text(b, from, "signature", made->signature);
}

static void
put_payload(struct buf *b, const struct slice *payload, bool unencoded)
{
	if (payload == NULL)
		return;
	buf_put_text(b, "\"payload\":");
	if (unencoded) {
		json_put_text(b, *payload);
		return;
	}
	buf_put_text(b, "\"");
	b64_put(b, *payload);
	buf_put_text(b, "\"");
}

void
jws_put_json(struct buf *b, enum form form, const struct slice *payload,
    bool unencoded, const struct jws_made *made, size_t count)
{
	size_t start = buf_slice(b).len;

	buf_put_text(b, "{");
	put_payload(b, payload, unencoded);
	if (form == FORM_FLATTENED) {
		put_signature(b, start, made);
		buf_put_text(b, "}");
		return;
	}
	buf_put_text(b,
	    payload == NULL ? "\"signatures\":[" : ",\"signatures\":[");
	for (size_t i = 0; i < count; i++) {
		buf_put_text(b, i == 0 ? "{" : ",{");
		put_signature(b, buf_slice(b).len - 1, &made[i]);
		buf_put_text(b, "}");
	}
	buf_put_text(b, "]}");
}
