#include "jose/jws.h"

#include "tokens.h"

/* RFC 7515, A.3. */
#define A3_PROTECTED "eyJhbGciOiJFUzI1NiJ9"
#define A3_PAYLOAD                                                             \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl" \
	"LmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_SIGNATURE                                                           \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ" \
	"xfKTUJqPP3-Kg6NU1Q"
#define A3 A3_PROTECTED "." A3_PAYLOAD "." A3_SIGNATURE

Test(jws, the_es256_example_of_rfc_7515_is_taken_apart)
{
	AUTO(jws_free) struct jws *jws = NULL;

	cr_assert_eq(jws_parse(slice_text(A3), &jws, NULL), VH_OK);
	cr_expect_eq(jws->alg, alg_by_id(VH_ALG_ES256));
	cr_expect_eq(jws->kid.len, 0);
	cr_expect(slice_is(jws->header, "{\"alg\":\"ES256\"}"));
	cr_expect(slice_is(jws->payload,
	    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n"
	    " \"http://example.com/is_root\":true}"));
	cr_expect_eq(jws->signature.len, 64);
	cr_expect_eq(jws->signature.p[0], 14);
	cr_expect_eq(jws->signature.p[63], 213);
	cr_expect(slice_is(jws->input, A3_PROTECTED "." A3_PAYLOAD));
}

Test(jws, the_example_is_put_together)
{
	AUTO(buf_free) struct buf *protected = buf_new(1000);
	AUTO(buf_free) struct buf *b = buf_new(1000);
	AUTO(jws_free) struct jws *jws = NULL;
	struct header_wish wish = { .alg = alg_by_id(VH_ALG_ES256) };

	cr_assert_eq(jws_parse(slice_text(A3), &jws, NULL), VH_OK);
	cr_assert_eq(jws_put_protected(&wish, protected, NULL), VH_OK);
	cr_expect(slice_is(buf_slice(protected), A3_PROTECTED));
	jws_put_input(b, buf_slice(protected), jws->payload);
	cr_expect(slice_eq(buf_slice(b), jws->input));
	cr_expect_eq(b->len,
	    jws_input_size(buf_slice(protected), jws->payload.len));
	jws_put_signature(b, jws->signature);
	cr_expect(slice_is(buf_slice(b), A3));
	cr_expect_eq(b->len,
	    jws->input.len + jws_signature_size(jws->signature.len));
}

