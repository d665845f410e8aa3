#include "base/pkey.h"

#include <criterion/criterion.h>
#include <openssl/core_names.h>

static const char *const curves[] = { "P-256", "P-384", "P-521", "secp256k1",
	"ED25519", "ED448", "X25519", "X448" };

static EVP_PKEY *
make(const char *name)
{
	bool ec = name[0] == 'P' || name[0] == 's';
	EVP_PKEY *pkey = ec ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", name)
			    : EVP_PKEY_Q_keygen(NULL, NULL, name);

	cr_assert_not_null(pkey);
	return pkey;
}

static void
goes_round(EVP_PKEY *pkey)
{
	AUTO(buf_free) struct buf *bytes = buf_new(4096);
	AUTO(pkey_free) EVP_PKEY *again = NULL;
	size_t len = 0;
	struct pub pub;

	buf_put_text(bytes, "what was there before");
	cr_assert_eq(pub_of_pkey(pkey, bytes, &pub), VH_OK);
	cr_expect_eq(pub_check(&pub), VH_OK);
	cr_assert_eq(pkey_of_pub(&pub, &again), VH_OK);
	cr_expect_eq(EVP_PKEY_eq(pkey, again), 1);
	cr_expect_neq(EVP_PKEY_get_raw_private_key(again, NULL, &len), 1);
}

Test(pkey, every_kind_goes_to_numbers_and_back)
{
	AUTO(pkey_free)
	EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);

	goes_round(rsa);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make(curves[i]);

		goes_round(pkey);
	}
}

static void
takes_another(const char *curve)
{
	AUTO(buf_free) struct buf *bytes = buf_new(4096);
	AUTO(buf_free) struct buf *more = buf_new(4096);
	AUTO(pkey_free) EVP_PKEY *one = make(curve), *two = make(curve);
	AUTO(pkey_free) EVP_PKEY *both = NULL;
	struct pub first, second, none;

	cr_assert_eq(pub_of_pkey(one, bytes, &first), VH_OK);
	cr_assert_eq(pub_of_pkey(two, more, &second), VH_OK);
	cr_assert_eq(pkey_of_pub(&first, &both), VH_OK);
	cr_assert_eq(pkey_set_pub(both, &second), VH_OK, "%s", curve);
	cr_expect_eq(EVP_PKEY_eq(both, two), 1, "%s", curve);
	none = first;
	none.y = second.y;
	if (first.kty == VH_KTY_EC)
		cr_expect_eq(pkey_set_pub(both, &none), VH_EKEY, "%s", curve);
	none.x.len--;
	cr_expect_eq(pkey_set_pub(both, &none), VH_EKEY, "%s", curve);
	cr_assert_eq(pkey_set_pub(both, &first), VH_OK, "%s", curve);
	cr_expect_eq(EVP_PKEY_eq(both, one), 1, "%s", curve);
}

Test(pkey, one_takes_another_public_key)
{
	takes_another("P-256");
	takes_another("P-384");
	takes_another("P-521");
	takes_another("X25519");
	takes_another("X448");
}

Test(pkey, coordinates_have_the_size_of_the_curve)
{
	/* One key in 256 has a leading zero byte in x or y. */
	for (size_t i = 0; i < 600; i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make("P-256");
		AUTO(buf_free) struct buf *bytes = buf_new(4096);
		struct pub pub;

		cr_assert_eq(pub_of_pkey(pkey, bytes, &pub), VH_OK);
		cr_assert_eq(pub.x.len, 32);
		cr_assert_eq(pub.y.len, 32);
	}
}

Test(pkey, a_point_off_its_curve_is_refused)
{
	for (size_t i = 0; i < 3; i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make(curves[i]);
		AUTO(buf_free) struct buf *bytes = buf_new(4096);
		EVP_PKEY *out = pkey;
		struct pub pub;

		cr_assert_eq(pub_of_pkey(pkey, bytes, &pub), VH_OK);
		bytes->p[bytes->len - 1] ^= 1;
		cr_expect_eq(pkey_of_pub(&pub, &out), VH_EKEY);
		cr_expect_null(out);
		memset(bytes->p, 0, bytes->len);
		cr_expect_eq(pkey_of_pub(&pub, &out), VH_EKEY);
		memset(bytes->p, 0xff, bytes->len);
		cr_expect_eq(pkey_of_pub(&pub, &out), VH_EKEY);
	}
}

Test(pkey, what_pub_check_refuses_is_refused)
{
	static const uint8_t n[128] = { 0x80, [127] = 1 }, e[] = { 1, 0, 1 };
	struct pub weak = { .kty = VH_KTY_RSA,
		.n = slice_of(n, sizeof n),
		.e = slice_of(e, sizeof e) };
	struct pub empty = { .kty = VH_KTY_EC, .crv = VH_CRV_P256 };
	EVP_PKEY *out;

	cr_expect_eq(pkey_of_pub(&weak, &out), VH_EKEY);
	cr_expect_null(out);
	cr_expect_eq(pkey_of_pub(&empty, &out), VH_EKEY);
}

Test(pkey, other_kinds_have_no_numbers)
{
	static const char *const names[] = { "brainpoolP256r1", "secp224r1" };
	AUTO(buf_free) struct buf *bytes = buf_new(4096);
	struct pub pub;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(pkey_free)
		EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", names[i]);

		cr_expect_eq(pub_of_pkey(pkey, bytes, &pub), VH_EKEY);
	}
}

Test(pkey, a_full_buffer_is_an_error)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make("P-256");
	AUTO(buf_free) struct buf *bytes = buf_new(40);
	struct pub pub;

	cr_expect_eq(pub_of_pkey(pkey, bytes, &pub), VH_ETOOBIG);
}
