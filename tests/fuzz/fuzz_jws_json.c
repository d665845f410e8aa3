/* The input as a JWS in any serialization, with its payload and without. */
#include "check.h"
#include "jose/jws_json.h"

/* Each signature is over what is in the message. */
static void
check_input(struct jws_set *set, size_t i)
{
	AUTO(buf_free) struct buf *want = buf_new(2 * VH_TOKEN_MAX);
	const struct jws *jws = set->at[i];

	buf_put(want, jws->protected);
	buf_put_u8(want, '.');
	if (jws->unencoded)
		buf_put(want, set->payload);
	else
		b64_put(want, set->payload);
	CHECK(slice_eq(jws_set_input(set, i), buf_slice(want)));
}

static void
check_signature(struct jws_set *set, size_t i)
{
	const struct jws *jws = set->at[i];

	CHECK((jws->err == VH_OK) == (jws->alg != NULL));
	CHECK(jws->err == VH_OK || set->count > 1);
	CHECK(jws->kid.len <= JOSE_KID_MAX);
	CHECK(jws->unencoded == set->at[0]->unencoded);
	if (jws->alg != NULL) {
		CHECK(jws->alg->use == VH_USE_SIG);
		CHECK(alg_signs(jws->alg, jws->signature.len));
		/* By our own choice the alg is protected. */
		CHECK(jws->header.len > 0);
	}
	if (set->json)
		check_input(set, i);
}

/* Put together again, a message of one means the same. */
static void
check_again(struct jws_set *set)
{
	AUTO(buf_free) struct buf *b = buf_new(3 * VH_TOKEN_MAX);
	AUTO(buf_free) struct buf *signature = buf_new(VH_TOKEN_MAX);
	AUTO(jws_set_free) struct jws_set *again = NULL;
	const struct jws *jws = set->at[0];

	b64_put(signature, jws->signature);
	const struct jws_made made = { .protected = jws->protected,
		.unprotected = jws->unprotected,
		.signature = buf_slice(signature) };

	jws_put_json(b, FORM_GENERAL, &set->payload, jws->unencoded, &made, 1);
	CHECK(jws_set_parse(buf_slice(b), NULL, &again, NULL) == VH_OK);
	CHECK(slice_eq(jws_set_input(again, 0), jws_set_input(set, 0)));
	CHECK(again->at[0]->alg == jws->alg);
	CHECK(slice_eq(again->at[0]->kid, jws->kid));
	CHECK(slice_eq(again->at[0]->signature, jws->signature));
	CHECK(slice_eq(again->payload, set->payload));
}

static void
try_message(struct slice token, const struct slice *detached)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1024);
	enum vh_err err = jws_set_parse(token, detached, &set, why);

	check_why(err, why);
	CHECK((set != NULL) == (err == VH_OK));
	if (set == NULL)
		return;
	CHECK(set->count >= 1 && set->count <= FORM_PARTIES);
	CHECK(set->json == header_is_json(token));
	if (detached != NULL)
		CHECK(slice_eq(set->payload, *detached));
	for (size_t i = 0; i < set->count; i++)
		check_signature(set, i);
	/* What is not encoded can stand in JSON if it came in it. */
	if (set->json && set->count == 1 && detached == NULL)
		check_again(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t apart[] = "a payload. \0\xff";
	const struct slice payload = slice_of(apart, sizeof apart);

	try_message(slice_of(data, size), NULL);
	try_message(slice_of(data, size), &payload);
	return 0;
}
