#include <criterion/criterion.h>

#include "test_crypto_kat.h"
#include "vault/cek.h"
#include "wire/b64.h"

TestSuite(encrypt, .init = rig_arena, .timeout = 120);

#define KEEP 65536

static struct ask *
ask_encrypt(const struct key *key, const struct alg *alg, const struct enc *enc,
    struct slice plain)
{
	struct ask *a = ask_new(key->kid, alg);

	ask_u32(a, VH_F_ENC_ID, enc->id);
	ask_set(a, VH_F_HEADER, slice_text("{\"typ\":\"JWE\"}"));
	ask_set(a, VH_F_DATA, plain);
	return a;
}

static void
check_sizes(const struct key *key, const struct alg *alg, const struct enc *enc,
    const struct fields *sealed)
{
	size_t wrapped = alg->kind == VH_KIND_OAEP ? key->pub.n.len
			 : alg->size > 0           ? enc->cek + KEK_WRAP_MORE
						   : 0;

	cr_expect_eq(sealed->at[VH_F_ENCRYPTED_KEY].len, wrapped);
	cr_expect_eq(fields_have(sealed, VH_F_ENCRYPTED_KEY), wrapped > 0);
	cr_expect_eq(sealed->at[VH_F_IV].len, enc->iv);
	cr_expect_eq(sealed->at[VH_F_TAG].len, enc->tag);
}

static void
round_trip(struct rig *r, const struct key *key, const struct alg *alg,
    const struct enc *enc, struct slice plain)
{
	AUTO(buf_free) struct buf *keep = buf_new(KEEP);
	AUTO(ask_free) struct ask *a = ask_encrypt(key, alg, enc, plain);
	AUTO(ask_free) struct ask *back = NULL;
	struct fields sealed, out;

	ask_set(a, VH_F_APU, slice_text("Alice"));
	ask_set(a, VH_F_APV, slice_text("Bob"));
	cr_assert_eq(rig_run(r, op_encrypt, a, &sealed), VH_OK, "%s %s",
	    alg->name, enc->name);
	check_sizes(key, alg, enc, &sealed);
	back = rig_reply(key, alg, enc, &sealed, keep);
	ask_set(back, VH_F_APU, slice_text("Alice"));
	ask_set(back, VH_F_APV, slice_text("Bob"));
	cr_assert_eq(rig_run(r, op_decrypt, back, &out), VH_OK, "%s %s",
	    alg->name, enc->name);
	cr_expect(slice_eq(out.at[VH_F_DATA], plain), "%s %s", alg->name,
	    enc->name);
}

Test(encrypt, every_alg_with_every_enc_comes_back)
{
	AUTO(rig_free) struct rig *r = rig_new();

	for (size_t k = 0; rig_kind(k) != NULL; k++) {
		const struct alg *alg;
		const struct enc *enc;

		if (!rig_fits(rig_kind(k), VH_USE_ENC))
			continue;
		struct key *key =
		    rig_add(r, rig_make(rig_kind(k)), VH_USE_ENC, NULL);

		for (size_t i = 0; (alg = alg_at(i)) != NULL; i++)
			for (size_t e = 0; (enc = enc_at(e)) != NULL; e++) {
				if (key_check_alg(key, alg) != VH_OK)
					continue;
				round_trip(r, key, alg, enc, slice_text("x"));
				round_trip(r, key, alg, enc, slice_text(""));
			}
	}
}

Test(encrypt, a_stranger_s_public_key_works_as_well)
{
	for (size_t k = 0; rig_kind(k) != NULL; k++) {
		if (!rig_fits(rig_kind(k), VH_USE_ENC))
			continue;
		AUTO(rig_free) struct rig *here = rig_new();
		AUTO(rig_free) struct rig *there = rig_new();
		AUTO(buf_free) struct buf *keep = buf_new(KEEP);
		struct key *key =
		    rig_add(there, rig_make(rig_kind(k)), VH_USE_ENC, NULL);
		const struct enc *enc = enc_by_id(VH_ENC_A256GCM);
		const struct alg *alg = alg_by_id(key->pub.kty == VH_KTY_RSA
						      ? VH_ALG_RSA_OAEP_256
						      : VH_ALG_ECDH_ES_A256KW);
		AUTO(ask_free)
		struct ask *a = ask_encrypt(key, alg, enc, slice_text("hi"));
		AUTO(ask_free) struct ask *back = NULL;
		struct fields sealed, out;

		ask_drop(a, VH_F_KID);
		ask_pub(a, &key->pub);
		cr_assert_eq(rig_run(here, op_encrypt, a, &sealed), VH_OK);
		back = rig_reply(key, alg, enc, &sealed, keep);
		cr_assert_eq(rig_run(there, op_decrypt, back, &out), VH_OK);
		cr_expect(slice_is(out.at[VH_F_DATA], "hi"));
	}
}

