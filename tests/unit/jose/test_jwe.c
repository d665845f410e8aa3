#include "jose/jwe.h"

#include "tokens.h"

/* RFC 7515, A.3.1 and RFC 8037, A.6: public keys to stand for an epk. */
#define X25519                                                                 \
	"\"kty\":\"OKP\",\"crv\":\"X25519\","                                  \
	"\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\""
#define P256                                                                   \
	"\"kty\":\"EC\",\"crv\":\"P-256\","                                    \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","               \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define ECDH(members)                                                          \
	"{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{" X25519            \
	"}" members "}"
#define OAEP(members) "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"" members "}"

Test(jwe, a_token_is_taken_apart)
{
	AUTO(buf_free)
	struct buf *token =
	    jwe_of(ECDH(",\"kid\":\"k\",\"apu\":\"QWxpY2U\",\"apv\":\"Qm9i\""),
		0, 12, 33, 16);
	AUTO(jwe_free) struct jwe *jwe = NULL;

	cr_assert_eq(jwe_parse(buf_slice(token), &jwe, NULL), VH_OK);
	cr_expect_eq(jwe->alg, alg_by_id(VH_ALG_ECDH_ES));
	cr_expect_eq(jwe->enc, enc_by_id(VH_ENC_A128GCM));
	cr_expect(slice_is(jwe->kid, "k"));
	cr_expect_eq(jwe->header.p[0], '{');
	cr_expect_eq(jwe->protected.p, token->p);
	cr_expect_eq(jwe->protected.len, b64_size(jwe->header.len));
	cr_expect_eq(jwe->encrypted_key.len, 0);
	cr_expect_eq(jwe->iv.len, 12);
	cr_expect_eq(jwe->ciphertext.len, 33);
	cr_expect_eq(jwe->tag.len, 16);
	cr_expect_eq(jwe->epk.kty, VH_KTY_OKP);
	cr_expect_eq(jwe->epk.crv, VH_CRV_X25519);
	cr_expect_eq(jwe->epk.x.len, 32);
	cr_expect(slice_is(jwe->apu, "Alice"));
	cr_expect(slice_is(jwe->apv, "Bob"));
}

Test(jwe, an_rsa_token_has_no_epk)
{
	AUTO(buf_free) struct buf *token = jwe_of(OAEP(""), 256, 12, 0, 16);
	AUTO(jwe_free) struct jwe *jwe = NULL;

	cr_assert_eq(jwe_parse(buf_slice(token), &jwe, NULL), VH_OK);
	cr_expect_eq(jwe->alg, alg_by_id(VH_ALG_RSA_OAEP));
	cr_expect_eq(jwe->encrypted_key.len, 256);
	cr_expect_eq(jwe->ciphertext.len, 0);
	cr_expect_eq(jwe->epk.kty, 0);
	cr_expect_eq(jwe->kid.len, 0);
}

