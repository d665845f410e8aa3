/* The input as a token, as a protected header, and as the members a caller
 * adds to one. */
#include "check.h"
#include "jose/jwe.h"

/* Taken apart and put together, a token is the same. */
static void
try_token(struct slice token)
{
	AUTO(jwe_free) struct jwe *jwe = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(buf_free) struct buf *again = buf_new(VH_TOKEN_MAX);
	enum vh_err err = jwe_parse(token, &jwe, why);

	check_why(err, why);
	CHECK((jwe != NULL) == (err == VH_OK));
	if (jwe == NULL)
		return;
	b64_put(again, jwe->header);
	CHECK(slice_eq(buf_slice(again), jwe->protected));
	buf_clear(again);
	jwe_put(again, jwe->protected, jwe->encrypted_key, jwe->iv,
	    jwe->ciphertext, jwe->tag);
	CHECK(slice_eq(buf_slice(again), token));
	CHECK(jwe->alg->use == VH_USE_ENC && jwe->kid.len <= JOSE_KID_MAX);
	CHECK(jwe->iv.len == jwe->enc->iv && jwe->tag.len == jwe->enc->tag);
	CHECK(jwe->apu.len <= HEADER_PARTY_MAX);
	CHECK(jwe->apv.len <= HEADER_PARTY_MAX);
	CHECK((jwe->epk.kty != 0) == (jwe->alg->kind == VH_KIND_ECDH));
	if (jwe->epk.kty != 0)
		CHECK(
		    alg_fits(jwe->alg, jwe->epk.kty, jwe->epk.crv, VH_USE_ENC));
}

/* The sizes of every enc, so that headers alone decide. */
static void
try_header(struct slice json)
{
	static const uint8_t zeros[64];
	AUTO(buf_free) struct buf *protected = buf_new(VH_TOKEN_MAX);
	AUTO(buf_free) struct buf *token = buf_new(VH_TOKEN_MAX);

	b64_put(protected, json);
	for (size_t i = 0; i < 2; i++) {
		const struct enc *enc =
		    enc_by_id(i == 0 ? VH_ENC_A128GCM : VH_ENC_A128CBC_HS256);

		for (size_t key = 0; key <= 24; key += 24) {
			buf_clear(token);
			jwe_put(token, buf_slice(protected),
			    slice_of(zeros, key), slice_of(zeros, enc->iv),
			    slice_text("text"), slice_of(zeros, enc->tag));
			try_token(buf_slice(token));
		}
	}
}

/* Whatever a caller adds, the header is good and says what we said. */
static void
try_extra(struct slice extra)
{
	const struct header_wish wish = { .alg = alg_by_id(VH_ALG_ECDH_ES),
		.enc = enc_by_id(VH_ENC_A256GCM),
		.kid = slice_text("ours"),
		.apu = slice_text("u"),
		.extra = extra };
	AUTO(buf_free) struct buf *out = buf_new(VH_TOKEN_MAX);
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(json_decref) json_t *json = NULL;
	struct slice text;
	enum vh_err err = header_put(&wish, out, why);

	check_why(err, why);
	if (err != VH_OK)
		return;
	CHECK(json_read_object(buf_slice(out), VH_HEADER_MAX, &json, NULL) ==
	      VH_OK);
	CHECK(
	    json_get_text(json, "alg", 99, &text) && slice_is(text, "ECDH-ES"));
	CHECK(
	    json_get_text(json, "enc", 99, &text) && slice_is(text, "A256GCM"));
	CHECK(json_get_text(json, "kid", 99, &text) && slice_is(text, "ours"));
	CHECK(json_get_text(json, "apu", 99, &text) && slice_is(text, "dQ"));
	CHECK(json_object_get(json, "crit") == NULL);
	CHECK(json_object_get(json, "zip") == NULL);
	CHECK(json_object_get(json, "epk") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);

	try_token(input);
	try_header(input);
	try_extra(input);
	return 0;
}
