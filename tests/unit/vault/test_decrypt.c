#include <criterion/criterion.h>
#include <stdlib.h>

#include "test_crypto_kat.h"
#include "vault/cek.h"

TestSuite(decrypt, .init = rig_arena, .timeout = 120);

#define KEEP 65536

/* A message for a new key, and the request that opens it. */
struct target {
	struct rig *r;
	struct key *key;
	const struct alg *alg;
	const struct enc *enc;
	struct buf *keep;
	struct ask *ask;
};

static void
target_new(struct target *t, const char *kind, enum vh_alg alg, enum vh_enc enc)
{
	static const char header[] = "{\"alg\":\"any\"}";
	struct fields sealed;

	t->r = rig_new();
	t->keep = buf_new(KEEP);
	t->alg = alg_by_id(alg);
	t->enc = enc_by_id(enc);
	t->key = rig_add(t->r, rig_make(kind), VH_USE_ENC, NULL);
	AUTO(ask_free) struct ask *a = ask_new(t->key->kid, t->alg);

	ask_u32(a, VH_F_ENC_ID, enc);
	ask_set(a, VH_F_HEADER, slice_text(header));
	ask_set(a, VH_F_DATA, slice_text("attack at dawn"));
	cr_assert_eq(rig_run(t->r, op_encrypt, a, &sealed), VH_OK);
	t->ask = rig_reply(t->key, t->alg, t->enc, &sealed, t->keep);
}

static void
target_done(struct target *t)
{
	ask_free(t->ask);
	buf_free(t->keep);
	rig_free(t->r);
}

static enum vh_err
target_try(struct target *t)
{
	struct fields out;

	return rig_run(t->r, op_decrypt, t->ask, &out);
}

static const struct {
	const char *kind;
	enum vh_alg alg;
	enum vh_enc enc;
} targets[] = {
	{ "RSA", VH_ALG_RSA_OAEP, VH_ENC_A256GCM },
	{ "RSA", VH_ALG_RSA_OAEP_256, VH_ENC_A128CBC_HS256 },
	{ "P-256", VH_ALG_ECDH_ES, VH_ENC_A128CBC_HS256 },
	{ "P-256", VH_ALG_ECDH_ES_A128KW, VH_ENC_A128GCM },
	{ "P-384", VH_ALG_ECDH_ES_A192KW, VH_ENC_A192CBC_HS384 },
	{ "P-521", VH_ALG_ECDH_ES_A256KW, VH_ENC_A256CBC_HS512 },
	{ "X25519", VH_ALG_ECDH_ES, VH_ENC_A192GCM },
	{ "X25519", VH_ALG_ECDH_ES_A256KW, VH_ENC_A256GCM },
	{ "X448", VH_ALG_ECDH_ES, VH_ENC_A128GCM },
	{ "X448", VH_ALG_ECDH_ES_A192KW, VH_ENC_A192GCM },
	{ "RSA", VH_ALG_RSA_OAEP_384, VH_ENC_A128GCM },
	{ "RSA", VH_ALG_RSA_OAEP_512, VH_ENC_A256CBC_HS512 },
};

static void
target_at(struct target *t, size_t i)
{
	target_new(t, targets[i].kind, targets[i].alg, targets[i].enc);
}

static const enum vh_tag attacked[] = { VH_F_PROTECTED, VH_F_ENCRYPTED_KEY,
	VH_F_IV, VH_F_CIPHERTEXT, VH_F_TAG, VH_F_PUB_X, VH_F_PUB_Y };

/* The field's bytes, to be changed; they live in keep. */
static uint8_t *
bytes_of(struct target *t, enum vh_tag tag, size_t *len)
{
	struct slice s = t->ask->q.f.at[tag];

	*len = s.len;
	return s.len == 0 ? NULL : t->keep->p + (s.p - t->keep->p);
}

