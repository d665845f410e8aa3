#include "jose/jws_json.h"

#include "tokens.h"

/* RFC 7515, A.7 (the flattened message) without its white space. */
#define A7_PROTECTED "eyJhbGciOiJFUzI1NiJ9"
#define A7_PAYLOAD                                                             \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl" \
	"LmNvbS9pc19yb290Ijp0cnVlfQ"
#define A7_HEADER "{\"kid\":\"e9bc097a-ce51-4036-9562-d2ade882db0d\"}"
#define A7_SIGNATURE                                                           \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ" \
	"xfKTUJqPP3-Kg6NU1Q"
#define A7                                                                     \
	"{\"payload\":\"" A7_PAYLOAD "\",\"protected\":\"" A7_PROTECTED        \
	"\",\"header\":" A7_HEADER ",\"signature\":\"" A7_SIGNATURE "\"}"

#define EDDSA    "eyJhbGciOiJFZERTQSJ9"
#define NONE     "eyJhbGciOiJub25lIn0"
#define NOPE     "eyJhbGciOiJub3BlIn0"
#define PLAIN    "eyJhbGciOiJFZERTQSIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19"
#define CRITICAL "eyJhbGciOiJFZERTQSIsImNyaXQiOlsiZXhwIl0sImV4cCI6MX0"
#define KID_A    "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ"

/* 64 bytes, and one less. */
#define SIG_LESS                                                               \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAA"
#define SIG SIG_LESS "AA"

#define PART(protected, more)                                                  \
	"{\"protected\":\"" protected "\"" more ",\"signature\":\"" SIG "\"}"
#define GENERAL(parts) "{\"payload\":\"eA\",\"signatures\":[" parts "]}"
#define FLAT(protected, more)                                                  \
	"{\"payload\":\"eA\",\"protected\":\"" protected "\"" more             \
							 ",\"signature\":"     \
							 "\"" SIG "\"}"

static enum vh_err
parse(const char *token, struct jws_set **out, struct buf *why)
{
	return jws_set_parse(slice_text(token), NULL, out, why);
}

Test(jws_json, the_flattened_example_of_rfc_7515_is_taken_apart)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;

	cr_assert_eq(parse(A7, &set, NULL), VH_OK);
	cr_expect(set->json);
	cr_assert_eq(set->count, 1);
	const struct jws *jws = set->at[0];

	cr_expect_eq(jws->err, VH_OK);
	cr_expect_eq(jws->alg, alg_by_id(VH_ALG_ES256));
	cr_expect(slice_is(jws->kid, "e9bc097a-ce51-4036-9562-d2ade882db0d"));
	cr_expect(slice_is(jws->header, "{\"alg\":\"ES256\"}"));
	cr_expect(slice_is(jws->unprotected, A7_HEADER));
	cr_expect_eq(jws->signature.len, 64);
	cr_expect_eq(jws->signature.p[63], 213);
	cr_expect_eq(set->payload.len, 70);
	cr_expect(slice_is(jws_set_input(set, 0), A7_PROTECTED "." A7_PAYLOAD));
}

Test(jws_json, a_compact_token_is_a_set_of_one)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;

	cr_assert_eq(parse(A7_PROTECTED "." A7_PAYLOAD "." A7_SIGNATURE, &set,
			 NULL),
	    VH_OK);
	cr_expect_not(set->json);
	cr_expect_eq(set->count, 1);
	cr_expect_eq(set->payload.len, 70);
	cr_expect(slice_is(jws_set_input(set, 0), A7_PROTECTED "." A7_PAYLOAD));
}

