#include "vault/sign.h"

#include <criterion/criterion.h>
#include <openssl/rsa.h>

#include "test_crypto_rig.h"
#include "wire/raw.h"

TestSuite(raw, .init = rig_arena, .timeout = 120);

#define MESSAGE "what is to be signed"

static struct key *
add_raw(struct rig *r, const char *kind, enum vh_use use, enum vh_alg pin)
{
	struct key *key =
	    rig_add(r, rig_make(kind), use, pin == 0 ? NULL : alg_by_id(pin));

	key->ops |= VH_KEY_RAW;
	return key;
}

/* What came of one request with DATA; nonzero flag: PREHASHED. */
static enum vh_err
run_with(struct rig *r, rig_op op, const struct key *key, const struct alg *alg,
    struct slice data, uint32_t prehashed, struct fields *out)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg);

	ask_set(a, VH_F_DATA, data);
	if (prehashed != 0)
		ask_u32(a, VH_F_PREHASHED, prehashed);
	return rig_run(r, op, a, out);
}

static struct slice
digest_of(const struct alg *alg, uint8_t out[static EVP_MAX_MD_SIZE])
{
	size_t len = 0;

	cr_assert_eq(EVP_Q_digest(NULL, alg->digest, NULL, MESSAGE,
			 strlen(MESSAGE), out, &len),
	    1);
	return slice_of(out, len);
}

/* --- signatures ------------------------------------------------------------
 */

static void
check_signs(struct rig *r, const struct key *key, const struct alg *alg)
{
	uint8_t room[EVP_MAX_MD_SIZE];
	struct slice text = slice_text(MESSAGE);
	struct fields out;

	cr_assert_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out), VH_OK,
	    "%s", alg->name);
	cr_expect_eq(out.present, VH_TAG_BIT(VH_F_SIGNATURE));
	cr_expect(rig_verify(key->pkey, alg, text, out.at[VH_F_SIGNATURE]),
	    "%s", alg->name);
	if (!raw_of(alg)->hashes)
		return;
	cr_assert_eq(run_with(r, op_raw_sign, key, alg, digest_of(alg, room), 1,
			 &out),
	    VH_OK, "%s", alg->name);
	cr_expect(rig_verify(key->pkey, alg, text, out.at[VH_F_SIGNATURE]),
	    "%s of a digest", alg->name);
}

Test(raw, every_signature_is_the_one_of_jose_of_data_and_of_its_digest)
{
	AUTO(rig_free) struct rig *r = rig_new();
	size_t rows = 0;

	for (size_t k = 0; rig_kind(k) != NULL; k++) {
		if (!rig_fits(rig_kind(k), VH_USE_SIG))
			continue;
		struct key *key = add_raw(r, rig_kind(k), VH_USE_SIG, 0);

		for (size_t i = 0; alg_at(i) != NULL; i++) {
			if (key_check_alg(key, alg_at(i)) != VH_OK)
				continue;
			check_signs(r, key, alg_at(i));
			rows++;
		}
	}
	cr_expect_eq(rows, 12); /* 6 of RSA, 4 of EC, EdDSA twice */
}

Test(raw, a_digest_of_any_other_length_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	static const enum vh_alg algs[] = { VH_ALG_RS256, VH_ALG_RS512,
		VH_ALG_PS384, VH_ALG_ES256 };
	static const uint8_t bytes[80];
	struct key *rsa = add_raw(r, "RSA", VH_USE_SIG, 0);
	struct key *ec = add_raw(r, "P-256", VH_USE_SIG, 0);
	struct fields out;

	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		const struct alg *alg = alg_by_id(algs[i]);
		uint8_t room[EVP_MAX_MD_SIZE];
		size_t right = digest_of(alg, room).len;

		for (size_t n = 0; n <= sizeof bytes; n++)
			cr_expect_eq(run_with(r, op_raw_sign,
					 alg->kty == VH_KTY_RSA ? rsa : ec, alg,
					 slice_of(bytes, n), 1, &out),
			    n == right ? VH_OK : VH_EFIELD, "%s %zu", alg->name,
			    n);
	}
}