static void
expect_header(struct rig *r, struct ask *a, const char *starts,
    const char *ends)
{
	AUTO(buf_free) struct buf *text = buf_new(VH_HEADER_MAX);
	struct fields sealed;

	cr_assert_eq(rig_run(r, op_encrypt, a, &sealed), VH_OK, "%s", starts);
	cr_assert_eq(b64_decode(sealed.at[VH_F_PROTECTED], text), VH_OK);
	buf_put_u8(text, 0);
	const char *got = (const char *)text->p;
	size_t len = strlen(got);

	cr_expect_eq(strncmp(got, starts, strlen(starts)), 0, "%s", got);
	cr_expect(len >= strlen(ends) &&
		      strcmp(got + len - strlen(ends), ends) == 0,
	    "%s", got);
	AUTO(kat_free)
	json_t *parsed = json_loads(got, JSON_REJECT_DUPLICATES, NULL);

	cr_expect(json_is_object(parsed), "%s", got);
}

Test(encrypt, epk_is_the_last_member_of_the_header)
{
	static const char *const headers[][2] = {
		{ "{}", "{\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" },
		{ "{ \t\r\n}", "{\"epk\":{" },
		{ "{\"a\":1}", "{\"a\":1,\"epk\":{" },
		{ "{\"a\":{}}", "{\"a\":{},\"epk\":{" },
		{ "{\"a\":\"}\" }", "{\"a\":\"}\" ,\"epk\":{" },
	};
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		ask_set(a, VH_F_HEADER, slice_text(headers[i][0]));
		expect_header(r, a, headers[i][1], "\"}}");
	}
}

Test(encrypt, a_header_without_epk_stays_as_it_is)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("RSA"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_RSA_OAEP),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));

	ask_set(a, VH_F_HEADER, slice_text("{ \"a\" : 1 }"));
	expect_header(r, a, "{ \"a\" : 1 }", "{ \"a\" : 1 }");
}

Test(encrypt, a_header_that_is_no_object_is_refused)
{
	static const char *const headers[] = { "", "{", "}", "[]", "x", "{]",
		" {}", "{} ", "\"{}\"" };
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));
	struct fields out;

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		ask_set(a, VH_F_HEADER, slice_text(headers[i]));
		cr_expect_eq(rig_run(r, op_encrypt, a, &out), VH_EHEADER, "%s",
		    headers[i]);
	}
}

Test(encrypt, a_header_that_outgrows_its_field_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));
	struct fields out;
	char header[VH_HEADER_MAX];

	memset(header, ' ', sizeof header);
	header[0] = '{';
	for (size_t n = 12000; n <= sizeof header; n += 137) {
		header[n - 1] = '}';
		ask_set(a, VH_F_HEADER, slice_of(header, n));
		enum vh_err err = rig_run(r, op_encrypt, a, &out);

		/* Blanks are dropped before epk; a member is not. */
		cr_expect_eq(err, VH_OK, "%zu", n);
		memcpy(header + 1, "\"a\":1", 5);
		err = rig_run(r, op_encrypt, a, &out);
		if (err == VH_OK)
			cr_expect_leq(out.at[VH_F_PROTECTED].len,
			    VH_HEADER_MAX);
		else
			cr_expect_eq(err, VH_ETOOBIG, "%zu", n);
		cr_expect_eq(err == VH_OK, n < 12200, "%zu", n);
		memset(header + 1, ' ', n - 1);
	}
}

