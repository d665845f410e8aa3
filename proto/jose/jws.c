#include "jose/jws.h"

#include <stdlib.h>

/* An RSA signature, the longest there is, is as long as its modulus. */
#define RSA_MAX (VH_RSA_BITS_MAX / 8)

enum part { HEADER, PAYLOAD, SIGNATURE, PARTS };

void
jws_free(struct jws *jws)
{
	if (jws == NULL)
		return;
	buf_free(jws->bytes);
	free(jws);
}

static enum vh_err
check_signature(const struct jws *jws, struct buf *why)
{
	size_t size = jws->signature.len;

	if (alg_signs(jws->alg, size))
		return VH_OK;
	buf_format(why, "signature has %zu bytes, which %s never has", size,
	    jws->alg->name);
	return VH_ETOKEN;
}

static enum vh_err
read_header(const struct header_parts *parts, bool soft, struct jws *jws,
    struct buf *why)
{
	size_t said = buf_slice(why).len;
	AUTO(json_decref) json_t *json = NULL;
	struct header header;

	TRY(header_join(parts, VH_USE_SIG, jws->bytes, &header, why));
	json = header.json;
	jws->err = header_understand(&header, VH_USE_SIG, jws->bytes, why);
	jws->header = header.text;
	jws->protected = parts->protected;
	jws->unencoded = header.unencoded;
	jws->kid = header.kid;
	if (jws->err == VH_OK) {
		jws->alg = header.alg;
		return VH_OK;
	}
	if (!soft || (jws->err != VH_EALG && jws->err != VH_EHEADER))
		return jws->err;
	buf_trim(why, said);
	return VH_OK;
}

enum vh_err
jws_read(const struct jws_parts *parts, size_t more, bool soft,
    struct jws **out, struct buf *why)
{
	AUTO(jws_free) struct jws *jws = calloc(1, sizeof *jws);
	struct slice part = parts->signature;

	*out = NULL;
	if (jws == NULL)
		return VH_ENOMEM;
	if (part.len > b64_size(RSA_MAX))
		return why_say(why, VH_ETOKEN, "signature too long");
	/* All the room at once: slices point into it. */
	size_t room =
	    header_room(parts->header.protected) + part.len + 8 + more;

	jws->bytes = buf_new(room);
	if (!buf_reserve(jws->bytes, room))
		return VH_ENOMEM;
	TRY(read_header(&parts->header, soft, jws, why));
	TRY(compact_decode(part, "signature", jws->bytes, &jws->signature,
	    why));
	if (jws->err == VH_OK)
		TRY(check_signature(jws, why));
	*out = TAKE(jws);
	return VH_OK;
}

bool
jws_is_compactable(struct slice payload)
{
	for (size_t i = 0; i < payload.len; i++)
		if (payload.p[i] < 0x20 || payload.p[i] > 0x7e ||
		    payload.p[i] == '.')
			return false;
	return true;
}

static enum vh_err
split(struct slice token, struct slice part[static PARTS],
    struct jws_parts *parts, struct buf *why)
{
	TRY(compact_split(token, part, PARTS, why));
	*parts = (struct jws_parts){ .header.protected = part[HEADER],
		.signature = part[SIGNATURE] };
	return VH_OK;
}

enum vh_err
jws_parse(struct slice token, struct jws **out, struct buf *why)
{
	AUTO(jws_free) struct jws *jws = NULL;
	struct slice part[PARTS];
	struct jws_parts parts;

	*out = NULL;
	TRY(split(token, part, &parts, why));
	TRY(jws_read(&parts, part[PAYLOAD].len + 4, false, &jws, why));
	if (!jws->unencoded)
		TRY(compact_decode(part[PAYLOAD], "payload", jws->bytes,
		    &jws->payload, why));
	else if (jws_is_compactable(part[PAYLOAD]))
		jws->payload = part[PAYLOAD];
	else
		return why_say(why, VH_ETOKEN, "payload is not plain");
	jws->input = slice_of(token.p, token.len - part[SIGNATURE].len - 1);
	*out = TAKE(jws);
	return VH_OK;
}

enum vh_err
jws_parse_detached(struct slice token, struct slice payload, struct jws **out,
    struct buf *why)
{
	AUTO(jws_free) struct jws *jws = NULL;
	struct slice part[PARTS];
	struct jws_parts parts;

	*out = NULL;
	TRY(split(token, part, &parts, why));
	if (part[PAYLOAD].len > 0)
		return why_say(why, VH_ETOKEN,
		    "payload in the token and apart from it");
	if (payload.len > VH_DATA_MAX)
		return why_say(why, VH_ETOOBIG, "payload too long");
	TRY(jws_read(&parts, jws_input_size(part[HEADER], payload.len), false,
	    &jws, why));
	jws->payload = payload;
	size_t start = jws->bytes->len;

	if (jws->unencoded) {
		buf_put(jws->bytes, part[HEADER]);
		buf_put_u8(jws->bytes, '.');
		buf_put(jws->bytes, payload);
	} else {
		jws_put_input(jws->bytes, part[HEADER], payload);
	}
	TRY(buf_end(jws->bytes));
	jws->input = slice_of(jws->bytes->p + start, jws->bytes->len - start);
	*out = TAKE(jws);
	return VH_OK;
}

enum vh_err
jws_put_protected(const struct header_wish *wish, struct buf *out,
    struct buf *why)
{
	AUTO(buf_free) struct buf *json = buf_new(2 * VH_HEADER_MAX);

	TRY(header_put(wish, json, why));
	b64_put(out, buf_slice(json));
	return buf_end(out);
}

size_t
jws_input_size(struct slice protected, size_t payload_size)
{
	return protected.len + 1 + b64_size(payload_size);
}

void
jws_put_input(struct buf *b, struct slice protected, struct slice payload)
{
	buf_put(b, protected);
	buf_put_u8(b, '.');
	b64_put(b, payload);
}

size_t
jws_signature_size(size_t signature_size)
{
	return 1 + b64_size(signature_size);
}

void
jws_put_signature(struct buf *b, struct slice signature)
{
	buf_put_u8(b, '.');
	b64_put(b, signature);
}