Test(raw, eddsa_takes_no_digest)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_EDDSA);
	static const uint8_t digest[64];
	struct fields out;

	cr_expect_eq(run_with(r, op_raw_sign,
			 add_raw(r, "ED25519", VH_USE_SIG, 0), alg,
			 slice_of(digest, sizeof digest), 1, &out),
	    VH_EALG);
}

Test(raw, a_key_that_is_not_raw_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_ES256);
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	struct key *rsa = rig_add(r, rig_make("RSA"), VH_USE_ENC, NULL);
	struct key *box = rig_add(r, rig_make("X25519"), VH_USE_ENC, NULL);
	struct slice text = slice_text(MESSAGE);
	struct fields out;

	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out),
	    VH_EPOLICY);
	key->ops = VH_KEY_SIGN;
	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out),
	    VH_EPOLICY);
	cr_expect_eq(run_with(r, op_raw_decrypt, rsa,
			 alg_by_id(VH_ALG_RSA_OAEP), text, 0, &out),
	    VH_EPOLICY);
	cr_expect_eq(run_with(r, op_raw_derive, box, alg_by_id(VH_ALG_ECDH_ES),
			 text, 0, &out),
	    VH_EPOLICY);
}

Test(raw, ops_hold_as_for_jose)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_ES256);
	struct key *key = add_raw(r, "P-256", VH_USE_SIG, 0);
	struct slice text = slice_text(MESSAGE);
	struct fields out;

	key->ops = VH_KEY_RAW | VH_KEY_VERIFY;
	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out),
	    VH_EPOLICY);
	cr_expect_eq(run_with(r, op_sign, key, alg, text, 0, &out), VH_EPOLICY);
	key->ops = VH_KEY_RAW | VH_KEY_SIGN;
	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out), VH_OK);
	cr_expect_eq(run_with(r, op_sign, key, alg, text, 0, &out), VH_OK);
}

Test(raw, use_and_pin_hold_as_for_jose)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *sig = add_raw(r, "RSA", VH_USE_SIG, VH_ALG_PS256);
	struct key *enc = add_raw(r, "RSA", VH_USE_ENC, 0);
	struct slice text = slice_text(MESSAGE);
	struct fields out;

	cr_expect_eq(run_with(r, op_raw_sign, sig, alg_by_id(VH_ALG_RS256),
			 text, 0, &out),
	    VH_EALG);
	cr_expect_eq(run_with(r, op_raw_sign, sig, alg_by_id(VH_ALG_PS256),
			 text, 0, &out),
	    VH_OK);
	cr_expect_eq(run_with(r, op_raw_sign, enc, alg_by_id(VH_ALG_RS256),
			 text, 0, &out),
	    VH_EALG);
	cr_expect_eq(run_with(r, op_raw_decrypt, sig,
			 alg_by_id(VH_ALG_RSA_OAEP), text, 0, &out),
	    VH_EALG);
	cr_expect_eq(run_with(r, op_raw_decrypt, enc, alg_by_id(VH_ALG_RS256),
			 text, 0, &out),
	    VH_EALG);
}

Test(raw, what_has_no_padded_primitive_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *mac = rig_add_oct(r, 256, VH_USE_SIG, NULL);
	struct key *old = add_raw(r, "RSA", VH_USE_ENC, VH_ALG_RSA1_5);
	struct key *box = add_raw(r, "P-256", VH_USE_ENC, 0);
	struct slice text = slice_text(MESSAGE);
	struct fields out;

	mac->ops |= VH_KEY_RAW;
	cr_expect_eq(run_with(r, op_raw_sign, mac, alg_by_id(VH_ALG_HS256),
			 text, 0, &out),
	    VH_EALG);
	cr_expect_eq(run_with(r, op_raw_decrypt, old, alg_by_id(VH_ALG_RSA1_5),
			 text, 0, &out),
	    VH_EALG);
	cr_expect_eq(run_with(r, op_raw_decrypt, box, alg_by_id(VH_ALG_ECDH_ES),
			 text, 0, &out),
	    VH_EALG);
	cr_expect_eq(run_with(r, op_raw_decrypt, box, NULL, text, 0, &out),
	    VH_EALG);
}

