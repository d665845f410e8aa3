#include "jose/jwk.h"

#include <stdlib.h>

#include "wire/b64.h"

#define NUMBER_MAX 1366 /* base64url characters of 8192 bits */
#define OPS_MAX    16   /* names in key_ops */

void
jwk_free(struct jwk *jwk)
{
	if (jwk == NULL)
		return;
	buf_free(jwk->bytes);
	free(jwk);
}

/* RFC 7518, 6.2.2, 6.3.2, 6.4: what makes a JWK private or symmetric. */
static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi",
	"oth", "k" };

/* Which member of struct pub each member of the JSON object becomes. */
static const struct number {
	enum vh_kty kty;
	const char *name;
	size_t at;
} numbers[] = {
	{ VH_KTY_RSA, "n", offsetof(struct pub, n) },
	{ VH_KTY_RSA, "e", offsetof(struct pub, e) },
	{ VH_KTY_EC, "x", offsetof(struct pub, x) },
	{ VH_KTY_EC, "y", offsetof(struct pub, y) },
	{ VH_KTY_OKP, "x", offsetof(struct pub, x) },
};

static enum vh_err
refuse_private(const json_t *object, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(private_members); i++)
		if (json_object_get(object, private_members[i]) != NULL)
			return why_name(why, VH_EKEY, "JWK: private member ",
			    slice_text(private_members[i]), "");
	return VH_OK;
}

/* What is wrong with a JWK, and whether a set may go on without it. */
struct verdict {
	bool *skip;
	struct buf *why;
};

static enum vh_err
refuse(const struct verdict *v, bool skip, const char *before, const char *name,
    const char *after)
{
	if (v->skip != NULL)
		*v->skip = skip;
	return why_name(v->why, VH_EKEY, before, slice_text(name), after);
}

/* The text of a member; skippable when it is absent. */
static enum vh_err
need_text(const json_t *object, const char *name, size_t max,
    const struct verdict *v, struct slice *out)
{
	if (json_object_get(object, name) == NULL)
		return refuse(v, true, "JWK: member ", name, " missing");
	if (!json_get_text(object, name, max, out))
		return refuse(v, false, "JWK: member ", name, " malformed");
	return VH_OK;
}

static enum vh_err
read_kind(const json_t *object, const struct verdict *v, struct pub *pub)
{
	struct slice text;

	TRY(need_text(object, "kty", 64, v, &text));
	pub->kty = kty_by_name(text);
	if (pub->kty == 0)
		return refuse(v, true, "JWK: value of ", "kty", " not known");
	if (pub->kty == VH_KTY_OCT)
		return refuse(v, true, "JWK: ", "kty",
		    " oct: no symmetric key is taken from outside");
	if (pub->kty == VH_KTY_RSA)
		return VH_OK;
	TRY(need_text(object, "crv", 64, v, &text));
	const struct crv *crv = crv_by_name(text);

	if (crv == NULL)
		return refuse(v, true, "JWK: value of ", "crv", " not known");
	if (crv->kty != pub->kty)
		return refuse(v, false, "JWK: ", "crv", " of another kty");
	pub->crv = crv->id;
	return VH_OK;
}

static enum vh_err
read_number(const json_t *object, const struct number *number,
    const struct verdict *v, struct buf *bytes, struct pub *pub)
{
	size_t start = buf_slice(bytes).len;
	struct slice text, value;

	TRY(need_text(object, number->name, JWK_MAX, v, &text));
	if (text.len > NUMBER_MAX)
		return refuse(v, true, "JWK: member ", number->name,
		    " too long");
	enum vh_err err = b64_decode(text, bytes);

	if (err == VH_EPARSE)
		return refuse(v, false, "JWK: member ", number->name,
		    " is not canonical base64url");
	TRY(err);
	value = slice_of(bytes->p + start, bytes->len - start);
	/* RFC 7518, 2: Base64urlUInt has no leading zeros; 6.2.1.2: a
	 * coordinate has all of its. */
	if (pub->kty == VH_KTY_RSA && value.p[0] == 0)
		return refuse(v, false, "JWK: member ", number->name,
		    " has a leading zero byte");
	if (pub->kty != VH_KTY_RSA && value.len != crv_by_id(pub->crv)->size)
		return refuse(v, false, "JWK: member ", number->name,
		    " has not the size of its curve");
	memcpy((char *)pub + number->at, &value, sizeof value);
	return VH_OK;
}

enum vh_err
jwk_read_pub(const json_t *object, struct buf *bytes, struct pub *out,
    bool *skip, struct buf *why)
{
	const struct verdict v = { skip, why };
	struct pub pub = { 0 };

	TRY(refuse_private(object, why));
	TRY(read_kind(object, &v, &pub));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].kty == pub.kty)
			TRY(read_number(object, &numbers[i], &v, bytes, &pub));
	if (pub_check(&pub) != VH_OK)
		return refuse(&v, true, "JWK: ", kty_name(pub.kty),
		    " key unsound: 2048 to 8192 bits and an odd e of at "
		    "least 65537 are needed");
	*out = pub;
	return VH_OK;
}

