#include "jose/jwk.h"

#include "tokens.h"

/* RFC 7515, A.3.1 and RFC 8037, A.2 and A.6, and RFC 7638, 3.1. */
#define EC_X "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
#define EC_Y "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC   "\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y
#define ED                                                                     \
	"\"kty\":\"OKP\",\"crv\":\"Ed25519\","                                 \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define X                                                                      \
	"\"kty\":\"OKP\",\"crv\":\"X25519\","                                  \
	"\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\""
#define N                                                                      \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1R" \
	"K7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9" \
	"yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZg" \
	"nYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6We" \
	"Zu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDK" \
	"gw"
#define RSA "\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQAB\""

Test(jwk, an_rsa_key_has_the_thumbprint_of_rfc_7638)
{
	AUTO(jwk_free) struct jwk *jwk = NULL;

	cr_assert_eq(jwk_parse(slice_text("{" RSA ",\"alg\":\"RS256\","
					  "\"kid\":\"2011-04-29\"}"),
			 &jwk, NULL),
	    VH_OK);
	cr_expect_eq(jwk->pub.kty, VH_KTY_RSA);
	cr_expect_eq(pub_bits(&jwk->pub), 2048);
	cr_expect_str_eq(jwk->kid,
	    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	cr_expect(slice_is(jwk->published, "2011-04-29"));
	cr_expect_eq(jwk->use, VH_USE_SIG);
	cr_expect_eq(jwk->alg, alg_by_id(VH_ALG_RS256));
	cr_expect(jwk_is(jwk, slice_text("2011-04-29")));
	cr_expect(jwk_is(jwk, slice_text(jwk->kid)));
	cr_expect_not(jwk_is(jwk, slice_text("")));
	cr_expect_not(jwk_is(jwk, slice_text("2011")));
}

Test(jwk, an_okp_key_has_the_thumbprint_of_rfc_8037)
{
	AUTO(jwk_free) struct jwk *jwk = NULL;

	cr_assert_eq(jwk_parse(slice_text("{" ED "}"), &jwk, NULL), VH_OK);
	cr_expect_eq(jwk->pub.crv, VH_CRV_ED25519);
	cr_expect_str_eq(jwk->kid,
	    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	cr_expect_eq(jwk->use, 0);
	cr_expect_null(jwk->alg);
	cr_expect_eq(jwk->published.len, 0);
	cr_expect_not(jwk_is(jwk, slice_text("")));
}

static const struct {
	const char *text;
	enum vh_err want;
	const char *why;
} keys[] = {
	{ "{" EC "}", VH_OK, NULL },
	{ "{" RSA "}", VH_OK, NULL },
	{ "{" X "}", VH_OK, NULL },
	{ "{" EC ",\"unknown\":[1]}", VH_OK, NULL },
	{ "{" EC ",\"use\":\"sig\",\"alg\":\"ES256\"}", VH_OK, NULL },
	{ "{" EC ",\"use\":\"enc\",\"alg\":\"ECDH-ES\"}", VH_OK, NULL },
	{ "{" X ",\"use\":\"enc\"}", VH_OK, NULL },
	{ "{" EC ",\"key_ops\":[\"verify\"],\"ext\":true}", VH_OK, NULL },
	{ "{" EC ",\"key_ops\":[]}", VH_OK, NULL },
	{ "{" EC ",\"use\":\"sig\",\"key_ops\":[\"verify\",\"x\"]}", VH_OK,
	    NULL },
	/* Not ours to see. */
	{ "{" EC ",\"d\":\"AA\"}", VH_EKEY, "private member \"d\"" },
	{ "{" EC ",\"d\":null}", VH_EKEY, "private member \"d\"" },
	{ "{" RSA ",\"p\":\"AA\"}", VH_EKEY, "private member \"p\"" },
	{ "{" RSA ",\"q\":\"AA\"}", VH_EKEY, "private member \"q\"" },
	{ "{" RSA ",\"dp\":\"AA\"}", VH_EKEY, "private member \"dp\"" },
	{ "{" RSA ",\"dq\":\"AA\"}", VH_EKEY, "private member \"dq\"" },
	{ "{" RSA ",\"qi\":\"AA\"}", VH_EKEY, "private member \"qi\"" },
	{ "{" RSA ",\"oth\":[]}", VH_EKEY, "private member \"oth\"" },
	{ "{\"kty\":\"oct\",\"k\":\"AA\"}", VH_EKEY, "private member \"k\"" },
	/* Not a key. */
	{ "{}", VH_EKEY, "\"kty\" missing" },
	{ "{\"kty\":1}", VH_EKEY, "\"kty\" malformed" },
	{ "{\"kty\":\"\"}", VH_EKEY, "\"kty\" malformed" },
	{ "{\"kty\":\"oct\"}", VH_EKEY, "no symmetric key is taken" },
	{ "{\"kty\":\"ec\"}", VH_EKEY, "\"kty\" not known" },
	{ "{\"kty\":\"EC\"," EC_X "," EC_Y "}", VH_EKEY, "\"crv\" missing" },
	{ "{\"kty\":\"EC\",\"crv\":\"P-257\"," EC_X "," EC_Y "}", VH_EKEY,
	    "\"crv\" not known" },
	{ "{\"kty\":\"EC\",\"crv\":\"Ed25519\"," EC_X "," EC_Y "}", VH_EKEY,
	    "\"crv\" of another kty" },
	{ "{\"kty\":\"EC\",\"crv\":\"P-384\"," EC_X "," EC_Y "}", VH_EKEY,
	    "has not the size" },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "}", VH_EKEY,
	    "\"y\" missing" },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1," EC_Y "}", VH_EKEY,
	    "\"x\" malformed" },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_Y ",\"x\":"
	  "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\"}",
	    VH_EKEY, "canonical" },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_Y ",\"x\":"
	  "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\"}",
	    VH_EKEY, "canonical" },
	/* Weak or wrongly written RSA. */
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"Aw\"}", VH_EKEY,
	    "unsound" },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQAA\"}", VH_EKEY,
	    "unsound" },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AAEAAQ\"}", VH_EKEY,
	    "leading zero" },
	{ "{\"kty\":\"RSA\",\"n\":\"gw\",\"e\":\"AQAB\"}", VH_EKEY, "unsound" },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\"}", VH_EKEY, "\"e\" missing" },
	/* Uses that do not fit. */
	{ "{" ED ",\"use\":\"enc\"}", VH_EKEY, "\"use\" does not fit" },
	{ "{" X ",\"use\":\"sig\"}", VH_EKEY, "\"use\" does not fit" },
	{ "{" EC ",\"use\":\"tls\"}", VH_EKEY, "\"use\" not known" },
	{ "{" EC ",\"use\":7}", VH_EKEY, "\"use\" malformed" },
	{ "{" EC ",\"alg\":\"ES384\"}", VH_EKEY, "\"alg\" does not fit" },
	{ "{" EC ",\"alg\":\"RS256\"}", VH_EKEY, "\"alg\" does not fit" },
	{ "{" EC ",\"use\":\"enc\",\"alg\":\"ES256\"}", VH_EKEY,
	    "\"alg\" does not fit" },
	{ "{" EC ",\"alg\":[]}", VH_EKEY, "\"alg\" malformed" },
	{ "{" EC ",\"key_ops\":\"verify\"}", VH_EKEY, "\"key_ops\" malformed" },
	{ "{" EC ",\"key_ops\":[1]}", VH_EKEY, "\"key_ops\" malformed" },
	{ "{" EC ",\"key_ops\":[\"sign\",\"sign\"]}", VH_EKEY, "twice" },
	{ "{" EC ",\"use\":\"sig\",\"key_ops\":[\"encrypt\"]}", VH_EKEY,
	    "contradicts" },
	{ "{" ED ",\"key_ops\":[\"encrypt\"]}", VH_EKEY, "does not fit" },
	{ "{" EC ",\"kid\":7}", VH_EKEY, "\"kid\" malformed" },
	{ "{" EC ",\"kid\":\"\"}", VH_EKEY, "\"kid\" malformed" },
	{ "{" EC ",\"kid\":\"a\\nb\"}", VH_EKEY, "\"kid\" malformed" },
	{ "{" EC "," EC_X "}", VH_EJSON, "member given twice" },
	{ "[" EC "]", VH_EJSON, "JSON" },
};