Test(raw, a_proof_of_possession_is_not_signed)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct fields out;

	cr_expect_eq(run_with(r, op_raw_sign,
			 add_raw(r, "ED25519", VH_USE_SIG, 0),
			 alg_by_id(VH_ALG_EDDSA),
			 slice_text(SIGN_PROOF "a|1|k"), 0, &out),
	    VH_EFIELD);
}

Test(raw, only_an_active_key_signs)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_ES256);
	struct key *key = add_raw(r, "P-256", VH_USE_SIG, 0);
	struct slice text = slice_text(MESSAGE);
	struct fields out;

	key->state = VH_KEY_PUBLISHED;
	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out),
	    VH_EINACTIVE);
	key->state = VH_KEY_RETIRED;
	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out),
	    VH_EINACTIVE);
	key->closing = true;
	cr_expect_eq(run_with(r, op_raw_sign, key, alg, text, 0, &out), VH_OK);
}

/* --- RSAES-OAEP ------------------------------------------------------------
 */

AUTO_FREE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

/* By libcrypto alone. */
static void
seal(const struct key *key, const struct alg *alg, struct slice plain,
    struct slice label, struct buf *out)
{
	AUTO(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	const EVP_MD *md = EVP_get_digestbyname(alg->digest);
	size_t len = key->pub.n.len;

	cr_assert(
	    EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1);
	if (label.len > 0)
		cr_assert_eq(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx,
				 OPENSSL_memdup(label.p, label.len),
				 (int)label.len),
		    1);
	buf_clear(out);
	cr_assert_eq(EVP_PKEY_encrypt(ctx, buf_extend(out, len), &len, plain.p,
			 plain.len),
	    1);
	cr_assert_eq(len, key->pub.n.len);
}

static enum vh_err
open_with(struct rig *r, const struct key *key, const struct alg *alg,
    struct slice sealed, struct slice label, struct fields *out)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg);

	ask_set(a, VH_F_DATA, sealed);
	if (label.len > 0)
		ask_set(a, VH_F_LABEL, label);
	return rig_run(r, op_raw_decrypt, a, out);
}

static void
check_opens(struct rig *r, const struct key *key, const struct alg *alg,
    struct slice plain, struct slice label)
{
	AUTO(buf_free) struct buf *sealed = buf_new(1024);
	struct fields out;

	seal(key, alg, plain, label, sealed);
	cr_assert_eq(open_with(r, key, alg, buf_slice(sealed), label, &out),
	    VH_OK, "%s", alg->name);
	cr_expect_eq(out.present, VH_TAG_BIT(VH_F_DATA));
	cr_expect(slice_eq(out.at[VH_F_DATA], plain), "%s", alg->name);
}

Test(raw, oaep_opens_what_libcrypto_sealed)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = add_raw(r, "RSA", VH_USE_ENC, 0);
	static const uint8_t bytes[256] = { 7 };
	const struct alg *alg;
	size_t rows = 0;

	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
		if (alg->kind != VH_KIND_OAEP)
			continue;
		const EVP_MD *md = EVP_get_digestbyname(alg->digest);
		size_t most = 256 - 2 * (size_t)EVP_MD_get_size(md) - 2;
		const size_t sizes[] = { 0, 1, 16, most };

		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			check_opens(r, key, alg, slice_of(bytes, sizes[k]),
			    slice_text(""));
			check_opens(r, key, alg, slice_of(bytes, sizes[k]),
			    slice_text("a label"));
		}
		rows++;
	}
	cr_expect_eq(rows, 4);
}

