#include "wire/ops.h"

static const struct field_row fields[VH_TAGS] = {
#define VH_FIELD(tag, name, type, max, rep)                                    \
	[tag] = { #name, VH_##type, max, rep },
#include "wire/fields.def"
};

#define F(name)  VH_TAG_BIT(VH_F_##name)
#define SELECTOR (F(KID) | F(NAME) | F(ALG) | F(KTY) | F(CRV) | F(USE))
#define FORM     (F(FORMAT) | F(PARTY) | F(UNPROTECTED))
#define PUBLIC                                                                 \
	(F(KTY_ID) | F(CRV_ID) | F(PUB_X) | F(PUB_Y) | F(PUB_N) | F(PUB_E))
enum {
	CALLER = VH_WHO_CALLER,
	OPERATOR = VH_WHO_OPERATOR,
	FRONT = VH_WHO_FRONT,
	SUPER = VH_WHO_SUPER,
	PEER = VH_WHO_PEER,
	NODE = VH_WHO_NODE,
	VAULT = VH_WHO_VAULT,
};

static const struct op_row ops[] = {
#define VH_OP(num, name, who, needs, may, answers)                             \
	[num] = { #name, who, needs, may, answers },
#include "wire/ops.def"
};

const struct field_row *
field_row(unsigned tag)
{
	return tag < VH_TAGS && fields[tag].name != NULL ? &fields[tag] : NULL;
}

const struct op_row *
op_row(unsigned op)
{
	return op < ARRAY_LEN(ops) && ops[op].name != NULL ? &ops[op] : NULL;
}

const char *
op_name(unsigned op)
{
	const struct op_row *row = op_row(op);

	return row == NULL ? "unknown" : row->name;
}

const char *
key_op_at(size_t i, uint32_t *bit)
{
	static const struct {
		const char *word;
		uint32_t bit;
	} rows[] = {
		{ "sign", VH_KEY_SIGN },
		{ "verify", VH_KEY_VERIFY },
		{ "encrypt", VH_KEY_ENCRYPT },
		{ "decrypt", VH_KEY_DECRYPT },
		{ "raw", VH_KEY_RAW },
	};

	if (i >= ARRAY_LEN(rows))
		return NULL;
	*bit = rows[i].bit;
	return rows[i].word;
}
