#include <criterion/criterion.h>
#include <openssl/rsa.h>

#include "test_crypto_kat.h"
#include "test_import_help.h"
#include "vault/cek.h"

TestSuite(symmetric, .init = rig_arena, .timeout = 120);

#define KEEP 65536

static const enum vh_alg wraps[] = { VH_ALG_A128KW, VH_ALG_A192KW,
	VH_ALG_A256KW, VH_ALG_A128GCMKW, VH_ALG_A192GCMKW, VH_ALG_A256GCMKW };

/* --- keys ------------------------------------------------------------------
 */

static enum vh_err
try_generate(size_t bits, enum vh_use use, const char *pin, struct buf *why)
{
	AUTO(store_free) struct store *s = store_new();
	const struct key_terms terms = { .use = use,
		.pin = pin == NULL ? NULL : alg_by_name(slice_text(pin)) };

	return generate_into(VH_KTY_OCT, 0, bits, &terms, s, why);
}

Test(symmetric, a_key_is_made_in_the_sizes_its_use_has)
{
	for (size_t bits = 0; bits <= 4200; bits += 4) {
		bool whole = bits % 8 == 0;
		bool fits = bits == 128 || bits == 192 || bits == 256 ||
			    bits == 384 || bits == 512;

		cr_expect_eq(try_generate(bits, VH_USE_SIG, NULL, NULL),
		    whole && bits >= 256 && bits <= 4096 ? VH_OK : VH_EKEY,
		    "%zu", bits);
		cr_expect_eq(try_generate(bits, VH_USE_ENC, NULL, NULL),
		    fits ? VH_OK : VH_EKEY, "%zu", bits);
	}
}

Test(symmetric, a_pin_must_fit_the_size)
{
	AUTO(buf_free) struct buf *why = buf_new(512);

	cr_expect_eq(try_generate(256, VH_USE_SIG, "HS256", NULL), VH_OK);
	cr_expect_eq(try_generate(256, VH_USE_SIG, "HS384", why), VH_EALG);
	cr_expect(slice_is(buf_slice(why), "alg \"HS384\" does not fit a "
					   "symmetric key of 256 bits"));
	cr_expect_eq(try_generate(256, VH_USE_ENC, "A128KW", NULL), VH_EALG);
	cr_expect_eq(try_generate(384, VH_USE_ENC, "dir", NULL), VH_OK);
	cr_expect_eq(try_generate(256, VH_USE_SIG, "RS256", NULL), VH_EALG);
	cr_expect_eq(try_generate(256, 0, NULL, NULL), VH_EKEY);
}

Test(symmetric, a_kid_is_random_and_says_nothing_of_the_key)
{
	static const char jwk[] =
	    "{\"kty\":\"oct\",\"kid\":\"mine\",\"k\":"
	    "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}";
	AUTO(rig_free) struct rig *one = rig_new();
	AUTO(rig_free) struct rig *two = rig_new();
	const struct key *a =
	    rig_import(one, slice_text(jwk), VH_USE_SIG, NULL);
	const struct key *b =
	    rig_import(two, slice_text(jwk), VH_USE_SIG, NULL);

	cr_expect_eq(strlen(a->kid), VH_KID_SIZE);
	cr_expect_str_neq(a->kid, b->kid);
	cr_expect_eq(secret_len(a->oct), 32);
	cr_expect_eq(secret_ro(a->oct).p[0], 0); /* k is no number */
}

#define K32 "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""

