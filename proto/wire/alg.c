#include "wire/alg.h"

static const char *const kty_names[] = {
#define VH_KTY(sym, id, name) [id] = name,
#include "wire/alg.def"
};

static const char *const use_names[] = {
	[VH_USE_SIG] = "sig",
	[VH_USE_ENC] = "enc",
};

static const struct crv crvs[] = {
#define VH_CRV(sym, id, name, kty, size, sig, agrees, lib)                     \
	{ VH_CRV_##sym, name, VH_KTY_##kty, size, sig, agrees, lib },
#include "wire/alg.def"
};

/* A curve column of 0 means any; the names of the others are enum members. */
#define VH_CRV_0     0
#define USE_OF(kind) ((kind) < VH_KIND_OAEP ? VH_USE_SIG : VH_USE_ENC)

static const struct alg algs[] = {
#define VH_ALG(sym, id, name, kind, kty, crv, digest, size)                    \
	{ VH_ALG_##sym, name, VH_KIND_##kind, USE_OF(VH_KIND_##kind),          \
		VH_KTY_##kty, VH_CRV_##crv, digest, size },
#include "wire/alg.def"
};

static const struct enc encs[] = {
#define VH_ENC(sym, id, name, cek, iv, tag, lib, mac)                          \
	{ VH_ENC_##sym, name, cek, iv, tag, lib, mac },
#include "wire/alg.def"
};

/* The three look-ups of a table whose rows have id and name. */
#define LOOKUPS(type, table)                                                   \
	const struct type *type##_at(size_t i)                                 \
	{                                                                      \
		return i < ARRAY_LEN(table) ? &table[i] : NULL;                \
	}                                                                      \
	const struct type *type##_by_id(uint32_t id)                           \
	{                                                                      \
		for (size_t i = 0; i < ARRAY_LEN(table); i++)                  \
			if ((uint32_t)table[i].id == id)                       \
				return &table[i];                              \
		return NULL;                                                   \
	}                                                                      \
	const struct type *type##_by_name(struct slice name)                   \
	{                                                                      \
		for (size_t i = 0; name.len > 0 && i < ARRAY_LEN(table); i++)  \
			if (slice_is(name, table[i].name))                     \
				return &table[i];                              \
		return NULL;                                                   \
	}

LOOKUPS(crv, crvs)
LOOKUPS(alg, algs)
LOOKUPS(enc, encs)

static size_t
index_of(const char *const *names, size_t count, struct slice name)
{
	for (size_t i = 1; name.len > 0 && i < count; i++)
		if (slice_is(name, names[i]))
			return i;
	return 0;
}

const char *
kty_name(enum vh_kty kty)
{
	return (size_t)kty < ARRAY_LEN(kty_names) ? kty_names[kty] : NULL;
}

enum vh_kty
kty_by_name(struct slice name)
{
	return (enum vh_kty)index_of(kty_names, ARRAY_LEN(kty_names), name);
}

const char *
use_name(enum vh_use use)
{
	return (size_t)use < ARRAY_LEN(use_names) ? use_names[use] : NULL;
}

enum vh_use
use_by_name(struct slice name)
{
	return (enum vh_use)index_of(use_names, ARRAY_LEN(use_names), name);
}

bool
alg_fits(const struct alg *alg, enum vh_kty kty, enum vh_crv crv,
    enum vh_use use)
{
	const struct crv *row = crv_by_id(crv);

	if (alg->use != use || (row != NULL && row->kty != kty))
		return false;
	if (alg->kind == VH_KIND_ECDH)
		return row != NULL && row->agrees;
	if (alg->kty != kty || (alg->crv != 0 && alg->crv != crv))
		return false;
	return alg->kind != VH_KIND_EDDSA || (row != NULL && row->sig > 0);
}

bool
alg_takes_secret(const struct alg *alg, size_t bytes)
{
	if (bytes < VH_OCT_BITS_MIN / 8 || bytes > VH_OCT_BITS_MAX / 8)
		return false;
	if (alg->kind == VH_KIND_HMAC)
		return bytes >= alg->size;
	if (alg->kind == VH_KIND_KW || alg->kind == VH_KIND_GCMKW)
		return bytes == alg->size;
	if (alg->kind != VH_KIND_DIR)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(encs); i++)
		if (encs[i].cek == bytes)
			return true;
	return false;
}

bool
alg_needs_pin(const struct alg *alg)
{
	return alg->kind == VH_KIND_RSA15;
}

bool
alg_signs(const struct alg *alg, size_t size)
{
	if (alg->use != VH_USE_SIG || size == 0)
		return false;
	if (alg->size > 0)
		return size == alg->size;
	if (alg->kty == VH_KTY_RSA)
		return size >= VH_RSA_BITS_MIN / 8 &&
		       size <= VH_RSA_BITS_MAX / 8;
	for (size_t i = 0; i < ARRAY_LEN(crvs); i++)
		if (crvs[i].sig == size &&
		    alg_fits(alg, crvs[i].kty, crvs[i].id, VH_USE_SIG))
			return true;
	return false;
}