/* RFC 7517, 4.3. */
static const struct {
	const char *name;
	enum vh_use use;
} ops[] = {
	{ "sign", VH_USE_SIG },
	{ "verify", VH_USE_SIG },
	{ "encrypt", VH_USE_ENC },
	{ "decrypt", VH_USE_ENC },
	{ "wrapKey", VH_USE_ENC },
	{ "unwrapKey", VH_USE_ENC },
	{ "deriveKey", VH_USE_ENC },
	{ "deriveBits", VH_USE_ENC },
};

static unsigned
uses_of_op(const char *op)
{
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (strcmp(ops[i].name, op) == 0)
			return ops[i].use;
	return 0;
}

/* *uses: the bits of enum vh_use that key_ops allows; 0 when it is absent, or
 * knows only operations we do not. */
static enum vh_err
read_key_ops(const json_t *object, const struct verdict *v, unsigned *uses)
{
	const json_t *list = json_object_get(object, "key_ops");
	size_t count = json_array_size(list);

	*uses = 0;
	if (list == NULL)
		return VH_OK;
	if (!json_is_array(list) || count > OPS_MAX)
		return refuse(v, false, "JWK: member ", "key_ops",
		    " malformed");
	for (size_t i = 0; i < count; i++) {
		const json_t *op = json_array_get(list, i);

		if (!json_is_string(op))
			return refuse(v, false, "JWK: member ", "key_ops",
			    " malformed");
		for (size_t j = 0; j < i; j++)
			if (json_equal(op, json_array_get(list, j)))
				return refuse(v, false, "JWK: member ",
				    "key_ops", " names one twice");
		*uses |= uses_of_op(json_string_value(op));
	}
	return VH_OK;
}

/* Whether any algorithm of this use takes the key. */
static bool
any_alg_fits(const struct pub *pub, enum vh_use use)
{
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (alg_fits(alg_at(i), pub->kty, pub->crv, use))
			return true;
	return false;
}

static enum vh_err
read_use(const json_t *object, const struct verdict *v, struct jwk *jwk)
{
	struct slice text;
	unsigned uses;

	TRY(read_key_ops(object, v, &uses));
	if (!json_get_text(object, "use", 64, &text))
		return refuse(v, false, "JWK: member ", "use", " malformed");
	if (text.len > 0) {
		jwk->use = use_by_name(text);
		if (jwk->use == 0)
			return refuse(v, true, "JWK: value of ", "use",
			    " not known");
		if (uses != 0 && (uses & jwk->use) == 0)
			return refuse(v, false, "JWK: ", "use",
			    " contradicts key_ops");
	} else if (uses == VH_USE_SIG || uses == VH_USE_ENC) {
		jwk->use = (enum vh_use)uses;
	}
	if (jwk->use != 0 && !any_alg_fits(&jwk->pub, jwk->use))
		return refuse(v, false, "JWK: ", "use",
		    " does not fit the key");
	return VH_OK;
}

static enum vh_err
read_alg(const json_t *object, const struct verdict *v, struct jwk *jwk)
{
	struct slice text;

	if (!json_get_text(object, "alg", 256, &text))
		return refuse(v, false, "JWK: member ", "alg", " malformed");
	if (text.len == 0)
		return VH_OK;
	jwk->alg = alg_by_name(text);
	jwk->alg_unknown = jwk->alg == NULL;
	if (jwk->alg_unknown)
		return VH_OK;
	if (jwk->use == 0)
		jwk->use = jwk->alg->use;
	if (!alg_fits(jwk->alg, jwk->pub.kty, jwk->pub.crv, jwk->use))
		return refuse(v, false, "JWK: ", "alg",
		    " does not fit the key or its use");
	return VH_OK;
}

static enum vh_err
read_kid(const json_t *object, const struct verdict *v, struct jwk *jwk)
{
	struct slice text;

	if (!json_get_text(object, "kid", JOSE_KID_MAX, &text))
		return refuse(v, false, "JWK: member ", "kid", " malformed");
	size_t start = jwk->bytes->len;

	buf_put(jwk->bytes, text);
	TRY(buf_end(jwk->bytes));
	jwk->published = slice_of(jwk->bytes->p + start, text.len);
	return VH_OK;
}

/* Bytes that suffice for the numbers and the kid of object. */
static size_t
room_of(const json_t *object)
{
	size_t room = 3 + json_string_length(json_object_get(object, "kid"));

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		room += 3 + json_string_length(
				json_object_get(object, numbers[i].name));
	return room;
}

