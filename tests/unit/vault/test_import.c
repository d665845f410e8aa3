#include "vault/import.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "test_import_help.h"

TestSuite(import, .init = open_arena, .timeout = 120);

/* Every kind of key, and a use that fits it. */
static const struct {
	const char *name;
	const struct key_terms *terms;
} kinds[] = {
	{ "RSA", &sig },
	{ "P-256", &sig },
	{ "P-384", &enc },
	{ "P-521", &sig },
	{ "ED25519", &sig },
	{ "X25519", &enc },
	{ "secp256k1", &sig },
	{ "ED448", &sig },
	{ "X448", &enc },
};

static EVP_PKEY *
make_kind(const char *name)
{
	return strcmp(name, "RSA") == 0 ? make_rsa(2048, "65537")
					: make_curve(name);
}

static bool
has_old_form(const char *name)
{
	return strcmp(name, "RSA") == 0 || name[0] == 'P' || name[0] == 's';
}

Test(import, pem_of_every_kind_gives_its_key)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_kind(kinds[i].name);
		AUTO(buf_free) struct buf *p8 = key_file(pkey, PKCS8_PEM);

		import_gives(buf_slice(p8), kinds[i].terms, pkey);
		if (!has_old_form(kinds[i].name))
			continue;
		AUTO(buf_free) struct buf *old = key_file(pkey, OLD_PEM);

		import_gives(buf_slice(old), kinds[i].terms, pkey);
	}
}

Test(import, der_of_every_kind_and_its_base64_give_its_key)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_kind(kinds[i].name);
		AUTO(buf_free) struct buf *p8 = key_file(pkey, PKCS8_DER);
		AUTO(buf_free) struct buf *b64 = base64_of(buf_slice(p8));

		import_gives(buf_slice(p8), kinds[i].terms, pkey);
		import_gives(buf_slice(b64), kinds[i].terms, pkey);
		if (!has_old_form(kinds[i].name))
			continue;
		AUTO(buf_free) struct buf *old = key_file(pkey, OLD_DER);
		AUTO(buf_free) struct buf *old64 = base64_of(buf_slice(old));

		import_gives(buf_slice(old), kinds[i].terms, pkey);
		import_gives(buf_slice(old64), kinds[i].terms, pkey);
	}
}

Test(import, base64_may_be_broken_into_lines)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *der = key_file(pkey, PKCS8_DER);
	AUTO(buf_free) struct buf *b64 = base64_of(buf_slice(der));
	AUTO(buf_free) struct buf *lines = buf_new(65536);

	buf_put_text(lines, " \n");
	for (size_t i = 0; i < b64->len; i += 64) {
		size_t len = b64->len - i < 64 ? b64->len - i : 64;

		buf_put(lines, slice_of(b64->p + i, len));
		buf_put_text(lines, "\r\n");
	}
	import_gives(buf_slice(lines), &sig, pkey);
}

Test(import, a_pipe_is_read_to_its_end)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *pem = key_file(pkey, PKCS8_PEM);
	AUTO(buf_free) struct buf *file = buf_new(65536);

	for (size_t i = 0; i < 400; i++)
		buf_put_text(file, "a comment of some length\n");
	buf_put(file, buf_slice(pem));
	struct tried t = import_piped(buf_slice(file), &sig);

	cr_expect_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_eq(store_count(t.store), 1);
	tried_done(&t);
}

Test(import, what_cannot_be_read_is_an_error_of_input)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	AUTO(store_free) struct store *store = store_new();

	cr_expect_eq(import_fd(-1, &sig, 1, NULL, store, why), VH_EIO);
	buf_put_u8(why, 0);
	cr_expect_str_eq((const char *)why->p, "cannot read: EBADF");
}

Test(import, what_is_no_key_file_is_refused)
{
	import_refused(slice_text(""), &sig, VH_EKEY, "empty");
	import_refused(slice_text(" \r\n\t"), &sig, VH_EKEY, "empty");
	import_refused(slice_text("hello"), &sig, VH_EKEY, "unknown format");
	import_refused(slice_of("\0\0\0", 3), &sig, VH_EKEY, "unknown format");
	import_refused(slice_text("[]"), &sig, VH_EKEY, "unknown format");
	import_refused(slice_text("aGVsbG8="), &sig, VH_EKEY, "malformed DER");
}

/* Takes more than the 8 MiB that everybody may lock. */
Test(import_large, a_file_past_the_bound_is_refused)
{
	if (arena_open(12u << 20) != VH_OK)
		cr_skip_test("NO LARGE ARENA: raise RLIMIT_MEMLOCK to 12 MiB");
	size_t len = IMPORT_FILE_MAX + 1;
	char *spaces = malloc(len);

	memset(spaces, ' ', len);
	import_refused(slice_of(spaces, len), &sig, VH_ETOOBIG, "more than");
	import_refused(slice_of(spaces, len - 1), &sig, VH_EKEY, "empty");
	free(spaces);
}

