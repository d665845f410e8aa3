#include "vault/import_parts.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include "base/pkey.h"

#define POINT_MAX (1 + 2 * 66) /* uncompressed, P-521 */
#define OKP_MAX   57           /* Ed448 */

AUTO_FREE(BIGNUM, BN_clear_free)
AUTO_FREE(BN_CTX, BN_CTX_free)
AUTO_FREE(EC_GROUP, EC_GROUP_free)
AUTO_FREE(EC_POINT, EC_POINT_free)
AUTO_FREE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
AUTO_FREE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
AUTO_FREE(OSSL_PARAM, OSSL_PARAM_free)

static enum vh_err
from_params(const char *type, OSSL_PARAM *params, EVP_PKEY **out,
    struct buf *why)
{
	AUTO(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

	if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, out, EVP_PKEY_KEYPAIR, params) == 1)
		return VH_OK;
	return check_failed(why, "libcrypto does not take these numbers");
}

static BIGNUM *
number_of(struct slice bytes)
{
	return BN_bin2bn(bytes.p, (int)bytes.len, NULL);
}

/* Pushes a number; it must outlive the builder. */
static bool
push(OSSL_PARAM_BLD *b, const char *param, const BIGNUM *number)
{
	return number != NULL && OSSL_PARAM_BLD_push_BN(b, param, number) == 1;
}

static const struct {
	const char *param;
	size_t at;
} rsa_params[] = {
	{ OSSL_PKEY_PARAM_RSA_N, offsetof(struct parts, n) },
	{ OSSL_PKEY_PARAM_RSA_E, offsetof(struct parts, e) },
	{ OSSL_PKEY_PARAM_RSA_D, offsetof(struct parts, d) },
	{ OSSL_PKEY_PARAM_RSA_FACTOR1, offsetof(struct parts, p) },
	{ OSSL_PKEY_PARAM_RSA_FACTOR2, offsetof(struct parts, q) },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT1, offsetof(struct parts, dp) },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT2, offsetof(struct parts, dq) },
	{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, offsetof(struct parts, qi) },
};

static enum vh_err
rsa_pkey(const struct parts *parts, EVP_PKEY **out, struct buf *why)
{
	AUTO(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	AUTO(OSSL_PARAM_free) OSSL_PARAM *params = NULL;
	BIGNUM *v[ARRAY_LEN(rsa_params)];
	bool pushed = b != NULL;

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct slice bytes;

		memcpy(&bytes, (const char *)parts + rsa_params[i].at,
		    sizeof bytes);
		v[i] = number_of(bytes);
		pushed = pushed && push(b, rsa_params[i].param, v[i]);
	}
	if (pushed)
		params = OSSL_PARAM_BLD_to_param(b);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		BN_clear_free(v[i]);
	return from_params("RSA", params, out, why);
}

/* The uncompressed point d * G, in constant time for a lone scalar. */
static enum vh_err
point_of_d(const EC_GROUP *group, const BIGNUM *d, uint8_t *point, size_t len)
{
	AUTO(BN_CTX_free) BN_CTX *ctx = BN_CTX_new();
	AUTO(EC_POINT_free) EC_POINT *made = EC_POINT_new(group);

	if (ctx == NULL || made == NULL ||
	    EC_POINT_mul(group, made, d, NULL, NULL, ctx) != 1 ||
	    EC_POINT_point2oct(group, made, POINT_CONVERSION_UNCOMPRESSED,
		point, len, ctx) != len)
		return VH_ENOMEM;
	return VH_OK;
}

/* Whether the file's point is on the curve, and the same as made. */
static enum vh_err
check_point(const EC_GROUP *group, struct slice given, const uint8_t *made,
    size_t len, const char *curve, struct buf *why)
{
	AUTO(BN_CTX_free) BN_CTX *ctx = BN_CTX_new();
	AUTO(EC_POINT_free) EC_POINT *point = EC_POINT_new(group);
	uint8_t again[POINT_MAX];

	if (ctx == NULL || point == NULL)
		return check_failed(why, "libcrypto lacks a curve");
	/* Compressed or not; the hybrid forms 6 and 7 are nobody's. */
	if (given.p[0] < POINT_CONVERSION_COMPRESSED ||
	    given.p[0] > POINT_CONVERSION_UNCOMPRESSED ||
	    EC_POINT_oct2point(group, point, given.p, given.len, ctx) != 1 ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
		again, len, ctx) != len) {
		(void)check_failed(NULL, ""); /* empties the error queue */
		return REFUSE(why, VH_EKEY, "public point is not on curve %s",
		    curve);
	}
	if (memcmp(again, made, len) != 0)
		return REFUSE(why, VH_EKEY,
		    "private and public part do not match: the point is not d "
		    "times the base point");
	return VH_OK;
}

static enum vh_err
ec_params(const struct crv *crv, const BIGNUM *d, uint8_t *point,
    EVP_PKEY **out, struct buf *why)
{
	AUTO(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	AUTO(OSSL_PARAM_free) OSSL_PARAM *params = NULL;

	if (b != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME,
		crv->lib, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point,
		1 + 2 * crv->size) == 1 &&
	    push(b, OSSL_PKEY_PARAM_PRIV_KEY, d))
		params = OSSL_PARAM_BLD_to_param(b);
	return from_params("EC", params, out, why);
}

/* libcrypto's number of a row's group. */
static int
nid_of(const struct crv *crv)
{
	int nid = EC_curve_nist2nid(crv->lib);

	return nid == NID_undef ? OBJ_sn2nid(crv->lib) : nid;
}