Test(symmetric, a_jwk_is_judged)
{
	static const struct {
		const char *jwk;
		const struct key_terms *terms;
		enum vh_err err;
		const char *says;
	} rows[] = {
		{ "{\"kty\":\"oct\"}", &sig, VH_EKEY, "member \"k\" missing" },
		{ "{\"kty\":\"oct\",\"k\":\"\"}", &sig, VH_EKEY, "empty" },
		{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}", &sig, VH_EKEY,
		    "a symmetric key of 24 bits, expected 256 to 4096" },
		{ "{\"kty\":\"oct\",\"k\":\"AB\"}", &sig, VH_EKEY,
		    "not canonical" },
		{ "{\"kty\":\"oct\",\"alg\":\"HS512\"," K32 "}", &sig, VH_EALG,
		    "does not fit a symmetric key of 256 bits" },
		{ "{\"kty\":\"oct\",\"use\":\"enc\"," K32 "}", &sig, VH_EKEY,
		    "the JWK is for use \"enc\"" },
		{ "{\"kty\":\"oct\",\"key_ops\":[\"verify\"]," K32 "}", &sig,
		    VH_EKEY, "no operation of a private key" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		import_refused(slice_text(rows[i].jwk), rows[i].terms,
		    rows[i].err, rows[i].says);
}

Test(symmetric, one_secret_has_one_use)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *set = buf_new(4096);

	buf_put_text(set, "{\"keys\":[{\"kty\":\"oct\",\"use\":\"sig\"," K32
			  "},{\"kty\":\"oct\",\"use\":\"enc\"," K32 "}]}");
	static const struct key_terms open = { 0 };

	import_refused(buf_slice(set), &open, VH_EDUPLICATE, "another use");
	(void)rig_import(r, slice_text("{\"kty\":\"oct\"," K32 "}"), VH_USE_SIG,
	    NULL);
	(void)rig_import(r, slice_text("{\"kty\":\"oct\"," K32 "}"), VH_USE_SIG,
	    NULL);
	cr_expect_eq(store_count(r->store), 1);
}

Test(symmetric, what_is_listed_is_not_the_key)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *b = buf_new(4096);
	const struct key *key = rig_add_oct(r, 256, VH_USE_SIG, NULL);
	struct slice k = secret_ro(key->oct);
	struct fields f;

	key_put(b, key);
	cr_assert_eq(fields_parse(buf_slice(b), &f), VH_OK);
	cr_expect_eq(fields_u32(&f, VH_F_KTY_ID), VH_KTY_OCT);
	cr_expect_eq(fields_u32(&f, VH_F_BITS), 256);
	for (size_t i = 0; i + 8 <= k.len; i++)
		cr_expect_null(memmem(b->p, b->len, k.p + i, 8));
}

/* --- HMAC ------------------------------------------------------------------
 */

static enum vh_err
check_mac(struct rig *r, const struct key *key, const struct alg *alg,
    struct slice data, struct slice mac)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg);
	struct fields out;

	ask_set(a, VH_F_DATA, data);
	ask_set(a, VH_F_SIGNATURE, mac);
	return rig_run(r, op_verify, a, &out);
}

Test(symmetric, the_published_macs_verify_and_nothing_beside_them)
{
	AUTO(kat_free) json_t *rows = kat_load("sign");
	json_t *row;
	size_t i, seen = 0;

	json_array_foreach(rows, i, row)
	{
		AUTO(rig_free) struct rig *r = rig_new();
		AUTO(buf_free) struct buf *mac = kat_bytes(row, "signature");
		const struct alg *alg = kat_alg(row);
		struct slice data = kat_text(row, "input");

		if (alg->kind != VH_KIND_HMAC)
			continue;
		struct key *key = kat_key(r, row, VH_USE_SIG);

		seen++;
		cr_expect_eq(check_mac(r, key, alg, data, buf_slice(mac)),
		    VH_OK);
		for (size_t bit = 0; bit < 8 * mac->len; bit++) {
			mac->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			cr_expect_eq(check_mac(r, key, alg, data,
					 buf_slice(mac)),
			    VH_EVERIFY);
			mac->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t n = 0; n < mac->len; n++)
			cr_expect_eq(check_mac(r, key, alg, data,
					 slice_of(mac->p, n)),
			    VH_EVERIFY);
		data.len--;
		cr_expect_eq(check_mac(r, key, alg, data, buf_slice(mac)),
		    VH_EVERIFY);
	}
	cr_expect_geq(seen, 4);
}