Test(raw, all_that_oaep_refuses_is_one_error)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct alg *alg = alg_by_id(VH_ALG_RSA_OAEP_256);
	struct key *key = add_raw(r, "RSA", VH_USE_ENC, 0);
	AUTO(buf_free) struct buf *good = buf_new(1024);
	AUTO(buf_free) struct buf *labelled = buf_new(1024);
	uint8_t bad[300];
	struct slice none = slice_text("");
	struct fields out;

	seal(key, alg, slice_text("secret"), none, good);
	seal(key, alg, slice_text("secret"), slice_text("x"), labelled);
	for (size_t n = 0; n <= sizeof bad; n++) {
		memset(bad, 0, sizeof bad);
		memcpy(bad, good->p, n < 256 ? n : 256);
		cr_expect_eq(open_with(r, key, alg, slice_of(bad, n), none,
				 &out),
		    n == 256 ? VH_OK : VH_EDECRYPT, "%zu bytes", n);
	}
	for (size_t bit = 0; bit < 8 * 256; bit += 97) {
		memcpy(bad, good->p, 256);
		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_expect_eq(open_with(r, key, alg, slice_of(bad, 256), none,
				 &out),
		    VH_EDECRYPT, "bit %zu", bit);
	}
	memset(bad, 0xff, sizeof bad);
	cr_expect_eq(open_with(r, key, alg, slice_of(bad, 256), none, &out),
	    VH_EDECRYPT);
	memset(bad, 0, sizeof bad);
	cr_expect_eq(open_with(r, key, alg, slice_of(bad, 256), none, &out),
	    VH_EDECRYPT);
	cr_expect_eq(open_with(r, key, alg, key->pub.n, none, &out),
	    VH_EDECRYPT);
	cr_expect_eq(open_with(r, key, alg, buf_slice(labelled), none, &out),
	    VH_EDECRYPT);
	cr_expect_eq(open_with(r, key, alg, buf_slice(good), slice_text("x"),
			 &out),
	    VH_EDECRYPT);
	cr_expect_eq(open_with(r, key, alg_by_id(VH_ALG_RSA_OAEP),
			 buf_slice(good), none, &out),
	    VH_EDECRYPT);
	/* The next one is none the worse for it. */
	cr_expect_eq(open_with(r, key, alg, buf_slice(good), none, &out),
	    VH_OK);
}

/* --- ECDH ------------------------------------------------------------------
 */

static enum vh_err
derive(struct rig *r, const struct key *key, const struct alg *alg,
    const struct pub *peer, struct fields *out)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg);

	ask_pub(a, peer);
	return rig_run(r, op_raw_derive, a, out);
}

