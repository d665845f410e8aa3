/* The input as a JWE in any serialization. */
#include "check.h"
#include "jose/jwe_json.h"

static void
check_recipient(const struct jwe_set *set, size_t i)
{
	const struct jwe *jwe = set->at[i], *first = set->at[0];

	CHECK((jwe->err == VH_OK) == (jwe->alg != NULL));
	CHECK(jwe->err == VH_OK || set->count > 1);
	CHECK(jwe->kid.len <= JOSE_KID_MAX);
	CHECK(jwe->enc != NULL && jwe->enc == first->enc);
	CHECK(jwe->zip == first->zip);
	CHECK(slice_eq(jwe->protected, first->protected));
	CHECK(slice_eq(jwe->ciphertext, first->ciphertext));
	CHECK(slice_eq(jwe->aad, first->aad));
	if (jwe->alg == NULL)
		return;
	CHECK(jwe->alg->use == VH_USE_ENC);
	CHECK(jwe->iv.len == jwe->enc->iv && jwe->tag.len == jwe->enc->tag);
	CHECK((jwe->encrypted_key.len == 0) == jwe_is_direct(jwe->alg));
	CHECK(jwe->encrypted_key.len <= JWE_KEY_MAX);
	CHECK(set->count == 1 || !jwe_is_direct(jwe->alg));
	CHECK((jwe->epk.kty != 0) == (jwe->alg->kind == VH_KIND_ECDH));
}

/* What is not protected is one object; put together again, a message of one
 * means the same. */
static void
check_again(const struct jwe_set *set)
{
	AUTO(buf_free) struct buf *b = buf_new(3 * VH_TOKEN_MAX);
	AUTO(jwe_set_free) struct jwe_set *again = NULL;
	const struct jwe *was = set->at[0], *is;
	const struct jwe_made made = { .protected = was->protected,
		.aad = was->aad,
		.iv = was->iv,
		.ciphertext = was->ciphertext,
		.tag = was->tag };
	const struct jwe_recipient to = { was->unprotected,
		was->encrypted_key };

	/* The headers of two places, each within its bound, may not be in one.
	 */
	if (was->unprotected.len > VH_HEADER_MAX)
		return;
	jwe_put_json(b, FORM_FLATTENED, &made, &to, 1);
	CHECK(jwe_set_parse(buf_slice(b), &again, NULL) == VH_OK);
	is = again->at[0];
	CHECK(is->alg == was->alg && is->enc == was->enc);
	CHECK(is->zip == was->zip);
	CHECK(slice_eq(is->kid, was->kid));
	CHECK(slice_eq(is->protected, was->protected));
	CHECK(slice_eq(is->encrypted_key, was->encrypted_key));
	CHECK(slice_eq(is->aad, was->aad));
	CHECK(slice_eq(is->iv, was->iv) && slice_eq(is->tag, was->tag));
	CHECK(slice_eq(is->ciphertext, was->ciphertext));
	CHECK(slice_eq(is->apu, was->apu) && slice_eq(is->apv, was->apv));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice token = slice_of(data, size);
	AUTO(jwe_set_free) struct jwe_set *set = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1024);
	enum vh_err err = jwe_set_parse(token, &set, why);

	check_why(err, why);
	CHECK((set != NULL) == (err == VH_OK));
	if (set == NULL)
		return 0;
	CHECK(set->count >= 1 && set->count <= FORM_PARTIES);
	CHECK(set->json == header_is_json(token));
	for (size_t i = 0; i < set->count; i++)
		check_recipient(set, i);
	if (set->json && set->count == 1)
		check_again(set);
	return 0;
}
