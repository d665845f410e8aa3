#include "wire/alg.h"

#include <criterion/criterion.h>

Test(alg, ids_and_names_are_unique_and_found)
{
	for (size_t i = 0; alg_at(i) != NULL; i++) {
		const struct alg *a = alg_at(i);

		cr_expect_eq(alg_by_id(a->id), a, "%s", a->name);
		cr_expect_eq(alg_by_name(slice_text(a->name)), a);
	}
	for (size_t i = 0; enc_at(i) != NULL; i++) {
		cr_expect_eq(enc_by_id(enc_at(i)->id), enc_at(i));
		cr_expect_eq(enc_by_name(slice_text(enc_at(i)->name)),
		    enc_at(i));
	}
	for (size_t i = 0; crv_at(i) != NULL; i++) {
		cr_expect_eq(crv_by_id(crv_at(i)->id), crv_at(i));
		cr_expect_eq(crv_by_name(slice_text(crv_at(i)->name)),
		    crv_at(i));
	}
}

static const char *const unknown[] = { "", "none", "None", "HS1", "RSA-1_5",
	"DIR", "A128CTR", "PBES2-HS256+A128KW", "es256", "ES256 ", "ES25",
	"ES256k" };

Test(alg, unknown_names_have_no_row)
{
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		cr_expect_null(alg_by_name(slice_text(unknown[i])), "%s",
		    unknown[i]);
	cr_expect_null(alg_by_name(slice_of("ES256\0", 6)));
	cr_expect_null(alg_by_id(0));
	cr_expect_null(alg_by_id(UINT32_MAX));
	cr_expect_null(enc_by_id(0));
	cr_expect_null(crv_by_id(0));
	cr_expect_eq(kty_by_name(slice_text("OCT")), 0);
	cr_expect_eq(kty_by_name(slice_text("")), 0);
	cr_expect_eq(use_by_name(slice_text("tls")), 0);
	cr_expect_null(kty_name((enum vh_kty)77));
	cr_expect_null(use_name((enum vh_use)77));
}

/* Who fits whom, in words: alg, then "kty/crv" of the keys it takes. */
static const struct {
	const char *alg, *keys;
} takes[] = {
	{ "RS256", "RSA" },
	{ "RS384", "RSA" },
	{ "RS512", "RSA" },
	{ "PS256", "RSA" },
	{ "PS384", "RSA" },
	{ "PS512", "RSA" },
	{ "ES256", "P-256" },
	{ "ES384", "P-384" },
	{ "ES512", "P-521" },
	{ "EdDSA", "Ed25519,Ed448" },
	{ "ES256K", "secp256k1" },
	{ "HS256", "oct" },
	{ "HS384", "oct" },
	{ "HS512", "oct" },
	{ "RSA1_5", "RSA" },
	{ "A128KW", "oct" },
	{ "A192KW", "oct" },
	{ "A256KW", "oct" },
	{ "A128GCMKW", "oct" },
	{ "A192GCMKW", "oct" },
	{ "A256GCMKW", "oct" },
	{ "dir", "oct" },
	{ "RSA-OAEP", "RSA" },
	{ "RSA-OAEP-256", "RSA" },
	{ "RSA-OAEP-384", "RSA" },
	{ "RSA-OAEP-512", "RSA" },
	{ "ECDH-ES", "P-256,P-384,P-521,X25519,X448" },
	{ "ECDH-ES+A128KW", "P-256,P-384,P-521,X25519,X448" },
	{ "ECDH-ES+A192KW", "P-256,P-384,P-521,X25519,X448" },
	{ "ECDH-ES+A256KW", "P-256,P-384,P-521,X25519,X448" },
};

static bool
lists(const char *keys, const char *key)
{
	struct slice rest = slice_text(keys), item;

	while (slice_next_item(&rest, &item))
		if (slice_is(item, key))
			return true;
	return false;
}

static const struct alg *
row(size_t i)
{
	const struct alg *a = alg_by_name(slice_text(takes[i].alg));

	cr_assert_not_null(a, "%s", takes[i].alg);
	return a;
}