Test(jwk, only_sound_public_keys_are_taken)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO(jwk_free) struct jwk *jwk = NULL;
		AUTO(buf_free) struct buf *why = buf_new(1000);
		enum vh_err err =
		    jwk_parse(slice_text(keys[i].text), &jwk, why);

		EXPECT_ERR(err, keys[i].want, why);
		cr_expect_eq(jwk != NULL, err == VH_OK);
		if (keys[i].why != NULL)
			cr_expect(why_has(why, keys[i].why), "%s: %.*s",
			    keys[i].text, (int)why->len, (char *)why->p);
	}
}

Test(jwk, sizes_are_bounded)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	AUTO(buf_free) struct buf *why = buf_new(1000);
	AUTO(jwk_free) struct jwk *jwk = NULL;

	buf_put_text(b, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
	for (size_t i = 0; i < 1368; i++)
		buf_put_text(b, "_");
	buf_put_text(b, "\"}");
	EXPECT_ERR(jwk_parse(buf_slice(b), &jwk, why), VH_EKEY, why);
	cr_expect(why_has(why, "too long"));
	buf_clear(b);
	buf_put_text(b, "{" EC ",\"kid\":\"");
	for (size_t i = 0; i < JOSE_KID_MAX + 1; i++)
		buf_put_text(b, "a");
	buf_put_text(b, "\"}");
	EXPECT_ERR(jwk_parse(buf_slice(b), &jwk, why), VH_EKEY, why);
	buf_clear(b);
	buf_put_text(b, "{" EC ",\"x5c\":\"");
	for (size_t i = 0; i < JWK_MAX; i++)
		buf_put_text(b, "a");
	buf_put_text(b, "\"}");
	EXPECT_ERR(jwk_parse(buf_slice(b), &jwk, why), VH_ETOOBIG, why);
}

