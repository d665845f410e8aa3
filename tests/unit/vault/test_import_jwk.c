#include "vault/import.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "test_import_help.h"

TestSuite(import_jwk, .init = open_arena, .timeout = 120);

/* RFC 7517, A.2. */
static const char rfc7517[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
    "\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\","
    "\"use\":\"enc\",\"kid\":\"1\"},{\"kty\":\"RSA\","
    "\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4"
    "cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst"
    "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbIS"
    "D08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw"
    "0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\","
    "\"d\":\"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9"
    "M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqij"
    "wp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d"
    "_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBz"
    "nbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFz"
    "me1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q\","
    "\"p\":\"83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPV"
    "nwD20R-60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqV"
    "WlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs\","
    "\"q\":\"3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyum"
    "qjVZQO1dIrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgx"
    "kIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk\","
    "\"dp\":\"G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oim"
    "YwxIi2emTAue0UOa5dpgFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_Nmtu"
    "YZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob8YeiKkTiBj0\","
    "\"dq\":\"s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUU"
    "vMfBcMpn8lqeW6vzznYY5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9"
    "GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jvWrX-L18txXw494Q_cgk\","
    "\"qi\":\"GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzg"
    "UIZEVFEcOqwemRN81zoDAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rx"
    "yR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU\","
    "\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}]}";

/* RFC 8037, A.1. */
static const char rfc8037[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
    "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

Test(import_jwk, rfc_7517_set_gives_both_keys)
{
	struct tried t = import_try(slice_text(rfc7517), &no_terms);

	cr_assert_eq(t.err, VH_OK, "%s", t.why);
	cr_assert_eq(store_count(t.store), 2);
	const struct key *ec = store_at(t.store, 0),
			 *rsa = store_at(t.store, 1);

	cr_expect_eq(ec->use, VH_USE_ENC);
	cr_expect_null(ec->pin);
	cr_expect_eq(ec->pub.crv, VH_CRV_P256);
	/* RFC 7638, 3.1 */
	cr_expect_str_eq(rsa->kid,
	    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	cr_expect_eq(rsa->use, VH_USE_SIG);
	cr_expect_eq(rsa->pin, alg_by_id(VH_ALG_RS256));
	tried_done(&t);
}

Test(import_jwk, rfc_8037_key_has_the_published_thumbprint)
{
	struct tried t = import_try(slice_text(rfc8037), &sig);

	cr_assert_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_str_eq(store_at(t.store, 0)->kid,
	    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	tried_done(&t);
}

static struct slice
vector(const char *name, char *text, size_t size)
{
	const char *root = getenv("VHSM_VECTORS");
	char path[512];

	(void)snprintf(path, sizeof path, "%s/jose-cookbook/jwk/%s",
	    root == NULL ? "../shared/vectors" : root, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		cr_skip_test("NO VECTORS: %s is absent; set VHSM_VECTORS to "
			     "the folder that holds jose-cookbook",
		    path);
	ssize_t n = read(fd, text, size);

	(void)close(fd); /* only read */
	cr_assert_gt(n, 0);
	return slice_of(text, (size_t)n);
}

Test(import_jwk, rfc_7520_keys_are_taken)
{
	static char text[8192];
	struct slice ec = vector("3_2.ec_private_key.json", text, sizeof text);
	struct tried t = import_try(ec, &no_terms);

	cr_expect_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_eq(store_at(t.store, 0)->pub.crv, VH_CRV_P521);
	tried_done(&t);
	t = import_try(vector("3_4.rsa_private_key.json", text, sizeof text),
	    &no_terms);
	cr_expect_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_eq(pub_bits(&store_at(t.store, 0)->pub), 2048);
	tried_done(&t);
	t = import_try(vector("3_5.symmetric_key_mac_computation.json", text,
			   sizeof text),
	    &no_terms);
	cr_expect_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_eq(store_at(t.store, 0)->pub.kty, VH_KTY_OCT);
	tried_done(&t);
}

/* 3.6 has an alg that is not one of keys, but of content. */
Test(import_jwk, rfc_7520_public_keys_and_an_enc_as_alg_are_refused)
{
	static const struct {
		const char *file;
		enum vh_err want;
		const char *says;
	} rows[] = {
		{ "3_1.ec_public_key.json", VH_EKEY, "public key only" },
		{ "3_3.rsa_public_key.json", VH_EKEY, "public key only" },
		{ "3_6.symmetric_key_encryption.json", VH_EALG,
		    "alg \"A256GCM\" not supported" },
	};
	static char text[8192];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		import_refused(vector(rows[i].file, text, sizeof text),
		    &no_terms, rows[i].want, rows[i].says);
}

static const char *const curves[] = { "P-256", "P-384", "P-521", "secp256k1",
	"ED25519", "ED448", "X25519", "X448" };

static const struct key_terms *
terms_for(const char *curve)
{
	return curve[0] == 'X' ? &enc : &sig;
}

Test(import_jwk, every_kind_gives_its_key)
{
	AUTO(pkey_free) EVP_PKEY *rsa = make_rsa(2048, "65537");
	AUTO(buf_free) struct buf *jwk = jwk_file(rsa, "");

	import_gives(buf_slice(jwk), &enc, rsa);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_curve(curves[i]);
		AUTO(buf_free) struct buf *one = jwk_file(pkey, "");

		import_gives(buf_slice(one), terms_for(curves[i]), pkey);
	}
}

/* more: members added to a P-256 key. */
struct row {
	const char *more;
	const struct key_terms *terms;
	enum vh_err err;
	const char *says; /* when refused */
};

static void
try_rows(const struct row *rows, size_t count)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");

	for (size_t i = 0; i < count; i++) {
		AUTO(buf_free) struct buf *jwk = jwk_file(pkey, rows[i].more);

		if (rows[i].err == VH_OK)
			import_gives(buf_slice(jwk), rows[i].terms, pkey);
		else
			import_refused(buf_slice(jwk), rows[i].terms,
			    rows[i].err, rows[i].says);
	}
}

Test(import_jwk, use_alg_and_key_ops_have_to_agree)
{
	static const struct row rows[] = {
		{ ",\"use\":\"sig\"", &no_terms, VH_OK, NULL },
		{ ",\"use\":\"sig\"", &sig, VH_OK, NULL },
		{ ",\"use\":\"sig\"", &enc, VH_EKEY,
		    "the JWK is for use \"sig\", the key spec says \"enc\"" },
		{ ",\"use\":\"SIG\"", &sig, VH_EKEY,
		    "use \"SIG\" not supported, expected sig or enc" },
		{ ",\"use\":null", &sig, VH_EKEY, "\"use\" is not a string" },
		{ ",\"alg\":\"ES256\"", &no_terms, VH_OK, NULL },
		{ ",\"alg\":\"ES256\",\"use\":\"enc\"", &no_terms, VH_EALG,
		    "alg \"ES256\" does not fit use \"enc\"" },
		{ ",\"alg\":\"ES384\"", &sig, VH_EALG,
		    "alg \"ES384\" does not fit an EC P-256 key" },
		{ ",\"alg\":\"none\"", &sig, VH_EALG,
		    "alg \"none\" not supported" },
		{ ",\"alg\":[]", &sig, VH_EKEY, "\"alg\" is not a string" },
		{ ",\"key_ops\":[\"sign\"]", &no_terms, VH_OK, NULL },
		{ ",\"key_ops\":[\"sign\",\"verify\",\"x\"]", &sig, VH_OK,
		    NULL },
		{ ",\"key_ops\":[\"sign\"]", &enc, VH_EKEY,
		    "the JWK is for use \"sig\"" },
		{ ",\"key_ops\":[\"deriveBits\"],\"use\":\"enc\"", &no_terms,
		    VH_OK, NULL },
		{ ",\"key_ops\":[\"deriveBits\"],\"use\":\"sig\"", &no_terms,
		    VH_EKEY, "key_ops does not agree with use \"sig\"" },
		{ ",\"key_ops\":[\"sign\",\"deriveKey\"]", &sig, VH_EKEY,
		    "key_ops mixes signing and decryption" },
		{ ",\"key_ops\":[\"verify\"]", &sig, VH_EKEY,
		    "key_ops holds no operation of a private key" },
		{ ",\"key_ops\":[]", &sig, VH_EKEY, "key_ops holds no" },
		{ ",\"key_ops\":[\"sign\",\"sign\"]", &sig, VH_EKEY,
		    "key_ops holds \"sign\" twice" },
		{ ",\"key_ops\":\"sign\"", &sig, VH_EKEY, "not an array" },
		{ ",\"key_ops\":[1]", &sig, VH_EKEY, "not a string" },
	};

	try_rows(rows, ARRAY_LEN(rows));
}

Test(import_jwk, the_pin_of_the_spec_and_of_the_jwk_have_to_agree)
{
	static struct key_terms es256 = { .use = VH_USE_SIG };
	static struct key_terms ecdh = { .use = VH_USE_ENC };

	es256.pin = alg_by_id(VH_ALG_ES256);
	ecdh.pin = alg_by_id(VH_ALG_ECDH_ES);
	const struct row rows[] = {
		{ ",\"alg\":\"ES256\"", &es256, VH_OK, NULL },
		{ "", &es256, VH_OK, NULL },
		{ ",\"alg\":\"ECDH-ES+A128KW\"", &ecdh, VH_EALG,
		    "the JWK has alg \"ECDH-ES+A128KW\", the key spec says "
		    "\"ECDH-ES\"" },
	};

	try_rows(rows, ARRAY_LEN(rows));
}

Test(import_jwk, other_members_and_any_kid_are_ignored)
{
	static const struct row rows[] = {
		{ ",\"kid\":\"other\"", &sig, VH_OK, NULL },
		{ ",\"kid\":17", &sig, VH_EKEY, "\"kid\" is not a string" },
		{ ",\"x5c\":[\"AA\"],\"hello\":{\"a\":[1,2.5]}", &sig, VH_OK,
		    NULL },
	};

	try_rows(rows, ARRAY_LEN(rows));
}

Test(import_jwk, unsound_json_is_refused)
{
	static const struct row rows[] = {
		{ ",\"d\":\"AA\"", &sig, VH_EKEY, "a member occurs twice" },
		{ ",\"a\":[[[[[[[[[]]]]]]]]]", &sig, VH_EKEY,
		    "JSON nested deeper than 8 levels" },
		{ ",\"a\":\"[[[[[[[[[[[[\\\"[\"", &sig, VH_OK, NULL },
		{ "}", &sig, VH_EKEY, "malformed JSON at line 1" },
		{ ",\"a\":\"\\u0000\"", &sig, VH_EKEY, "malformed JSON" },
	};

	try_rows(rows, ARRAY_LEN(rows));
	import_refused(slice_text("{}"), &sig, VH_EKEY, "neither kty nor keys");
	import_refused(slice_text("{\"keys\":[]}"), &sig, VH_EKEY,
	    "the JWK Set holds no key");
	import_refused(slice_text("{\"keys\":{}}"), &sig, VH_EKEY,
	    "\"keys\" is not an array");
	import_refused(slice_text("{\"keys\":[1]}"), &sig, VH_EKEY,
	    "key 1 of 1: a JWK is not a JSON object");
	import_refused(slice_text("{\"kty\":\"EC\",\"crv\":\"P-256K\"}"), &sig,
	    VH_EKEY, "curve \"P-256K\" not supported, expected P-256, P-384");
	import_refused(slice_text("{\"kty\":\"OKP\",\"crv\":\"P-256\"}"), &sig,
	    VH_EKEY, "curve \"P-256\" not supported, expected Ed25519");
	import_refused(slice_text("{\"kty\":1}"), &sig, VH_EKEY,
	    "member \"kty\" is not a string");
}

Test(import_jwk, errors_never_quote_the_numbers)
{
	AUTO(buf_free)
	struct buf *b = replaced(slice_text(rfc8037), "f2A\"", "f2A");
	struct tried t = import_try(buf_slice(b), &sig);

	cr_expect_eq(t.err, VH_EKEY);
	cr_expect_null(strstr(t.why, "nWGx"), "%s", t.why);
	cr_expect_null(strstr(t.why, "11qY"), "%s", t.why);
	tried_done(&t);
}

Test(import_jwk, a_bad_key_of_a_set_is_named_by_its_place)
{
	AUTO(pkey_free) EVP_PKEY *one = make_curve("P-256");
	AUTO(pkey_free) EVP_PKEY *two = make_curve("P-256");
	AUTO(buf_free) struct buf *good = jwk_file(one, "");
	AUTO(buf_free) struct buf *d = jwk_file(two, "");
	AUTO(buf_free)
	struct buf *bad = replaced(buf_slice(d), "\"d\"", "\"D\"");
	AUTO(buf_free) struct buf *set = buf_new(65536);

	buf_format(set, "{\"keys\":[%.*s,%.*s,%.*s]}", (int)good->len, good->p,
	    (int)bad->len, bad->p, (int)good->len, good->p);
	import_refused(buf_slice(set), &sig, VH_EKEY,
	    "key 2 of 3: public key only, private key expected");
}

/* The value of the last character's unused bits: 'A' alone is canonical. */
Test(import_jwk, numbers_of_a_wrong_size_or_form_are_refused)
{
	static const struct {
		const char *old, *with, *says;
	} rows[] = {
		{ "\"d\":\"", "\"d\":\"AAAA",
		    "member \"d\" has 35 bytes, "
		    "expected 32 for curve Ed25519" },
		{ "nWGx", "", "member \"d\" has 29 bytes, expected 32" },
		{ "uf2A", "uf2B", "\"d\" is not canonical base64url" },
		{ "yuf2A\"", "yuf2A=\"", "\"d\" is not canonical base64url" },
		{ "ne_9", "ne/9", "\"d\" is not canonical base64url" },
		{ "ne_9", "ne\\n9", "\"d\" is not canonical base64url" },
		{ "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "",
		    "member \"x\" is empty" },
		{ "\"x\"", "\"X\"",
		    "member \"x\" missing: an Ed25519 key as a JWK needs x and "
		    "d" },
		{ "11qY", "11qZ", "private and public part do not match" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free)
		struct buf *b =
		    replaced(slice_text(rfc8037), rows[i].old, rows[i].with);

		import_refused(buf_slice(b), &sig, VH_EKEY, rows[i].says);
	}
}

Test(import_jwk, a_point_off_its_curve_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *jwk = jwk_file(pkey, "");
	uint8_t *y = memmem(jwk->p, jwk->len, "\"y\":\"", 5);

	cr_assert_not_null(y);
	y[10] = y[10] == 'A' ? 'B' : 'A';
	import_refused(buf_slice(jwk), &sig, VH_EKEY,
	    "public point is not on curve P-256");
}

/* name: the member that comes from another key of the same kind. */
static void
mixed_is_refused(EVP_PKEY *one, EVP_PKEY *two, const char *name,
    const struct key_terms *terms, const char *says)
{
	AUTO(buf_free) struct buf *a = jwk_file(one, "");
	AUTO(buf_free) struct buf *b = jwk_file(two, "");
	AUTO(buf_free) struct buf *was = jwk_member(buf_slice(a), name);
	AUTO(buf_free) struct buf *is = jwk_member(buf_slice(b), name);
	AUTO(buf_free)
	struct buf *mixed =
	    replaced(buf_slice(a), (const char *)was->p, (const char *)is->p);

	import_refused(buf_slice(mixed), terms, VH_EKEY, says);
}

Test(import_jwk, parts_of_two_keys_are_refused_for_every_curve)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		AUTO(pkey_free) EVP_PKEY *one = make_curve(curves[i]);
		AUTO(pkey_free) EVP_PKEY *two = make_curve(curves[i]);

		mixed_is_refused(one, two, "d", terms_for(curves[i]),
		    "private and public part do not match");
	}
}

Test(import_jwk, parts_of_two_rsa_keys_are_refused)
{
	AUTO(pkey_free) EVP_PKEY *one = make_rsa(2048, "65537");
	AUTO(pkey_free) EVP_PKEY *two = make_rsa(2048, "65537");
	AUTO(pkey_free) EVP_PKEY *other = make_rsa(2048, "65539");
	static const char *const rows[][2] = {
		{ "n", "n is not p times q" },
		{ "p", "n is not p times q" },
		{ "q", "n is not p times q" },
		{ "d", "d does not invert e" },
		{ "dp", "dp is not d modulo p - 1" },
		{ "dq", "dq is not d modulo q - 1" },
		{ "qi", "qi is not the inverse of q modulo p" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		mixed_is_refused(one, two, rows[i][0], &sig, rows[i][1]);
	mixed_is_refused(one, other, "e", &sig, "d does not invert e");
}

Test(import_jwk, rsa_needs_all_its_numbers_and_two_primes)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_rsa(2048, "65537");
	AUTO(buf_free) struct buf *oth = jwk_file(pkey, ",\"oth\":[]");
	AUTO(buf_free) struct buf *jwk = jwk_file(pkey, "");
	AUTO(buf_free)
	struct buf *no_qi = replaced(buf_slice(jwk), "\"qi\"", "\"Qi\"");
	AUTO(buf_free)
	struct buf *padded =
	    replaced(buf_slice(jwk), "\"e\":\"AQAB\"", "\"e\":\"AAEAAQ\"");

	import_refused(buf_slice(oth), &sig, VH_EKEY,
	    "RSA key of more than two primes not supported");
	import_refused(buf_slice(no_qi), &sig, VH_EKEY,
	    "member \"qi\" missing: an RSA key as a JWK needs n, e, d, p, q, "
	    "dp, dq and qi");
	import_refused(buf_slice(padded), &sig, VH_EKEY,
	    "member \"e\" starts with a zero byte");
}

Test(import_jwk, an_rsa_modulus_past_the_bound_is_refused)
{
	AUTO(buf_free) struct buf *jwk = buf_new(65536);

	buf_put_text(jwk, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"d\":\"Aw\","
			  "\"p\":\"Aw\",\"q\":\"Aw\",\"dp\":\"Aw\","
			  "\"dq\":\"Aw\",\"qi\":\"Aw\",\"n\":\"");
	for (size_t i = 0; i < 1400; i++)
		buf_put_text(jwk, "_");
	buf_put_text(jwk, "\"}");
	import_refused(buf_slice(jwk), &sig, VH_EKEY,
	    "RSA modulus has 8400 bits, expected 2048 to 8192");
}

Test(import_jwk, a_truncated_jwk_is_never_taken)
{
	bool same;

	for (size_t n = 0; n < sizeof rfc8037 - 1; n++)
		cr_expect_not(import_accepts(slice_of(rfc8037, n), &sig, NULL,
				  &same),
		    "%zu", n);
	for (size_t n = 0; n < sizeof rfc7517 - 1; n++)
		cr_expect_not(import_accepts(slice_of(rfc7517, n), &no_terms,
				  NULL, &same),
		    "%zu", n);
}

Test(import_jwk, a_flipped_bit_never_gives_another_key)
{
	AUTO(pkey_free) EVP_PKEY *rsa = make_rsa(2048, "65537");
	AUTO(pkey_free) EVP_PKEY *ec = make_curve("P-521");
	EVP_PKEY *keys[] = { rsa, ec };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO(buf_free)
		struct buf *jwk = jwk_file(keys[i], ",\"use\":\"sig\"");
		bool same;

		for (size_t bit = 0; bit < jwk->len * 8; bit++) {
			jwk->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
			bool taken = import_accepts(buf_slice(jwk), &no_terms,
			    keys[i], &same);

			cr_expect(!taken || same, "bit %zu", bit);
			jwk->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}