Test(alg, each_takes_its_keys_and_no_others)
{
	for (size_t i = 0; i < ARRAY_LEN(takes); i++) {
		const struct alg *a = row(i);
		enum vh_use other =
		    a->use == VH_USE_SIG ? VH_USE_ENC : VH_USE_SIG;

		cr_expect_eq(alg_fits(a, VH_KTY_RSA, 0, a->use),
		    lists(takes[i].keys, "RSA"));
		cr_expect_eq(alg_fits(a, VH_KTY_OCT, 0, a->use),
		    lists(takes[i].keys, "oct"));
		for (size_t j = 0; crv_at(j) != NULL; j++) {
			const struct crv *c = crv_at(j);

			cr_expect_eq(alg_fits(a, c->kty, c->id, a->use),
			    lists(takes[i].keys, c->name), "%s %s", a->name,
			    c->name);
			cr_expect_not(alg_fits(a, c->kty, c->id, other));
			cr_expect_not(alg_fits(a, c->kty, c->id, 0));
		}
	}
}

Test(alg, every_row_stands_in_this_test)
{
	size_t rows = 0;

	while (alg_at(rows) != NULL)
		rows++;
	cr_expect_eq(rows, ARRAY_LEN(takes));
}

/* RFC 7518, 3.4: twice the coordinate; 5.2: key twice the cipher's. */
Test(alg, sizes_follow_from_the_curves_and_ciphers)
{
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (alg_at(i)->kind == VH_KIND_ECDSA) {
			const struct crv *c = crv_by_id(alg_at(i)->crv);

			cr_expect_eq(alg_at(i)->size, 2 * c->size);
			cr_expect_eq(alg_at(i)->size, c->sig);
		}
	for (size_t i = 0; enc_at(i) != NULL; i++) {
		const struct enc *e = enc_at(i);

		cr_expect_eq(e->iv, e->mac == NULL ? 12 : 16);
		cr_expect_eq(e->tag, e->mac == NULL ? 16 : e->cek / 2);
	}
}

/* RFC 8037, 3.1: twice the key, of either curve. */
Test(alg, a_signature_has_a_size_that_some_key_gives)
{
	const struct alg *eddsa = alg_by_id(VH_ALG_EDDSA);
	const struct alg *rsa = alg_by_id(VH_ALG_PS256);
	const struct alg *es256k = alg_by_id(VH_ALG_ES256K);

	for (size_t n = 0; n <= 1200; n++) {
		cr_expect_eq(alg_signs(eddsa, n), n == 64 || n == 114);
		cr_expect_eq(alg_signs(es256k, n), n == 64);
		cr_expect_eq(alg_signs(rsa, n), n >= 256 && n <= 1024);
		cr_expect_not(alg_signs(alg_by_id(VH_ALG_ECDH_ES), n));
	}
}

/* RFC 7518, 3.2, 4.4, 4.5, 4.7. */
Test(alg, a_secret_fits_by_its_size)
{
	static const struct {
		const char *alg;
		size_t from, to;
	} rows[] = { { "HS256", 32, 512 }, { "HS384", 48, 512 },
		{ "HS512", 64, 512 }, { "A128KW", 16, 16 },
		{ "A192KW", 24, 24 }, { "A256KW", 32, 32 },
		{ "A128GCMKW", 16, 16 }, { "A192GCMKW", 24, 24 },
		{ "A256GCMKW", 32, 32 }, { "ES256", 1, 0 }, { "RSA1_5", 1, 0 },
		{ "ECDH-ES+A128KW", 1, 0 } };
	const struct alg *dir = alg_by_id(VH_ALG_DIR);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct alg *a = alg_by_name(slice_text(rows[i].alg));

		for (size_t n = 0; n <= 600; n++)
			cr_expect_eq(alg_takes_secret(a, n),
			    n >= rows[i].from && n <= rows[i].to, "%s %zu",
			    a->name, n);
	}
	for (size_t n = 0; n <= 600; n++)
		cr_expect_eq(alg_takes_secret(dir, n),
		    n == 16 || n == 24 || n == 32 || n == 48 || n == 64);
}

Test(alg, rsa1_5_alone_needs_a_pin)
{
	for (size_t i = 0; alg_at(i) != NULL; i++)
		cr_expect_eq(alg_needs_pin(alg_at(i)),
		    alg_at(i)->id == VH_ALG_RSA1_5);
}