static bool
fits(const char *text, enum vh_alg alg)
{
	AUTO(jwk_free) struct jwk *jwk = NULL;

	cr_assert_eq(jwk_parse(slice_text(text), &jwk, NULL), VH_OK);
	return jwk_fits(jwk, alg_by_id(alg));
}

Test(jwk, type_use_and_alg_decide_what_it_may_run)
{
	cr_expect(fits("{" EC "}", VH_ALG_ES256));
	cr_expect(fits("{" EC "}", VH_ALG_ECDH_ES));
	cr_expect_not(fits("{" EC "}", VH_ALG_ES384));
	cr_expect_not(fits("{" EC "}", VH_ALG_RS256));
	cr_expect_not(fits("{" EC ",\"use\":\"sig\"}", VH_ALG_ECDH_ES));
	cr_expect_not(fits("{" EC ",\"use\":\"enc\"}", VH_ALG_ES256));
	cr_expect_not(
	    fits("{" EC ",\"key_ops\":[\"deriveKey\"]}", VH_ALG_ES256));
	cr_expect(fits("{" RSA ",\"alg\":\"PS256\"}", VH_ALG_PS256));
	cr_expect_not(fits("{" RSA ",\"alg\":\"PS256\"}", VH_ALG_RS256));
	cr_expect_not(fits("{" RSA ",\"alg\":\"PS256\"}", VH_ALG_RSA_OAEP));
	cr_expect_not(fits("{" ED "}", VH_ALG_ECDH_ES));
	cr_expect_not(fits("{" X "}", VH_ALG_EDDSA));
}