Test(jws_json, each_signature_has_its_own_header_and_input)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;

	cr_assert_eq(
	    parse(GENERAL(PART(EDDSA,
		      ",\"header\":{\"kid\":\"x\"}") "," PART(A7_PROTECTED,
		      "") "," PART(KID_A, "")),
		&set, NULL),
	    VH_OK);
	cr_assert_eq(set->count, 3);
	cr_expect(slice_is(set->at[0]->kid, "x"));
	cr_expect_eq(set->at[1]->kid.len, 0);
	cr_expect(slice_is(set->at[2]->kid, "a"));
	cr_expect_eq(set->at[1]->alg, alg_by_id(VH_ALG_ES256));
	cr_expect(slice_is(jws_set_input(set, 2), KID_A ".eA"));
	cr_expect(slice_is(jws_set_input(set, 0), EDDSA ".eA"));
	cr_expect(slice_is(jws_set_input(set, 1), A7_PROTECTED ".eA"));
	cr_expect(slice_is(set->payload, "x"));
}

static const struct {
	const char *token;
	enum vh_err want;
	const char *why;
} messages[] = {
	{ FLAT(EDDSA, ""), VH_OK, NULL },
	{ " \n" FLAT(EDDSA, "") "\t\r\n ", VH_OK, NULL },
	{ FLAT(EDDSA, ",\"header\":{},\"unknown\":[1]"), VH_OK, NULL },
	{ GENERAL(PART(EDDSA, ",\"unknown\":1")), VH_OK, NULL },
	{ FLAT(EDDSA, "") "x", VH_EJSON, "after the end" },
	{ FLAT(EDDSA, ",\"protected\":\"" EDDSA "\""), VH_EJSON, "twice" },
	{ "{}", VH_ETOKEN, "without a header" },
	/* The parts. */
	{ "{\"payload\":\"eA\",\"signature\":\"" SIG "\"}", VH_ETOKEN,
	    "without a header" },
	{ "{\"payload\":\"eA\",\"protected\":\"" EDDSA "\"}", VH_ETOKEN,
	    "\"signature\" missing" },
	{ "{\"payload\":\"eA\",\"protected\":\"" EDDSA "\",\"signature\":\"\"}",
	    VH_ETOKEN, "\"signature\" malformed" },
	{ "{\"payload\":\"eA\",\"protected\":\"" EDDSA "\",\"signature\":1}",
	    VH_ETOKEN, "\"signature\" malformed" },
	{ "{\"payload\":\"eA\",\"protected\":\"" EDDSA
	  "\",\"signature\":\"" SIG_LESS "\"}",
	    VH_ETOKEN, "63 bytes" },
	{ "{\"payload\":\"eA\",\"protected\":\"" EDDSA "\",\"signature\":\"" SIG
	  "=\"}",
	    VH_ETOKEN, "not canonical" },
	{ FLAT("", ""), VH_ETOKEN, "\"protected\" malformed" },
	{ FLAT(EDDSA "=", ""), VH_ETOKEN, "header is not canonical" },
	{ FLAT(EDDSA, ",\"header\":[]"), VH_ETOKEN, "\"header\" malformed" },
	{ FLAT(EDDSA, ",\"header\":\"e30\""), VH_ETOKEN,
	    "\"header\" malformed" },
	/* The payload. */
	{ "{\"protected\":\"" EDDSA "\",\"signature\":\"" SIG "\"}", VH_ETOKEN,
	    "\"payload\" missing" },
	{ "{\"payload\":null,\"protected\":\"" EDDSA "\",\"signature\":\"" SIG
	  "\"}",
	    VH_ETOKEN, "\"payload\" missing or malformed" },
	{ "{\"payload\":\"\",\"protected\":\"" EDDSA "\",\"signature\":\"" SIG
	  "\"}",
	    VH_OK, NULL },
	{ "{\"payload\":\"A\",\"protected\":\"" EDDSA "\",\"signature\":\"" SIG
	  "\"}",
	    VH_ETOKEN, "payload is not canonical" },
	{ "{\"payload\":\"a.b \\u00e4\",\"protected\":\"" PLAIN
	  "\",\"signature\":\"" SIG "\"}",
	    VH_OK, NULL },
	/* Headers. */
	{ FLAT(NONE, ""), VH_EALG, "\"none\" not known" },
	{ FLAT(NOPE, ""), VH_EALG, "\"nope\" not known" },
	{ GENERAL(PART(NOPE, "")), VH_EALG, "\"nope\" not known" },
	{ FLAT(CRITICAL, ""), VH_EHEADER, "\"exp\" not understood" },
	{ FLAT(EDDSA, ",\"header\":{\"alg\":\"EdDSA\"}"), VH_EHEADER,
	    "\"alg\" stands in two places" },
	{ FLAT(KID_A, ",\"header\":{\"kid\":\"a\"}"), VH_EHEADER,
	    "\"kid\" stands in two places" },
	{ FLAT(EDDSA, ",\"header\":{\"crit\":[\"exp\"],\"exp\":1}"), VH_EHEADER,
	    "\"crit\" is not protected" },
	{ FLAT(EDDSA, ",\"header\":{\"b64\":false}"), VH_EHEADER,
	    "\"b64\" is not protected" },
	{ FLAT(EDDSA, ",\"header\":{\"kid\":1}"), VH_EHEADER, "\"kid\"" },
	{ "{\"payload\":\"eA\",\"header\":{\"alg\":\"EdDSA\"},\"signature\":"
	  "\"" SIG "\"}",
	    VH_EHEADER, "\"alg\" is not protected" },
	/* The array. */
	{ GENERAL(""), VH_ETOKEN, "\"signatures\" malformed" },
	{ GENERAL("1"), VH_ETOKEN, "\"signatures\" malformed" },
	{ GENERAL("[]"), VH_ETOKEN, "\"signatures\" malformed" },
	{ GENERAL("{}"), VH_ETOKEN, "without a header" },
	{ "{\"payload\":\"eA\",\"signatures\":{}}", VH_ETOKEN,
	    "\"signatures\" malformed" },
	{ FLAT(EDDSA, ",\"signatures\":[" PART(EDDSA, "") "]"), VH_ETOKEN,
	    "of both serializations" },
	{ GENERAL(
	      PART(EDDSA, "") "," PART(EDDSA, ",\"header\":{\"alg\":\"x\"}")),
	    VH_EHEADER, "in two places" },
	{ GENERAL(PART(EDDSA, "") "," PART(PLAIN, "")), VH_EHEADER,
	    "do not agree on b64" },
	{ GENERAL(PART(PLAIN, "") "," PART(PLAIN, "")), VH_OK, NULL },
};