static const struct {
	const char *header;
	size_t signature;
	enum vh_err want;
	const char *why;
} headers[] = {
	{ "{\"alg\":\"ES256\"}", 64, VH_OK, NULL },
	{ "{\"alg\":\"ES384\"}", 96, VH_OK, NULL },
	{ "{\"alg\":\"ES512\"}", 132, VH_OK, NULL },
	{ "{\"alg\":\"EdDSA\"}", 64, VH_OK, NULL },
	{ "{\"alg\":\"RS256\"}", 256, VH_OK, NULL },
	{ "{\"alg\":\"PS512\"}", 1024, VH_OK, NULL },
	{ "{\"alg\":\"RS256\",\"x\":{\"y\":[]},\"jku\":\"https://a.example\","
	  "\"jwk\":{\"kty\":\"oct\"},\"x5u\":1}",
	    384, VH_OK, NULL },
	{ "{\"alg\":\"ES256\"}", 63, VH_ETOKEN, "63 bytes" },
	{ "{\"alg\":\"ES256\"}", 65, VH_ETOKEN, "65 bytes" },
	{ "{\"alg\":\"ES256\"}", 0, VH_ETOKEN, "0 bytes" },
	{ "{\"alg\":\"ES384\"}", 64, VH_ETOKEN, "64 bytes" },
	{ "{\"alg\":\"ES512\"}", 131, VH_ETOKEN, "131 bytes" },
	{ "{\"alg\":\"EdDSA\"}", 114, VH_OK, NULL },
	{ "{\"alg\":\"EdDSA\"}", 113, VH_ETOKEN, "113 bytes" },
	{ "{\"alg\":\"EdDSA\"}", 132, VH_ETOKEN, "132 bytes" },
	{ "{\"alg\":\"ES256K\"}", 64, VH_OK, NULL },
	{ "{\"alg\":\"ES256K\"}", 71, VH_ETOKEN, "71 bytes" },
	{ "{\"alg\":\"RS256\"}", 255, VH_ETOKEN, "255 bytes" },
	{ "{\"alg\":\"RS256\"}", 1025, VH_ETOKEN, "too long" },
	{ "{\"alg\":\"none\"}", 0, VH_EALG, "\"none\" not known" },
	{ "{\"alg\":\"None\"}", 0, VH_EALG, "not known" },
	{ "{\"alg\":\"HS256\"}", 32, VH_OK, NULL },
	{ "{\"alg\":\"HS512\"}", 64, VH_OK, NULL },
	{ "{\"alg\":\"HS256\"}", 16, VH_ETOKEN, "16 bytes" },
	{ "{\"alg\":\"HS384\"}", 32, VH_ETOKEN, "32 bytes" },
	{ "{\"alg\":\"HS1\"}", 32, VH_EALG, "\"HS1\" not known" },
	{ "{\"alg\":\"RSA-OAEP\"}", 256, VH_EALG, "does not sign" },
	{ "{}", 64, VH_EHEADER, "\"alg\" missing" },
	{ "{\"alg\":1}", 64, VH_EHEADER, "\"alg\"" },
	{ "{\"alg\":\"\"}", 64, VH_EHEADER, "\"alg\"" },
	{ "{\"alg\":\"ES256\",\"kid\":1}", 64, VH_EHEADER, "\"kid\"" },
	{ "{\"alg\":\"ES256\",\"kid\":\"\"}", 64, VH_EHEADER, "\"kid\"" },
	{ "{\"alg\":\"ES256\",\"kid\":\"a\\u001b\"}", 64, VH_EHEADER,
	    "\"kid\"" },
	{ "{\"alg\":\"ES256\",\"b64\":true}", 64, VH_EHEADER, "\"b64\"" },
	{ "{\"alg\":\"ES256\",\"b64\":false}", 64, VH_EHEADER, "\"b64\"" },
	{ "{\"alg\":\"ES256\",\"crit\":[]}", 64, VH_EHEADER,
	    "\"crit\": empty" },
	{ "{\"alg\":\"ES256\",\"crit\":\"exp\"}", 64, VH_EHEADER,
	    "\"crit\": not an array" },
	{ "{\"alg\":\"ES256\",\"crit\":null}", 64, VH_EHEADER,
	    "\"crit\": not an array" },
	{ "{\"alg\":\"ES256\",\"crit\":[1]}", 64, VH_EHEADER, "\"crit\"" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", 64, VH_EHEADER,
	    "header member \"crit\": extension \"exp\" not understood" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"alg\"]}", 64, VH_EHEADER,
	    "\"crit\"" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", 64, VH_OK,
	    NULL },
	{ "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":true}", 64, VH_OK,
	    NULL },
	{ "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":0}", 64, VH_EHEADER,
	    "neither true nor false" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", 64, VH_EHEADER,
	    "b64, which is missing" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"b64\",\"b64\"],\"b64\":false}", 64,
	    VH_EHEADER, "b64 twice" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"b64\",\"exp\"],\"b64\":false,"
	  "\"exp\":1}",
	    64, VH_EHEADER, "extension \"exp\" not understood" },
	{ "{\"alg\":\"ES256\",\"crit\":[\"a\\n\",\"a\\n\"],\"a\\n\":1}", 64,
	    VH_EHEADER, "\"a\\x0a\"" },
	{ "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", 64, VH_EJSON, "twice" },
	{ "{\"alg\":\"ES256\"} ", 64, VH_OK, NULL },
	{ "{\"alg\":\"ES256\"}{}", 64, VH_EJSON, "after the end" },
	{ "[\"ES256\"]", 64, VH_EJSON, "JSON" },
	{ "", 64, VH_EJSON, "empty" },
};

Test(jws, headers_are_judged)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		AUTO(buf_free)
		struct buf *token =
		    jws_of(headers[i].header, 5, headers[i].signature);
		AUTO(buf_free) struct buf *why = buf_new(1000);
		AUTO(jws_free) struct jws *jws = NULL;
		enum vh_err err = jws_parse(buf_slice(token), &jws, why);

		EXPECT_ERR(err, headers[i].want, why);
		cr_expect_eq(jws != NULL, err == VH_OK);
		if (headers[i].why != NULL)
			cr_expect(why_has(why, headers[i].why), "%s: %.*s",
			    headers[i].header, (int)why->len, (char *)why->p);
		else
			cr_expect_eq(why->len, 0);
	}
}

static const char *const malformed[] = { "", ".", "..", "a", "a.b", "a.b.c.d",
	A3_PROTECTED "." A3_PAYLOAD, A3 ".", A3 "=", " " A3, A3 "\n",
	A3_PROTECTED "=." A3_PAYLOAD "." A3_SIGNATURE,
	A3_PROTECTED ".=." A3_SIGNATURE, A3_PROTECTED ".A." A3_SIGNATURE,
	A3_PROTECTED ".AB." A3_SIGNATURE, A3_PROTECTED ".AA==." A3_SIGNATURE,
	A3_PROTECTED ".+/." A3_SIGNATURE };