Test(import, public_keys_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_kind(kinds[i].name);
		AUTO(buf_free) struct buf *pem = key_file(pkey, PUBLIC_PEM);
		AUTO(buf_free) struct buf *der = key_file(pkey, PUBLIC_DER);

		import_refused(buf_slice(pem), kinds[i].terms, VH_EKEY,
		    "public key only, private key expected");
		import_refused(buf_slice(der), kinds[i].terms, VH_EKEY,
		    "public key only, private key expected");
	}
}

Test(import, weak_rsa_keys_are_refused_in_every_format)
{
	AUTO(pkey_free) EVP_PKEY *small = make_rsa(1024, "65537");
	AUTO(pkey_free) EVP_PKEY *three = make_rsa(2048, "3");
	AUTO(pkey_free)
	EVP_PKEY *large = make_rsa(2048, "18446744073709551629");
	static const char bits[] =
	    "RSA modulus has 1024 bits, expected 2048 to";
	static const char e[] = "RSA exponent e is unsound";

	for (enum form form = PKCS8_PEM; form <= OLD_DER; form++) {
		AUTO(buf_free) struct buf *f1 = key_file(small, form);
		AUTO(buf_free) struct buf *f2 = key_file(three, form);
		AUTO(buf_free) struct buf *f3 = key_file(large, form);

		import_refused(buf_slice(f1), &sig, VH_EKEY, bits);
		import_refused(buf_slice(f2), &sig, VH_EKEY, e);
		import_refused(buf_slice(f3), &sig, VH_EKEY, e);
	}
	AUTO(buf_free) struct buf *j1 = jwk_file(small, "");
	AUTO(buf_free) struct buf *j2 = jwk_file(three, "");

	import_refused(buf_slice(j1), &sig, VH_EKEY, bits);
	import_refused(buf_slice(j2), &sig, VH_EKEY, e);
}

Test(import, use_has_to_come_from_somewhere)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *pem = key_file(pkey, PKCS8_PEM);

	import_refused(buf_slice(pem), &no_terms, VH_EKEY,
	    "use missing: the key spec or the JWK must say sig or enc");
}

Test(import, terms_that_do_not_fit_are_refused)
{
	AUTO(pkey_free) EVP_PKEY *ec = make_curve("P-256");
	AUTO(pkey_free) EVP_PKEY *ed = make_curve("ED25519");
	AUTO(pkey_free) EVP_PKEY *x = make_curve("X25519");
	AUTO(buf_free) struct buf *ec_pem = key_file(ec, PKCS8_PEM);
	AUTO(buf_free) struct buf *ed_pem = key_file(ed, PKCS8_PEM);
	AUTO(buf_free) struct buf *x_pem = key_file(x, PKCS8_PEM);
	struct key_terms es384 = { .use = VH_USE_SIG,
		.pin = alg_by_id(VH_ALG_ES384) };
	struct key_terms crossed = { .use = VH_USE_ENC,
		.pin = alg_by_id(VH_ALG_ES256) };

	import_refused(buf_slice(ec_pem), &es384, VH_EALG,
	    "alg \"ES384\" does not fit an EC P-256 key");
	import_refused(buf_slice(ec_pem), &crossed, VH_EALG,
	    "alg \"ES256\" does not fit use \"enc\"");
	import_refused(buf_slice(ed_pem), &enc, VH_EKEY,
	    "use \"enc\" does not fit an Ed25519 key");
	import_refused(buf_slice(x_pem), &sig, VH_EKEY,
	    "use \"sig\" does not fit an X25519 key");
}

Test(import, one_kid_with_other_terms_is_refused_and_with_the_same_dropped)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *one = jwk_file(pkey, ",\"use\":\"sig\"");
	AUTO(buf_free) struct buf *two = jwk_file(pkey, ",\"use\":\"enc\"");
	AUTO(buf_free) struct buf *same = buf_new(65536);
	AUTO(buf_free) struct buf *other = buf_new(65536);

	buf_format(same, "{\"keys\":[%.*s,%.*s]}", (int)one->len, one->p,
	    (int)one->len, one->p);
	buf_format(other, "{\"keys\":[%.*s,%.*s]}", (int)one->len, one->p,
	    (int)two->len, two->p);
	import_gives(buf_slice(same), &no_terms, pkey);
	import_refused(buf_slice(other), &no_terms, VH_EDUPLICATE,
	    "another use");
}