Test(jws_json, messages_are_judged)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		AUTO(buf_free) struct buf *why = buf_new(1000);
		enum vh_err err = parse(messages[i].token, &set, why);

		cr_expect_eq(err, messages[i].want, "%s: %s, %.*s",
		    messages[i].token, err_name(err), (int)why->len,
		    (char *)why->p);
		cr_expect_eq(set != NULL, err == VH_OK);
		if (messages[i].why != NULL)
			cr_expect(why_has(why, messages[i].why), "%s: %.*s",
			    messages[i].token, (int)why->len, (char *)why->p);
		else
			cr_expect_eq(why->len, 0);
	}
}

Test(jws_json, of_several_what_is_not_understood_concerns_its_own_alone)
{
	static const char unprotected[] =
	    "{\"header\":{\"alg\":\"EdDSA\"},\"signature\":\"" SIG "\"}";
	static const char *const odd[] = { PART(NOPE, ""), PART(NONE, ""),
		PART(CRITICAL, ",\"header\":{\"kid\":\"k\"}"), unprotected };
	static const enum vh_err want[] = { VH_EALG, VH_EALG, VH_EHEADER,
		VH_EHEADER };

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		AUTO(buf_free) struct buf *token = buf_new(10000);
		AUTO(buf_free) struct buf *why = buf_new(1000);

		buf_format(token, "{\"payload\":\"eA\",\"signatures\":[%s,%s]}",
		    odd[i], PART(EDDSA, ""));
		EXPECT_ERR(jws_set_parse(buf_slice(token), NULL, &set, why),
		    VH_OK, why);
		cr_assert_not_null(set, "%s", odd[i]);
		cr_expect_eq(set->at[0]->err, want[i], "%s", odd[i]);
		cr_expect_null(set->at[0]->alg);
		cr_expect_eq(set->at[1]->err, VH_OK);
		cr_expect_eq(why->len, 0);
	}
}

