#include "wire/raw.h"

static const struct raw rows[] = {
#define VH_RAW(kind, op, hashes, name)                                         \
	{ VH_KIND_##kind, VH_OP_##op, hashes, name },
#include "wire/raw.def"
};

const struct raw *
raw_of(const struct alg *alg)
{
	for (size_t i = 0; alg != NULL && i < ARRAY_LEN(rows); i++)
		if (rows[i].kind == alg->kind)
			return &rows[i];
	return NULL;
}

bool
raw_is(uint16_t op)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].op == op)
			return true;
	return false;
}

uint32_t
raw_needs(uint16_t op)
{
	return VH_KEY_RAW |
	       (op == VH_OP_RAWSIGN ? VH_KEY_SIGN : VH_KEY_DECRYPT);
}

size_t
raw_digest_size(const struct alg *alg)
{
	static const struct {
		const char *name;
		size_t size;
	} digests[] = { { "SHA256", 32 }, { "SHA384", 48 }, { "SHA512", 64 } };

	if (raw_of(alg) == NULL || !raw_of(alg)->hashes)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		if (strcmp(digests[i].name, alg->digest) == 0)
			return digests[i].size;
	return 0;
}

bool
raw_fits(enum vh_kty kty, enum vh_crv crv, enum vh_use use,
    const struct alg *pin)
{
	if (pin != NULL)
		return raw_of(pin) != NULL;
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (raw_of(alg_at(i)) != NULL &&
		    alg_fits(alg_at(i), kty, crv, use))
			return true;
	return false;
}
