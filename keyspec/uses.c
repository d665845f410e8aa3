/* What callers may do with a key: ops, typ, claims and raw of an entry. */
#include "keyspec/keyspec.h"
#include "keyspec/schema.h"
#include "wire/raw.h"

static const struct {
	const char *name;
	uint32_t bit;
	enum vh_use use;
} ops[] = {
	{ "sign", VH_KEY_SIGN, VH_USE_SIG },
	{ "verify", VH_KEY_VERIFY, VH_USE_SIG },
	{ "encrypt", VH_KEY_ENCRYPT, VH_USE_ENC },
	{ "decrypt", VH_KEY_DECRYPT, VH_USE_ENC },
};

static uint32_t
op_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (strcmp(ops[i].name, name) == 0)
			return ops[i].bit;
	return 0;
}

static enum vh_err
read_ops(const struct reading *r, const struct row *row, const struct node *n,
    void *field)
{
	uint32_t *bits = field;

	if (n->kind != NODE_SEQUENCE || n->count < row->lo ||
	    n->count > row->hi)
		return refuse_value(r, row, n);
	for (const struct node *item = n->first; item != NULL;
	     item = item->next) {
		uint32_t bit =
		    item->kind == NODE_SCALAR ? op_bit(item->text) : 0;

		if (bit == 0)
			return refuse(r, item->at,
			    "ops: found %s, expected sign, verify, encrypt or "
			    "decrypt",
			    shown(item).text);
		if ((*bits & bit) != 0)
			return refuse(r, item->at,
			    "ops: %s listed twice, expected it once",
			    shown(item).text);
		*bits |= bit;
	}
	return VH_OK;
}

static bool
is_set_ops(const struct row *, const void *field)
{
	return *(const uint32_t *)field != 0;
}

static void
put_ops(struct buf *b, const struct row *, const void *field, size_t)
{
	const char *comma = "[";

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if ((*(const uint32_t *)field & ops[i].bit) == 0)
			continue;
		buf_put_text(b, comma);
		buf_put_text(b, ops[i].name);
		comma = ", ";
	}
	buf_put_u8(b, ']');
}

const struct handler ops_handler = {
	.read = read_ops,
	.is_set = is_set_ops,
	.put = put_ops,
};

static bool
is_printable(const char *text, const char *without, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~' ||
		    strchr(without, text[i]) != NULL)
			return false;
	return len > 0 && len <= max;
}

bool
typ_ok(const char *text)
{
	return is_printable(text, " ,\"'\\", KEYSPEC_TYP_MAX);
}

bool
issuer_ok(const char *text)
{
	return is_printable(text, "", KEYSPEC_ISSUER_MAX);
}

enum vh_err
keyspec_check_claims(const struct reading *r, const struct node *n, void *of)
{
	const struct keyspec_claims *claims = of;

	if (!claims->max_lifetime.set && claims->iss == NULL)
		return refuse(r, n->at,
		    "claims: found none, expected max_lifetime, iss or both");
	if (claims->max_lifetime.ms % 1000 == 0)
		return VH_OK;
	/* exp and iat are in seconds. */
	const struct node *most = node_get(n, "max_lifetime");

	return refuse(r, most->at,
	    "max_lifetime: found %s, expected whole seconds", shown(most).text);
}

/* typ travels as a field that may be as long as this. */
static enum vh_err
check_typ(const struct reading *r, const struct node *n,
    const struct keyspec_key *key)
{
	size_t most = field_row(VH_F_TYPS)->max, size = 0;

	for (size_t i = 0; i < key->typ.count; i++)
		size += strlen(key->typ.at[i]) + 1;
	return size <= most
		   ? VH_OK
		   : refuse(r, node_get(n, "typ")->at,
			 "typ: found %zu characters in all, expected at most "
			 "%zu",
			 size, most);
}

/* Rules for tokens, of keys that sign none. */
static enum vh_err
check_signs(const struct reading *r, const struct node *n,
    const struct keyspec_key *key, const char *name)
{
	const struct node *rule = node_get(n, name);

	if (rule == NULL || ((key->use == 0 || key->use == VH_USE_SIG) &&
				(key->ops == 0 || key->ops & VH_KEY_SIGN)))
		return VH_OK;
	return refuse(r, rule->key_at,
	    "%s: found for keys that do not sign, expected it for use sig and "
	    "ops with sign",
	    name);
}

/* What is to be signed raw has neither header nor claims; a symmetric key and
 * RSA1_5 have nothing that callers could use raw.  Of keys that are loaded the
 * vault sees what they are. */
static enum vh_err
check_raw(const struct reading *r, const struct node *n,
    const struct keyspec_key *key)
{
	const struct keyspec_generate *g = &key->generate;
	const struct node *raw = node_get(n, "raw");
	const struct alg *pin = alg_by_id(key->alg);

	if (!key->raw)
		return VH_OK;
	if (key->typ.count > 0 || node_get(n, "claims") != NULL)
		return refuse(r, raw->at,
		    "raw: found true beside %s, expected one of them: raw "
		    "signatures would go around it",
		    key->typ.count > 0 ? "typ" : "claims");
	if (g->kty == VH_KTY_OCT)
		return refuse(r, raw->at,
		    "raw: found true for oct, expected it for RSA, EC and OKP");
	if (pin != NULL && raw_of(pin) == NULL)
		return refuse(r, raw->at,
		    "raw: found true for alg %s, expected it for algorithms "
		    "with a padded primitive",
		    pin->name);
	return VH_OK;
}

enum vh_err
keyspec_check_uses(const struct reading *r, const struct node *n,
    const struct keyspec_key *key)
{
	uint32_t both[VH_USE_ENC + 1] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		both[ops[i].use] |= key->ops & ops[i].bit;
		if ((key->ops & ops[i].bit) != 0 && key->use != 0 &&
		    ops[i].use != key->use)
			return refuse(r, node_get(n, "ops")->at,
			    "ops: found %s, expected only what fits use %s",
			    ops[i].name, use_name(key->use));
	}
	if (both[VH_USE_SIG] != 0 && both[VH_USE_ENC] != 0)
		return refuse(r, node_get(n, "ops")->at,
		    "ops: found some of both uses, expected sign and verify, "
		    "or encrypt and decrypt");
	TRY(check_signs(r, n, key, "typ"));
	TRY(check_signs(r, n, key, "claims"));
	TRY(check_typ(r, n, key));
	return check_raw(r, n, key);
}