Test(symmetric, the_vault_verifies_nothing_for_other_keys)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *ec = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	struct key *other = rig_add_oct(r, 256, VH_USE_ENC, NULL);
	struct key *mac =
	    rig_add_oct(r, 256, VH_USE_SIG, alg_by_id(VH_ALG_HS256));
	struct slice x = slice_text("x");

	cr_expect_eq(check_mac(r, ec, alg_by_id(VH_ALG_ES256), x, x), VH_EALG);
	cr_expect_eq(check_mac(r, ec, alg_by_id(VH_ALG_HS256), x, x), VH_EALG);
	cr_expect_eq(check_mac(r, other, alg_by_id(VH_ALG_HS256), x, x),
	    VH_EALG);
	cr_expect_eq(check_mac(r, mac, alg_by_id(VH_ALG_HS384), x, x), VH_EALG);
	cr_expect_eq(check_mac(r, mac, alg_by_id(VH_ALG_HS256), x, x),
	    VH_EVERIFY);
}

/* --- encryption ------------------------------------------------------------
 */

struct box {
	struct rig *r;
	struct key *key;
	const struct alg *alg;
	const struct enc *kind;
	struct buf *keep;
	struct ask *ask; /* opens it */
};

static enum vh_err
box_seal(struct box *b, enum vh_enc kind)
{
	AUTO(ask_free) struct ask *a = ask_new(b->key->kid, b->alg);
	struct fields sealed;

	b->kind = enc_by_id(kind);
	ask_u32(a, VH_F_ENC_ID, kind);
	ask_set(a, VH_F_HEADER, slice_text("{\"typ\":\"JWE\"}"));
	ask_set(a, VH_F_DATA, slice_text("attack at dawn"));
	TRY(rig_run(b->r, op_encrypt, a, &sealed));
	b->ask = rig_reply(b->key, b->alg, b->kind, &sealed, b->keep);
	return VH_OK;
}

static enum vh_err
box_open(struct box *b)
{
	struct fields out;
	enum vh_err err = rig_run(b->r, op_decrypt, b->ask, &out);

	if (err == VH_OK)
		cr_expect(slice_is(out.at[VH_F_DATA], "attack at dawn"));
	return err;
}

static void
box_with(struct box *b, struct key *key, struct rig *r, const struct alg *alg)
{
	*b = (struct box){ .r = r,
		.key = key,
		.alg = alg,
		.keep = buf_new(KEEP) };
}

static void
box_done(struct box *b)
{
	ask_free(b->ask);
	buf_free(b->keep);
}

static const enum vh_tag attacked[] = { VH_F_PROTECTED, VH_F_ENCRYPTED_KEY,
	VH_F_KEY_IV, VH_F_KEY_TAG, VH_F_IV, VH_F_CIPHERTEXT, VH_F_TAG };