static enum vh_err
jwk_of(const json_t *object, struct jwk **out, bool *skip, struct buf *why)
{
	const struct verdict v = { skip, why };
	AUTO(jwk_free) struct jwk *jwk = calloc(1, sizeof *jwk);
	size_t room = room_of(object);

	if (jwk == NULL)
		return VH_ENOMEM;
	/* All the room at once: pub and published point into it. */
	jwk->bytes = buf_new(room);
	if (!buf_reserve(jwk->bytes, room))
		return VH_ENOMEM;
	TRY(jwk_read_pub(object, jwk->bytes, &jwk->pub, skip, why));
	TRY(read_use(object, &v, jwk));
	TRY(read_alg(object, &v, jwk));
	TRY(read_kid(object, &v, jwk));
	TRY(pub_thumbprint(&jwk->pub, jwk->kid));
	*out = TAKE(jwk);
	return VH_OK;
}

enum vh_err
jwk_parse(struct slice text, struct jwk **out, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;

	*out = NULL;
	TRY(json_read_object(text, JWK_MAX, &json, why));
	return jwk_of(json, out, NULL, why);
}

bool
jwk_fits(const struct jwk *jwk, const struct alg *alg)
{
	if (jwk->alg_unknown || (jwk->alg != NULL && jwk->alg != alg))
		return false;
	if (jwk->use != 0 && jwk->use != alg->use)
		return false;
	if (alg_needs_pin(alg) && jwk->alg != alg)
		return false;
	return alg_fits(alg, jwk->pub.kty, jwk->pub.crv, alg->use);
}

bool
jwk_is(const struct jwk *jwk, struct slice kid)
{
	return kid.len > 0 &&
	       (slice_eq(kid, jwk->published) || slice_is(kid, jwk->kid));
}

void
jwk_put(struct buf *b, const struct pub *pub, struct slice kid, enum vh_use use,
    const struct alg *alg)
{
	buf_put_text(b, "{");
	pub_put_members(b, pub);
	if (kid.len > 0) {
		buf_put_text(b, ",\"kid\":");
		json_put_text(b, kid);
	}
	if (use != 0)
		buf_format(b, ",\"use\":\"%s\"", use_name(use));
	if (alg != NULL)
		buf_format(b, ",\"alg\":\"%s\"", alg->name);
	buf_put_text(b, "}");
}

void
jwks_free(struct jwks *jwks)
{
	if (jwks == NULL)
		return;
	for (size_t i = 0; i < jwks->count; i++)
		jwk_free(jwks->keys[i]);
	free(jwks->keys);
	free(jwks);
}

/* Adds one key, or counts it as skipped. */
static enum vh_err
add_key(const json_t *object, struct jwks *jwks, struct buf *why)
{
	size_t said = buf_slice(why).len;
	struct jwk *jwk = NULL;
	bool skip = false;

	buf_format(why, "key %zu: ", jwks->count + jwks->skipped + 1);
	if (!json_is_object(object))
		return why_say(why, VH_EJSON, "not a JSON object");
	enum vh_err err = jwk_of(object, &jwk, &skip, why);

	if (err != VH_OK && !skip)
		return err;
	buf_trim(why, said);
	if (err != VH_OK)
		jwks->skipped++;
	else
		jwks->keys[jwks->count++] = jwk;
	return VH_OK;
}

static enum vh_err
add_all(const json_t *list, struct jwks *jwks, struct buf *why)
{
	size_t count = json_array_size(list);

	if (!json_is_array(list))
		return why_say(why, VH_EJSON,
		    "JWK Set: \"keys\" is not an array");
	if (count > JWKS_KEYS)
		return why_say(why, VH_ETOOBIG, "JWK Set: too many keys");
	jwks->keys = calloc(count + 1, sizeof(struct jwk *));
	if (jwks->keys == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < count; i++)
		TRY(add_key(json_array_get(list, i), jwks, why));
	return VH_OK;
}

enum vh_err
jwks_parse(struct slice text, struct jwks **out, struct buf *why)
{
	AUTO(json_decref) json_t *json = NULL;
	AUTO(jwks_free) struct jwks *jwks = calloc(1, sizeof *jwks);

	*out = NULL;
	if (jwks == NULL)
		return VH_ENOMEM;
	TRY(json_read_object(text, JWKS_MAX, &json, why));
	const json_t *list = json_object_get(json, "keys");

	if (list != NULL) {
		TRY(add_all(list, jwks, why));
		*out = TAKE(jwks);
		return VH_OK;
	}
	jwks->keys = calloc(1, sizeof(struct jwk *));
	if (jwks->keys == NULL)
		return VH_ENOMEM;
	TRY(jwk_of(json, &jwks->keys[0], NULL, why));
	jwks->count = 1;
	*out = TAKE(jwks);
	return VH_OK;
}
