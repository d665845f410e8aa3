#include "wire/pub.h"

#include <sodium.h>

#include "wire/b64.h"

#define QUICK_BITS 3072 /* RSA above this is slow */

static size_t
bits_of(struct slice number)
{
	if (number.len == 0 || number.p[0] == 0)
		return 0;
	return number.len * 8 - (size_t)(__builtin_clz(number.p[0]) - 24);
}

size_t
pub_bits(const struct pub *pub)
{
	return pub->kty == VH_KTY_RSA ? bits_of(pub->n) : 0;
}

bool
pub_is_slow(const struct pub *pub)
{
	return pub_bits(pub) > QUICK_BITS;
}

size_t
pub_signature_size(const struct pub *pub, const struct alg *alg)
{
	const struct crv *crv = crv_by_id(pub->crv);

	if (alg->size > 0)
		return alg->size;
	return crv == NULL ? pub->n.len : crv->sig;
}

bool
pub_fits(const struct pub *pub, const struct alg *alg, enum vh_use use)
{
	return alg_fits(alg, pub->kty, pub->crv, use) &&
	       (pub->kty != VH_KTY_OCT || alg_takes_secret(alg, pub->secret));
}

static bool
is_odd(struct slice number)
{
	return number.len > 0 && (number.p[number.len - 1] & 1) == 1;
}

static enum vh_err
check_rsa(const struct pub *pub)
{
	size_t bits = bits_of(pub->n), e_bits = bits_of(pub->e);

	if (bits < VH_RSA_BITS_MIN || bits > VH_RSA_BITS_MAX || !is_odd(pub->n))
		return VH_EKEY;
	/* Odd and 17 bits or more is 65537 or more. */
	return e_bits >= 17 && e_bits <= 64 && is_odd(pub->e) ? VH_OK : VH_EKEY;
}

enum vh_err
pub_check(const struct pub *pub)
{
	if (pub->kty == VH_KTY_RSA)
		return pub->crv == 0 ? check_rsa(pub) : VH_EKEY;
	const struct crv *crv = crv_by_id(pub->crv);

	if (crv == NULL || crv->kty != pub->kty || pub->x.len != crv->size)
		return VH_EKEY;
	return pub->y.len == (crv->kty == VH_KTY_EC ? crv->size : 0) ? VH_OK
								     : VH_EKEY;
}

static void
put_member(struct buf *b, const char *name, struct slice number)
{
	buf_format(b, "\"%s\":\"", name);
	b64_put(b, number);
	buf_put_text(b, "\"");
}

void
pub_put_members(struct buf *b, const struct pub *pub)
{
	if (pub->kty == VH_KTY_RSA) {
		put_member(b, "e", pub->e);
		buf_put_text(b, ",\"kty\":\"RSA\",");
		put_member(b, "n", pub->n);
		return;
	}
	const struct crv *crv = crv_by_id(pub->crv);

	buf_format(b, "\"crv\":\"%s\",\"kty\":\"%s\",",
	    crv == NULL ? "" : crv->name, kty_name(pub->kty));
	put_member(b, "x", pub->x);
	if (pub->kty != VH_KTY_EC)
		return;
	buf_put_text(b, ",");
	put_member(b, "y", pub->y);
}

enum vh_err
pub_thumbprint(const struct pub *pub, char kid[static VH_KID_SIZE + 1])
{
	AUTO(buf_free) struct buf *json = buf_new(4096);
	uint8_t hash[crypto_hash_sha256_BYTES];

	TRY(pub_check(pub));
	buf_put_text(json, "{");
	pub_put_members(json, pub);
	buf_put_text(json, "}");
	TRY(buf_end(json));
	(void)crypto_hash_sha256(hash, json->p, json->len); /* returns 0 */
	(void)sodium_bin2base64(kid, VH_KID_SIZE + 1, hash, sizeof hash,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return VH_OK;
}

/* Which member of struct pub stands in which field. */
static const struct {
	enum vh_tag tag;
	size_t at;
} numbers[] = {
	{ VH_F_PUB_N, offsetof(struct pub, n) },
	{ VH_F_PUB_E, offsetof(struct pub, e) },
	{ VH_F_PUB_X, offsetof(struct pub, x) },
	{ VH_F_PUB_Y, offsetof(struct pub, y) },
};

void
pub_put_fields(struct buf *b, const struct pub *pub)
{
	frame_put_u32(b, VH_F_KTY_ID, pub->kty);
	frame_put_u32(b, VH_F_CRV_ID, pub->crv);
	if (pub->kty == VH_KTY_OCT)
		frame_put_u32(b, VH_F_BITS, (uint32_t)pub->secret * 8);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct slice s;

		memcpy(&s, (const char *)pub + numbers[i].at, sizeof s);
		if (s.len > 0)
			frame_put(b, numbers[i].tag, s);
	}
}

enum vh_err
pub_of_fields(const struct fields *f, struct pub *out)
{
	struct pub pub = { .kty = fields_u32(f, VH_F_KTY_ID),
		.crv = fields_u32(f, VH_F_CRV_ID) };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		memcpy((char *)&pub + numbers[i].at, &f->at[numbers[i].tag],
		    sizeof(struct slice));
	TRY(pub_check(&pub));
	*out = pub;
	return VH_OK;
}

bool
kid_is_publishable(struct slice kid)
{
	for (size_t i = 0; i < kid.len; i++)
		if (kid.p[i] <= ' ' || kid.p[i] >= 0x7f || kid.p[i] == '"' ||
		    kid.p[i] == '\\')
			return false;
	return kid.len > 0 && kid.len <= VH_PUBLISHED_MAX;
}