/* Every bit, a byte less, a byte more, nothing at all. */
static void
expect_one_error(struct box *b)
{
	for (size_t f = 0; f < ARRAY_LEN(attacked); f++) {
		struct slice whole = b->ask->q.f.at[attacked[f]];
		uint8_t changed[2048] = { 0 };

		if (whole.len == 0)
			continue;
		memcpy(changed, whole.p, whole.len);
		for (size_t bit = 0; bit < 8 * whole.len; bit += 3) {
			changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ask_set(b->ask, attacked[f],
			    slice_of(changed, whole.len));
			cr_expect_eq(box_open(b), VH_EDECRYPT, "%s field %d",
			    b->alg->name, (int)attacked[f]);
			changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		ask_set(b->ask, attacked[f], slice_of(whole.p, whole.len - 1));
		cr_expect_eq(box_open(b), VH_EDECRYPT);
		ask_set(b->ask, attacked[f], slice_of(changed, whole.len + 1));
		cr_expect_eq(box_open(b), VH_EDECRYPT);
		ask_drop(b->ask, attacked[f]);
		cr_expect_eq(box_open(b), VH_EDECRYPT);
		ask_set(b->ask, attacked[f], whole);
	}
	cr_expect_eq(box_open(b), VH_OK);
}

Test(symmetric, every_wrap_with_every_enc_comes_back_and_no_change_does)
{
	for (size_t w = 0; w < ARRAY_LEN(wraps); w++) {
		AUTO(rig_free) struct rig *r = rig_new();
		const struct alg *alg = alg_by_id(wraps[w]);
		struct key *key =
		    rig_add_oct(r, alg->size * 8, VH_USE_ENC, NULL);

		for (size_t e = 0; enc_at(e) != NULL; e++) {
			struct box b;

			box_with(&b, key, r, alg);
			cr_assert_eq(box_seal(&b, enc_at(e)->id), VH_OK);
			cr_expect_eq(fields_have(&b.ask->q.f, VH_F_KEY_TAG),
			    alg->kind == VH_KIND_GCMKW);
			expect_one_error(&b);
			box_done(&b);
		}
	}
}

Test(symmetric, dir_runs_with_the_encs_of_the_key_s_size_alone)
{
	static const size_t bits[] = { 128, 192, 256, 384, 512 };
	const struct alg *alg = alg_by_id(VH_ALG_DIR);

	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		AUTO(rig_free) struct rig *r = rig_new();
		struct key *key = rig_add_oct(r, bits[i], VH_USE_ENC, NULL);

		for (size_t e = 0; enc_at(e) != NULL; e++) {
			const struct enc *kind = enc_at(e);
			struct box b;

			box_with(&b, key, r, alg);
			if (kind->cek * 8 != bits[i]) {
				cr_expect_eq(box_seal(&b, kind->id), VH_EALG);
				box_done(&b);
				continue;
			}
			cr_assert_eq(box_seal(&b, kind->id), VH_OK);
			expect_one_error(&b);
			ask_set(b.ask, VH_F_ENCRYPTED_KEY, slice_text("x"));
			cr_expect_eq(box_open(&b), VH_EDECRYPT);
			ask_drop(b.ask, VH_F_ENCRYPTED_KEY);
			/* Another enc than the key has the size for. */
			ask_u32(b.ask, VH_F_ENC_ID,
			    kind->cek == 16 ? VH_ENC_A192GCM : VH_ENC_A128GCM);
			cr_expect_eq(box_open(&b), VH_EDECRYPT);
			box_done(&b);
		}
	}
}

Test(symmetric, a_secret_of_the_caller_is_no_recipient)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(ask_free)
	struct ask *a = ask_new(NULL, alg_by_id(VH_ALG_A128KW));
	struct fields out;

	ask_u32(a, VH_F_ENC_ID, VH_ENC_A128GCM);
	ask_set(a, VH_F_HEADER, slice_text("{}"));
	ask_u32(a, VH_F_KTY_ID, VH_KTY_OCT);
	ask_u32(a, VH_F_CRV_ID, 0);
	ask_u32(a, VH_F_BITS, 128);
	cr_expect_eq(rig_run(r, op_encrypt, a, &out), VH_EKEY);
}

Test(symmetric, keys_pass_their_self_test)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *why = buf_new(256);
	static const size_t bits[] = { 128, 192, 256, 384, 512 };

	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		cr_expect_eq(crypto_selftest(r->crypto,
				 rig_add_oct(r, bits[i], VH_USE_ENC, NULL),
				 why),
		    VH_OK);
		if (bits[i] >= 256)
			cr_expect_eq(crypto_selftest(r->crypto,
					 rig_add_oct(r, bits[i], VH_USE_SIG,
					     NULL),
					 why),
			    VH_OK);
	}
	cr_expect_eq(why->len, 0);
}

/* --- RSA1_5 ----------------------------------------------------------------
 */

Test(symmetric, rsa1_5_runs_for_a_key_that_is_pinned_to_it_alone)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_RSA1_5);
	struct key *open = rig_add(r, rig_make("RSA"), VH_USE_ENC, NULL);
	struct key *pinned = rig_add(r, rig_make("RSA"), VH_USE_ENC, alg);
	struct box b;

	cr_expect_eq(key_check_alg(open, alg), VH_EALG);
	cr_expect_eq(key_check_alg(pinned, alg), VH_OK);
	cr_expect_eq(key_check_alg(pinned, alg_by_id(VH_ALG_RSA_OAEP)),
	    VH_EALG);
	for (size_t e = 0; enc_at(e) != NULL; e++) {
		box_with(&b, pinned, r, alg);
		cr_assert_eq(box_seal(&b, enc_at(e)->id), VH_OK);
		cr_expect_eq(box_open(&b), VH_OK);
		box_done(&b);
	}
	box_with(&b, pinned, r, alg);
	cr_assert_eq(box_seal(&b, VH_ENC_A128CBC_HS256), VH_OK);
	expect_one_error(&b);
	box_done(&b);
}

