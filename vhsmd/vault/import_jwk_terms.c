#include "vault/import_jwk.h"

/* Key operations (RFC 7517, 4.3): the use each belongs to, and whether it is
 * one of the private key. */
static const struct key_op {
	const char *name;
	enum vh_use use;
	bool of_private;
} key_ops[] = {
	{ "sign", VH_USE_SIG, true },
	{ "verify", VH_USE_SIG, false },
	{ "encrypt", VH_USE_ENC, false },
	{ "decrypt", VH_USE_ENC, true },
	{ "wrapKey", VH_USE_ENC, false },
	{ "unwrapKey", VH_USE_ENC, true },
	{ "deriveKey", VH_USE_ENC, true },
	{ "deriveBits", VH_USE_ENC, true },
};

enum vh_err
jwk_text(const json_t *jwk, const char *name, struct slice *out,
    struct buf *why)
{
	const json_t *value = json_object_get(jwk, name);

	*out = slice_of(NULL, 0);
	if (value == NULL)
		return VH_OK;
	if (!json_is_string(value))
		return REFUSE(why, VH_EKEY, "member \"%s\" is not a string",
		    name);
	*out = slice_of(json_string_value(value), json_string_length(value));
	return VH_OK;
}

static const struct key_op *
op_find(const json_t *text)
{
	const char *name = json_string_value(text);

	for (size_t i = 0; name != NULL && i < ARRAY_LEN(key_ops); i++)
		if (strcmp(key_ops[i].name, name) == 0)
			return &key_ops[i];
	return NULL;
}

/* *use: what key_ops amounts to, 0 when absent. */
static enum vh_err
use_of_ops(const json_t *jwk, enum vh_use *use, struct buf *why)
{
	const json_t *ops = json_object_get(jwk, "key_ops");
	unsigned seen = 0;
	bool of_private = false;

	*use = 0;
	if (ops == NULL)
		return VH_OK;
	if (!json_is_array(ops))
		return REFUSE(why, VH_EKEY,
		    "member \"key_ops\" is not an array");
	for (size_t i = 0; i < json_array_size(ops); i++) {
		const json_t *op = json_array_get(ops, i);
		const struct key_op *row = op_find(op);

		if (!json_is_string(op))
			return REFUSE(why, VH_EKEY,
			    "member \"key_ops\" holds what is not a string");
		if (row == NULL)
			continue;
		if ((seen >> (row - key_ops) & 1) != 0)
			return REFUSE(why, VH_EKEY,
			    "key_ops holds \"%s\" twice", row->name);
		seen |= 1u << (row - key_ops);
		if (*use != 0 && *use != row->use)
			return REFUSE(why, VH_EKEY,
			    "key_ops mixes signing and decryption, expected "
			    "one of them");
		*use = row->use;
		of_private = of_private || row->of_private;
	}
	return of_private ? VH_OK
			  : REFUSE(why, VH_EKEY,
				"key_ops holds no operation of a private key, "
				"expected sign, decrypt, unwrapKey, deriveKey "
				"or deriveBits");
}

static enum vh_err
use_of_member(const json_t *jwk, enum vh_use *use, struct buf *why)
{
	struct slice text;

	*use = 0;
	TRY(jwk_text(jwk, "use", &text, why));
	if (text.p == NULL)
		return VH_OK;
	*use = use_by_name(text);
	if (*use == 0)
		return REFUSE(why, VH_EKEY,
		    "use \"%s\" not supported, expected sig or enc",
		    shown_of(text).text);
	return VH_OK;
}

static enum vh_err
pin_of_member(const json_t *jwk, const struct alg **pin, struct buf *why)
{
	struct slice text;

	*pin = NULL;
	TRY(jwk_text(jwk, "alg", &text, why));
	if (text.p == NULL)
		return VH_OK;
	*pin = alg_by_name(text);
	if (*pin == NULL)
		return REFUSE(why, VH_EALG, "alg \"%s\" not supported",
		    shown_of(text).text);
	return VH_OK;
}

enum vh_err
jwk_terms(const json_t *jwk, const struct key_terms *spec,
    struct key_terms *out, struct buf *why)
{
	const struct alg *pin;
	enum vh_use use, by_ops;

	TRY(use_of_member(jwk, &use, why));
	TRY(pin_of_member(jwk, &pin, why));
	TRY(use_of_ops(jwk, &by_ops, why));
	if (use != 0 && by_ops != 0 && use != by_ops)
		return REFUSE(why, VH_EKEY,
		    "key_ops does not agree with use \"%s\"", use_name(use));
	if (use == 0)
		use = by_ops;
	if (use == 0 && pin != NULL)
		use = pin->use;
	if (use != 0 && spec->use != 0 && use != spec->use)
		return REFUSE(why, VH_EKEY,
		    "the JWK is for use \"%s\", the key spec says \"%s\"",
		    use_name(use), use_name(spec->use));
	if (pin != NULL && spec->pin != NULL && pin != spec->pin)
		return REFUSE(why, VH_EALG,
		    "the JWK has alg \"%s\", the key spec says \"%s\"",
		    pin->name, spec->pin->name);
	if (pin != NULL && alg_needs_pin(pin) && spec->pin == NULL)
		return REFUSE(why, VH_EALG,
		    "the JWK has alg \"%s\", which the key spec must say too",
		    pin->name);
	*out = *spec;
	if (spec->use == 0)
		out->use = use;
	if (spec->pin == NULL)
		out->pin = pin;
	return VH_OK;
}
