#include "jose/jwe_json.h"

#include "tokens.h"

/* {"enc":"A128GCM"}, the same with RSA-OAEP, and with zip. */
#define ENC  "eyJlbmMiOiJBMTI4R0NNIn0"
#define OAEP "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhHQ00ifQ"
#define ZIP  "eyJlbmMiOiJBMTI4R0NNIiwiemlwIjoiREVGIn0"

/* RFC 7515, A.3.1: a public key to stand for an epk. */
#define EPK                                                                    \
	"\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\","                           \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","               \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define KW  "\"alg\":\"ECDH-ES+A128KW\"," EPK
#define RSA "\"alg\":\"RSA-OAEP\""

/* 12 and 16 bytes; the rest of a message. */
#define IV   "AAAAAAAAAAAAAAAA"
#define TAG  "AAAAAAAAAAAAAAAAAAAAAA"
#define REST "\"iv\":\"" IV "\",\"ciphertext\":\"dGV4dA\",\"tag\":\"" TAG "\"}"

#define FLAT(protected, more)                                                  \
	"{\"protected\":\"" protected "\"," more                               \
				      "\"encrypted_key\":\"a2V5\"," REST
#define GENERAL(protected, more, recipients)                                   \
	"{\"protected\":\"" protected "\"," more "\"recipients\":[" recipients \
				      "]," REST
#define TO(header) "{\"header\":{" header "},\"encrypted_key\":\"a2V5\"}"

#define SAMPLE                                                                 \
	GENERAL(ENC, "\"unprotected\":{\"jku\":\"u\"},\"aad\":\"YWFk\",",      \
	    TO(RSA ",\"kid\":\"a\""))

static enum vh_err
parse(const char *token, struct jwe_set **out, struct buf *why)
{
	return jwe_set_parse(slice_text(token), out, why);
}

Test(jwe_json, a_message_for_two_is_taken_apart_for_each)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;

	cr_assert_eq(parse(GENERAL(ENC,
			       "\"unprotected\":{\"jku\":\"u\"},\"aad\":"
			       "\"YWFk\",",
			       TO(RSA ",\"kid\":\"a\"") "," TO(
				   KW ",\"kid\":\"b\",\"apu\":\"QWxpY2U\"")),
			 &set, NULL),
	    VH_OK);
	cr_expect(set->json);
	cr_assert_eq(set->count, 2);
	const struct jwe *a = set->at[0], *b = set->at[1];

	cr_expect_eq(a->alg, alg_by_id(VH_ALG_RSA_OAEP));
	cr_expect_eq(b->alg, alg_by_id(VH_ALG_ECDH_ES_A128KW));
	cr_expect(slice_is(a->kid, "a"));
	cr_expect(slice_is(b->kid, "b"));
	cr_expect_eq(a->epk.kty, 0);
	cr_expect_eq(b->epk.crv, VH_CRV_P256);
	cr_expect(slice_is(b->apu, "Alice"));
	for (size_t i = 0; i < 2; i++) {
		const struct jwe *jwe = set->at[i];

		cr_expect_eq(jwe->enc, enc_by_id(VH_ENC_A128GCM));
		cr_expect(slice_is(jwe->header, "{\"enc\":\"A128GCM\"}"));
		cr_expect(slice_is(jwe->protected, ENC));
		cr_expect(slice_is(jwe->encrypted_key, "key"));
		cr_expect(slice_is(jwe->aad, "aad"));
		cr_expect(slice_is(jwe->ciphertext, "text"));
		cr_expect_eq(jwe->iv.len, 12);
		cr_expect_eq(jwe->tag.len, 16);
		cr_expect_not(jwe->zip);
	}
	cr_expect(slice_is(a->unprotected,
	    "{\"jku\":\"u\",\"alg\":\"RSA-OAEP\",\"kid\":\"a\"}"));
}

static const struct {
	const char *shared, *own, *want;
} unprotected[] = {
	{ "", "\"header\":{" RSA "},", "{" RSA "}" },
	{ "\"unprotected\":{" RSA "},", "", "{" RSA "}" },
	{ "\"unprotected\":{" RSA "},", "\"header\":{},", "{" RSA "}" },
	{ "\"unprotected\":{},", "\"header\":{" RSA "},", "{ " RSA "}" },
	{ "\"unprotected\":{\"a\":1},", "\"header\":{" RSA "},",
	    "{\"a\":1," RSA "}" },
};