Test(encrypt, cek_iv_and_epk_are_never_the_same_twice)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("X25519"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES_A128KW),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));
	static const enum vh_tag fresh[] = { VH_F_PROTECTED, VH_F_ENCRYPTED_KEY,
		VH_F_IV, VH_F_TAG };
	uint8_t seen[ARRAY_LEN(fresh)][512];
	struct fields out;

	for (size_t round = 0; round < 2; round++) {
		cr_assert_eq(rig_run(r, op_encrypt, a, &out), VH_OK);
		for (size_t i = 0; i < ARRAY_LEN(fresh); i++) {
			struct slice now = out.at[fresh[i]];

			cr_assert_leq(now.len, sizeof seen[i]);
			if (round == 1)
				cr_expect_neq(memcmp(seen[i], now.p, now.len),
				    0);
			memcpy(seen[i], now.p, now.len);
		}
	}
}

Test(encrypt, the_recipient_is_named_in_exactly_one_way)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));
	struct fields out;

	ask_pub(a, &key->pub);
	cr_expect_eq(rig_run(r, op_encrypt, a, &out), VH_EFIELD);
	ask_drop(a, VH_F_KID);
	cr_expect_eq(rig_run(r, op_encrypt, a, &out), VH_OK);
	ask_drop(a, VH_F_KTY_ID);
	cr_expect_eq(rig_run(r, op_encrypt, a, &out), VH_EFIELD);
}

static enum vh_err
encrypt_to(const struct pub *pub, enum vh_alg alg)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(ask_free) struct ask *a = ask_new(NULL, alg_by_id(alg));
	struct fields out;

	ask_u32(a, VH_F_ENC_ID, VH_ENC_A128GCM);
	ask_set(a, VH_F_HEADER, slice_text("{}"));
	ask_pub(a, pub);
	return rig_run(r, op_encrypt, a, &out);
}

Test(encrypt, an_unsound_public_key_is_refused)
{
	static const uint8_t zeros[132], ones[132] = { [0 ... 131] = 1 };
	const struct crv *crv;

	for (size_t i = 0; (crv = crv_at(i)) != NULL; i++) {
		bool ec = crv->kty == VH_KTY_EC;
		struct pub pub = { .kty = crv->kty,
			.crv = crv->id,
			.x = slice_of(zeros, crv->size),
			.y = slice_of(zeros, ec ? crv->size : 0) };
		enum vh_err want = crv->agrees ? VH_EKEY : VH_EALG;

		cr_expect_eq(encrypt_to(&pub, VH_ALG_ECDH_ES), want, "%s",
		    crv->name);
		if (!ec)
			continue;
		pub.x = pub.y = slice_of(ones, crv->size);
		cr_expect_eq(encrypt_to(&pub, VH_ALG_ECDH_ES), want);
		pub.x = slice_of(ones, crv->size - 1);
		cr_expect_eq(encrypt_to(&pub, VH_ALG_ECDH_ES), VH_EKEY);
	}
}

Test(encrypt, a_public_key_that_alg_does_not_fit_is_refused)
{
	for (size_t k = 0; rig_kind(k) != NULL; k++) {
		AUTO(pkey_free) EVP_PKEY *pkey = rig_make(rig_kind(k));
		AUTO(buf_free) struct buf *numbers = buf_new(2048);
		const struct alg *alg;
		struct pub pub;

		cr_assert_eq(pub_of_pkey(pkey, numbers, &pub), VH_OK);
		for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
			bool fits = alg_fits(alg, pub.kty, pub.crv, VH_USE_ENC);

			cr_expect_eq(encrypt_to(&pub, alg->id),
			    fits ? VH_OK : VH_EALG, "%s for %s", alg->name,
			    rig_kind(k));
		}
	}
}

Test(encrypt, an_unknown_enc_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES),
	    enc_by_id(VH_ENC_A128GCM), slice_text("x"));
	struct fields out;

	ask_u32(a, VH_F_ENC_ID, 7);
	cr_expect_eq(rig_run(r, op_encrypt, a, &out), VH_EALG);
}

Test(encrypt, an_answer_that_cannot_grow_is_an_error)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	AUTO(ask_free)
	struct ask *a = ask_encrypt(key, alg_by_id(VH_ALG_ECDH_ES),
	    enc_by_id(VH_ENC_A128GCM), slice_text("some data"));

	for (size_t max = 0; max < 256; max++) {
		AUTO(buf_free) struct buf *small = buf_new(max);

		cr_expect_eq(op_encrypt(r->crypto, r->store, &a->q, small),
		    VH_ETOOBIG, "%zu", max);
	}
}
