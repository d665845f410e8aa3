#include "jose/jwe_json.h"

#include <stdlib.h>

void
jwe_set_free(struct jwe_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		jwe_free(set->at[i]);
	buf_free(set->bytes);
	free(set);
}

/* --- what all recipients share ---------------------------------------------
 */

static const struct member {
	const char *name, *what;
	size_t at;
	bool needed;
} members[] = {
	{ "iv", "initialization vector", offsetof(struct jwe_parts, iv), true },
	{ "ciphertext", "ciphertext", offsetof(struct jwe_parts, ciphertext),
	    true },
	{ "tag", "authentication tag", offsetof(struct jwe_parts, tag), true },
	{ "aad", "additional authenticated data",
	    offsetof(struct jwe_parts, aad), false },
};

/* An empty ciphertext is a good one. */
static enum vh_err
decode(struct jwe_set *set, const json_t *message, const struct member *m,
    struct jwe_parts *parts, struct buf *why)
{
	const json_t *value = json_object_get(message, m->name);
	struct slice text = slice_of(json_string_value(value),
			 json_string_length(value)),
		     bytes;

	if (value == NULL && !m->needed)
		return VH_OK;
	if (!json_is_string(value) || (!m->needed && text.len == 0))
		return why_name(why, VH_ETOKEN, "member ", slice_text(m->name),
		    " missing or malformed");
	TRY(compact_decode(text, m->what, set->bytes, &bytes, why));
	memcpy((char *)parts + m->at, &bytes, sizeof bytes);
	return VH_OK;
}

static enum vh_err
read_shared(struct jwe_set *set, const json_t *message, size_t size,
    struct jwe_parts *parts, struct buf *why)
{
	size_t room = size + 3 * ARRAY_LEN(members);

	set->bytes = buf_new(room);
	if (!buf_reserve(set->bytes, room))
		return VH_ENOMEM;
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		TRY(decode(set, message, &members[i], parts, why));
	TRY(form_text(message, "protected", &parts->header.protected, why));
	return form_object(message, "unprotected", &parts->header.shared, why);
}

/* --- one recipient ---------------------------------------------------------
 */

static enum vh_err
measure(const json_t *object, size_t *size, struct buf *why)
{
	*size = object == NULL ? 0 : json_dumpb(object, NULL, 0, JSON_COMPACT);
	return *size > VH_HEADER_MAX
		   ? why_say(why, VH_ETOOBIG, "header too long")
		   : VH_OK;
}

/* What is not protected, as one object: the names are disjoint. */
static enum vh_err
keep_unprotected(struct jwe *jwe, const struct header_parts *parts)
{
	size_t start = jwe->bytes->len;

	TRY(form_dump(parts->shared, jwe->bytes));
	if (parts->shared != NULL && parts->own != NULL &&
	    json_object_size(parts->own) > 0) {
		size_t brace = jwe->bytes->len;

		TRY(form_dump(parts->own, jwe->bytes));
		/* "{...}{...}" becomes "{...,...}". */
		jwe->bytes->p[brace] =
		    json_object_size(parts->shared) > 0 ? ',' : ' ';
		memmove(jwe->bytes->p + brace - 1, jwe->bytes->p + brace,
		    jwe->bytes->len - brace);
		buf_trim(jwe->bytes, jwe->bytes->len - 1);
	} else if (parts->shared == NULL) {
		TRY(form_dump(parts->own, jwe->bytes));
	}
	jwe->unprotected =
	    slice_of(jwe->bytes->p + start, jwe->bytes->len - start);
	return VH_OK;
}

/* The protected part is copied: the tree of the message goes. */
static enum vh_err
keep_texts(struct jwe *jwe, const struct header_parts *parts)
{
	size_t start = jwe->bytes->len;

	buf_put(jwe->bytes, parts->protected);
	jwe->protected = slice_of(jwe->bytes->p + start, parts->protected.len);
	TRY(keep_unprotected(jwe, parts));
	return buf_end(jwe->bytes);
}

