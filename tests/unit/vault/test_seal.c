/* VSEAL: one message for several recipients. */
#include <criterion/criterion.h>

#include "test_crypto_rig.h"
#include "vault/cek.h"
#include "wire/b64.h"

TestSuite(seal, .init = rig_arena, .timeout = 120);

#define PROTECTED "eyJlbmMiOiJBMTI4R0NNIn0"

/* A request, its parties in body. */
struct sealing {
	struct buf *body;
	struct ask *a;
};

static struct sealing *
sealing_new(void)
{
	struct sealing *s = calloc(1, sizeof *s);

	cr_assert_not_null(s);
	s->body = buf_new(1 << 20);
	s->a = ask_new(NULL, NULL);
	return s;
}

static void
sealing_free(struct sealing *s)
{
	buf_free(s->body);
	ask_free(s->a);
	free(s);
}
AUTO_FREE(struct sealing, sealing_free)

static void
put_own(struct sealing *s, const struct key *key, enum vh_alg alg)
{
	size_t nest = frame_nest(s->body, VH_F_PARTY);

	frame_put_text(s->body, VH_F_KID, key->kid);
	frame_put_u32(s->body, VH_F_ALG_ID, alg);
	frame_put_text(s->body, VH_F_APU, "Alice");
	frame_nest_close(s->body, nest);
}

static void
put_stranger(struct sealing *s, const struct pub *pub, enum vh_alg alg)
{
	size_t nest = frame_nest(s->body, VH_F_PARTY);

	frame_put_u32(s->body, VH_F_ALG_ID, alg);
	pub_put_fields(s->body, pub);
	frame_nest_close(s->body, nest);
}

static enum vh_err
run(struct rig *r, struct sealing *s, enum vh_enc enc, struct fields *out)
{
	ask_u32(s->a, VH_F_ENC_ID, enc);
	ask_set(s->a, VH_F_PROTECTED, slice_text(PROTECTED));
	ask_set(s->a, VH_F_AAD, slice_text("seen"));
	ask_set(s->a, VH_F_DATA, slice_text("for all"));
	s->a->q.f.body = buf_slice(s->body);
	return rig_run(r, op_seal, s->a, out);
}

/* The PARTY at index i of an answer. */
static struct fields
parcel(const struct fields *sealed, size_t i)
{
	struct slice rest = sealed->body, body = { NULL, 0 };
	struct fields f = { .present = 0 };
	unsigned tag;

	while (fields_next(&rest, &tag, &body))
		if (tag == VH_F_PARTY && i-- == 0)
			break;
	cr_assert_eq(fields_parse(body, &f), VH_OK);
	return f;
}

/* What that recipient makes of it. */
static enum vh_err
open_as(struct rig *r, const struct key *key, enum vh_alg alg, enum vh_enc enc,
    const struct fields *sealed, size_t i, struct fields *out)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg_by_id(alg));
	AUTO(buf_free) struct buf *copy = buf_new(1 << 20);
	struct fields mine, all;

	/* The rig's answer is overwritten. */
	buf_put(copy, sealed->body);
	cr_assert_eq(fields_parse(buf_slice(copy), &all), VH_OK);
	mine = parcel(&all, i);
	ask_u32(a, VH_F_ENC_ID, enc);
	ask_set(a, VH_F_PROTECTED, slice_text(PROTECTED));
	ask_set(a, VH_F_AAD, slice_text("seen"));
	ask_set(a, VH_F_APU, slice_text("Alice"));
	ask_set(a, VH_F_IV, all.at[VH_F_IV]);
	ask_set(a, VH_F_TAG, all.at[VH_F_TAG]);
	ask_set(a, VH_F_CIPHERTEXT, all.at[VH_F_CIPHERTEXT]);
	ask_set(a, VH_F_ENCRYPTED_KEY, mine.at[VH_F_ENCRYPTED_KEY]);
	if (fields_have(&mine, VH_F_KEY_IV)) {
		ask_set(a, VH_F_KEY_IV, mine.at[VH_F_KEY_IV]);
		ask_set(a, VH_F_KEY_TAG, mine.at[VH_F_KEY_TAG]);
	}
	if (fields_have(&mine, VH_F_KTY_ID)) {
		struct pub epk;

		cr_assert_eq(pub_of_fields(&mine, &epk), VH_OK);
		ask_pub(a, &epk);
	}
	return rig_run(r, op_decrypt, a, out);
}

Test(seal, each_recipient_opens_it)
{
	static const enum vh_alg algs[] = { VH_ALG_RSA_OAEP_256,
		VH_ALG_ECDH_ES_A256KW, VH_ALG_ECDH_ES_A128KW, VH_ALG_A256KW,
		VH_ALG_A256GCMKW };
	const struct enc *enc;

	for (size_t e = 0; (enc = enc_at(e)) != NULL; e++) {
		AUTO(rig_free) struct rig *r = rig_new();
		struct key *oct = rig_add_oct(r, 256, VH_USE_ENC, NULL);
		struct key *keys[] = { rig_add(r, rig_make("RSA"), VH_USE_ENC,
					   NULL),
			rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL),
			rig_add(r, rig_make("X25519"), VH_USE_ENC, NULL), oct,
			oct };
		AUTO(buf_free) struct buf *keep = buf_new(1 << 20);
		AUTO(sealing_free) struct sealing *s = sealing_new();
		struct fields sealed, out;

		for (size_t i = 0; i < ARRAY_LEN(algs); i++)
			put_own(s, keys[i], algs[i]);
		cr_assert_eq(run(r, s, enc->id, &sealed), VH_OK);
		buf_put(keep, sealed.body);
		cr_assert_eq(fields_parse(buf_slice(keep), &sealed), VH_OK);
		for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
			cr_assert_eq(open_as(r, keys[i], algs[i], enc->id,
					 &sealed, i, &out),
			    VH_OK, "%zu %s", i, enc->name);
			cr_expect(slice_is(out.at[VH_F_DATA], "for all"));
			cr_expect_eq(open_as(r, keys[i], algs[i], enc->id,
					 &sealed, (i + 1) % ARRAY_LEN(algs),
					 &out) == VH_OK,
			    false, "another's parcel");
		}
	}
}

