#include "wire/pub.h"

#include <criterion/criterion.h>

#include "wire/b64.h"

static struct slice
decode(struct buf *b, const char *text)
{
	size_t start = b->len;

	cr_assert_eq(b64_decode(slice_text(text), b), VH_OK);
	return slice_of(b->p + start, b->len - start);
}

static struct buf *
numbers(void)
{
	struct buf *b = buf_new(4096);

	cr_assert(buf_reserve(b, 4096));
	return b;
}

/* RFC 7638, 3.1. */
static struct pub
rsa_of_rfc7638(struct buf *b)
{
	struct pub pub = { .kty = VH_KTY_RSA };

	pub.n = decode(b, "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4"
			  "cbbfAAtVT86zwu1"
			  "RK7aPFFxuhDR1L6tSoc_"
			  "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5"
			  "n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
			  "FDW2QvzqY368QQMicAtaSqzs8K"
			  "JZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrd"
			  "kt-bFTWhAI4vMQF"
			  "h6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-"
			  "csFCur-kEgU8awapJz"
			  "KnqDKgw");
	pub.e = decode(b, "AQAB");
	return pub;
}

Test(pub, rsa_thumbprint_of_rfc_7638)
{
	AUTO(buf_free) struct buf *b = numbers();
	struct pub pub = rsa_of_rfc7638(b);
	char kid[VH_KID_SIZE + 1];

	cr_assert_eq(pub_thumbprint(&pub, kid), VH_OK);
	cr_expect_str_eq(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	cr_expect_eq(pub_bits(&pub), 2048);
}

Test(pub, rsa_above_3072_bits_is_slow)
{
	static const uint8_t n[512] = { [0] = 0x80, [127] = 0xff };
	struct pub pub = { .kty = VH_KTY_RSA, .n = slice_of(n, 384) };

	cr_expect_not(pub_is_slow(&pub));
	pub.n.len++;
	cr_expect(pub_is_slow(&pub));
	pub.n.len = sizeof n;
	cr_expect(pub_is_slow(&pub));
	pub = (struct pub){ .kty = VH_KTY_EC, .crv = VH_CRV_P521 };
	cr_expect_not(pub_is_slow(&pub));
}

/* RFC 8037, A.3. */
Test(pub, okp_thumbprint_of_rfc_8037)
{
	AUTO(buf_free) struct buf *b = numbers();
	struct pub pub = { .kty = VH_KTY_OKP, .crv = VH_CRV_ED25519 };
	char kid[VH_KID_SIZE + 1];

	pub.x = decode(b, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	cr_assert_eq(pub_thumbprint(&pub, kid), VH_OK);
	cr_expect_str_eq(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/* RFC 7515, A.3.1. */
Test(pub, ec_members_stand_in_the_order_of_rfc_7638)
{
	AUTO(buf_free) struct buf *b = numbers();
	AUTO(buf_free) struct buf *out = buf_new(1000);
	struct pub pub = { .kty = VH_KTY_EC, .crv = VH_CRV_P256 };

	pub.x = decode(b, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
	pub.y = decode(b, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
	pub_put_members(out, &pub);
	cr_expect(slice_is(buf_slice(out),
	    "\"crv\":\"P-256\",\"kty\":\"EC\","
	    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""));
}

/* An RSA key of these bits: all ones, or as the caller changes it. */
static struct pub
rsa_of(uint8_t *n, size_t size, const uint8_t *e, size_t e_size)
{
	memset(n, 0xff, size);
	return (struct pub){ .kty = VH_KTY_RSA,
		.n = slice_of(n, size),
		.e = slice_of(e, e_size) };
}

static const uint8_t f4[] = { 1, 0, 1 };

Test(pub, rsa_moduli_of_2048_to_8192_odd_bits_are_sound)
{
	uint8_t n[1025];
	struct pub pub = rsa_of(n, 256, f4, 3);

	cr_expect_eq(pub_check(&pub), VH_OK);
	n[255] = 0xfe;
	cr_expect_eq(pub_check(&pub), VH_EKEY, "even");
	pub = rsa_of(n, 256, f4, 3);
	n[0] = 0x7f;
	cr_expect_eq(pub_check(&pub), VH_EKEY, "2047 bits");
	n[0] = 0;
	cr_expect_eq(pub_check(&pub), VH_EKEY, "leading zero");
	pub = rsa_of(n, 1024, f4, 3);
	cr_expect_eq(pub_check(&pub), VH_OK);
	pub = rsa_of(n, 1025, f4, 3);
	cr_expect_eq(pub_check(&pub), VH_EKEY, "8200 bits");
	pub = rsa_of(n, 256, f4, 3);
	pub.crv = VH_CRV_P256;
	cr_expect_eq(pub_check(&pub), VH_EKEY, "a curve");
	pub = (struct pub){ .kty = VH_KTY_RSA };
	cr_expect_eq(pub_check(&pub), VH_EKEY, "nothing");
}

static const struct {
	uint8_t e[9];
	size_t size;
	enum vh_err want;
} exponents[] = {
	{ { 1, 0, 1 }, 3, VH_OK },
	{ { 1, 0, 3 }, 3, VH_OK },
	{ { 0x80, 0, 0, 0, 0, 0, 0, 1 }, 8, VH_OK },
	{ { 1 }, 1, VH_EKEY },
	{ { 3 }, 1, VH_EKEY },
	{ { 0xff, 0xff }, 2, VH_EKEY },
	{ { 1, 0, 0 }, 3, VH_EKEY },
	{ { 0, 1, 0, 1 }, 4, VH_EKEY },
	{ { 1, 0, 0, 0, 0, 0, 0, 0, 1 }, 9, VH_EKEY },
	{ { 0 }, 0, VH_EKEY },
};

Test(pub, unsound_exponents_are_refused)
{
	uint8_t n[256];

	for (size_t i = 0; i < ARRAY_LEN(exponents); i++) {
		struct pub pub =
		    rsa_of(n, sizeof n, exponents[i].e, exponents[i].size);

		cr_expect_eq(pub_check(&pub), exponents[i].want, "exponent %zu",
		    i);
	}
}

Test(pub, coordinates_have_the_size_of_their_curve)
{
	uint8_t zeros[67] = { 0 };

	for (size_t i = 0; crv_at(i) != NULL; i++) {
		const struct crv *c = crv_at(i);
		bool ec = c->kty == VH_KTY_EC;

		for (size_t n = 0; n < sizeof zeros; n++) {
			struct slice s = slice_of(zeros, n);
			struct pub pub = { .kty = c->kty,
				.crv = c->id,
				.x = s,
				.y = slice_of(zeros, ec ? n : 0) };

			cr_expect_eq(pub_check(&pub),
			    n == c->size ? VH_OK : VH_EKEY, "%s %zu", c->name,
			    n);
		}
	}
}

Test(pub, kty_and_crv_must_agree)
{
	uint8_t zeros[32] = { 0 };
	struct slice s = slice_of(zeros, 32);
	struct pub pub = { .kty = VH_KTY_OKP, .crv = VH_CRV_P256, .x = s };

	cr_expect_eq(pub_check(&pub), VH_EKEY);
	pub.y = s;
	cr_expect_eq(pub_check(&pub), VH_EKEY);
	pub = (struct pub){ .kty = VH_KTY_EC, .crv = VH_CRV_X25519, .x = s };
	cr_expect_eq(pub_check(&pub), VH_EKEY);
	pub = (struct pub){ .kty = VH_KTY_OKP,
		.crv = VH_CRV_X25519,
		.x = s,
		.y = s };
	cr_expect_eq(pub_check(&pub), VH_EKEY, "a y too many");
	pub.kty = (enum vh_kty)99;
	cr_expect_eq(pub_check(&pub), VH_EKEY);
}

Test(pub, a_key_travels_in_the_fields_of_a_frame)
{
	AUTO(buf_free) struct buf *b = numbers();
	AUTO(buf_free) struct buf *fields = buf_new(4096);
	struct pub pub = rsa_of_rfc7638(b), back;
	struct fields f;

	pub_put_fields(fields, &pub);
	cr_assert_eq(fields_parse(buf_slice(fields), &f), VH_OK);
	cr_assert_eq(pub_of_fields(&f, &back), VH_OK);
	cr_expect_eq(back.kty, VH_KTY_RSA);
	cr_expect(slice_eq(back.n, pub.n) && slice_eq(back.e, pub.e));
	f.at[VH_F_PUB_N].len--;
	cr_expect_eq(pub_of_fields(&f, &back), VH_EKEY);
	memset(&f, 0, sizeof f);
	cr_expect_eq(pub_of_fields(&f, &back), VH_EKEY);
}
