#include "jose/jwe.h"

#include <stdlib.h>

enum part { HEADER, KEY, IV, CIPHERTEXT, TAG, PARTS };

void
jwe_free(struct jwe *jwe)
{
	if (jwe == NULL)
		return;
	buf_free(jwe->bytes);
	free(jwe);
}

static enum vh_err
read_enc(const json_t *json, const struct enc **out, struct buf *why)
{
	struct slice name;

	if (!json_get_text(json, "enc", 64, &name) || name.len == 0)
		return why_say(why, VH_EHEADER,
		    "header member \"enc\" missing or malformed");
	*out = enc_by_name(name);
	if (*out == NULL)
		return why_name(why, VH_EALG, "encryption ", name,
		    " not known");
	return VH_OK;
}

/* RFC 7518, 4.6.1.1, and RFC 8037, 3.2. */
static enum vh_err
read_epk(const json_t *json, struct jwe *jwe, struct buf *why)
{
	const json_t *epk = json_object_get(json, "epk");

	if (!json_is_object(epk))
		return why_say(why, VH_EHEADER,
		    "header member \"epk\" missing or malformed");
	buf_put_text(why, "header member \"epk\": ");
	enum vh_err err = jwk_read_pub(epk, jwe->bytes, &jwe->epk, NULL, why);

	if (err != VH_OK)
		return err == VH_EKEY ? VH_EHEADER : err;
	if (!alg_fits(jwe->alg, jwe->epk.kty, jwe->epk.crv, VH_USE_ENC))
		return why_say(why, VH_EHEADER, "no key of key agreement");
	return VH_OK;
}

static enum vh_err
read_party(const json_t *json, const char *name, struct jwe *jwe,
    struct slice *out, struct buf *why)
{
	struct slice text;
	size_t start = jwe->bytes->len;

	if (json_object_get(json, name) == NULL)
		return VH_OK;
	if (!json_get_text(json, name, b64_size(HEADER_PARTY_MAX), &text))
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(name), " malformed or too long");
	enum vh_err err = b64_decode(text, jwe->bytes);

	if (err == VH_EPARSE)
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(name), " is not canonical base64url");
	TRY(err);
	*out = slice_of(jwe->bytes->p + start, jwe->bytes->len - start);
	return VH_OK;
}

static enum vh_err
read_agreement(const json_t *json, struct jwe *jwe, struct buf *why)
{
	size_t said = buf_slice(why).len;

	TRY(read_epk(json, jwe, why));
	buf_trim(why, said);
	TRY(read_party(json, "apu", jwe, &jwe->apu, why));
	return read_party(json, "apv", jwe, &jwe->apv, why);
}

/* RFC 7518, 4.7.1: exactly so many bytes of the header's base64url. */
static enum vh_err
read_exact(const json_t *json, const char *name, size_t size, struct jwe *jwe,
    struct slice *out, struct buf *why)
{
	struct slice text;
	size_t start = jwe->bytes->len;

	if (!json_get_text(json, name, b64_size(size), &text) ||
	    text.len != b64_size(size) || b64_decode(text, jwe->bytes) != VH_OK)
		return why_name(why, VH_EHEADER, "header member ",
		    slice_text(name), " missing or malformed");
	*out = slice_of(jwe->bytes->p + start, jwe->bytes->len - start);
	return VH_OK;
}

static enum vh_err
read_wrapping(const json_t *json, struct jwe *jwe, struct buf *why)
{
	TRY(read_exact(json, "iv", VH_GCMKW_IV, jwe, &jwe->key_iv, why));
	return read_exact(json, "tag", VH_GCMKW_TAG, jwe, &jwe->key_tag, why);
}

bool
jwe_is_direct(const struct alg *alg)
{
	return alg->kind == VH_KIND_DIR ||
	       (alg->kind == VH_KIND_ECDH && alg->size == 0);
}

/* RFC 7516, 4.1.3. */
static enum vh_err
read_zip(const json_t *json, bool *zip, struct buf *why)
{
	const json_t *value = json_object_get(json, "zip");
	struct slice name =
	    slice_of(json_string_value(value), json_string_length(value));

	*zip = value != NULL;
	if (value == NULL || slice_is(name, "DEF"))
		return VH_OK;
	return why_say(why, VH_EHEADER,
	    "header member \"zip\": compression not known");
}

static enum vh_err
understand(struct header *header, struct jwe *jwe, struct buf *why)
{
	TRY(header_understand(header, VH_USE_ENC, jwe->bytes, why));
	jwe->alg = header->alg;
	if (jwe->alg->kind == VH_KIND_GCMKW)
		return read_wrapping(header->json, jwe, why);
	if (jwe->alg->kind != VH_KIND_ECDH)
		return VH_OK;
	return read_agreement(header->json, jwe, why);
}

