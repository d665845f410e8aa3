#include "jose/header.h"

#include "tokens.h"

static const struct {
	const char *token;
	size_t count;
	bool good;
} tokens[] = {
	{ "a.b.c", 3, true },
	{ "..", 3, true },
	{ "a.b", 3, false },
	{ "a.b.c.", 3, false },
	{ "a.b.c.d", 3, false },
	{ "abc", 3, false },
	{ "", 3, false },
	{ "a", 1, true },
	{ "a..c.d.", 5, true },
	{ "a.b.c.d", 5, false },
	{ "a.b.c.d.e.f", 5, false },
};

Test(header, tokens_have_exactly_their_parts)
{
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		struct slice parts[5];
		struct slice token = slice_text(tokens[i].token);
		size_t sum = tokens[i].count - 1;
		enum vh_err err =
		    compact_split(token, parts, tokens[i].count, NULL);

		cr_expect_eq(err, tokens[i].good ? VH_OK : VH_ETOKEN, "%s",
		    tokens[i].token);
		for (size_t j = 0; err == VH_OK && j < tokens[i].count; j++)
			sum += parts[j].len;
		if (err == VH_OK)
			cr_expect_eq(sum, token.len, "%s", tokens[i].token);
	}
}

static enum vh_err
put(const struct header_wish *wish, struct buf *out, struct buf *why)
{
	buf_clear(out);
	buf_clear(why);
	return header_put(wish, out, why);
}

Test(header, the_common_one_is_alg_and_kid)
{
	AUTO(buf_free) struct buf *out = buf_new(1000);
	struct header_wish wish = { .alg = alg_by_id(VH_ALG_ES256),
		.kid = slice_text("k") };

	cr_assert_eq(put(&wish, out, NULL), VH_OK);
	cr_expect(
	    slice_is(buf_slice(out), "{\"alg\":\"ES256\",\"kid\":\"k\"}"));
	wish.kid = slice_text("");
	cr_assert_eq(put(&wish, out, NULL), VH_OK);
	cr_expect(slice_is(buf_slice(out), "{\"alg\":\"ES256\"}"));
}

Test(header, all_members_stand_in_order)
{
	AUTO(buf_free) struct buf *out = buf_new(1000);
	struct header_wish wish = { .alg = alg_by_id(VH_ALG_ECDH_ES),
		.enc = enc_by_id(VH_ENC_A128GCM),
		.kid = slice_text("k\""),
		.typ = slice_text("JWT"),
		.apu = slice_text("Alice"),
		.apv = slice_text("Bob"),
		.extra = slice_text(" { \"n\" : 0.10 ,\"cty\":\"x\" } ") };

	cr_assert_eq(put(&wish, out, NULL), VH_OK);
	cr_expect(slice_is(buf_slice(out),
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"kid\":\"k\\\"\","
	    "\"typ\":\"JWT\",\"apu\":\"QWxpY2U\",\"apv\":\"Qm9i\","
	    "\"n\" : 0.10 ,\"cty\":\"x\"}"));
	wish.extra = slice_text("{ }");
	wish.apu = wish.apv = wish.typ = slice_text("");
	cr_assert_eq(put(&wish, out, NULL), VH_OK);
	cr_expect(slice_is(buf_slice(out),
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"kid\":\"k\\\"\"}"));
}

static const struct {
	const char *extra;
	enum vh_err jws, jwe;
	const char *why;
} extras[] = {
	{ "{\"cty\":\"a\"}", VH_OK, VH_OK, NULL },
	{ "{\"x\":{\"alg\":1}}", VH_OK, VH_OK, NULL },
	{ "{\"alg\":\"none\"}", VH_EHEADER, VH_EHEADER, "\"alg\"" },
	{ "{\"\\u0061lg\":\"none\"}", VH_EHEADER, VH_EHEADER, "\"alg\"" },
	{ "{\"kid\":\"x\"}", VH_EHEADER, VH_EHEADER, "\"kid\"" },
	{ "{\"crit\":[\"exp\"]}", VH_EHEADER, VH_EHEADER, "\"crit\"" },
	{ "{\"b64\":false}", VH_EHEADER, VH_EHEADER, "\"b64\"" },
	{ "{\"enc\":\"A128GCM\"}", VH_EHEADER, VH_EHEADER, "\"enc\"" },
	{ "{\"zip\":\"DEF\"}", VH_EHEADER, VH_EHEADER, "\"zip\"" },
	{ "{\"epk\":{}}", VH_OK, VH_EHEADER, "\"epk\"" },
	{ "{\"apu\":\"\"}", VH_OK, VH_EHEADER, "\"apu\"" },
	{ "{\"apv\":\"\"}", VH_OK, VH_EHEADER, "\"apv\"" },
	{ "{\"iv\":\"\"}", VH_OK, VH_EHEADER, "\"iv\"" },
	{ "{\"tag\":\"\"}", VH_OK, VH_EHEADER, "\"tag\"" },
	{ "{\"p2s\":\"\"}", VH_OK, VH_EHEADER, "\"p2s\"" },
	{ "{\"p2c\":1}", VH_OK, VH_EHEADER, "\"p2c\"" },
	{ "{\"typ\":\"x\"}", VH_EHEADER, VH_EHEADER, "\"typ\" given twice" },
	{ "{\"jku\":\"a\",\"jwk\":{},\"x5c\":[\"a\"]}", VH_OK, VH_OK, NULL },
	{ "{\"cty\":5}", VH_EHEADER, VH_EHEADER, "\"cty\" must be a string" },
	{ "{\"jku\":[]}", VH_EHEADER, VH_EHEADER, "\"jku\" must be a string" },
	{ "{\"x5t#S256\":1}", VH_EHEADER, VH_EHEADER, "must be a string" },
	{ "{\"x5c\":\"a\"}", VH_EHEADER, VH_EHEADER,
	    "\"x5c\" must be an array" },
	{ "{\"jwk\":3}", VH_EHEADER, VH_EHEADER, "\"jwk\" must be an object" },
	{ "{\"a\":1,\"a\":1}", VH_EJSON, VH_EJSON, "given twice" },
	{ "[]", VH_EJSON, VH_EJSON, "JSON" },
	{ "{", VH_EJSON, VH_EJSON, "JSON" },
	{ "{}}", VH_EJSON, VH_EJSON, "JSON" },
};