Test(jwe_json, what_is_not_protected_becomes_one_object)
{
	for (size_t i = 0; i < ARRAY_LEN(unprotected); i++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
		AUTO(buf_free) struct buf *b = buf_new(10000);

		buf_format(b,
		    "{\"protected\":\"" ENC
		    "\",%s%s\"encrypted_key\":\"a2V5\"," REST,
		    unprotected[i].shared, unprotected[i].own);
		cr_assert_eq(jwe_set_parse(buf_slice(b), &set, NULL), VH_OK,
		    "%zu", i);
		cr_expect(slice_is(set->at[0]->unprotected,
			      unprotected[i].want),
		    "%.*s", (int)set->at[0]->unprotected.len,
		    (const char *)set->at[0]->unprotected.p);
	}
}

Test(jwe_json, a_compact_token_is_a_set_of_one)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;

	cr_assert_eq(parse(OAEP ".a2V5." IV ".dGV4dA." TAG, &set, NULL), VH_OK);
	cr_expect_not(set->json);
	cr_expect_eq(set->count, 1);
	cr_expect(slice_is(set->at[0]->ciphertext, "text"));
}

static const struct {
	const char *token;
	enum vh_err want;
	const char *why;
} messages[] = {
	{ SAMPLE, VH_OK, NULL },
	{ " " SAMPLE "\n", VH_OK, NULL },
	{ FLAT(OAEP, ""), VH_OK, NULL },
	{ FLAT(OAEP, "\"unknown\":1,\"header\":{\"x\":[]},"), VH_OK, NULL },
	{ "{\"unprotected\":{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"},"
	  "\"encrypted_key\":\"a2V5\"," REST,
	    VH_OK, NULL },
	{ SAMPLE "x", VH_EJSON, "after the end" },
	{ FLAT(OAEP, "\"protected\":\"" OAEP "\","), VH_EJSON, "twice" },
	/* The parts. */
	{ "{}", VH_ETOKEN, "\"iv\" missing" },
	{ "{" REST, VH_ETOKEN, "without a header" },
	{ "{\"protected\":\"" OAEP "\"," REST, VH_ETOKEN,
	    "encrypted key missing" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":1," REST, VH_ETOKEN,
	    "\"encrypted_key\" malformed" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"\"," REST, VH_ETOKEN,
	    "\"encrypted_key\" malformed" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"A\"," REST,
	    VH_ETOKEN, "encrypted key is not canonical" },
	{ "{\"protected\":\"" OAEP
	  "\",\"encrypted_key\":\"a2V5\",\"ciphertext\":\"\",\"tag\":\"" TAG
	  "\"}",
	    VH_ETOKEN, "\"iv\" missing" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"a2V5\",\"iv\":\"" IV
	  "\",\"tag\":\"" TAG "\"}",
	    VH_ETOKEN, "\"ciphertext\" missing" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"a2V5\",\"iv\":\"" IV
	  "\",\"ciphertext\":\"\",\"tag\":\"" TAG "\"}",
	    VH_OK, NULL },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"a2V5\",\"iv\":\"" IV
	  "\",\"ciphertext\":\"\"}",
	    VH_ETOKEN, "\"tag\" missing" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"a2V5\",\"iv\":\"" IV
	  "AA\",\"ciphertext\":\"\",\"tag\":\"" TAG "\"}",
	    VH_ETOKEN, "initialization vector of \"A128GCM\"" },
	{ "{\"protected\":\"" OAEP "\",\"encrypted_key\":\"a2V5\",\"iv\":\"" IV
	  "\",\"ciphertext\":\"\",\"tag\":\"" IV "\"}",
	    VH_ETOKEN, "authentication tag of \"A128GCM\"" },
	{ FLAT("", ""), VH_ETOKEN, "\"protected\" malformed" },
	{ FLAT(OAEP, "\"aad\":\"\","), VH_ETOKEN, "\"aad\"" },
	{ FLAT(OAEP, "\"aad\":\"=\","), VH_ETOKEN, "not canonical" },
	{ FLAT(OAEP, "\"aad\":1,"), VH_ETOKEN, "\"aad\"" },
	{ FLAT(OAEP, "\"header\":1,"), VH_ETOKEN, "\"header\" malformed" },
	{ FLAT(OAEP, "\"unprotected\":[],"), VH_ETOKEN,
	    "\"unprotected\" malformed" },
	/* Headers. */
	{ FLAT(ENC, ""), VH_EHEADER, "\"alg\" missing" },
	{ FLAT(ENC, "\"header\":{\"alg\":\"nope\"},"), VH_EALG,
	    "\"nope\" not known" },
	{ GENERAL(ENC, "", TO("\"alg\":\"nope\"")), VH_EALG,
	    "\"nope\" not known" },
	{ FLAT(OAEP, "\"header\":{" RSA "},"), VH_EHEADER,
	    "\"alg\" stands in two places" },
	{ FLAT(OAEP, "\"unprotected\":{\"enc\":\"A128GCM\"},"), VH_EHEADER,
	    "\"enc\" stands in two places" },
	{ FLAT(OAEP, "\"unprotected\":{\"x\":1},\"header\":{\"x\":1},"),
	    VH_EHEADER, "\"x\" stands in two places" },
	{ FLAT(OAEP, "\"unprotected\":{\"zip\":\"DEF\"},"), VH_EHEADER,
	    "\"zip\" is not protected" },
	{ FLAT(OAEP, "\"header\":{\"crit\":[\"x\"],\"x\":1},"), VH_EHEADER,
	    "\"crit\" is not protected" },
	{ FLAT(ZIP, "\"header\":{" RSA "},"), VH_OK, NULL },
	/* The array. */
	{ GENERAL(ENC, "", ""), VH_ETOKEN, "\"recipients\" malformed" },
	{ GENERAL(ENC, "", "1"), VH_ETOKEN, "\"recipients\" malformed" },
	{ GENERAL(OAEP, "", "{\"encrypted_key\":\"a2V5\"}"), VH_OK, NULL },
	{ GENERAL(OAEP, "", "{}"), VH_ETOKEN, "encrypted key missing" },
	{ GENERAL(ENC, "\"encrypted_key\":\"a2V5\",", TO(RSA)), VH_ETOKEN,
	    "of both serializations" },
	{ GENERAL(ENC, "\"header\":{},", TO(RSA)), VH_ETOKEN,
	    "of both serializations" },
	{ "{\"unprotected\":{\"x\":1},\"recipients\":[" TO(
	      RSA ",\"enc\":\"A128GCM\"") "," TO(RSA
	      ",\"enc\":\"A192GCM\"") "]," REST,
	    VH_EHEADER, "do not agree on enc" },
	{ GENERAL(ENC, "",
	      TO(RSA) ",{\"header\":{\"alg\":\"ECDH-ES\"," EPK "}}"),
	    VH_EHEADER, "\"ECDH-ES\" is for one recipient" },
	{ GENERAL(ENC, "", "{\"header\":{\"alg\":\"ECDH-ES\"," EPK "}}"), VH_OK,
	    NULL },
	{ GENERAL(ENC, "", TO(RSA) "," TO("\"alg\":\"ECDH-ES+A128KW\"")),
	    VH_EHEADER, "\"epk\" missing" },
};

