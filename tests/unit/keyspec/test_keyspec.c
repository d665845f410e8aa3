#include "reading.h"

static struct keyspec *
parsed(struct slice text)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	struct reading r = { "f", why };
	struct keyspec *spec = NULL;

	cr_assert_eq(keyspec_parse(&r, text, &spec), VH_OK, "%.*s",
	    (int)why->len, (const char *)why->p);
	return spec;
}

Test(keyspec, the_default_makes_a_key_of_every_kind)
{
	static const struct {
		const char *name;
		enum vh_kty kty;
		enum vh_crv crv;
		uint32_t bits;
		enum vh_use use;
	} wanted[] = {
		{ "ec-sig", VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG },
		{ "rsa-sig", VH_KTY_RSA, 0, 2048, VH_USE_SIG },
		{ "ed25519-sig", VH_KTY_OKP, VH_CRV_ED25519, 0, VH_USE_SIG },
		{ "ec-enc", VH_KTY_EC, VH_CRV_P256, 0, VH_USE_ENC },
		{ "rsa-enc", VH_KTY_RSA, 0, 2048, VH_USE_ENC },
		{ "x25519-enc", VH_KTY_OKP, VH_CRV_X25519, 0, VH_USE_ENC },
	};
	AUTO(keyspec_free)
	struct keyspec *spec = parsed(slice_text(keyspec_default_text()));

	cr_assert_eq(spec->keys.count, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct keyspec_key *key = &spec->keys.at[i];

		cr_expect_str_eq(key->name, wanted[i].name);
		cr_expect(key->generate.kty == wanted[i].kty &&
			      key->generate.crv == wanted[i].crv &&
			      key->generate.bits == wanted[i].bits &&
			      key->use == wanted[i].use && key->alg == 0 &&
			      key->count == 1 && key->allow.count == 0 &&
			      !key->delete,
		    "%s", key->name);
	}
	cr_expect_eq(spec->defaults.publish_before, 600000);
	cr_expect_eq(spec->defaults.keep_after, 86400000);
}

Test(keyspec, the_spec_of_the_design_says_what_it_means)
{
	AUTO(buf_free)
	struct buf *text = tree_file("tests/golden/keyspec/design.yaml");
	AUTO(keyspec_free) struct keyspec *spec = parsed(buf_slice(text));
	const struct keyspec_key *key = spec->keys.at;

	cr_assert_eq(spec->keys.count, 4);
	cr_expect_str_eq(key[0].name, "id-token");
	cr_expect_eq(key[0].alg, VH_ALG_ES256);
	cr_expect_eq(key[0].count, 2);
	cr_expect_eq(key[0].at.line, 5);
	cr_assert_eq(key[0].allow.count, 4);
	cr_expect_str_eq(key[0].allow.at[1], "uid:1001");
	cr_expect_str_eq(key[1].load.file, "keys/*.pem");
	cr_expect(key[1].delete &&key[1].use == VH_USE_ENC);
	cr_expect_eq(key[1].count, 0);
	cr_expect_eq(key[1].generate.kty, 0);
	cr_expect_str_eq(key[2].load.env, "VHSM_KEY");
	cr_expect(key[2].delete &&key[2].use == 0 && key[2].name == NULL);
	cr_expect_str_eq(key[3].load.credential, "signing.jwk");
	cr_expect_not(key[3].delete);
}

Test(keyspec, a_refused_spec_leaves_nothing)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	struct reading r = { "f", why };
	AUTO(keyspec_free) struct keyspec *spec = NULL;

	cr_expect_eq(keyspec_parse(&r, slice_text("version: 1\n"), &spec),
	    VH_ECONFIG);
	cr_expect_null(spec);
}

Test(keyspec, every_key_size_is_allowed_only_in_steps)
{
	for (unsigned bits = 2040; bits <= 8200; bits += 8) {
		AUTO(buf_free) struct buf *text = buf_new(256);
		AUTO(keyspec_free) struct keyspec *spec = NULL;
		struct reading r = { "f", NULL };

		buf_format(text,
		    "version: 1\nkeys: [{generate: {kty: RSA, bits: %u}, use: "
		    "sig}]\n",
		    bits);
		cr_expect_eq(keyspec_parse(&r, buf_slice(text), &spec),
		    bits >= 2048 && bits <= 8192 && bits % 256 == 0
			? VH_OK
			: VH_ECONFIG,
		    "%u", bits);
	}
}

/* Whatever kty, crv and use a spec names, it is accepted exactly if some
 * algorithm could use such a key, and a pin exactly if it is one of them. */
Test(keyspec, a_pin_is_accepted_exactly_if_it_fits)
{
	for (size_t c = 0; crv_at(c) != NULL; c++)
		for (size_t a = 0; alg_at(a) != NULL; a++)
			for (unsigned use = 1; use <= 2; use++) {
				AUTO(buf_free) struct buf *text = buf_new(256);
				AUTO(keyspec_free) struct keyspec *spec = NULL;
				struct reading r = { "f", NULL };
				const struct crv *crv = crv_at(c);
				bool fits =
				    alg_fits(alg_at(a), crv->kty, crv->id, use);

				buf_format(text,
				    "version: 1\nkeys: [{generate: {kty: %s, "
				    "crv: %s}, use: %s, alg: %s}]\n",
				    kty_name(crv->kty), crv->name,
				    use_name(use), alg_at(a)->name);
				cr_expect_eq(keyspec_parse(&r, buf_slice(text),
						 &spec),
				    fits ? VH_OK : VH_ECONFIG, "%.*s",
				    (int)text->len, (const char *)text->p);
			}
}

Test(keyspec, no_prefix_and_no_flipped_bit_does_harm, .timeout = 300)
{
	AUTO(buf_free)
	struct buf *text = tree_file("tests/golden/keyspec/design.yaml");

	expect_sane_near(TEXT_KEYSPEC, buf_slice(text));
}

Test(keyspec, the_default_near_and_far_does_no_harm, .timeout = 300)
{
	expect_sane_near(TEXT_KEYSPEC, slice_text(keyspec_default_text()));
}

Test(keyspec, a_thousand_entries_are_accepted_and_one_more_is_not)
{
	AUTO(buf_free) struct buf *text = buf_new(NODE_TEXT_MAX);
	AUTO(keyspec_free) struct keyspec *spec = NULL;
	struct reading r = { "f", NULL };

	buf_put_text(text, "version: 1\nkeys:\n");
	for (size_t i = 0; i < KEYSPEC_ENTRIES_MAX; i++)
		buf_format(text, "- {name: k%zu, load: {file: f%zu}}\n", i, i);
	cr_expect_eq(keyspec_parse(&r, buf_slice(text), &spec), VH_OK);
	keyspec_free(TAKE(spec));
	buf_put_text(text, "- {load: {file: more}}\n");
	cr_expect_eq(keyspec_parse(&r, buf_slice(text), &spec), VH_ECONFIG);
}