static enum vh_err
ec_pkey(const struct parts *parts, const struct crv *crv, EVP_PKEY **out,
    struct buf *why)
{
	AUTO(EC_GROUP_free)
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid_of(crv));
	AUTO(BN_clear_free) BIGNUM *d = number_of(parts->d);
	size_t len = 1 + 2 * crv->size;
	uint8_t point[POINT_MAX];

	if (group == NULL || d == NULL)
		return check_failed(why, "libcrypto lacks a curve");
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		return REFUSE(why, VH_EKEY,
		    "d is out of range, expected 1 to the order of curve %s "
		    "less 1",
		    crv->name);
	if (point_of_d(group, d, point, len) != VH_OK)
		return check_failed(why, "libcrypto cannot compute the point");
	if (parts->point.len > 0)
		TRY(check_point(group, parts->point, point, len, crv->name,
		    why));
	return ec_params(crv, d, point, out, why);
}

static enum vh_err
okp_pkey(const struct parts *parts, const struct crv *crv, EVP_PKEY **out,
    struct buf *why)
{
	uint8_t made[OKP_MAX];
	size_t len = sizeof made;

	if (parts->d.len != crv->size)
		return REFUSE(why, VH_EKEY, "d has %zu bytes, expected %zu",
		    parts->d.len, crv->size);
	AUTO(pkey_free)
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, crv->lib, NULL,
	    parts->d.p, parts->d.len);

	if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, made, &len) != 1)
		return check_failed(why, "libcrypto does not take this key");
	if (parts->point.len > 0 &&
	    !slice_eq(parts->point, slice_of(made, len)))
		return REFUSE(why, VH_EKEY,
		    "private and public part do not match: x is not the public "
		    "key of d");
	*out = TAKE(pkey);
	return VH_OK;
}

enum vh_err
parts_to_pkey(const struct parts *parts, EVP_PKEY **out, struct buf *why)
{
	const struct crv *crv = crv_by_id(parts->crv);

	*out = NULL;
	ERR_clear_error();
	if (parts->kty == VH_KTY_RSA)
		return rsa_pkey(parts, out, why);
	return parts->kty == VH_KTY_EC ? ec_pkey(parts, crv, out, why)
				       : okp_pkey(parts, crv, out, why);
}

/* The symmetric key with the same secret, whatever its kid is. */
static const struct key *
find_secret(const struct store *s, const struct secret *oct)
{
	const struct key *old;
	size_t i = 0;

	while (s != NULL && (old = store_next(s, &i)) != NULL)
		if (old->oct != NULL &&
		    secret_len(old->oct) == secret_len(oct) &&
		    sodium_memcmp(secret_ro(old->oct).p, secret_ro(oct).p,
			secret_len(oct)) == 0)
			return old;
	return NULL;
}

/* One that comes again is the key it was, as others are by their thumbprint. */
static enum vh_err
make_oct(const struct import *in, struct slice bytes,
    const struct key_terms *terms, struct key **out)
{
	struct secret *oct = secret_new(bytes.len);
	const struct key *known;

	if (oct == NULL)
		return check_full(in->why);
	memcpy(secret_rw(oct), bytes.p, bytes.len);
	TRY(key_new_oct(oct, terms, in->workers, out, in->why));
	known = find_secret(in->known, (*out)->oct);
	if (known != NULL)
		memcpy((*out)->kid, known->kid, sizeof known->kid);
	return VH_OK;
}

enum vh_err
import_add(const struct import *in, const struct parts *parts,
    const struct key_terms *terms)
{
	AUTO(key_free) struct key *key = NULL;
	EVP_PKEY *pkey;

	if (parts->kty == VH_KTY_OCT) {
		TRY(make_oct(in, parts->d, terms, &key));
	} else {
		TRY(parts_to_pkey(parts, &pkey, in->why));
		TRY(key_new(pkey, terms, in->workers, &key, in->why));
	}
	const struct key *old = key->oct == NULL
				    ? store_get(in->to, slice_text(key->kid))
				    : find_secret(in->to, key->oct);

	if (old == NULL)
		return store_add(in->to, TAKE(key));
	/* It would go with its entry, while the other one is still there. */
	if (old->entry != key->entry)
		return REFUSE(in->why, VH_EDUPLICATE,
		    "key %s is of entry %u already, expected one copy",
		    old->kid, old->entry + 1);
	const char *what = key_other_term(old, key);

	if (what != NULL)
		return REFUSE(in->why, VH_EDUPLICATE,
		    "key %s is there already, with another %s, expected the "
		    "same or one copy",
		    old->kid, what);
	return VH_OK;
}

enum vh_err
base64_to_secret(struct slice text, struct secret **out, struct buf *why)
{
	size_t len = 0, most = text.len / 4 * 3 + 3;
	AUTO(secret_free) struct secret *bytes = secret_new(most);
	const char *end = NULL;

	if (bytes == NULL)
		return check_full(why);
	/* sodium would take a NUL for white space. */
	if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL)
		return VH_EKEY;
	if (sodium_base642bin(secret_rw(bytes), most, (const char *)text.p,
		text.len, " \t\r\n", &len, &end,
		sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    end != (const char *)text.p + text.len)
		return VH_EKEY;
	secret_trim(bytes, len);
	*out = TAKE(bytes);
	return VH_OK;
}

struct shown
shown_of(struct slice name)
{
	struct shown s = { "" };
	size_t most = sizeof s.text - 4;

	for (size_t i = 0; i < name.len && i < most; i++) {
		char c = (char)name.p[i];

		s.text[i] =
		    c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '?';
	}
	if (name.len > most)
		memcpy(s.text + most, "...", 4);
	return s;
}