Test(jwk, rsa1_5_fits_a_key_that_is_pinned_to_it_alone)
{
	cr_expect_not(fits("{" RSA "}", VH_ALG_RSA1_5));
	cr_expect_not(fits("{" RSA ",\"use\":\"enc\"}", VH_ALG_RSA1_5));
	cr_expect(fits("{" RSA ",\"alg\":\"RSA1_5\"}", VH_ALG_RSA1_5));
	cr_expect_not(fits("{" RSA ",\"alg\":\"RSA1_5\"}", VH_ALG_RSA_OAEP));
}

Test(jwk, a_pin_to_an_unknown_algorithm_fits_nothing)
{
	const char *text = "{" RSA ",\"alg\":\"RSA1_6\"}";
	AUTO(jwk_free) struct jwk *jwk = NULL;

	cr_assert_eq(jwk_parse(slice_text(text), &jwk, NULL), VH_OK);
	cr_expect(jwk->alg_unknown);
	for (size_t i = 0; alg_at(i) != NULL; i++)
		cr_expect_not(jwk_fits(jwk, alg_at(i)));
}

Test(jwk, every_prefix_is_refused)
{
	const char text[] = "{" EC ",\"kid\":\"a\",\"use\":\"sig\"}";

	for (size_t n = 0; n < sizeof text - 1; n++) {
		AUTO(jwk_free) struct jwk *jwk = NULL;
		enum vh_err err = jwk_parse(slice_of(text, n), &jwk, NULL);

		cr_expect_eq(err, VH_EJSON, "%zu: %s", n, err_name(err));
	}
}

/* What is written again from a parsed key parses to the same key. */
static void
expect_stable(const struct jwk *jwk)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(jwk_free) struct jwk *again = NULL;

	jwk_put(b, &jwk->pub, jwk->published, jwk->use, jwk->alg);
	cr_assert_eq(jwk_parse(buf_slice(b), &again, NULL), VH_OK);
	cr_assert_str_eq(again->kid, jwk->kid);
	cr_assert(slice_eq(again->published, jwk->published));
	cr_assert_eq(again->use, jwk->use);
	cr_assert_eq(again->alg, jwk->alg);
}

Test(jwk, every_flipped_bit_is_refused_or_makes_a_sound_key)
{
	const char text[] =
	    "{" ED ",\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"EdDSA\"}";
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * (sizeof text - 1); i++) {
		AUTO(jwk_free) struct jwk *jwk = NULL;
		char copy[sizeof text];

		memcpy(copy, text, sizeof text);
		copy[i / 8] ^= (char)(1 << i % 8);
		if (jwk_parse(slice_of(copy, sizeof copy - 1), &jwk, NULL) !=
		    VH_OK)
			continue;
		parsed++;
		expect_stable(jwk);
	}
	cr_expect_gt(parsed, 100);
}