Test(decrypt, a_flipped_bit_anywhere_is_refused_as_one_error)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct target t;

		target_at(&t, i);
		for (size_t f = 0; f < ARRAY_LEN(attacked); f++) {
			size_t len;
			uint8_t *p = bytes_of(&t, attacked[f], &len);

			for (size_t bit = 0; bit < 8 * len; bit += 5) {
				/* RFC 7748, 5: X25519 masks the top bit. */
				bool masked = t.key->pub.crv == VH_CRV_X25519 &&
					      attacked[f] == VH_F_PUB_X &&
					      bit == 255;

				p[bit / 8] ^= (uint8_t)(1 << bit % 8);
				cr_expect_eq(target_try(&t),
				    masked ? VH_OK : VH_EDECRYPT,
				    "%s field %d bit %zu", t.alg->name,
				    (int)attacked[f], bit);
				p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
		cr_expect_eq(target_try(&t), VH_OK, "%s", t.alg->name);
		target_done(&t);
	}
}

Test(decrypt, a_field_cut_short_or_missing_is_refused_as_one_error)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct target t;

		target_at(&t, i);
		for (size_t f = 0; f < ARRAY_LEN(attacked); f++) {
			struct slice whole = t.ask->q.f.at[attacked[f]];

			if (whole.len == 0)
				continue;
			ask_set(t.ask, attacked[f],
			    slice_of(whole.p, whole.len - 1));
			cr_expect_eq(target_try(&t), VH_EDECRYPT);
			ask_drop(t.ask, attacked[f]);
			cr_expect_eq(target_try(&t), VH_EDECRYPT);
			ask_set(t.ask, attacked[f], whole);
		}
		cr_expect_eq(target_try(&t), VH_OK);
		target_done(&t);
	}
}

Test(decrypt, a_field_with_a_byte_too_many_is_refused_as_one_error)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct target t;
		uint8_t longer[4096] = { 0 };

		target_at(&t, i);
		for (size_t f = 0; f < ARRAY_LEN(attacked); f++) {
			struct slice whole = t.ask->q.f.at[attacked[f]];

			if (whole.len > 0)
				memcpy(longer, whole.p, whole.len);
			longer[whole.len] = 0;
			ask_set(t.ask, attacked[f],
			    slice_of(longer, whole.len + 1));
			/* RSA and OKP have no y: such a field says nothing. */
			bool read = whole.len > 0 ||
				    attacked[f] == VH_F_ENCRYPTED_KEY ||
				    (attacked[f] == VH_F_PUB_Y &&
					t.alg->kind == VH_KIND_ECDH);

			cr_expect_eq(target_try(&t), read ? VH_EDECRYPT : VH_OK,
			    "%s field %d", t.alg->name, (int)attacked[f]);
			if (whole.len > 0)
				ask_set(t.ask, attacked[f], whole);
			else
				ask_drop(t.ask, attacked[f]);
		}
		target_done(&t);
	}
}

/* OAEP that is sound in itself around a CEK of the wrong size. */
Test(decrypt, a_cek_of_another_size_inside_oaep_is_refused_as_one_error)
{
	struct target t;
	uint8_t cek[65] = { 0 }, wrapped[256];

	target_new(&t, "RSA", VH_ALG_RSA_OAEP_256, VH_ENC_A256GCM);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, t.key->pkey, NULL);

	cr_assert_eq(EVP_PKEY_encrypt_init(ctx), 1);
	cr_assert(crypto_set_oaep(ctx, t.r->crypto, t.alg));
	for (size_t n = 0; n <= sizeof cek; n++) {
		size_t len = sizeof wrapped;

		cr_assert_eq(EVP_PKEY_encrypt(ctx, wrapped, &len, cek, n), 1);
		ask_set(t.ask, VH_F_ENCRYPTED_KEY, slice_of(wrapped, len));
		cr_expect_eq(target_try(&t), VH_EDECRYPT, "%zu", n);
	}
	EVP_PKEY_CTX_free(ctx);
	target_done(&t);
}

