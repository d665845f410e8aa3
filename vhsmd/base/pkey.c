#include "base/pkey.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#define POINT_MAX (1 + 2 * 66) /* uncompressed, P-521 */

AUTO_FREE(BIGNUM, BN_clear_free)
AUTO_FREE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
AUTO_FREE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
AUTO_FREE(OSSL_PARAM, OSSL_PARAM_free)

/* type: libcrypto's name.  A refusal leaves nothing in its error queue. */
static enum vh_err
from_params(const char *type, OSSL_PARAM *params, EVP_PKEY **out)
{
	AUTO(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
		return VH_ENOMEM;
	if (EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) == 1)
		return VH_OK;
	ERR_clear_error();
	return VH_EKEY;
}

static enum vh_err
rsa_of_pub(const struct pub *pub, EVP_PKEY **out)
{
	AUTO(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	AUTO(BN_clear_free)
	BIGNUM *n = BN_bin2bn(pub->n.p, (int)pub->n.len, NULL);
	AUTO(BN_clear_free)
	BIGNUM *e = BN_bin2bn(pub->e.p, (int)pub->e.len, NULL);
	AUTO(OSSL_PARAM_free) OSSL_PARAM *params = NULL;

	if (b == NULL || n == NULL || e == NULL ||
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		return VH_ENOMEM;
	params = OSSL_PARAM_BLD_to_param(b);
	return from_params("RSA", params, out);
}

/* Its length. */
static size_t
put_point(const struct pub *pub, const struct crv *crv,
    uint8_t point[static POINT_MAX])
{
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, pub->x.p, crv->size);
	memcpy(point + 1 + crv->size, pub->y.p, crv->size);
	return 1 + 2 * crv->size;
}

/* libcrypto refuses a point off the curve as it decodes it; the curves have no
 * cofactor, so that is all there is to check. */
static enum vh_err
ec_of_pub(const struct pub *pub, const struct crv *crv, EVP_PKEY **out)
{
	uint8_t point[POINT_MAX];
	size_t len = put_point(pub, crv, point);
	char group[16] = "";

	memcpy(group, crv->lib, strlen(crv->lib));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    point, len),
		OSSL_PARAM_construct_end(),
	};

	return from_params("EC", params, out);
}

enum vh_err
pkey_of_pub(const struct pub *pub, EVP_PKEY **out)
{
	*out = NULL;
	TRY(pub_check(pub));
	if (pub->kty == VH_KTY_RSA)
		return rsa_of_pub(pub, out);
	const struct crv *crv = crv_by_id(pub->crv);

	if (pub->kty == VH_KTY_EC)
		return ec_of_pub(pub, crv, out);
	*out = EVP_PKEY_new_raw_public_key_ex(NULL, crv->lib, NULL, pub->x.p,
	    pub->x.len);
	return *out == NULL ? VH_ENOMEM : VH_OK;
}

enum vh_err
pkey_set_pub(EVP_PKEY *pkey, const struct pub *pub)
{
	const struct crv *crv = crv_by_id(pub->crv);
	uint8_t point[POINT_MAX];
	struct slice bytes = pub->x;

	TRY(pub_check(pub));
	if (pub->kty == VH_KTY_EC)
		bytes = slice_of(point, put_point(pub, crv, point));
	if (EVP_PKEY_set1_encoded_public_key(pkey, bytes.p, bytes.len) == 1)
		return VH_OK;
	ERR_clear_error();
	return VH_EKEY;
}

/* Appends a number of the key: size bytes, or 0 for as few as it takes. */
static enum vh_err
put_number(EVP_PKEY *pkey, const char *param, size_t size, struct buf *bytes,
    size_t *len)
{
	AUTO(BN_clear_free) BIGNUM *n = NULL;

	if (EVP_PKEY_get_bn_param(pkey, param, &n) != 1)
		return VH_EKEY;
	*len = size == 0 ? (size_t)BN_num_bytes(n) : size;
	uint8_t *to = buf_extend(bytes, *len);

	TRY(buf_end(bytes));
	return *len == 0 || BN_bn2binpad(n, to, (int)*len) >= 0 ? VH_OK
								: VH_EKEY;
}