Test(jwk, a_key_is_written_without_key_ops)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(jwk_free) struct jwk *jwk = NULL;

	cr_assert_eq(jwk_parse(slice_text("{" ED ",\"key_ops\":[\"verify\"]}"),
			 &jwk, NULL),
	    VH_OK);
	jwk_put(b, &jwk->pub, slice_text("a\"b"), VH_USE_SIG,
	    alg_by_id(VH_ALG_EDDSA));
	cr_expect(slice_is(buf_slice(b),
	    "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":"
	    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
	    "\"kid\":\"a\\\"b\",\"use\":\"sig\",\"alg\":\"EdDSA\"}"));
	buf_clear(b);
	jwk_put(b, &jwk->pub, slice_text(""), 0, NULL);
	cr_expect(slice_is(buf_slice(b),
	    "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":"
	    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"));
}

/* --- sets ------------------------------------------------------------------
 */

static const struct {
	const char *text;
	enum vh_err want;
	size_t count, skipped;
	const char *why;
} sets[] = {
	{ "{\"keys\":[]}", VH_OK, 0, 0, NULL },
	{ "{" EC "}", VH_OK, 1, 0, NULL },
	{ "{\"keys\":[{" EC "},{" ED "},{" RSA "}],\"x\":1}", VH_OK, 3, 0,
	    NULL },
	/* RFC 7517, 5: not understood, incomplete, out of range. */
	{ "{\"keys\":[{\"kty\":\"AKP\",\"pub\":\"AA\"},{" EC "}]}", VH_OK, 1, 1,
	    NULL },
	{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-257\"}]}", VH_OK, 0, 1,
	    NULL },
	{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}", VH_OK, 0, 1,
	    NULL },
	{ "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"gw\",\"e\":\"AQAB\"}]}", VH_OK,
	    0, 1, NULL },
	{ "{\"keys\":[{" EC ",\"use\":\"tls\"}]}", VH_OK, 0, 1, NULL },
	/* Malformed. */
	{ "{\"keys\":{}}", VH_EJSON, 0, 0, "\"keys\" is not an array" },
	{ "{\"keys\":[1]}", VH_EJSON, 0, 0, "key 1: not a JSON object" },
	{ "{\"keys\":[{" EC "},{\"kty\":1}]}", VH_EKEY, 0, 0, "key 2: " },
	{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A\"}]}",
	    VH_EKEY, 0, 0, "key 1: JWK: member \"x\"" },
	{ "{\"keys\":[{" EC ",\"alg\":\"RS256\"}]}", VH_EKEY, 0, 0, "key 1: " },
	{ "{\"keys\":[]}x", VH_EJSON, 0, 0, "after the end" },
	/* A secret in a public set is never passed over in silence. */
	{ "{\"keys\":[{" EC ",\"d\":\"AA\"}]}", VH_EKEY, 0, 0, "private" },
	{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", VH_EKEY, 0, 0,
	    "private" },
	{ "{}", VH_EKEY, 0, 0, "\"kty\" missing" },
};

Test(jwks, keys_not_understood_are_skipped_and_malformed_sets_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		AUTO(jwks_free) struct jwks *jwks = NULL;
		AUTO(buf_free) struct buf *why = buf_new(1000);
		enum vh_err err =
		    jwks_parse(slice_text(sets[i].text), &jwks, why);

		EXPECT_ERR(err, sets[i].want, why);
		cr_expect_eq(jwks != NULL, err == VH_OK);
		if (sets[i].why != NULL)
			cr_expect(why_has(why, sets[i].why), "%s: %.*s",
			    sets[i].text, (int)why->len, (char *)why->p);
		else
			cr_expect_eq(why->len, 0);
		if (jwks == NULL)
			continue;
		cr_expect_eq(jwks->count, sets[i].count, "%s", sets[i].text);
		cr_expect_eq(jwks->skipped, sets[i].skipped);
	}
}

static enum vh_err
parse_many(size_t count, size_t *got)
{
	AUTO(jwks_free) struct jwks *jwks = NULL;
	AUTO(buf_free) struct buf *b = buf_new(JWKS_MAX);

	buf_put_text(b, "{\"keys\":[{" ED "}");
	for (size_t i = 1; i < count; i++)
		buf_put_text(b, ",{" ED "}");
	buf_put_text(b, "]}");
	TRY(jwks_parse(buf_slice(b), &jwks, NULL));
	*got = jwks->count;
	return VH_OK;
}

Test(jwks, a_set_has_at_most_4096_keys)
{
	size_t got = 0;

	cr_expect_eq(parse_many(4096, &got), VH_OK);
	cr_expect_eq(got, 4096);
	cr_expect_eq(parse_many(4097, &got), VH_ETOOBIG);
}
