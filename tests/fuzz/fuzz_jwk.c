/* A key or set that parses holds sound public keys only, and each is written
 * and parsed to the same key. */
#include "check.h"
#include "jose/jwk.h"

static void
check_key(const struct jwk *jwk)
{
	AUTO(buf_free) struct buf *text = buf_new(1u << 16);
	AUTO(jwk_free) struct jwk *again = NULL;

	CHECK(pub_check(&jwk->pub) == VH_OK);
	CHECK(jwk->published.len <= JOSE_KID_MAX);
	CHECK(jwk_is(jwk, slice_text(jwk->kid)));
	if (jwk->alg != NULL)
		CHECK(jwk_fits(jwk, jwk->alg) && !jwk->alg_unknown);
	jwk_put(text, &jwk->pub, jwk->published, jwk->use, jwk->alg);
	CHECK(buf_end(text) == VH_OK);
	CHECK(jwk_parse(buf_slice(text), &again, NULL) == VH_OK);
	CHECK(strcmp(again->kid, jwk->kid) == 0);
	CHECK(slice_eq(again->published, jwk->published));
	CHECK(again->use == jwk->use && again->alg == jwk->alg);
}

static void
try_key(struct slice input)
{
	AUTO(jwk_free) struct jwk *jwk = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(json_decref) json_t *json = NULL;
	enum vh_err err = jwk_parse(input, &jwk, why);

	check_why(err, why);
	CHECK((jwk != NULL) == (err == VH_OK));
	if (jwk == NULL)
		return;
	check_key(jwk);
	CHECK(json_read_object(input, JWK_MAX, &json, NULL) == VH_OK);
	CHECK(json_object_get(json, "d") == NULL);
	CHECK(json_object_get(json, "k") == NULL);
}

static void
try_set(struct slice input)
{
	AUTO(jwks_free) struct jwks *jwks = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1024);
	enum vh_err err = jwks_parse(input, &jwks, why);

	check_why(err, why);
	CHECK((jwks != NULL) == (err == VH_OK));
	for (size_t i = 0; jwks != NULL && i < jwks->count; i++)
		check_key(jwks->keys[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);

	try_key(input);
	try_set(input);
	return 0;
}
