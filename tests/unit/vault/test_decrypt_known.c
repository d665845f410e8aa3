#include <criterion/criterion.h>

#include "test_crypto_kat.h"
#include "vault/cek.h"

TestSuite(decrypt_known, .init = rig_arena, .timeout = 120);

#define KEEP 65536

static void
check_known(const json_t *row, struct slice compact, struct slice plain)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(buf_free) struct buf *keep = buf_new(KEEP);
	struct key *key = kat_key(r, row, VH_USE_ENC);
	AUTO(ask_free)
	struct ask *a =
	    kat_ask_jwe(key, kat_alg(row), kat_enc(row), compact, keep);
	struct fields out;

	cr_assert_eq(rig_run(r, op_decrypt, a, &out), VH_OK, "%s %s",
	    kat_alg(row)->name, kat_enc(row)->name);
	cr_expect_eq(out.present, VH_TAG_BIT(VH_F_DATA));
	cr_expect(slice_eq(out.at[VH_F_DATA], plain));
}

Test(decrypt_known, opens_the_published_messages)
{
	AUTO(kat_free) json_t *rows = kat_load("jwe");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) check_known(row,
	    kat_text(row, "compact"), kat_text(row, "plaintext"));
}

Test(decrypt_known, opens_the_messages_of_the_cookbook)
{
	static const char *const files[] = {
		"jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
		"jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_"
		"aes-keywrap_with_aes-gcm.json",
		"jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-"
		"sha2.json",
		"curve25519/ecdh-es.json",
		"jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json",
		"jwe/5_6.direct_encryption_using_aes-gcm.json",
		"jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-"
		"sha2.json",
		"jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json"
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(kat_free) json_t *example = kat_cookbook(files[i]);

		if (example == NULL)
			continue;
		const json_t *input = json_object_get(example, "input");
		const json_t *output = json_object_get(example, "output");

		check_known(input, kat_text(output, "compact"),
		    kat_text(input, "plaintext"));
	}
}

Test(decrypt_known, derives_the_published_cek_with_apu_and_apv)
{
	AUTO(kat_free) json_t *rows = kat_load("agree");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		AUTO(rig_free) struct rig *r = rig_new();
		AUTO(buf_free) struct buf *keep = buf_new(KEEP);
		AUTO(buf_free) struct buf *want = kat_bytes(row, "cek");
		AUTO(secret_free) struct secret *cek = NULL;
		struct key *key = kat_key(r, row, VH_USE_ENC);
		AUTO(ask_free) struct ask *ask = ask_new(key->kid, NULL);

		kat_ask_params(ask, row, keep);
		struct agreement a = { kat_alg(row), kat_enc(row),
			ask->q.f.at[VH_F_APU], ask->q.f.at[VH_F_APV] };

		cr_assert_eq(cek_unwrap(r->crypto, key, &a, &ask->q.f, &cek),
		    VH_OK);
		cr_expect(slice_eq(secret_ro(cek), buf_slice(want)));
	}
}

Test(decrypt_known, derives_the_published_shared_secrets)
{
	AUTO(kat_free) json_t *rows = kat_load("z");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		AUTO(rig_free) struct rig *r = rig_new();
		AUTO(buf_free) struct buf *keep = buf_new(KEEP);
		AUTO(buf_free) struct buf *want = kat_bytes(row, "z");
		AUTO(pkey_free) EVP_PKEY *peer = NULL;
		AUTO(secret_free) struct secret *z = secret_new(want->len);
		struct key *key = kat_key(r, row, VH_USE_ENC);
		AUTO(ask_free) struct ask *ask = ask_new(key->kid, NULL);
		const struct key_slot *slot;
		struct pub pub;

		kat_ask_params(ask, row, keep);
		cr_assert_eq(pub_of_fields(&ask->q.f, &pub), VH_OK);
		cr_assert_eq(pkey_of_pub(&pub, &peer), VH_OK);
		cr_assert_eq(crypto_slot(r->crypto, key,
				 alg_by_id(VH_ALG_ECDH_ES), &slot),
		    VH_OK);
		cr_assert(agree_z(slot->pkey, peer, z));
		cr_expect(slice_eq(secret_ro(z), buf_slice(want)));
	}
}

static struct secret *
secret_of(const struct buf *bytes)
{
	struct secret *s = secret_new(bytes->len);

	memcpy(secret_rw(s), bytes->p, bytes->len);
	return s;
}

Test(decrypt_known, wraps_and_unwraps_the_published_keys)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(kat_free) json_t *rows = kat_load("wrap");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		AUTO(buf_free) struct buf *kek = kat_bytes(row, "kek");
		AUTO(buf_free) struct buf *cek = kat_bytes(row, "cek");
		AUTO(buf_free) struct buf *wrapped = kat_bytes(row, "wrapped");
		AUTO(secret_free) struct secret *k = secret_of(kek);
		AUTO(secret_free) struct secret *c = secret_of(cek);
		const struct alg *alg = kat_alg(row);
		uint8_t out[72];

		cr_assert_eq(kek_wrap(r->crypto, alg, k, c, out), VH_OK);
		cr_expect(slice_eq(slice_of(out, cek->len + KEK_WRAP_MORE),
		    buf_slice(wrapped)));
		memset(secret_rw(c), 0, cek->len);
		cr_assert(kek_unwrap(r->crypto, alg, k, wrapped->p, c));
		cr_expect(slice_eq(secret_ro(c), buf_slice(cek)));
		wrapped->p[wrapped->len - 1] ^= 1;
		cr_expect_not(kek_unwrap(r->crypto, alg, k, wrapped->p, c));
	}
}
