#include "vault/import.h"

#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "test_import_help.h"

TestSuite(import_pem, .init = open_arena, .timeout = 60);

static struct buf *
encrypted(EVP_PKEY *pkey, bool old)
{
	static unsigned char password[] = "secret";
	struct buf *b = buf_new(65536);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	int ok = old ? PEM_write_bio_PrivateKey_traditional(bio, pkey,
			   EVP_aes_128_cbc(), password, 6, NULL, NULL)
		     : PEM_write_bio_PrivateKey(bio, pkey, EVP_aes_128_cbc(),
			   password, 6, NULL, NULL);

	cr_assert_eq(ok, 1);
	long len = BIO_get_mem_data(bio, &text);

	buf_put(b, slice_of(text, (size_t)len));
	BIO_free(bio);
	return b;
}

static struct buf *
certificate(EVP_PKEY *pkey)
{
	struct buf *b = buf_new(65536);
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = X509_new();
	char *text;

	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	cr_assert_eq(X509_set_pubkey(x, pkey), 1);
	cr_assert_gt(X509_sign(x, pkey, EVP_sha256()), 0);
	cr_assert_eq(PEM_write_bio_X509(bio, x), 1);
	long len = BIO_get_mem_data(bio, &text);

	buf_put(b, slice_of(text, (size_t)len));
	BIO_free(bio);
	X509_free(x);
	return b;
}

Test(import_pem, several_keys_of_one_file_are_all_taken)
{
	AUTO(buf_free) struct buf *file = buf_new(65536);

	for (size_t i = 0; i < 3; i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
		AUTO(buf_free)
		struct buf *pem = key_file(pkey, i == 0 ? OLD_PEM : PKCS8_PEM);

		buf_format(file, "key %zu\n", i);
		buf_put(file, buf_slice(pem));
	}
	struct tried t = import_try(buf_slice(file), &sig);

	cr_expect_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_eq(store_count(t.store), 3);
	tried_done(&t);
}

/* Every way to cut off the second of two keys: never taken as one key. */
Test(import_pem, a_cut_second_key_refuses_the_file)
{
	AUTO(pkey_free) EVP_PKEY *one = make_curve("P-256");
	AUTO(pkey_free) EVP_PKEY *two = make_curve("P-256");
	AUTO(buf_free) struct buf *file = key_file(one, PKCS8_PEM);
	AUTO(buf_free) struct buf *second = key_file(two, PKCS8_PEM);
	size_t first = file->len;
	bool same;

	buf_put(file, buf_slice(second));
	for (size_t n = first + 1; n < file->len - 1; n++)
		cr_expect_not(import_accepts(slice_of(file->p, n), &sig, one,
				  &same),
		    "%zu", n);
}

Test(import_pem, windows_line_ends_and_text_around_are_fine)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *pem = key_file(pkey, PKCS8_PEM);
	AUTO(buf_free) struct buf *file = buf_new(65536);

	buf_put_text(file, "0 Bag Attributes: <No Attributes>\r\n");
	for (size_t i = 0; i < pem->len; i++) {
		if (pem->p[i] == '\n')
			buf_put_text(file, " \r");
		buf_put_u8(file, pem->p[i]);
	}
	import_gives(buf_slice(file), &sig, pkey);
}

Test(import_pem, ec_parameters_before_the_key_are_skipped)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *pem = key_file(pkey, OLD_PEM);
	AUTO(buf_free) struct buf *file = buf_new(65536);

	buf_put_text(file, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
			   "-----END EC PARAMETERS-----\n");
	buf_put(file, buf_slice(pem));
	import_gives(buf_slice(file), &sig, pkey);
}

Test(import_pem, a_certificate_beside_the_key_is_skipped_and_alone_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *pem = key_file(pkey, PKCS8_PEM);
	AUTO(buf_free) struct buf *file = certificate(pkey);

	import_refused(buf_slice(file), &sig, VH_EKEY,
	    "public key only (a certificate), private key expected");
	buf_put(file, buf_slice(pem));
	import_gives(buf_slice(file), &sig, pkey);
}

Test(import_pem, encrypted_keys_without_a_passphrase_are_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *new = encrypted(pkey, false);
	AUTO(buf_free) struct buf *old = encrypted(pkey, true);
	static const char text[] =
	    "line 1: private key is encrypted, expected a passphrase_file";

	import_refused(buf_slice(new), &sig, VH_EKEY, text);
	import_refused(buf_slice(old), &sig, VH_EKEY, text);
}

Test(import_pem, damage_is_named)
{
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "-----BEGIN PRIVATE KEY-----\n", "line 1: malformed or cut" },
		{ "-----BEGIN PRIVATE KEY-----\nAA==\n-----END CAT-----\n",
		    "line 3: malformed or cut off" },
		{ "\n-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----",
		    "line 2: malformed base64" },
		{ "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		    "line 1: malformed DER" },
		{ "-----BEGIN PRIVATE KEY-----\nX: y\n"
		  "-----END PRIVATE KEY-----\n",
		    "PEM header not supported" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n"
		  "-----END OPENSSH PRIVATE KEY-----\n",
		    "PEM label \"OPENSSH PRIVATE KEY\" not supported" },
		{ "-----BEGIN EC PARAMETERS-----\nAA==\n"
		  "-----END EC PARAMETERS-----\n",
		    "no private key in this PEM file" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		import_refused(slice_text(rows[i].file), &sig, VH_EKEY,
		    rows[i].says);
}

/* Base64 of 36 letters has one encoding only; a flip elsewhere damages a
 * boundary or is white space for white space. */
Test(import_pem, a_flipped_bit_never_gives_another_key)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *pem = key_file(pkey, OLD_PEM);
	bool same;

	for (size_t bit = 0; bit < pem->len * 8; bit++) {
		pem->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bool taken = import_accepts(buf_slice(pem), &sig, pkey, &same);

		cr_expect(!taken || same, "bit %zu", bit);
		pem->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