/* An encoded message as the attacker wants it, raised to e. */
static void
set_encoded(struct box *b, const uint8_t *em, size_t len, uint8_t *room)
{
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_pkey(NULL, b->key->pkey, NULL);
	size_t size = len;

	cr_assert_eq(EVP_PKEY_encrypt_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	cr_assert_eq(EVP_PKEY_encrypt(ctx, room, &size, em, len), 1);
	EVP_PKEY_CTX_free(ctx);
	ask_set(b->ask, VH_F_ENCRYPTED_KEY, slice_of(room, size));
}

/* RFC 8017, 7.2.2: each way that padding can be wrong, around the right key. */
Test(symmetric, rsa1_5_padding_that_is_wrong_anywhere_is_one_error)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_RSA1_5);
	const struct enc *kind = enc_by_id(VH_ENC_A256GCM);
	struct box b;
	uint8_t em[256], cipher[256];

	box_with(&b, rig_add(r, rig_make("RSA"), VH_USE_ENC, alg), r, alg);
	cr_assert_eq(box_seal(&b, kind->id), VH_OK);
	AUTO(secret_free) struct secret *cek = NULL;
	struct agreement a = { alg, kind, { 0 }, { 0 } };

	cr_assert_eq(cek_unwrap(r->crypto, b.key, &a, &b.ask->q.f, &cek),
	    VH_OK);
	memset(em, 0x11, sizeof em);
	em[0] = 0;
	em[1] = 2;
	em[sizeof em - 33] = 0;
	memcpy(em + sizeof em - 32, secret_ro(cek).p, 32);
	set_encoded(&b, em, sizeof em, cipher);
	cr_expect_eq(box_open(&b), VH_OK);
	for (size_t i = 0; i < sizeof em - 32; i++) {
		uint8_t was = em[i];

		/* The first byte may be 1 and stay below the modulus. */
		em[i] = i == 0 || i == sizeof em - 33 ? 1 : 0;
		set_encoded(&b, em, sizeof em, cipher);
		cr_expect_eq(box_open(&b), VH_EDECRYPT, "%zu", i);
		em[i] = was;
	}
	em[1] = 1; /* a signature's padding */
	set_encoded(&b, em, sizeof em, cipher);
	cr_expect_eq(box_open(&b), VH_EDECRYPT);
	box_done(&b);
}

/* Sound padding around a CEK of another length. */
Test(symmetric, rsa1_5_with_a_cek_of_another_size_is_one_error)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_RSA1_5);
	struct box b;
	uint8_t cek[128] = { 1 }, cipher[256];

	box_with(&b, rig_add(r, rig_make("RSA"), VH_USE_ENC, alg), r, alg);
	cr_assert_eq(box_seal(&b, VH_ENC_A256GCM), VH_OK);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, b.key->pkey, NULL);

	cr_assert_eq(EVP_PKEY_encrypt_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
	for (size_t n = 0; n <= sizeof cek; n++) {
		size_t len = sizeof cipher;

		cr_assert_eq(EVP_PKEY_encrypt(ctx, cipher, &len, cek, n), 1);
		ask_set(b.ask, VH_F_ENCRYPTED_KEY, slice_of(cipher, len));
		cr_expect_eq(box_open(&b), VH_EDECRYPT, "%zu", n);
	}
	EVP_PKEY_CTX_free(ctx);
	box_done(&b);
}

Test(symmetric, a_jwk_alone_cannot_ask_for_rsa1_5)
{
	AUTO(pkey_free) EVP_PKEY *rsa = make_rsa(2048, "65537");
	AUTO(buf_free) struct buf *jwk = jwk_file(rsa, ",\"alg\":\"RSA1_5\"");
	static struct key_terms pinned = { .use = VH_USE_ENC };

	import_refused(buf_slice(jwk), &enc, VH_EALG,
	    "the JWK has alg \"RSA1_5\", which the key spec must say too");
	pinned.pin = alg_by_id(VH_ALG_RSA1_5);
	import_gives(buf_slice(jwk), &pinned, rsa);
}