Test(jws, malformed_tokens_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		AUTO(jws_free) struct jws *jws = NULL;
		enum vh_err err =
		    jws_parse(slice_text(malformed[i]), &jws, NULL);

		/* A first part that is empty, or "a.b", is no header. */
		cr_expect(err == VH_ETOKEN || err == VH_EJSON, "%s: %s",
		    malformed[i], err_name(err));
	}
}

Test(jws, every_prefix_is_refused)
{
	for (size_t n = 0; n < sizeof A3 - 1; n++) {
		AUTO(jws_free) struct jws *jws = NULL;

		cr_expect_eq(jws_parse(slice_of(A3, n), &jws, NULL), VH_ETOKEN,
		    "%zu", n);
	}
}

Test(jws, one_byte_more_is_refused)
{
	for (unsigned c = 0; c < 256; c++) {
		AUTO(jws_free) struct jws *jws = NULL;
		char copy[sizeof A3] = A3;

		copy[sizeof A3 - 1] = (char)c;
		cr_expect_eq(jws_parse(slice_of(copy, sizeof copy), &jws, NULL),
		    VH_ETOKEN, "%u", c);
	}
}

/* What was taken apart goes together to the same token: there is one encoding
 * of everything. */
static void
expect_same_again(const struct jws *jws, struct slice token)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);

	b64_put(b, jws->header);
	buf_put_u8(b, '.');
	b64_put(b, jws->payload);
	cr_assert(slice_eq(buf_slice(b), jws->input));
	jws_put_signature(b, jws->signature);
	cr_assert(slice_eq(buf_slice(b), token));
	cr_assert(jws->alg->use == VH_USE_SIG);
}

Test(jws, every_flipped_bit_is_refused_or_makes_a_sound_token)
{
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * (sizeof A3 - 1); i++) {
		AUTO(jws_free) struct jws *jws = NULL;
		char copy[sizeof A3] = A3;
		struct slice token = slice_of(copy, sizeof copy - 1);

		copy[i / 8] ^= (char)(1 << i % 8);
		if (jws_parse(token, &jws, NULL) != VH_OK)
			continue;
		parsed++;
		expect_same_again(jws, token);
	}
	cr_expect_gt(parsed, 200);
}

Test(jws, a_kid_of_256_bytes_is_the_longest)
{
	for (size_t n = 255; n <= 257; n++) {
		AUTO(buf_free) struct buf *header = buf_new(1000);
		AUTO(buf_free) struct buf *token = NULL;
		AUTO(jws_free) struct jws *jws = NULL;

		buf_put_text(header, "{\"alg\":\"EdDSA\",\"kid\":\"");
		for (size_t i = 0; i < n; i++)
			buf_put_u8(header, 'k');
		buf_put_text(header, "\"}");
		buf_put_u8(header, 0);
		token = jws_of((const char *)header->p, 0, 64);
		cr_expect_eq(jws_parse(buf_slice(token), &jws, NULL),
		    n <= 256 ? VH_OK : VH_EHEADER, "%zu", n);
		if (jws != NULL)
			cr_expect_eq(jws->kid.len, n);
	}
}

Test(jws, sizes_are_bounded)
{
	AUTO(buf_free)
	struct buf *big = jws_of("{\"alg\":\"EdDSA\"}", VH_DATA_MAX, 64);
	AUTO(buf_free)
	struct buf *too_big = jws_of("{\"alg\":\"EdDSA\"}", VH_TOKEN_MAX, 64);
	AUTO(buf_free) struct buf *header = buf_new(100000);
	AUTO(buf_free) struct buf *long_header = NULL;
	AUTO(jws_free) struct jws *jws = NULL;

	cr_expect_eq(jws_parse(buf_slice(too_big), &jws, NULL), VH_ETOOBIG);
	cr_expect_eq(jws_parse(buf_slice(big), &jws, NULL), VH_OK);
	cr_assert_not_null(jws);
	cr_expect_eq(jws->payload.len, VH_DATA_MAX);
	buf_put_text(header, "{\"alg\":\"EdDSA\",\"a\":\"");
	for (size_t i = 0; i < VH_HEADER_MAX; i++)
		buf_put_u8(header, 'a');
	buf_put_text(header, "\"}");
	buf_put_u8(header, 0);
	jws_free(TAKE(jws));
	long_header = jws_of((const char *)header->p, 0, 64);
	cr_expect_eq(jws_parse(buf_slice(long_header), &jws, NULL), VH_ETOOBIG);
}