Test(decrypt, a_number_past_the_modulus_is_refused_as_one_error)
{
	struct target t;
	size_t len;

	target_new(&t, "RSA", VH_ALG_RSA_OAEP, VH_ENC_A128GCM);
	uint8_t *p = bytes_of(&t, VH_F_ENCRYPTED_KEY, &len);

	memset(p, 0xff, len);
	cr_expect_eq(target_try(&t), VH_EDECRYPT);
	memcpy(p, t.key->pub.n.p, len);
	cr_expect_eq(target_try(&t), VH_EDECRYPT);
	memset(p, 0, len);
	cr_expect_eq(target_try(&t), VH_EDECRYPT);
	target_done(&t);
}

Test(decrypt, an_epk_of_another_curve_is_refused_as_one_error)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct target t;

		target_at(&t, i);
		for (size_t k = 0; rig_kind(k) != NULL; k++) {
			AUTO(pkey_free) EVP_PKEY *other = rig_make(rig_kind(k));
			AUTO(buf_free) struct buf *numbers = buf_new(2048);
			struct pub pub;

			cr_assert_eq(pub_of_pkey(other, numbers, &pub), VH_OK);
			ask_pub(t.ask, &pub);
			cr_expect_eq(target_try(&t),
			    t.alg->kind == VH_KIND_OAEP ? VH_OK : VH_EDECRYPT,
			    "%s for %s", rig_kind(k), t.alg->name);
		}
		target_done(&t);
	}
}

/* (0, 0), (p, p) and friends: invalid-curve attacks on the private key. */
Test(decrypt, an_epk_off_the_curve_is_refused_as_one_error)
{
	static const char *const kinds[] = { "P-256", "P-384", "P-521" };
	static const uint8_t fills[] = { 0x00, 0x01, 0x80, 0xff };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct target t;
		size_t len;

		target_new(&t, kinds[i], VH_ALG_ECDH_ES, VH_ENC_A128GCM);
		for (size_t k = 0; k < ARRAY_LEN(fills); k++) {
			uint8_t *x = bytes_of(&t, VH_F_PUB_X, &len);
			uint8_t *y = bytes_of(&t, VH_F_PUB_Y, &len);

			memset(x, fills[k], len);
			memset(y, fills[k], len);
			cr_expect_eq(target_try(&t), VH_EDECRYPT, "%s %x",
			    kinds[i], fills[k]);
		}
		target_done(&t);
	}
}

/* RFC 7748, 6.1: all points of small order on X25519 and its twist. */
static const uint8_t small_order[][32] = {
	{ 0 },
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	    0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	    0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	    0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	    0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	{ 0xec, [1 ... 30] = 0xff, 0x7f },
	{ 0xed, [1 ... 30] = 0xff, 0x7f },
	{ 0xee, [1 ... 30] = 0xff, 0x7f },
};

/* RFC 7748, 6.2: zero, one and p - 1, and the same past p. */
static const uint8_t small_order_448[][56] = {
	{ 0 },
	{ 1 },
	{ 0xfe, [1 ... 27] = 0xff, 0xfe, [29 ... 55] = 0xff },
	{ 0xff, [1 ... 27] = 0xff, 0xfe, [29 ... 55] = 0xff },
	{ [28 ... 55] = 0xff },
};

Test(decrypt, an_x448_epk_of_small_order_is_refused_as_one_error)
{
	struct target t;

	target_new(&t, "X448", VH_ALG_ECDH_ES, VH_ENC_A128GCM);
	for (size_t i = 0; i < ARRAY_LEN(small_order_448); i++) {
		ask_set(t.ask, VH_F_PUB_X, slice_of(small_order_448[i], 56));
		cr_expect_eq(target_try(&t), VH_EDECRYPT, "%zu", i);
	}
	target_done(&t);
}

Test(decrypt, an_x25519_epk_of_small_order_is_refused_as_one_error)
{
	static const enum vh_alg algs[] = { VH_ALG_ECDH_ES,
		VH_ALG_ECDH_ES_A128KW };

	for (size_t k = 0; k < ARRAY_LEN(algs); k++) {
		struct target t;

		target_new(&t, "X25519", algs[k], VH_ENC_A128GCM);
		for (size_t i = 0; i < ARRAY_LEN(small_order); i++) {
			ask_set(t.ask, VH_F_PUB_X,
			    slice_of(small_order[i], 32));
			cr_expect_eq(target_try(&t), VH_EDECRYPT, "%zu", i);
		}
		target_done(&t);
	}
}