static enum vh_err
read_header(const struct header_parts *parts, bool soft, struct jwe *jwe,
    struct buf *why)
{
	size_t said = buf_slice(why).len;
	AUTO(json_decref) json_t *json = NULL;
	struct header header;

	TRY(header_join(parts, VH_USE_ENC, jwe->bytes, &header, why));
	json = header.json;
	jwe->header = header.text;
	jwe->protected = parts->protected;
	jwe->err = understand(&header, jwe, why);
	jwe->kid = header.kid;
	if (jwe->err != VH_OK && (!soft || jwe->err != VH_EALG))
		return jwe->err;
	if (jwe->err != VH_OK)
		buf_trim(why, said);
	TRY(read_enc(json, &jwe->enc, why));
	return read_zip(json, &jwe->zip, why);
}

/* How well an unwrapped key fits is the vault's affair, and no answer tells it
 * (RFC 7516, 11.5); these sizes are there for all to see. */
enum vh_err
jwe_check_sizes(const struct jwe *jwe, struct buf *why)
{
	bool direct = jwe_is_direct(jwe->alg);

	if (direct && jwe->encrypted_key.len > 0)
		return why_say(why, VH_ETOKEN,
		    "encrypted key where there is none to be");
	if (!direct && jwe->encrypted_key.len == 0)
		return why_say(why, VH_ETOKEN, "encrypted key missing");
	if (jwe->iv.len != jwe->enc->iv)
		return why_name(why, VH_ETOKEN, "initialization vector of ",
		    slice_text(jwe->enc->name), " has another size");
	if (jwe->tag.len != jwe->enc->tag)
		return why_name(why, VH_ETOKEN, "authentication tag of ",
		    slice_text(jwe->enc->name), " has another size");
	return VH_OK;
}

enum vh_err
jwe_read(const struct jwe_parts *parts, size_t more, bool soft,
    struct jwe **out, struct buf *why)
{
	AUTO(jwe_free) struct jwe *jwe = calloc(1, sizeof *jwe);
	struct slice head = parts->header.protected;

	*out = NULL;
	if (jwe == NULL)
		return VH_ENOMEM;
	if (parts->encrypted_key.len > b64_size(JWE_KEY_MAX))
		return why_say(why, VH_ETOKEN, "encrypted key too long");
	/* All the room at once: slices point into it.  What the header encodes
	 * a second time (epk, apu, apv, iv, tag) is bounded, and so is the key.
	 */
	size_t room = header_room(head) + JWE_NUMBERS + JWE_KEY_MAX + more;

	jwe->bytes = buf_new(room);
	if (!buf_reserve(jwe->bytes, room))
		return VH_ENOMEM;
	jwe->iv = parts->iv;
	jwe->ciphertext = parts->ciphertext;
	jwe->tag = parts->tag;
	jwe->aad = parts->aad;
	TRY(read_header(&parts->header, soft, jwe, why));
	TRY(compact_decode(parts->encrypted_key, "encrypted key", jwe->bytes,
	    &jwe->encrypted_key, why));
	*out = TAKE(jwe);
	return VH_OK;
}

static enum vh_err
decode_parts(const struct slice part[static PARTS], struct jwe *jwe,
    struct buf *why)
{
	TRY(compact_decode(part[IV], "initialization vector", jwe->bytes,
	    &jwe->iv, why));
	TRY(compact_decode(part[CIPHERTEXT], "ciphertext", jwe->bytes,
	    &jwe->ciphertext, why));
	TRY(compact_decode(part[TAG], "authentication tag", jwe->bytes,
	    &jwe->tag, why));
	return jwe_check_sizes(jwe, why);
}

enum vh_err
jwe_parse(struct slice token, struct jwe **out, struct buf *why)
{
	AUTO(jwe_free) struct jwe *jwe = NULL;
	struct slice part[PARTS];

	*out = NULL;
	TRY(compact_split(token, part, PARTS, why));
	const struct jwe_parts parts = { .header.protected = part[HEADER],
		.encrypted_key = part[KEY] };

	TRY(jwe_read(&parts, token.len + 3 * PARTS, false, &jwe, why));
	TRY(decode_parts(part, jwe, why));
	*out = TAKE(jwe);
	return VH_OK;
}

size_t
jwe_size(size_t protected_size, size_t encrypted_key_size, size_t iv_size,
    size_t ciphertext_size, size_t tag_size)
{
	return protected_size + 4 + b64_size(encrypted_key_size) +
	       b64_size(iv_size) + b64_size(ciphertext_size) +
	       b64_size(tag_size);
}

void
jwe_put(struct buf *b, struct slice protected, struct slice encrypted_key,
    struct slice iv, struct slice ciphertext, struct slice tag)
{
	const struct slice parts[] = { encrypted_key, iv, ciphertext, tag };

	buf_put(b, protected);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		buf_put_u8(b, '.');
		b64_put(b, parts[i]);
	}
}
