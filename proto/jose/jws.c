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
read_header(struct slice part, struct jws *jws, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;
	struct header header;

	TRY(header_read(part, VH_USE_SIG, jws->bytes, &header, why));
	json = TAKE(header.json);
	/* RFC 7797, 6: b64 is nothing without crit, which we refuse. */
	if (json_object_get(json, "b64") != NULL)
		return why_say(why, VH_EHEADER,
		    "header member \"b64\" not understood");
	jws->alg = header.alg;
	jws->kid = header.kid;
	jws->header = header.text;
	return VH_OK;
}

enum vh_err
jws_parse(struct slice token, struct jws **out, struct buf *why)
{
	AUTO(jws_free) struct jws *jws = calloc(1, sizeof *jws);
	struct slice part[PARTS];

	*out = NULL;
	if (jws == NULL)
		return VH_ENOMEM;
	TRY(compact_split(token, part, PARTS, why));
	if (part[SIGNATURE].len > b64_size(RSA_MAX))
		return why_say(why, VH_ETOKEN, "signature too long");
	/* All the room at once: slices point into it. */
	size_t room = header_room(part[HEADER]) + token.len + 8;

	jws->bytes = buf_new(room);
	if (!buf_reserve(jws->bytes, room))
		return VH_ENOMEM;
	TRY(read_header(part[HEADER], jws, why));
	TRY(compact_decode(part[PAYLOAD], "payload", jws->bytes, &jws->payload,
	    why));
	TRY(compact_decode(part[SIGNATURE], "signature", jws->bytes,
	    &jws->signature, why));
	TRY(check_signature(jws, why));
	jws->input = slice_of(token.p, token.len - part[SIGNATURE].len - 1);
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