Test(jws_json, every_prefix_is_refused)
{
	for (size_t n = 0; n < sizeof A7 - 1; n++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		enum vh_err err =
		    jws_set_parse(slice_of(A7, n), NULL, &set, NULL);

		cr_expect(err == VH_EJSON || err == VH_ETOKEN, "%zu: %s", n,
		    err_name(err));
		cr_expect_null(set);
	}
}

Test(jws_json, one_byte_more_is_refused_unless_it_is_white_space)
{
	for (unsigned c = 0; c < 256; c++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		char copy[sizeof A7] = A7;

		copy[sizeof A7 - 1] = (char)c;
		cr_expect_eq(jws_set_parse(slice_of(copy, sizeof copy), NULL,
				 &set, NULL),
		    json_is_space((uint8_t)c) ? VH_OK : VH_EJSON, "%u", c);
	}
}

/* What was taken apart goes together to a message of the same meaning. */
static void
expect_same_again(struct jws_set *set)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(buf_free) struct buf *signature = buf_new(1000);
	AUTO(jws_set_free) struct jws_set *again = NULL;
	const struct jws *jws = set->at[0];

	cr_assert_eq(set->count, 1);
	b64_put(signature, jws->signature);
	const struct jws_made made = { .protected = jws->protected,
		.unprotected = jws->unprotected,
		.signature = buf_slice(signature) };

	jws_put_json(b, FORM_FLATTENED, &set->payload, jws->unencoded, &made,
	    1);
	cr_assert_eq(jws_set_parse(buf_slice(b), NULL, &again, NULL), VH_OK,
	    "%.*s", (int)b->len, (char *)b->p);
	cr_assert(slice_eq(jws_set_input(again, 0), jws_set_input(set, 0)));
	cr_assert(slice_eq(again->at[0]->signature, jws->signature));
	cr_assert(slice_eq(again->at[0]->kid, jws->kid));
	cr_assert_eq(again->at[0]->alg, jws->alg);
}

Test(jws_json, every_flipped_bit_is_refused_or_makes_a_sound_message)
{
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * (sizeof A7 - 1); i++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		char copy[sizeof A7] = A7;

		copy[i / 8] ^= (char)(1 << i % 8);
		if (jws_set_parse(slice_of(copy, sizeof copy - 1), NULL, &set,
			NULL) != VH_OK)
			continue;
		parsed++;
		expect_same_again(set);
	}
	cr_expect_gt(parsed, 200);
}

Test(jws_json, a_detached_payload_is_taken_from_outside)
{
	static const struct {
		const char *protected, *input;
	} rows[] = { { EDDSA, EDDSA ".LiA" }, { PLAIN, PLAIN ".. " } };
	const struct slice payload = slice_text(". ");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		AUTO(buf_free) struct buf *token = buf_new(1000);

		buf_format(token,
		    "{\"protected\":\"%s\",\"signature\":\"" SIG "\"}",
		    rows[i].protected);
		cr_assert_eq(jws_set_parse(buf_slice(token), &payload, &set,
				 NULL),
		    VH_OK);
		cr_expect(slice_eq(set->payload, payload));
		cr_expect(slice_is(jws_set_input(set, 0), rows[i].input));
	}
}

Test(jws_json, a_payload_in_both_places_is_refused)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1000);
	const struct slice payload = slice_text("x");

	EXPECT_ERR(jws_set_parse(slice_text(FLAT(EDDSA, "")), &payload, &set,
		       why),
	    VH_ETOKEN, why);
	cr_expect(why_has(why, "apart from it"));
	cr_expect_null(set);
}

static void
put_parts(struct buf *b, size_t count)
{
	buf_put_text(b, "{\"payload\":\"eA\",\"signatures\":[");
	for (size_t i = 0; i < count; i++) {
		buf_put_text(b, i == 0 ? "" : ",");
		buf_put_text(b, PART(EDDSA, ""));
	}
	buf_put_text(b, "]}");
}