/* Two numbers one after the other: n and e, or x and y. */
static enum vh_err
put_pair(EVP_PKEY *pkey, const char *const params[static 2], size_t size,
    struct buf *bytes, struct slice pair[static 2])
{
	size_t start = buf_slice(bytes).len, first, second;

	TRY(put_number(pkey, params[0], size, bytes, &first));
	TRY(put_number(pkey, params[1], size, bytes, &second));
	pair[0] = slice_of(bytes->p + start, first);
	pair[1] = slice_of(bytes->p + start + first, second);
	return VH_OK;
}

/* libcrypto's number of a row's group. */
static int
nid_of(const struct crv *crv)
{
	int nid = EC_curve_nist2nid(crv->lib);

	return nid == NID_undef ? OBJ_sn2nid(crv->lib) : nid;
}

/* NULL for a group without a row, and for one that came as explicit numbers
 * (CVE-2020-0601 came of trusting those). */
static const struct crv *
crv_of_group(EVP_PKEY *pkey)
{
	char group[64];
	int explicit_params = 0;

	if (EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
		return NULL;
	if (EVP_PKEY_get_int_param(pkey,
		OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
		&explicit_params) == 1 &&
	    explicit_params != 0)
		return NULL;
	for (size_t i = 0; crv_at(i) != NULL; i++)
		if (crv_at(i)->kty == VH_KTY_EC &&
		    nid_of(crv_at(i)) == OBJ_sn2nid(group))
			return crv_at(i);
	return NULL;
}

static enum vh_err
pub_of_rsa(EVP_PKEY *pkey, struct buf *bytes, struct pub *out)
{
	static const char *const params[] = { OSSL_PKEY_PARAM_RSA_N,
		OSSL_PKEY_PARAM_RSA_E };
	struct slice pair[2];

	TRY(put_pair(pkey, params, 0, bytes, pair));
	*out = (struct pub){ .kty = VH_KTY_RSA, .n = pair[0], .e = pair[1] };
	return VH_OK;
}

static enum vh_err
pub_of_ec(EVP_PKEY *pkey, struct buf *bytes, struct pub *out)
{
	static const char *const params[] = { OSSL_PKEY_PARAM_EC_PUB_X,
		OSSL_PKEY_PARAM_EC_PUB_Y };
	const struct crv *crv = crv_of_group(pkey);
	struct slice pair[2];

	if (crv == NULL)
		return VH_EKEY;
	TRY(put_pair(pkey, params, crv->size, bytes, pair));
	*out = (struct pub){ .kty = VH_KTY_EC,
		.crv = crv->id,
		.x = pair[0],
		.y = pair[1] };
	return VH_OK;
}

static enum vh_err
pub_of_okp(EVP_PKEY *pkey, const struct crv *crv, struct buf *bytes,
    struct pub *out)
{
	size_t len = crv->size;
	uint8_t *to = buf_extend(bytes, len);

	TRY(buf_end(bytes));
	if (EVP_PKEY_get_raw_public_key(pkey, to, &len) != 1 ||
	    len != crv->size)
		return VH_EKEY;
	*out = (struct pub){ .kty = VH_KTY_OKP,
		.crv = crv->id,
		.x = slice_of(to, len) };
	return VH_OK;
}

static enum vh_err
pub_of_any(EVP_PKEY *pkey, struct buf *bytes, struct pub *out)
{
	if (EVP_PKEY_is_a(pkey, "RSA") == 1)
		return pub_of_rsa(pkey, bytes, out);
	if (EVP_PKEY_is_a(pkey, "EC") == 1)
		return pub_of_ec(pkey, bytes, out);
	for (size_t i = 0; crv_at(i) != NULL; i++)
		if (crv_at(i)->kty == VH_KTY_OKP &&
		    EVP_PKEY_is_a(pkey, crv_at(i)->lib) == 1)
			return pub_of_okp(pkey, crv_at(i), bytes, out);
	return VH_EKEY;
}

enum vh_err
pub_of_pkey(EVP_PKEY *pkey, struct buf *bytes, struct pub *out)
{
	enum vh_err err = pub_of_any(pkey, bytes, out);

	if (err != VH_OK)
		ERR_clear_error();
	return err;
}