Test(import, truncated_der_is_never_taken)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_kind(kinds[i].name);
		AUTO(buf_free) struct buf *p8 = key_file(pkey, PKCS8_DER);
		AUTO(buf_free) struct buf *old = key_file(pkey, OLD_DER);
		bool same;

		for (size_t n = 0; n < p8->len; n++)
			cr_expect_not(import_accepts(slice_of(p8->p, n),
					  kinds[i].terms, pkey, &same),
			    "%s, %zu", kinds[i].name, n);
		for (size_t n = 0; n < old->len; n++)
			cr_expect_not(import_accepts(slice_of(old->p, n),
					  kinds[i].terms, pkey, &same),
			    "%s, %zu", kinds[i].name, n);
	}
}

Test(import, truncated_base64_and_pem_are_never_taken)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-384");
	AUTO(buf_free) struct buf *der = key_file(pkey, OLD_DER);
	AUTO(buf_free) struct buf *b64 = base64_of(buf_slice(der));
	AUTO(buf_free) struct buf *pem = key_file(pkey, OLD_PEM);
	bool same;

	for (size_t n = 0; n < b64->len; n++)
		cr_expect_not(import_accepts(slice_of(b64->p, n), &sig, pkey,
				  &same),
		    "%zu", n);
	/* The line break at the end may be missing. */
	for (size_t n = 0; n < pem->len - 1; n++)
		cr_expect_not(import_accepts(slice_of(pem->p, n), &sig, pkey,
				  &same),
		    "%zu", n);
}

Test(import, der_with_a_byte_more_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_kind(kinds[i].name);
		AUTO(buf_free) struct buf *der = key_file(pkey, PKCS8_DER);

		buf_put_u8(der, 0);
		import_refused(buf_slice(der), kinds[i].terms, VH_EKEY,
		    "malformed DER");
	}
}

/* A flipped bit of a key with both parts breaks the pair; PKCS#8 of an OKP key
 * has the private part only, so that another sound key comes out; some bits of
 * an X25519 key do not count (RFC 7748, 5). */
Test(import, der_with_a_flipped_bit_is_never_taken_for_the_key)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_kind(kinds[i].name);
		AUTO(buf_free) struct buf *der = key_file(pkey, OLD_DER);
		bool paired = has_old_form(kinds[i].name), same;
		bool exact = kinds[i].name[0] != 'X';

		for (size_t bit = 0; bit < der->len * 8; bit++) {
			der->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
			bool taken = import_accepts(buf_slice(der),
			    kinds[i].terms, pkey, &same);

			cr_expect_not(taken && (paired || (exact && same)),
			    "%s, bit %zu", kinds[i].name, bit);
			der->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* Bytes in use after rounds of good and bad imports: of the arena, and of the
 * heap, where libcrypto and jansson allocate under this test runner. */
static size_t
used_after(const struct buf *const *files, size_t count, size_t rounds)
{
	for (size_t i = 0; i < rounds; i++)
		for (size_t k = 0; k < count; k++) {
			struct tried t = import_try(buf_slice(files[k]), &sig);

			tried_done(&t);
		}
	return arena_size() - arena_unused() + mallinfo2().uordblks;
}

Test(import, neither_success_nor_failure_keeps_memory)
{
	AUTO(pkey_free) EVP_PKEY *ec = make_curve("P-256");
	AUTO(pkey_free) EVP_PKEY *other = make_curve("P-256");
	AUTO(pkey_free) EVP_PKEY *rsa = make_rsa(2048, "65537");
	AUTO(buf_free) struct buf *pem = key_file(ec, PKCS8_PEM);
	AUTO(buf_free) struct buf *der = key_file(rsa, OLD_DER);
	AUTO(buf_free) struct buf *jwk = jwk_file(rsa, "");
	AUTO(buf_free) struct buf *bad_jwk = jwk_file(rsa, ",\"use\":\"enc\"");
	AUTO(buf_free) struct buf *good = jwk_file(ec, "");
	AUTO(buf_free) struct buf *second = jwk_file(other, ",\"alg\":\"x\"");
	AUTO(buf_free) struct buf *set = buf_new(65536);
	AUTO(buf_free) struct buf *off = jwk_file(ec, "");
	AUTO(buf_free) struct buf *public = key_file(ec, PUBLIC_PEM);
	uint8_t *y = memmem(off->p, off->len, "\"y\":\"", 5);

	y[10] = y[10] == 'A' ? 'B' : 'A';
	der->p[der->len / 2] ^= 1;
	buf_format(set, "{\"keys\":[%.*s,%.*s]}", (int)good->len, good->p,
	    (int)second->len, second->p);
	const struct buf *files[] = { pem, der, jwk, bad_jwk, good, set, off,
		public };
	size_t before = used_after(files, ARRAY_LEN(files), 500);

	/* malloc counts what it keeps for itself, up to 18,000 bytes seen; a
	 * block of 16 lost with one file a round would be 32,000. */
	cr_expect_lt(used_after(files, ARRAY_LEN(files), 2000), before + 28000);
}