Test(seal, a_stranger_s_public_key_works_as_well)
{
	AUTO(rig_free) struct rig *here = rig_new();
	AUTO(rig_free) struct rig *there = rig_new();
	AUTO(sealing_free) struct sealing *s = sealing_new();
	struct key *own = rig_add(here, rig_make("P-384"), VH_USE_ENC, NULL);
	struct key *key = rig_add(there, rig_make("RSA"), VH_USE_ENC, NULL);
	struct fields sealed, out;

	put_own(s, own, VH_ALG_ECDH_ES_A192KW);
	put_stranger(s, &key->pub, VH_ALG_RSA_OAEP);
	cr_assert_eq(run(here, s, VH_ENC_A128GCM, &sealed), VH_OK);
	cr_assert_eq(open_as(there, key, VH_ALG_RSA_OAEP, VH_ENC_A128GCM,
			 &sealed, 1, &out),
	    VH_OK);
	cr_expect(slice_is(out.at[VH_F_DATA], "for all"));
}

Test(seal, the_content_key_is_new_each_time)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(sealing_free) struct sealing *s = sealing_new();
	struct key *key = rig_add_oct(r, 256, VH_USE_ENC, NULL);
	uint8_t before[64];
	struct fields sealed, mine;

	/* A256KW has no chance of its own: the same key would look the same. */
	put_own(s, key, VH_ALG_A256KW);
	cr_assert_eq(run(r, s, VH_ENC_A128GCM, &sealed), VH_OK);
	mine = parcel(&sealed, 0);
	struct slice wrapped = mine.at[VH_F_ENCRYPTED_KEY];

	cr_assert_leq(wrapped.len, sizeof before);
	memcpy(before, wrapped.p, wrapped.len);
	cr_assert_eq(run(r, s, VH_ENC_A128GCM, &sealed), VH_OK);
	mine = parcel(&sealed, 0);
	cr_expect_neq(memcmp(before, mine.at[VH_F_ENCRYPTED_KEY].p,
			  wrapped.len),
	    0);
}

Test(seal, an_alg_that_wraps_no_key_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *ec = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	struct key *oct = rig_add_oct(r, 128, VH_USE_ENC, NULL);
	AUTO(sealing_free) struct sealing *a = sealing_new();
	AUTO(sealing_free) struct sealing *b = sealing_new();
	struct fields out;

	put_own(a, ec, VH_ALG_ECDH_ES);
	cr_expect_eq(run(r, a, VH_ENC_A128GCM, &out), VH_EALG);
	put_own(b, oct, VH_ALG_DIR);
	cr_expect_eq(run(r, b, VH_ENC_A128GCM, &out), VH_EALG);
}

Test(seal, one_bad_recipient_refuses_all)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *good = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	struct key *signs = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	AUTO(sealing_free) struct sealing *a = sealing_new();
	AUTO(sealing_free) struct sealing *b = sealing_new();
	AUTO(sealing_free) struct sealing *c = sealing_new();
	struct fields out;

	put_own(a, good, VH_ALG_ECDH_ES_A128KW);
	put_own(a, signs, VH_ALG_ECDH_ES_A128KW);
	cr_expect_neq(run(r, a, VH_ENC_A128GCM, &out), VH_OK, "of use sig");
	put_own(b, good, VH_ALG_ECDH_ES_A128KW);
	put_own(b, good, VH_ALG_RSA_OAEP);
	cr_expect_eq(run(r, b, VH_ENC_A128GCM, &out), VH_EALG);
	put_own(c, good, VH_ALG_ECDH_ES_A128KW);
	frame_nest_close(c->body, frame_nest(c->body, VH_F_PARTY));
	cr_expect_neq(run(r, c, VH_ENC_A128GCM, &out), VH_OK, "of no key");
}

Test(seal, there_are_at_most_sixteen_recipients)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(sealing_free) struct sealing *s = sealing_new();
	struct key *key = rig_add_oct(r, 128, VH_USE_ENC, NULL);
	struct fields out;

	for (size_t i = 0; i < VH_PARTIES; i++)
		put_own(s, key, VH_ALG_A128KW);
	cr_expect_eq(run(r, s, VH_ENC_A128GCM, &out), VH_OK);
	put_own(s, key, VH_ALG_A128KW);
	cr_expect_eq(run(r, s, VH_ENC_A128GCM, &out), VH_ETOOBIG);
}

Test(seal, an_unknown_enc_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(sealing_free) struct sealing *s = sealing_new();
	struct key *key = rig_add_oct(r, 128, VH_USE_ENC, NULL);
	struct fields out;

	put_own(s, key, VH_ALG_A128KW);
	cr_expect_eq(run(r, s, (enum vh_enc)99, &out), VH_EALG);
}
