/* Private keys as JWK (RFC 7517, 7518, 8037).  jansson allocates in the arena;
 * its error text quotes the input and is never shown. */
#include "vault/import_jwk.h"

#include "base/log.h"
#include "wire/b64.h"

#define DEPTH_MAX 8 /* a JWK Set with certificates and key_ops has 4 */

AUTO_FREE(json_t, json_decref)

/* jansson goes one call deeper for each level, on a small stack. */
static bool
too_deep(struct slice text)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

static enum vh_err
parse_json(struct slice text, json_t **out, struct buf *why)
{
	json_error_t error;

	if (too_deep(text))
		return REFUSE(why, VH_EKEY, "JSON nested deeper than %d levels",
		    DEPTH_MAX);
	*out = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, &error);
	if (*out != NULL)
		return VH_OK;
	if (json_error_code(&error) == json_error_out_of_memory)
		return check_full(why);
	return REFUSE(why, VH_EKEY, "malformed JSON at line %d, column %d%s",
	    error.line, error.column,
	    json_error_code(&error) == json_error_duplicate_key
		? ": a member occurs twice"
		: "");
}

/* The numbers of each key type and where they go.  point: appended to the
 * SEC1 point (EC) or the public key (OKP). */
static const struct member {
	enum vh_kty kty;
	const char *name;
	enum { TO_PART, TO_POINT } to;
	size_t at;
} members[] = {
	{ VH_KTY_RSA, "n", TO_PART, offsetof(struct parts, n) },
	{ VH_KTY_RSA, "e", TO_PART, offsetof(struct parts, e) },
	{ VH_KTY_RSA, "d", TO_PART, offsetof(struct parts, d) },
	{ VH_KTY_RSA, "p", TO_PART, offsetof(struct parts, p) },
	{ VH_KTY_RSA, "q", TO_PART, offsetof(struct parts, q) },
	{ VH_KTY_RSA, "dp", TO_PART, offsetof(struct parts, dp) },
	{ VH_KTY_RSA, "dq", TO_PART, offsetof(struct parts, dq) },
	{ VH_KTY_RSA, "qi", TO_PART, offsetof(struct parts, qi) },
	{ VH_KTY_EC, "x", TO_POINT, 0 },
	{ VH_KTY_EC, "y", TO_POINT, 0 },
	{ VH_KTY_EC, "d", TO_PART, offsetof(struct parts, d) },
	{ VH_KTY_OKP, "x", TO_POINT, 0 },
	{ VH_KTY_OKP, "d", TO_PART, offsetof(struct parts, d) },
	{ VH_KTY_OCT, "k", TO_PART, offsetof(struct parts, d) },
};

/* Where the decoded numbers of one key lie, one after the other. */
struct room {
	uint8_t *p;
	size_t len, size;
};

static enum vh_err
decode(const struct member *m, const struct crv *crv, struct slice text,
    struct room *room, struct slice *out, struct buf *why)
{
	uint8_t *to = room->p + room->len;
	size_t len;
	enum vh_err err =
	    b64_decode_into(text, to, room->size - room->len, &len);

	if (err != VH_OK)
		return REFUSE(why, VH_EKEY,
		    "member \"%s\" is not canonical base64url", m->name);
	if (len == 0)
		return REFUSE(why, VH_EKEY, "member \"%s\" is empty", m->name);
	/* RFC 7518, 6.2.1.2, 6.2.2.1; RFC 8037, 2 */
	if (crv != NULL && len != crv->size)
		return REFUSE(why, VH_EKEY,
		    "member \"%s\" has %zu bytes, expected %zu for curve %s",
		    m->name, len, crv->size, crv->name);
	/* RFC 7518, 2: Base64urlUInt; k is no number */
	if (m->kty == VH_KTY_RSA && to[0] == 0)
		return REFUSE(why, VH_EKEY,
		    "member \"%s\" starts with a zero byte, expected as few "
		    "bytes as it takes",
		    m->name);
	room->len += len;
	*out = slice_of(to, len);
	return VH_OK;
}

static enum vh_err
take_member(const json_t *jwk, const struct member *m, struct room *room,
    struct parts *out, struct buf *why)
{
	struct slice text, number;

	TRY(jwk_text(jwk, m->name, &text, why));
	if (text.p == NULL)
		return REFUSE(why, VH_EKEY,
		    "member \"%s\" missing: %s as a JWK needs %s", m->name,
		    check_kind(out->kty, out->crv),
		    out->kty == VH_KTY_RSA   ? "n, e, d, p, q, dp, dq and qi"
		    : out->kty == VH_KTY_EC  ? "x, y and d"
		    : out->kty == VH_KTY_OCT ? "k"
					     : "x and d");
	TRY(decode(m, crv_by_id(out->crv), text, room, &number, why));
	if (m->to == TO_PART) {
		memcpy((char *)out + m->at, &number, sizeof number);
		return VH_OK;
	}
	/* x and y follow each other in the room. */
	if (out->point.p == NULL)
		out->point = number;
	else
		out->point.len += number.len;
	return VH_OK;
}