Test(jwe_json, messages_are_judged)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
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

Test(jwe_json, of_several_an_unknown_alg_concerns_its_own_alone)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1000);

	EXPECT_ERR(parse(GENERAL(ENC, "",
			     TO("\"alg\":\"nope\",\"kid\":\"k\"") "," TO(RSA)),
		       &set, why),
	    VH_OK, why);
	cr_assert_not_null(set);
	cr_expect_eq(set->at[0]->err, VH_EALG);
	cr_expect_null(set->at[0]->alg);
	cr_expect(slice_is(set->at[0]->kid, "k"));
	cr_expect_eq(set->at[1]->err, VH_OK);
	cr_expect_eq(why->len, 0);
}

Test(jwe_json, zip_holds_for_all)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;

	cr_assert_eq(parse(GENERAL(ZIP, "", TO(RSA) "," TO(KW)), &set, NULL),
	    VH_OK);
	cr_expect(set->at[0]->zip);
	cr_expect(set->at[1]->zip);
}

static const char sample[] = SAMPLE;

Test(jwe_json, every_prefix_is_refused)
{
	for (size_t n = 0; n < sizeof sample - 1; n++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
		enum vh_err err =
		    jwe_set_parse(slice_of(sample, n), &set, NULL);

		cr_expect(err == VH_EJSON || err == VH_ETOKEN, "%zu: %s", n,
		    err_name(err));
		cr_expect_null(set);
	}
}

Test(jwe_json, one_byte_more_is_refused_unless_it_is_white_space)
{
	for (unsigned c = 0; c < 256; c++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
		char copy[sizeof sample];

		memcpy(copy, sample, sizeof sample);
		copy[sizeof sample - 1] = (char)c;
		cr_expect_eq(jwe_set_parse(slice_of(copy, sizeof copy), &set,
				 NULL),
		    json_is_space((uint8_t)c) ? VH_OK : VH_EJSON, "%u", c);
	}
}