static const struct {
	const char *header;
	size_t key;
	enum vh_err want;
	const char *why;
} headers[] = {
	{ ECDH(""), 0, VH_OK, NULL },
	{ OAEP(""), 256, VH_OK, NULL },
	{ OAEP(",\"epk\":1,\"cty\":\"x\",\"jku\":\"https://a.example\""), 256,
	    VH_OK, NULL },
	{ "{\"alg\":\"ECDH-ES+A128KW\",\"enc\":\"A128GCM\",\"epk\":{" P256 "}}",
	    24, VH_OK, NULL },
	{ ECDH(""), 16, VH_ETOKEN, "where there is none" },
	{ OAEP(""), 0, VH_ETOKEN, "encrypted key missing" },
	{ OAEP(""), 1025, VH_ETOKEN, "encrypted key too long" },
	{ "{\"alg\":\"ECDH-ES+A128KW\",\"enc\":\"A128GCM\",\"epk\":{" P256 "}}",
	    0, VH_ETOKEN, "encrypted key missing" },
	/* alg and enc */
	{ "{\"enc\":\"A128GCM\"}", 0, VH_EHEADER, "\"alg\" missing" },
	{ "{\"alg\":\"RSA-OAEP\"}", 256, VH_EHEADER, "\"enc\" missing" },
	{ "{\"alg\":\"RSA-OAEP\",\"enc\":1}", 256, VH_EHEADER, "\"enc\"" },
	{ "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128CBC\"}", 256, VH_EALG,
	    "\"A128CBC\" not known" },
	{ "{\"alg\":\"A128KW\",\"enc\":\"A128GCM\"}", 24, VH_OK, NULL },
	{ "{\"alg\":\"RSA1_5\",\"enc\":\"A128GCM\"}", 256, VH_OK, NULL },
	{ "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", 0, VH_OK, NULL },
	{ "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", 24, VH_ETOKEN,
	    "encrypted key where" },
	{ "{\"alg\":\"A256KW\",\"enc\":\"A128GCM\"}", 0, VH_ETOKEN,
	    "encrypted key missing" },
	{ "{\"alg\":\"A128GCMKW\",\"enc\":\"A128GCM\",\"iv\":"
	  "\"AAAAAAAAAAAAAAAA\""
	  ",\"tag\":\"AAAAAAAAAAAAAAAAAAAAAA\"}",
	    16, VH_OK, NULL },
	{ "{\"alg\":\"A128GCMKW\",\"enc\":\"A128GCM\",\"tag\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\"}",
	    16, VH_EHEADER, "\"iv\" missing or malformed" },
	{ "{\"alg\":\"A128GCMKW\",\"enc\":\"A128GCM\",\"iv\":"
	  "\"AAAAAAAAAAAAAAAA\"}",
	    16, VH_EHEADER, "\"tag\" missing or malformed" },
	{ "{\"alg\":\"A128GCMKW\",\"enc\":\"A128GCM\",\"iv\":\"AAAA\",\"tag\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\"}",
	    16, VH_EHEADER, "\"iv\" missing or malformed" },
	{ "{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128GCM\","
	  "\"p2s\":\"AAAAAAAAAAA\",\"p2c\":1000}",
	    24, VH_EALG, "PBES2" },
	{ "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}", 0, VH_EALG,
	    "does not encrypt" },
	/* zip, crit */
	{ OAEP(",\"zip\":\"DEF\""), 256, VH_OK, NULL },
	{ OAEP(",\"zip\":\"def\""), 256, VH_EHEADER, "\"zip\"" },
	{ OAEP(",\"crit\":[\"b64\"],\"b64\":false"), 256, VH_EHEADER,
	    "extension \"b64\"" },
	{ OAEP(",\"zip\":null"), 256, VH_EHEADER, "\"zip\"" },
	{ OAEP(",\"crit\":[]"), 256, VH_EHEADER, "\"crit\": empty" },
	{ OAEP(",\"crit\":[\"exp\"],\"exp\":1"), 256, VH_EHEADER,
	    "extension \"exp\" not understood" },
	{ OAEP(",\"kid\":[]"), 256, VH_EHEADER, "\"kid\"" },
	{ OAEP(",\"enc\":\"A128GCM\""), 256, VH_EJSON, "twice" },
	/* epk */
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\"}", 0, VH_EHEADER,
	    "\"epk\" missing" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":\"x\"}", 0,
	    VH_EHEADER, "\"epk\"" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{}}", 0, VH_EHEADER,
	    "\"epk\": JWK: member \"kty\" missing" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{" X25519
	  ",\"d\":\"AA\"}}",
	    0, VH_EHEADER, "\"epk\": JWK: private member \"d\"" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{\"kty\":\"OKP\","
	  "\"crv\":\"Ed25519\","
	  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}",
	    0, VH_EHEADER, "\"epk\": no key of key agreement" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{\"kty\":\"OKP\","
	  "\"crv\":\"X25519\",\"x\":\"AAAA\"}}",
	    0, VH_EHEADER, "has not the size" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{\"kty\":\"OKP\","
	  "\"crv\":\"X449\",\"x\":\"AAAA\"}}",
	    0, VH_EHEADER, "\"crv\" not known" },
	{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{\"kty\":\"OKP\","
	  "\"crv\":\"X448\",\"x\":\"AAAA\"}}",
	    0, VH_EHEADER, "has not the size" },
	/* apu, apv */
	{ ECDH(",\"apu\":1"), 0, VH_EHEADER, "\"apu\"" },
	{ ECDH(",\"apv\":\"A\""), 0, VH_EHEADER, "\"apv\" is not canonical" },
	{ ECDH(",\"apu\":\"AA==\""), 0, VH_EHEADER, "\"apu\"" },
};

Test(jwe, headers_are_judged)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		AUTO(buf_free)
		struct buf *token =
		    jwe_of(headers[i].header, headers[i].key, 12, 7, 16);
		AUTO(buf_free) struct buf *why = buf_new(1000);
		AUTO(jwe_free) struct jwe *jwe = NULL;
		enum vh_err err = jwe_parse(buf_slice(token), &jwe, why);

		EXPECT_ERR(err, headers[i].want, why);
		cr_expect_eq(jwe != NULL, err == VH_OK);
		if (headers[i].why != NULL)
			cr_expect(why_has(why, headers[i].why), "%s: %.*s",
			    headers[i].header, (int)why->len, (char *)why->p);
		else
			cr_expect_eq(why->len, 0, "%.*s", (int)why->len,
			    (char *)why->p);
	}
}

static enum vh_err
parse_sizes(const struct enc *enc, size_t iv, size_t tag)
{
	AUTO(buf_free) struct buf *header = buf_new(100);
	AUTO(buf_free) struct buf *token = NULL;
	AUTO(jwe_free) struct jwe *jwe = NULL;

	buf_format(header, "{\"alg\":\"RSA-OAEP\",\"enc\":\"%s\"}", enc->name);
	buf_put_u8(header, 0);
	token = jwe_of((const char *)header->p, 256, iv, 16, tag);
	return jwe_parse(buf_slice(token), &jwe, NULL);
}