static enum vh_err
add(struct jwe_set *set, const json_t *object, const struct jwe_parts *shared,
    bool soft, struct buf *why)
{
	struct jwe_parts parts = *shared;
	size_t more, room;

	TRY(form_object(object, "header", &parts.header.own, why));
	TRY(form_text(object, "encrypted_key", &parts.encrypted_key, why));
	if (parts.header.protected.len == 0 && parts.header.shared == NULL &&
	    parts.header.own == NULL)
		return why_say(why, VH_ETOKEN, "message without a header");
	TRY(measure(parts.header.shared, &room, why));
	TRY(measure(parts.header.own, &more, why));
	room += more + parts.header.protected.len;
	TRY(jwe_read(&parts, room, soft, &set->at[set->count], why));
	struct jwe *jwe = set->at[set->count++];

	TRY(keep_texts(jwe, &parts.header));
	return jwe->err == VH_OK ? jwe_check_sizes(jwe, why) : VH_OK;
}

static enum vh_err
check_all(const struct jwe_set *set, struct buf *why)
{
	for (size_t i = 0; set->count > 1 && i < set->count; i++) {
		const struct jwe *jwe = set->at[i];

		/* RFC 7516, 7.2.1. */
		if (jwe->enc != set->at[0]->enc)
			return why_say(why, VH_EHEADER,
			    "the recipients do not agree on enc");
		if (jwe->alg != NULL && jwe_is_direct(jwe->alg))
			return why_name(why, VH_EHEADER, "algorithm ",
			    slice_text(jwe->alg->name),
			    " is for one recipient");
	}
	return VH_OK;
}

static enum vh_err
read_json(struct jwe_set *set, struct slice token, struct buf *why)
{
	static const char *const own[] = { "header", "encrypted_key", NULL };
	AUTO(json_decref) json_t *message = NULL;
	struct jwe_parts parts = { .header.shared = NULL };
	const json_t *list;

	set->json = true;
	TRY(json_read_object(token, VH_TOKEN_MAX, &message, why));
	TRY(read_shared(set, message, token.len, &parts, why));
	TRY(form_parties(message, "recipients", own, &list, why));
	if (list == NULL)
		return add(set, message, &parts, false, why);
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
		TRY(add(set, json_array_get(list, i), &parts, count > 1, why));
	return check_all(set, why);
}

enum vh_err
jwe_set_parse(struct slice token, struct jwe_set **out, struct buf *why)
{
	AUTO(jwe_set_free) struct jwe_set *set = calloc(1, sizeof *set);

	*out = NULL;
	if (set == NULL)
		return VH_ENOMEM;
	if (header_is_json(token)) {
		TRY(read_json(set, token, why));
	} else {
		TRY(jwe_parse(token, &set->at[0], why));
		set->count = 1;
	}
	*out = TAKE(set);
	return VH_OK;
}

/* --- making one ------------------------------------------------------------
 */

static void
put_recipient(struct buf *b, size_t from, const struct jwe_recipient *to)
{
	form_put_object(b, from, "header", to->header);
	if (to->encrypted_key.len > 0)
		form_put_bytes(b, from, "encrypted_key", to->encrypted_key);
}

static void
put_recipients(struct buf *b, size_t from, const struct jwe_recipient *to,
    size_t count)
{
	form_put_object(b, from, "recipients", slice_text("["));
	for (size_t i = 0; i < count; i++) {
		buf_put_text(b, i == 0 ? "{" : ",{");
		put_recipient(b, buf_slice(b).len - 1, &to[i]);
		buf_put_text(b, "}");
	}
	buf_put_text(b, "]");
}

void
jwe_put_json(struct buf *b, enum form form, const struct jwe_made *made,
    const struct jwe_recipient *to, size_t count)
{
	size_t start = buf_slice(b).len;

	buf_put_text(b, "{");
	form_put_text(b, start, "protected", made->protected);
	form_put_object(b, start, "unprotected", made->unprotected);
	if (form == FORM_FLATTENED)
		put_recipient(b, start, to);
	else
		put_recipients(b, start, to, count);
	if (made->aad.len > 0)
		form_put_bytes(b, start, "aad", made->aad);
	form_put_bytes(b, start, "iv", made->iv);
	form_put_bytes(b, start, "ciphertext", made->ciphertext);
	form_put_bytes(b, start, "tag", made->tag);
	buf_put_text(b, "}");
}
