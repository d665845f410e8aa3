#include "vault/sign.h"

#include <criterion/criterion.h>

#include "test_crypto_kat.h"

TestSuite(sign, .init = rig_arena, .timeout = 120);

static struct slice
signature_of(struct rig *r, const struct key *key, const struct alg *alg,
    struct slice data)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg);
	struct fields out;

	ask_set(a, VH_F_DATA, data);
	cr_assert_eq(rig_run(r, op_sign, a, &out), VH_OK, "%s", alg->name);
	cr_assert_eq(out.present, VH_TAG_BIT(VH_F_SIGNATURE));
	return out.at[VH_F_SIGNATURE];
}

static void
check_known(struct rig *r, const struct key *key, const struct alg *alg,
    struct slice data, struct slice known)
{
	bool fixed = alg->kind == VH_KIND_PKCS1 || alg->kind == VH_KIND_EDDSA ||
		     alg->kind == VH_KIND_HMAC;
	struct slice ours = signature_of(r, key, alg, data);

	if (alg->kind == VH_KIND_HMAC) {
		cr_expect(slice_eq(ours, known), "%s", alg->name);
		return;
	}
	cr_expect(rig_verify(key->pkey, alg, data, known), "%s", alg->name);
	cr_expect(rig_verify(key->pkey, alg, data, ours), "%s", alg->name);
	cr_expect_eq(slice_eq(ours, known), fixed, "%s", alg->name);
}

Test(sign, gives_the_published_signatures)
{
	AUTO(kat_free) json_t *rows = kat_load("sign");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		AUTO(rig_free) struct rig *r = rig_new();
		AUTO(buf_free) struct buf *known = kat_bytes(row, "signature");
		struct key *key = kat_key(r, row, VH_USE_SIG);

		check_known(r, key, kat_alg(row), kat_text(row, "input"),
		    buf_slice(known));
	}
}

Test(sign, gives_the_signatures_of_the_cookbook)
{
	static const char *const files[] = { "jws/4_1.rsa_v15_signature.json",
		"jws/4_2.rsa-pss_signature.json",
		"jws/4_3.ecdsa_signature.json", "curve25519/jws.json",
		"jws/4_4.hmac-sha2_integrity_protection.json" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(rig_free) struct rig *r = rig_new();
		AUTO(kat_free) json_t *example = kat_cookbook(files[i]);
		AUTO(buf_free) struct buf *known = NULL;

		if (example == NULL)
			continue;
		const json_t *input = json_object_get(example, "input");
		const json_t *signing = json_object_get(example, "signing");

		known = kat_bytes(signing, "sig");
		check_known(r, kat_key(r, input, VH_USE_SIG), kat_alg(input),
		    kat_text(signing, "sig-input"), buf_slice(known));
	}
}

/* Contexts are used again and again, in any order. */
Test(sign, every_alg_of_a_key_signs_message_after_message)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *data = buf_new(1u << 20);
	static const size_t sizes[] = { 0, 1, 31, 64, 65, 1000, 1u << 20 };

	memset(buf_extend(data, 1u << 20), 0xa5, 1u << 20);
	for (size_t k = 0; rig_kind(k) != NULL; k++) {
		if (!rig_fits(rig_kind(k), VH_USE_SIG))
			continue;
		struct key *key =
		    rig_add(r, rig_make(rig_kind(k)), VH_USE_SIG, NULL);

		for (size_t n = 0; n < ARRAY_LEN(sizes); n++) {
			const struct alg *alg;
			struct slice d = slice_of(data->p, sizes[n]);

			for (size_t i = 0; (alg = alg_at(i)) != NULL; i++)
				if (key_check_alg(key, alg) == VH_OK)
					cr_expect(rig_verify(key->pkey, alg, d,
						      signature_of(r, key, alg,
							  d)),
					    "%s, %zu bytes", alg->name,
					    sizes[n]);
		}
	}
}

/* r or s is short in one of 128 signatures; it is padded on the left. */
Test(sign, ecdsa_signatures_always_have_their_full_size)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	const struct alg *alg = alg_by_id(VH_ALG_ES256);
	size_t padded = 0;

	for (unsigned i = 0; i < 2000; i++) {
		struct slice d = slice_of(&i, sizeof i);
		struct slice s = signature_of(r, key, alg, d);

		cr_assert_eq(s.len, alg->size);
		if (s.p[0] != 0 && s.p[32] != 0)
			continue;
		padded++;
		cr_expect(rig_verify(key->pkey, alg, d, s));
	}
	cr_expect_gt(padded, 0);
}

Test(sign, an_rsa_signature_is_as_long_as_the_modulus)
{
	AUTO(rig_free) struct rig *r = rig_new();
	EVP_PKEY *odd = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2052);
	struct key *key = rig_add(r, odd, VH_USE_SIG, NULL);
	const struct alg *alg = alg_by_id(VH_ALG_PS256);
	struct slice d = slice_text("x");

	for (size_t i = 0; i < 20; i++) {
		struct slice s = signature_of(r, key, alg, d);

		cr_assert_eq(s.len, 257);
		cr_expect(rig_verify(key->pkey, alg, d, s));
	}
}

Test(sign, an_answer_that_cannot_grow_is_an_error)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *small = buf_new(40);
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	AUTO(ask_free)
	struct ask *a = ask_new(key->kid, alg_by_id(VH_ALG_ES256));

	ask_set(a, VH_F_DATA, slice_text("x"));
	cr_expect_eq(op_sign(r->crypto, r->store, &a->q, small), VH_ETOOBIG);
}
