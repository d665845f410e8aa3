/* The input as a token, as a protected header, and as the members a caller
 * adds to one. */
#include "check.h"
#include "jose/jws.h"

/* Taken apart and put together, a token is the same. */
static enum vh_err
try_token(struct slice token)
{
	AUTO(jws_free) struct jws *jws = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(buf_free) struct buf *again = buf_new(VH_TOKEN_MAX);
	enum vh_err err = jws_parse(token, &jws, why);

	check_why(err, why);
	CHECK((jws != NULL) == (err == VH_OK));
	if (jws == NULL)
		return err;
	CHECK(jws->alg->use == VH_USE_SIG && jws->kid.len <= JOSE_KID_MAX);
	b64_put(again, jws->header);
	size_t header = again->len;

	buf_clear(again);
	buf_put(again, slice_of(token.p, header));
	buf_put_u8(again, '.');
	if (jws->unencoded)
		buf_put(again, jws->payload);
	else
		b64_put(again, jws->payload);
	CHECK(slice_eq(buf_slice(again), jws->input));
	jws_put_signature(again, jws->signature);
	CHECK(slice_eq(buf_slice(again), token));
	return VH_OK;
}

/* A good signature size for ES256 and EdDSA, so that headers alone decide. */
static enum vh_err try_protected(struct slice protected)
{
	static const uint8_t signature[64];
	AUTO(buf_free) struct buf *token = buf_new(VH_TOKEN_MAX);

	jws_put_input(token, protected, slice_text("payload"));
	jws_put_signature(token, slice_of(signature, sizeof signature));
	return try_token(buf_slice(token));
}

static void
try_header(struct slice json)
{
	AUTO(buf_free) struct buf *protected = buf_new(VH_TOKEN_MAX);

	b64_put(protected, json);
	(void)try_protected(buf_slice(protected)); /* may fail, soundly */
}

/* Whatever a caller adds, the header is good and says what we said. */
static void
try_extra(struct slice extra)
{
	const struct header_wish wish = { .alg = alg_by_id(VH_ALG_ES256),
		.kid = slice_text("ours"),
		.extra = extra };
	AUTO(buf_free) struct buf *protected = buf_new(VH_TOKEN_MAX);
	AUTO(buf_free) struct buf *bytes = buf_new(VH_TOKEN_MAX);
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(json_decref) json_t *json = NULL;
	struct header header;
	enum vh_err err = jws_put_protected(&wish, protected, why);

	check_why(err, why);
	if (err != VH_OK)
		return;
	CHECK(try_protected(buf_slice(protected)) == VH_OK);
	CHECK(header_read(buf_slice(protected), VH_USE_SIG, bytes, &header,
		  NULL) == VH_OK);
	json = TAKE(header.json);
	CHECK(header.alg == wish.alg && slice_is(header.kid, "ours"));
	CHECK(json_object_get(json, "crit") == NULL);
	CHECK(json_object_get(json, "b64") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);

	(void)try_token(input); /* may fail, soundly */
	try_header(input);
	try_extra(input);
	return 0;
}
