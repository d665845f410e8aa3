/* RFC 7520 and RFC 8037: every compact token and key of the cookbook. */
#include "tokens.h"

static const struct {
	const char *file;
	enum vh_err want;
	enum vh_alg alg;
} signatures[] = {
	{ "jws/4_1.rsa_v15_signature.json", VH_OK, VH_ALG_RS256 },
	{ "jws/4_2.rsa-pss_signature.json", VH_OK, VH_ALG_PS384 },
	{ "jws/4_3.ecdsa_signature.json", VH_OK, VH_ALG_ES512 },
	{ "jws/4_4.hmac-sha2_integrity_protection.json", VH_OK, VH_ALG_HS256 },
	{ "jws/4_5.signature_with_detached_content.json", VH_OK, VH_ALG_HS256 },
	{ "curve25519/jws.json", VH_OK, VH_ALG_EDDSA },
};

/* Of a detached one the payload comes with the example. */
static enum vh_err
parse_signature(const json_t *json, struct jws **out, struct buf *why)
{
	struct slice token = text_at(json, "output.compact");

	return memmem(token.p, token.len, "..", 2) == NULL
		   ? jws_parse(token, out, why)
		   : jws_parse_detached(token, text_at(json, "input.payload"),
			 out, why);
}

static void
expect_signature(const json_t *json, size_t i)
{
	struct slice token = text_at(json, "output.compact");
	AUTO(buf_free) struct buf *why = buf_new(1000);
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(jws_free) struct jws *jws = NULL;
	enum vh_err err = parse_signature(json, &jws, why);

	cr_assert_gt(token.len, 0, "%s", signatures[i].file);
	EXPECT_ERR(err, signatures[i].want, why);
	if (jws == NULL)
		return;
	cr_expect_eq(jws->alg->id, signatures[i].alg);
	cr_expect(slice_eq(jws->payload, text_at(json, "input.payload")));
	cr_expect(slice_eq(jws->kid, text_at(json, "signing.protected.kid")));
	cr_expect(slice_eq(jws->input, text_at(json, "signing.sig-input")));
	b64_put(b, jws->signature);
	cr_expect(slice_eq(buf_slice(b), text_at(json, "signing.sig")));
}

Test(cookbook, compact_signatures_are_taken_apart_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		AUTO(json_decref) json_t *json = vector(signatures[i].file);

		expect_signature(json, i);
	}
}

/* Its signing input and signature are those of another header. */
Test(cookbook, the_unencoded_example_of_rfc_7797_is_taken_apart)
{
	AUTO(json_decref)
	json_t *json = vector("rfc7797/hmac-sha2_b64_false.json");
	AUTO(jws_free) struct jws *jws = NULL;

	cr_assert_eq(jws_parse(text_at(json, "output.compact"), &jws, NULL),
	    VH_OK);
	cr_expect_eq(jws->alg->id, VH_ALG_HS256);
	cr_expect(jws->unencoded);
	cr_expect(slice_eq(jws->payload, text_at(json, "input.payload")));
}

static const struct {
	const char *file;
	enum vh_err want;
	enum vh_alg alg;
	enum vh_enc enc;
} encryptions[] = {
	{ "jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json", VH_OK,
	    VH_ALG_RSA1_5, VH_ENC_A128CBC_HS256 },
	{ "jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json", VH_OK,
	    VH_ALG_RSA_OAEP, VH_ENC_A256GCM },
	{ "jwe/"
	  "5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json",
	    VH_EALG, 0, 0 },
	{ "jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-"
	  "keywrap_with_aes-gcm.json",
	    VH_OK, VH_ALG_ECDH_ES_A128KW, VH_ENC_A128GCM },
	{ "jwe/"
	  "5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json",
	    VH_OK, VH_ALG_ECDH_ES, VH_ENC_A128CBC_HS256 },
	{ "jwe/5_6.direct_encryption_using_aes-gcm.json", VH_OK, VH_ALG_DIR,
	    VH_ENC_A128GCM },
	{ "jwe/"
	  "5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json",
	    VH_OK, VH_ALG_A256GCMKW, VH_ENC_A128CBC_HS256 },
	{ "jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json", VH_OK,
	    VH_ALG_A128KW, VH_ENC_A128GCM },
	{ "jwe/5_9.compressed_content.json", VH_OK, VH_ALG_A128KW,
	    VH_ENC_A128GCM },
	{ "curve25519/ecdh-es.json", VH_OK, VH_ALG_ECDH_ES, VH_ENC_A128GCM },
};

static void
expect_b64(struct slice bytes, const json_t *json, const char *path)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);

	b64_put(b, bytes);
	cr_expect(slice_eq(buf_slice(b), text_at(json, path)), "%s", path);
}

static void
expect_encryption(const json_t *json, size_t i)
{
	struct slice token = text_at(json, "output.compact");
	AUTO(buf_free) struct buf *why = buf_new(1000);
	AUTO(jwe_free) struct jwe *jwe = NULL;
	enum vh_err err = jwe_parse(token, &jwe, why);

	cr_assert_gt(token.len, 0, "%s", encryptions[i].file);
	EXPECT_ERR(err, encryptions[i].want, why);
	if (jwe == NULL)
		return;
	cr_expect_eq(jwe->alg->id, encryptions[i].alg);
	cr_expect_eq(jwe->enc->id, encryptions[i].enc);
	cr_expect(slice_eq(jwe->kid,
	    text_at(json, "encrypting_content.protected.kid")));
	cr_expect(slice_eq(jwe->protected,
	    text_at(json, "encrypting_content.protected_b64u")));
	expect_b64(jwe->encrypted_key, json, "encrypting_key.encrypted_key");
	expect_b64(jwe->iv, json, "generated.iv");
	expect_b64(jwe->ciphertext, json, "encrypting_content.ciphertext");
	expect_b64(jwe->tag, json, "encrypting_content.tag");
	expect_b64(jwe->epk.x, json, "encrypting_content.protected.epk.x");
	expect_b64(jwe->epk.y, json, "encrypting_content.protected.epk.y");
	expect_b64(jwe->key_iv, json, "encrypting_content.protected.iv");
	expect_b64(jwe->key_tag, json, "encrypting_content.protected.tag");
}

Test(cookbook, compact_encryptions_are_taken_apart_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(encryptions); i++) {
		AUTO(json_decref) json_t *json = vector(encryptions[i].file);

		expect_encryption(json, i);
	}
}

static const struct {
	const char *file;
	enum vh_err want;
} keys[] = {
	{ "jwk/3_1.ec_public_key.json", VH_OK },
	{ "jwk/3_2.ec_private_key.json", VH_EKEY },
	{ "jwk/3_3.rsa_public_key.json", VH_OK },
	{ "jwk/3_4.rsa_private_key.json", VH_EKEY },
	{ "jwk/3_5.symmetric_key_mac_computation.json", VH_EKEY },
	{ "jwk/3_6.symmetric_key_encryption.json", VH_EKEY },
};

Test(cookbook, public_keys_are_taken_and_others_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO(json_decref) json_t *json = vector(keys[i].file);
		AUTO(buf_free) struct buf *why = buf_new(1000);
		AUTO(jwk_free) struct jwk *jwk = NULL;
		char *text = json_dumps(json, 0);

		EXPECT_ERR(jwk_parse(slice_text(text), &jwk, why), keys[i].want,
		    why);
		free(text);
		if (jwk == NULL)
			continue;
		cr_expect(slice_eq(jwk->published, text_at(json, "kid")));
		cr_expect_eq(jwk->use, use_by_name(text_at(json, "use")));
	}
}