Test(jws_json, there_are_at_most_sixteen_signatures)
{
	for (size_t n = FORM_PARTIES - 1; n <= FORM_PARTIES + 1; n++) {
		AUTO(jws_set_free) struct jws_set *set = NULL;
		AUTO(buf_free) struct buf *b = buf_new(100000);

		put_parts(b, n);
		cr_expect_eq(jws_set_parse(buf_slice(b), NULL, &set, NULL),
		    n <= FORM_PARTIES ? VH_OK : VH_ETOOBIG, "%zu", n);
		if (set != NULL)
			cr_expect_eq(set->count, n);
	}
}

Test(jws_json, headers_are_bounded)
{
	AUTO(jws_set_free) struct jws_set *set = NULL;
	AUTO(buf_free) struct buf *b = buf_new(100000);

	buf_put_text(b, "{\"payload\":\"eA\",\"header\":{\"a\":\"");
	for (size_t i = 0; i < VH_HEADER_MAX; i++)
		buf_put_u8(b, 'a');
	buf_put_text(b,
	    "\"},\"protected\":\"" EDDSA "\",\"signature\":\"" SIG "\"}");
	cr_expect_eq(jws_set_parse(buf_slice(b), NULL, &set, NULL), VH_ETOOBIG);
	cr_expect_null(set);
}

/* --- making one ------------------------------------------------------------
 */

static const struct {
	enum form form;
	bool detached, unencoded;
	size_t count;
	const char *payload, *want;
} made_rows[] = {
	{ FORM_FLATTENED, false, false, 1, "x",
	    "{\"payload\":\"eA\",\"protected\":\"P\",\"header\":{\"u\":1},"
	    "\"signature\":\"S\"}" },
	{ FORM_FLATTENED, true, false, 1, "x",
	    "{\"protected\":\"P\",\"header\":{\"u\":1},\"signature\":\"S\"}" },
	{ FORM_FLATTENED, false, true, 1, "a\"\n",
	    "{\"payload\":\"a\\\"\\u000a\",\"protected\":\"P\","
	    "\"header\":{\"u\":1},\"signature\":\"S\"}" },
	{ FORM_GENERAL, false, false, 1, "",
	    "{\"payload\":\"\",\"signatures\":[{\"protected\":\"P\","
	    "\"header\":{\"u\":1},\"signature\":\"S\"}]}" },
	{ FORM_GENERAL, true, true, 2, "x",
	    "{\"signatures\":[{\"protected\":\"P\",\"header\":{\"u\":1},"
	    "\"signature\":\"S\"},{\"protected\":\"Q\",\"signature\":\"T\"}"
	    "]}" },
};

Test(jws_json, messages_are_put_together)
{
	const struct jws_made made[] = {
		{ slice_text("P"), slice_text("{\"u\":1}"), slice_text("S") },
		{ slice_text("Q"), slice_of(NULL, 0), slice_text("T") },
	};

	for (size_t i = 0; i < ARRAY_LEN(made_rows); i++) {
		AUTO(buf_free) struct buf *b = buf_new(1000);
		const struct slice payload = slice_text(made_rows[i].payload);

		jws_put_json(b, made_rows[i].form,
		    made_rows[i].detached ? NULL : &payload,
		    made_rows[i].unencoded, made, made_rows[i].count);
		cr_expect(slice_is(buf_slice(b), made_rows[i].want), "%.*s",
		    (int)b->len, (char *)b->p);
	}
}

Test(jws_json, text_without_nul_can_stand_in_a_message)
{
	cr_expect(jws_is_jsonable(slice_of(NULL, 0)));
	cr_expect(jws_is_jsonable(slice_text("a.b \n\"\xc3\xa4")));
	cr_expect_not(jws_is_jsonable(slice_of("a\0b", 3)));
	cr_expect_not(jws_is_jsonable(slice_text("\xff")));
	cr_expect_not(jws_is_jsonable(slice_text("\xc3")));
	cr_expect_not(jws_is_jsonable(slice_text("\xed\xa0\x80")));
}