Test(jwe, iv_and_tag_have_the_exact_sizes_of_their_enc)
{
	for (size_t i = 0; enc_at(i) != NULL; i++) {
		const struct enc *e = enc_at(i);

		cr_expect_eq(parse_sizes(e, e->iv, e->tag), VH_OK);
		for (size_t n = 0; n <= 40; n++) {
			if (n != e->iv)
				cr_expect_eq(parse_sizes(e, n, e->tag),
				    VH_ETOKEN, "%s iv %zu", e->name, n);
			if (n != e->tag)
				cr_expect_eq(parse_sizes(e, e->iv, n),
				    VH_ETOKEN, "%s tag %zu", e->name, n);
		}
	}
}

static enum vh_err
parse_party(size_t size)
{
	AUTO(buf_free) struct buf *header = buf_new(2000);
	AUTO(buf_free) struct buf *token = NULL;
	AUTO(jwe_free) struct jwe *jwe = NULL;
	uint8_t party[1024] = { 0 };

	buf_put_text(header, "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\","
			     "\"epk\":{" X25519 "},\"apu\":\"");
	b64_put(header, slice_of(party, size));
	buf_put_text(header, "\"}");
	buf_put_u8(header, 0);
	token = jwe_of((const char *)header->p, 0, 12, 16, 16);
	TRY(jwe_parse(buf_slice(token), &jwe, NULL));
	cr_expect_eq(jwe->apu.len, size);
	return VH_OK;
}

Test(jwe, parties_have_at_most_512_bytes)
{
	cr_expect_eq(parse_party(1), VH_OK);
	cr_expect_eq(parse_party(HEADER_PARTY_MAX), VH_OK);
	cr_expect_eq(parse_party(HEADER_PARTY_MAX + 1), VH_EHEADER);
}

static struct buf *
sample(void)
{
	return jwe_of(ECDH(",\"kid\":\"k\",\"apu\":\"QWxpY2U\""), 0, 12, 5, 16);
}

Test(jwe, every_prefix_is_refused)
{
	AUTO(buf_free) struct buf *token = sample();

	for (size_t n = 0; n < token->len; n++) {
		AUTO(jwe_free) struct jwe *jwe = NULL;

		cr_expect_eq(jwe_parse(slice_of(token->p, n), &jwe, NULL),
		    VH_ETOKEN, "%zu", n);
	}
}

Test(jwe, one_byte_more_is_refused)
{
	AUTO(buf_free) struct buf *token = sample();

	buf_put_u8(token, 0);
	for (unsigned c = 0; c < 256; c++) {
		AUTO(jwe_free) struct jwe *jwe = NULL;

		token->p[token->len - 1] = (uint8_t)c;
		cr_expect_eq(jwe_parse(buf_slice(token), &jwe, NULL), VH_ETOKEN,
		    "%u", c);
	}
}

static void
expect_same_again(const struct jwe *jwe, struct slice token)
{
	AUTO(buf_free) struct buf *b = buf_new(100000);

	b64_put(b, jwe->header);
	cr_assert(slice_eq(buf_slice(b), jwe->protected));
	buf_clear(b);
	jwe_put(b, jwe->protected, jwe->encrypted_key, jwe->iv, jwe->ciphertext,
	    jwe->tag);
	cr_assert(slice_eq(buf_slice(b), token));
	cr_assert_eq(b->len,
	    jwe_size(jwe->protected.len, jwe->encrypted_key.len, jwe->iv.len,
		jwe->ciphertext.len, jwe->tag.len));
	if (jwe->alg->kind == VH_KIND_ECDH)
		cr_assert_eq(pub_check(&jwe->epk), VH_OK);
}

Test(jwe, every_flipped_bit_is_refused_or_makes_a_sound_token)
{
	AUTO(buf_free) struct buf *token = sample();
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * token->len; i++) {
		AUTO(jwe_free) struct jwe *jwe = NULL;

		token->p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (jwe_parse(buf_slice(token), &jwe, NULL) == VH_OK) {
			parsed++;
			expect_same_again(jwe, buf_slice(token));
		}
		token->p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	cr_expect_gt(parsed, 100);
}

Test(jwe, why_may_be_null_and_sizes_are_bounded)
{
	AUTO(buf_free)
	struct buf *token = jwe_of(OAEP(""), 256, 12, VH_TOKEN_MAX, 16);
	AUTO(buf_free)
	struct buf *big = jwe_of(OAEP(""), 256, 12, VH_DATA_MAX + 16, 16);
	AUTO(jwe_free) struct jwe *jwe = NULL;

	cr_expect_eq(jwe_parse(buf_slice(token), &jwe, NULL), VH_ETOOBIG);
	cr_expect_eq(jwe_parse(buf_slice(big), &jwe, NULL), VH_OK);
}
