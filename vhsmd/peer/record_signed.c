#include "peer/record_signed.h"

#include <sodium.h>
#include <stdlib.h>

void
signed_token_free(struct signed_token *s)
{
	if (s == NULL)
		return;
	jws_free(s->jws);
	certificate_free(s->cert);
	buf_free(s->ders);
	free(s);
}

/* One element of x5c: base64 as in RFC 4648, section 4, not base64url (RFC
 * 7515, 4.1.6). */
static bool
decode_der(const json_t *item, struct buf *ders, struct slice *out)
{
	const char *text = json_string_value(item);
	size_t len = json_string_length(item), start = buf_slice(ders).len;
	size_t made = 0;
	uint8_t *to;

	for (size_t i = 0; i < len; i++)
		if (((uint8_t)text[i] & 0x80) != 0)
			return false; /* libsodium 1.0.18 takes some for letters
				       */
	if (len == 0 || (to = buf_extend(ders, len)) == NULL)
		return false;
	if (sodium_base642bin(to, len, text, len, NULL, &made, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	buf_trim(ders, start + made);
	*out = slice_of(to, made);
	return made > 0;
}

static enum vh_err
read_x5c(const json_t *header, struct signed_token *s, enum refusal *why)
{
	const json_t *x5c = json_object_get(header, "x5c");
	size_t count = json_array_size(x5c);

	if (count == 0 || count > TRUST_CHAIN_MAX)
		return refuse(why, REFUSAL_CHAIN);
	/* All the room at once: slices point into it. */
	s->ders = buf_new(VH_HEADER_MAX);
	if (!buf_reserve(s->ders, VH_HEADER_MAX))
		return refuse(why, REFUSAL_MEMORY);
	for (size_t i = 0; i < count; i++)
		if (!decode_der(json_array_get(x5c, i), s->ders, &s->der[i]))
			return refuse(why, REFUSAL_CHAIN);
	s->der_count = count;
	return VH_OK;
}

static enum vh_err
read_header(const char *typ, struct signed_token *s, enum refusal *why)
{
	AUTO(json_decref) json_t *header = NULL;
	struct slice text;

	if (s->jws->alg->id != VH_ALG_ES256)
		return refuse(why, REFUSAL_ALG);
	if (json_read_object(s->jws->header, VH_HEADER_MAX, &header, NULL) !=
	    VH_OK)
		return refuse(why, REFUSAL_TOKEN);
	if (!json_get_text(header, "typ", 64, &text) || !slice_is(text, typ))
		return refuse(why, REFUSAL_TYP);
	return read_x5c(header, s, why);
}

enum vh_err
signed_token_open(const struct trust *t, struct verifier *v, struct slice token,
    size_t max, const char *typ, struct signed_token **out, enum refusal *why)
{
	AUTO(signed_token_free)
	struct signed_token *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return refuse(why, REFUSAL_MEMORY);
	if (token.len > max)
		return refuse(why, REFUSAL_SIZE);
	enum vh_err err = jws_parse(token, &s->jws, NULL);

	if (err != VH_OK)
		return refuse(why, err == VH_ENOMEM ? REFUSAL_MEMORY
				   : err == VH_EALG ? REFUSAL_ALG
						    : REFUSAL_TOKEN);
	TRY(read_header(typ, s, why));
	TRY(trust_chain(t, s->der, s->der_count, &s->cert, why));
	if (verify_signature(v, s->cert->key, s->jws->alg, s->jws->input,
		s->jws->signature) != VH_OK)
		return refuse(why, REFUSAL_SIGNATURE);
	*out = TAKE(s);
	return VH_OK;
}

enum vh_err
signed_token_payload(const struct signed_token *s, json_t **out,
    enum refusal *why)
{
	AUTO(json_decref) json_t *json = NULL;
	struct slice node;
	enum vh_err err =
	    json_read_object(s->jws->payload, VH_RECORD_MAX, &json, NULL);

	*out = NULL;
	if (err != VH_OK)
		return refuse(why,
		    err == VH_ENOMEM ? REFUSAL_MEMORY : REFUSAL_PAYLOAD);
	if (!json_get_text(json, "node", NODE_NAME_MAX, &node) || node.len == 0)
		return refuse(why, REFUSAL_PAYLOAD);
	if (!slice_is(node, s->cert->node))
		return refuse(why, REFUSAL_NODE);
	*out = TAKE(json);
	return VH_OK;
}

bool
payload_number(const json_t *object, const char *name, uint64_t lo,
    uint64_t *out)
{
	const json_t *value = json_object_get(object, name);
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < 0 || (uint64_t)n < lo ||
	    (uint64_t)n > RECORD_NUMBER_MAX)
		return false;
	*out = (uint64_t)n;
	return true;
}

bool
payload_text(const json_t *object, const char *name, bool needed, char *out,
    size_t max)
{
	struct slice text;

	if (!json_get_text(object, name, max, &text) ||
	    (needed && text.len == 0))
		return false;
	if (text.len > 0)
		memcpy(out, text.p, text.len);
	out[text.len] = '\0';
	return true;
}

struct buf *
token_copy(struct slice token)
{
	AUTO(buf_free) struct buf *copy = buf_new(token.len);

	buf_put(copy, token);
	return buf_end(copy) == VH_OK ? TAKE(copy) : NULL;
}