/* What was taken apart goes together to a message of the same meaning. */
static void
expect_same_again(const struct jwe_set *set)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(jwe_set_free) struct jwe_set *again = NULL;
	const struct jwe *was = set->at[0], *is;

	cr_assert_eq(set->count, 1);
	const struct jwe_made made = { .protected = was->protected,
		.aad = was->aad,
		.iv = was->iv,
		.ciphertext = was->ciphertext,
		.tag = was->tag };
	const struct jwe_recipient to = { was->unprotected,
		was->encrypted_key };

	jwe_put_json(b, FORM_GENERAL, &made, &to, 1);
	cr_assert_eq(jwe_set_parse(buf_slice(b), &again, NULL), VH_OK, "%.*s",
	    (int)b->len, (char *)b->p);
	is = again->at[0];
	cr_assert(is->alg == was->alg && is->enc == was->enc);
	cr_assert(slice_eq(is->kid, was->kid));
	cr_assert(slice_eq(is->protected, was->protected));
	cr_assert(slice_eq(is->encrypted_key, was->encrypted_key));
	cr_assert(slice_eq(is->aad, was->aad));
	cr_assert(slice_eq(is->iv, was->iv));
	cr_assert(slice_eq(is->ciphertext, was->ciphertext));
	cr_assert(slice_eq(is->tag, was->tag));
}

Test(jwe_json, every_flipped_bit_is_refused_or_makes_a_sound_message)
{
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * (sizeof sample - 1); i++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
		char copy[sizeof sample];

		memcpy(copy, sample, sizeof sample);
		copy[i / 8] ^= (char)(1 << i % 8);
		if (jwe_set_parse(slice_of(copy, sizeof copy - 1), &set,
			NULL) != VH_OK)
			continue;
		parsed++;
		expect_same_again(set);
	}
	cr_expect_gt(parsed, 200);
}

Test(jwe_json, there_are_at_most_sixteen_recipients)
{
	for (size_t n = FORM_PARTIES - 1; n <= FORM_PARTIES + 1; n++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
		AUTO(buf_free) struct buf *b = buf_new(100000);

		buf_put_text(b, "{\"protected\":\"" ENC "\",\"recipients\":[");
		for (size_t i = 0; i < n; i++) {
			buf_put_text(b, i == 0 ? "" : ",");
			buf_put_text(b, TO(RSA));
		}
		buf_put_text(b, "]," REST);
		cr_expect_eq(jwe_set_parse(buf_slice(b), &set, NULL),
		    n <= FORM_PARTIES ? VH_OK : VH_ETOOBIG, "%zu", n);
		if (set != NULL)
			cr_expect_eq(set->count, n);
	}
}

Test(jwe_json, headers_are_bounded)
{
	static const char *const names[] = { "unprotected", "header" };

	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		AUTO(jwe_set_free) struct jwe_set *set = NULL;
		AUTO(buf_free) struct buf *b = buf_new(100000);

		buf_format(b, "{\"protected\":\"" OAEP "\",\"%s\":{\"a\":\"",
		    names[n]);
		for (size_t i = 0; i < VH_HEADER_MAX; i++)
			buf_put_u8(b, 'a');
		buf_put_text(b, "\"},\"encrypted_key\":\"a2V5\"," REST);
		cr_expect_eq(jwe_set_parse(buf_slice(b), &set, NULL),
		    VH_ETOOBIG, "%s", names[n]);
		cr_expect_null(set);
	}
}

/* --- making one ------------------------------------------------------------
 */

static const struct {
	enum form form;
	size_t count;
	const char *aad, *want;
} made_rows[] = {
	{ FORM_FLATTENED, 1, "",
	    "{\"protected\":\"P\",\"unprotected\":{\"u\":1},\"header\":{"
	    "\"h\":1},\"encrypted_key\":\"aw\",\"iv\":\"aQ\","
	    "\"ciphertext\":\"Yw\",\"tag\":\"dA\"}" },
	{ FORM_GENERAL, 2, "a",
	    "{\"protected\":\"P\",\"unprotected\":{\"u\":1},\"recipients\":[{"
	    "\"header\":{\"h\":1},\"encrypted_key\":\"aw\"},{}],\"aad\":\"YQ\","
	    "\"iv\":\"aQ\",\"ciphertext\":\"Yw\",\"tag\":\"dA\"}" },
};

Test(jwe_json, messages_are_put_together)
{
	const struct jwe_recipient to[] = {
		{ slice_text("{\"h\":1}"), slice_text("k") },
		{ .encrypted_key = slice_of(NULL, 0) },
	};

	for (size_t i = 0; i < ARRAY_LEN(made_rows); i++) {
		AUTO(buf_free) struct buf *b = buf_new(1000);
		const struct jwe_made made = { .protected = slice_text("P"),
			.unprotected = slice_text("{\"u\":1}"),
			.aad = slice_text(made_rows[i].aad),
			.iv = slice_text("i"),
			.ciphertext = slice_text("c"),
			.tag = slice_text("t") };

		jwe_put_json(b, made_rows[i].form, &made, to,
		    made_rows[i].count);
		cr_expect(slice_is(buf_slice(b), made_rows[i].want), "%.*s",
		    (int)b->len, (char *)b->p);
	}
}