Test(header, callers_add_members_but_never_ours)
{
	AUTO(buf_free) struct buf *out = buf_new(1000);
	AUTO(buf_free) struct buf *why = buf_new(1000);

	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		struct header_wish wish = { .alg = alg_by_id(VH_ALG_ES256),
			.typ = slice_text("JWT"),
			.extra = slice_text(extras[i].extra) };

		EXPECT_ERR(put(&wish, out, why), extras[i].jws, why);
		if (extras[i].jws != VH_OK)
			cr_expect(why_has(why, extras[i].why), "%s",
			    extras[i].extra);
		wish.alg = alg_by_id(VH_ALG_ECDH_ES);
		wish.enc = enc_by_id(VH_ENC_A128GCM);
		EXPECT_ERR(put(&wish, out, why), extras[i].jwe, why);
		if (extras[i].jwe != VH_OK)
			cr_expect(why_has(why, extras[i].why), "%s",
			    extras[i].extra);
	}
}

Test(header, texts_are_plain)
{
	AUTO(buf_free) struct buf *out = buf_new(1000);
	AUTO(buf_free) struct buf *why = buf_new(1000);
	struct header_wish wish = { .alg = alg_by_id(VH_ALG_ES256),
		.typ = slice_text("a\nb") };

	EXPECT_ERR(put(&wish, out, why), VH_EHEADER, why);
	cr_expect(why_has(why, "\"typ\""));
	wish.typ = slice_text("\xff");
	EXPECT_ERR(put(&wish, out, why), VH_EHEADER, why);
	wish.typ = slice_text("");
	wish.kid = slice_text("\xff");
	EXPECT_ERR(put(&wish, out, why), VH_EHEADER, why);
	cr_expect(why_has(why, "\"kid\""));
}

Test(header, parties_go_with_ecdh_only)
{
	AUTO(buf_free) struct buf *out = buf_new(10000);
	AUTO(buf_free) struct buf *why = buf_new(1000);
	uint8_t party[HEADER_PARTY_MAX + 1] = { 0 };
	struct header_wish wish = { .alg = alg_by_id(VH_ALG_RSA_OAEP),
		.enc = enc_by_id(VH_ENC_A128GCM),
		.apu = slice_text("a") };

	EXPECT_ERR(put(&wish, out, why), VH_EHEADER, why);
	cr_expect(why_has(why, "ECDH"));
	wish.alg = alg_by_id(VH_ALG_ECDH_ES_A256KW);
	wish.apv = slice_of(party, HEADER_PARTY_MAX);
	EXPECT_ERR(put(&wish, out, why), VH_OK, why);
	wish.apv.len++;
	EXPECT_ERR(put(&wish, out, why), VH_EHEADER, why);
	wish = (struct header_wish){ .alg = alg_by_id(VH_ALG_ES256),
		.apv = slice_text("a") };
	EXPECT_ERR(put(&wish, out, why), VH_EHEADER, why);
}

static enum vh_err
put_long(size_t size, const struct enc *enc)
{
	AUTO(buf_free) struct buf *extra = buf_new(1u << 20);
	AUTO(buf_free) struct buf *out = buf_new(1u << 20);
	struct header_wish wish = { .alg = alg_by_id(VH_ALG_ECDH_ES),
		.enc = enc };

	buf_put_text(extra, "{\"a\":\"");
	for (size_t i = 0; i < size; i++)
		buf_put_u8(extra, 'a');
	buf_put_text(extra, "\"}");
	wish.extra = buf_slice(extra);
	return header_put(&wish, out, NULL);
}

Test(header, its_encoding_is_bounded)
{
	const struct enc *enc = enc_by_id(VH_ENC_A128GCM);

	cr_expect_eq(put_long(12000, NULL), VH_OK);
	cr_expect_eq(put_long(12288, NULL), VH_ETOOBIG);
	cr_expect_eq(put_long(20000, NULL), VH_ETOOBIG);
	cr_expect_eq(put_long(11600, enc), VH_OK);
	cr_expect_eq(put_long(12000, enc), VH_ETOOBIG);
}