/* The attacker knows Z (zeros) and sealed the message with what it gives. */
Test(decrypt, a_message_sealed_with_the_all_zero_secret_is_refused)
{
	struct target t;
	struct agreement a = { alg_by_id(VH_ALG_ECDH_ES),
		enc_by_id(VH_ENC_A128GCM), { 0 }, { 0 } };
	AUTO(secret_free) struct secret *z = NULL;
	AUTO(secret_free) struct secret *guess = NULL;
	AUTO(secret_free) struct secret *cek = NULL;

	target_new(&t, "X25519", VH_ALG_ECDH_ES, VH_ENC_A128GCM);
	z = secret_new(32);
	guess = secret_new(16);
	cr_assert_eq(agree_derive(t.r->crypto, &a, z, guess), VH_OK);
	ask_set(t.ask, VH_F_PUB_X, slice_of(small_order[0], 32));
	cr_assert_eq(cek_unwrap(t.r->crypto, t.key, &a, &t.ask->q.f, &cek),
	    VH_OK);
	cr_expect_not(slice_eq(secret_ro(cek), secret_ro(guess)));
	target_done(&t);
}

Test(decrypt, a_failed_unwrapping_gives_another_random_cek_each_time)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct target t;
		AUTO(secret_free) struct secret *first = NULL;
		AUTO(secret_free) struct secret *second = NULL;

		target_at(&t, i);
		struct agreement a = { t.alg, t.enc, { 0 }, { 0 } };
		enum vh_tag tag =
		    t.alg->size == 0 && t.alg->kind == VH_KIND_ECDH
			? VH_F_PUB_X
			: VH_F_ENCRYPTED_KEY;

		ask_drop(t.ask, tag);
		cr_assert_eq(cek_unwrap(t.r->crypto, t.key, &a, &t.ask->q.f,
				 &first),
		    VH_OK);
		cr_assert_eq(cek_unwrap(t.r->crypto, t.key, &a, &t.ask->q.f,
				 &second),
		    VH_OK);
		cr_expect_eq(secret_len(first), t.enc->cek);
		cr_expect_not(slice_eq(secret_ro(first), secret_ro(second)));
		target_done(&t);
	}
}

Test(decrypt, another_apu_or_apv_gives_another_cek)
{
	struct target t;

	target_new(&t, "P-256", VH_ALG_ECDH_ES, VH_ENC_A128GCM);
	ask_set(t.ask, VH_F_APU, slice_text("x"));
	cr_expect_eq(target_try(&t), VH_EDECRYPT);
	ask_drop(t.ask, VH_F_APU);
	ask_set(t.ask, VH_F_APV, slice_text("x"));
	cr_expect_eq(target_try(&t), VH_EDECRYPT);
	target_done(&t);
}

Test(decrypt, an_unknown_enc_is_refused_before_the_key_is_used)
{
	struct target t;

	target_new(&t, "P-256", VH_ALG_ECDH_ES, VH_ENC_A128GCM);
	ask_u32(t.ask, VH_F_ENC_ID, 77);
	cr_expect_eq(target_try(&t), VH_EALG);
	ask_drop(t.ask, VH_F_ENC_ID);
	cr_expect_eq(target_try(&t), VH_EALG);
	target_done(&t);
}

Test(decrypt, what_does_not_fit_an_answer_is_refused)
{
	struct target t;
	uint8_t *huge = calloc(1, VH_DATA_MAX + 1);

	target_new(&t, "P-256", VH_ALG_ECDH_ES, VH_ENC_A128GCM);
	ask_set(t.ask, VH_F_CIPHERTEXT, slice_of(huge, VH_DATA_MAX + 1));
	cr_expect_eq(target_try(&t), VH_ETOOBIG);
	ask_set(t.ask, VH_F_CIPHERTEXT, slice_of(huge, VH_DATA_MAX));
	cr_expect_eq(target_try(&t), VH_EDECRYPT);
	free(huge);
	target_done(&t);
}