/* What the other side comes to, by libcrypto alone. */
static struct slice
other_side(EVP_PKEY *own, EVP_PKEY *peer, uint8_t z[static 66])
{
	AUTO(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t len = 66;

	cr_assert(EVP_PKEY_derive_init(ctx) == 1 &&
		  EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
		  EVP_PKEY_derive(ctx, z, &len) == 1);
	return slice_of(z, len);
}

static void
check_derives(struct rig *r, const char *kind, enum vh_alg pin)
{
	AUTO(pkey_free) EVP_PKEY *peer = rig_make(kind);
	AUTO(buf_free) struct buf *numbers = buf_new(1024);
	const struct alg *alg = alg_by_id(pin == 0 ? VH_ALG_ECDH_ES : pin);
	struct key *key = add_raw(r, kind, VH_USE_ENC, pin);
	uint8_t room[66];
	struct fields out;
	struct pub pub;

	cr_assert_eq(pub_of_pkey(peer, numbers, &pub), VH_OK);
	cr_assert_eq(derive(r, key, alg, &pub, &out), VH_OK, "%s", kind);
	cr_expect_eq(out.present, VH_TAG_BIT(VH_F_DATA));
	cr_expect(slice_eq(out.at[VH_F_DATA],
		      other_side(peer, key->pkey, room)),
	    "%s", kind);
}

Test(raw, both_sides_derive_one_secret)
{
	AUTO(rig_free) struct rig *r = rig_new();

	check_derives(r, "P-256", 0);
	check_derives(r, "P-384", 0);
	check_derives(r, "P-521", 0);
	check_derives(r, "X25519", 0);
	check_derives(r, "X448", 0);
	check_derives(r, "P-256", VH_ALG_ECDH_ES_A256KW);
	check_derives(r, "X25519", 0);
	check_derives(r, "X448", 0);
}

Test(raw, a_point_of_another_curve_or_of_none_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(pkey_free) EVP_PKEY *peer = rig_make("P-384");
	AUTO(buf_free) struct buf *numbers = buf_new(1024);
	const struct alg *alg = alg_by_id(VH_ALG_ECDH_ES);
	struct key *key = add_raw(r, "P-256", VH_USE_ENC, 0);
	uint8_t x[32], y[32] = { 1 };
	struct fields out;
	struct pub pub;

	cr_assert_eq(pub_of_pkey(peer, numbers, &pub), VH_OK);
	cr_expect_eq(derive(r, key, alg, &pub, &out), VH_EKEY);
	memcpy(x, key->pub.x.p, sizeof x);
	pub = key->pub;
	pub.x = slice_of(x, sizeof x);
	pub.y = slice_of(y, sizeof y);
	cr_expect_eq(derive(r, key, alg, &pub, &out), VH_EKEY);
	pub.x = slice_of(x, 31);
	cr_expect_eq(derive(r, key, alg, &pub, &out), VH_EKEY);
	check_derives(r, "P-256", 0);
}

Test(raw, a_secret_of_zeros_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	static const uint8_t zeros[56], one[56] = { 1 };
	const struct alg *alg = alg_by_id(VH_ALG_ECDH_ES);
	static const char *const kinds[] = { "X25519", "X448" };
	struct fields out;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct key *key = add_raw(r, kinds[i], VH_USE_ENC, 0);
		struct pub pub = key->pub;

		pub.x.p = zeros;
		cr_expect_eq(derive(r, key, alg, &pub, &out), VH_EKEY);
		pub.x.p = one;
		cr_expect_eq(derive(r, key, alg, &pub, &out), VH_EKEY);
	}
}

Test(raw, nothing_but_ecdh_derives)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *ec = add_raw(r, "P-256", VH_USE_SIG, 0);
	struct key *rsa = add_raw(r, "RSA", VH_USE_ENC, 0);
	struct fields out;

	cr_expect_eq(derive(r, ec, alg_by_id(VH_ALG_ECDH_ES), &ec->pub, &out),
	    VH_EALG);
	cr_expect_eq(derive(r, rsa, alg_by_id(VH_ALG_RSA_OAEP), &rsa->pub,
			 &out),
	    VH_EALG);
}

/* --- terms -----------------------------------------------------------------
 */

static void
refused(const char *kind, struct key_terms terms, const char *says)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	AUTO(key_free) struct key *key = NULL;

	terms.ops |= VH_KEY_RAW;
	cr_expect_eq(key_new(rig_make(kind), &terms, 1, &key, why), VH_EKEY);
	buf_put_u8(why, 0);
	cr_expect_not_null(strstr((const char *)why->p, says),
	    "\"%s\", expected \"%s\"", why->p, says);
}

Test(raw, a_key_with_rules_for_its_tokens_cannot_be_raw)
{
	refused("P-256",
	    (struct key_terms){ .use = VH_USE_SIG, .typs = slice_text("JWT") },
	    "raw of the key spec goes around its typ and claims");
	refused("P-256",
	    (struct key_terms){ .use = VH_USE_SIG,
		.claims = slice_text("iss=a") },
	    "raw of the key spec goes around its typ and claims");
}

Test(raw, a_key_without_padded_primitives_cannot_be_raw)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	struct key_terms terms = { .use = VH_USE_SIG, .ops = VH_KEY_RAW };
	struct key *key;

	refused("RSA",
	    (struct key_terms){ .use = VH_USE_ENC,
		.pin = alg_by_id(VH_ALG_RSA1_5) },
	    "raw of the key spec does not fit an RSA key with alg RSA1_5");
	cr_expect_eq(key_new_oct(secret_new(32), &terms, 1, &key, why),
	    VH_EKEY);
	buf_put_u8(why, 0);
	cr_expect_str_eq((const char *)why->p,
	    "raw of the key spec does not fit a symmetric key");
}