/* kty and crv. */
static enum vh_err
take_kind(const json_t *jwk, struct parts *out, struct buf *why)
{
	struct slice kty, name;

	TRY(jwk_text(jwk, "kty", &kty, why));
	out->kty = kty_by_name(kty);
	if (out->kty == 0)
		return REFUSE(why, VH_EKEY,
		    "kty \"%s\" not supported, expected RSA, EC, OKP or oct",
		    shown_of(kty).text);
	if (out->kty == VH_KTY_RSA || out->kty == VH_KTY_OCT)
		return VH_OK;
	TRY(jwk_text(jwk, "crv", &name, why));
	const struct crv *crv = crv_by_name(name);

	if (crv == NULL || crv->kty != out->kty)
		return REFUSE(why, VH_EKEY,
		    "curve \"%s\" not supported, expected %s",
		    shown_of(name).text,
		    out->kty == VH_KTY_EC ? "P-256, P-384, P-521 or secp256k1"
					  : "Ed25519, Ed448, X25519 or X448");
	out->crv = crv->id;
	return VH_OK;
}

/* Bytes that the members decode to, at most. */
static size_t
room_for(const json_t *jwk)
{
	size_t size = 1;

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		size +=
		    json_string_length(json_object_get(jwk, members[i].name)) /
			4 * 3 +
		    3;
	return size;
}

static enum vh_err
take_numbers(const json_t *jwk, struct secret *bytes, struct parts *out,
    struct buf *why)
{
	struct room room = { secret_rw(bytes), 0, secret_len(bytes) };

	if (out->kty != VH_KTY_OCT && json_object_get(jwk, "d") == NULL)
		return REFUSE(why, VH_EKEY,
		    "public key only, private key expected");
	if (out->kty == VH_KTY_RSA && json_object_get(jwk, "oth") != NULL)
		return REFUSE(why, VH_EKEY,
		    "RSA key of more than two primes not supported");
	if (out->kty == VH_KTY_EC) {
		/* The point as SEC1, 2.3.3 has it: 4, x, y. */
		room.p[room.len++] = 4;
		out->point = slice_of(room.p, 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].kty == out->kty)
			TRY(take_member(jwk, &members[i], &room, out, why));
	return VH_OK;
}

static enum vh_err
add_jwk(const struct import *in, const json_t *jwk)
{
	struct parts parts = { 0 };
	struct key_terms terms;
	struct slice kid;

	if (!json_is_object(jwk))
		return REFUSE(in->why, VH_EKEY, "a JWK is not a JSON object");
	TRY(take_kind(jwk, &parts, in->why));
	AUTO(secret_free) struct secret *bytes = secret_new(room_for(jwk));

	if (bytes == NULL)
		return check_full(in->why);
	TRY(take_numbers(jwk, bytes, &parts, in->why));
	TRY(jwk_terms(jwk, in->terms, &terms, in->why));
	TRY(jwk_text(jwk, "kid", &kid, in->why));
	TRY(import_add(in, &parts, &terms));
	/* The thumbprint is the kid; who looks for the old one finds this. */
	if (kid.p != NULL && store_get(in->to, kid) == NULL &&
	    !slice_eq(kid, terms.published))
		LOG(NOTICE, "jwk-kid-dropped", KV("kid", shown_of(kid).text));
	return VH_OK;
}

static enum vh_err
add_set(const struct import *in, const json_t *keys)
{
	size_t count = json_array_size(keys), mark = buf_slice(in->why).len;

	if (!json_is_array(keys))
		return REFUSE(in->why, VH_EKEY,
		    "member \"keys\" is not an array");
	if (count == 0)
		return REFUSE(in->why, VH_EKEY, "the JWK Set holds no key");
	if (count > IMPORT_KEYS_MAX)
		return REFUSE(in->why, VH_ETOOBIG,
		    "the JWK Set holds more than %d keys", IMPORT_KEYS_MAX);
	for (size_t i = 0; i < count; i++) {
		buf_format(in->why, "key %zu of %zu: ", i + 1, count);
		TRY(add_jwk(in, json_array_get(keys, i)));
		buf_trim(in->why, mark);
	}
	return VH_OK;
}

enum vh_err
import_jwk(const struct import *in, struct slice text)
{
	AUTO(json_decref) json_t *json = NULL;

	TRY(parse_json(text, &json, in->why));
	if (json_object_get(json, "kty") != NULL)
		return add_jwk(in, json);
	if (json_object_get(json, "keys") != NULL)
		return add_set(in, json_object_get(json, "keys"));
	return REFUSE(in->why, VH_EKEY,
	    "JSON with neither kty nor keys, expected a JWK or a JWK Set");
}
