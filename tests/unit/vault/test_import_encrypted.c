#include "vault/import_encrypted.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <unistd.h>

#include "test_import_help.h"

TestSuite(import_encrypted, .init = open_arena, .timeout = 60);

#define PASS  "correct horse"
#define WRONG "wrong passphrase, or the file is damaged"

static struct buf *
bytes_of(BIO *bio)
{
	struct buf *b = buf_new(65536);
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	buf_put(b, slice_of(text, (size_t)len));
	BIO_free(bio);
	return b;
}

/* PKCS#8 under PASS; method -1 is PBES2 with cipher. */
static struct buf *
pkcs8(EVP_PKEY *pkey, int method, const EVP_CIPHER *cipher, int rounds,
    bool pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PKCS8_PRIV_KEY_INFO *key = EVP_PKEY2PKCS8(pkey);
	X509_SIG *box = PKCS8_encrypt(method, cipher, PASS, sizeof PASS - 1,
	    NULL, 0, rounds, key);

	cr_assert_not_null(box);
	cr_assert_eq(pem ? PEM_write_bio_PKCS8(bio, box)
			 : i2d_PKCS8_bio(bio, box),
	    1);
	X509_SIG_free(box);
	PKCS8_PRIV_KEY_INFO_free(key);
	return bytes_of(bio);
}

static struct buf *
old_pem(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_PrivateKey_traditional(bio, pkey, cipher,
			 (const unsigned char *)PASS, sizeof PASS - 1, NULL,
			 NULL),
	    1);
	return bytes_of(bio);
}

static void
gives(struct slice file, EVP_PKEY *pkey)
{
	struct key_terms terms = sig;

	terms.passphrase = slice_text(PASS);
	import_gives(file, &terms, pkey);
}

static void
refused(struct slice file, const char *pass, const char *text)
{
	struct key_terms terms = sig;

	terms.passphrase = slice_text(pass);
	import_refused(file, &terms, VH_EKEY, text);
}

Test(import_encrypted, every_supported_cipher_opens_pkcs8)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	const struct {
		int method;
		const EVP_CIPHER *cipher;
	} rows[] = { { -1, EVP_aes_128_cbc() }, { -1, EVP_aes_192_cbc() },
		{ -1, EVP_aes_256_cbc() }, { -1, EVP_des_ede3_cbc() },
		{ NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NULL } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int pem = 0; pem < 2; pem++) {
			AUTO(buf_free)
			struct buf *file = pkcs8(pkey, rows[i].method,
			    rows[i].cipher, 1000, pem == 1);

			gives(buf_slice(file), pkey);
			refused(buf_slice(file), PASS "!", WRONG);
		}
}

Test(import_encrypted, every_supported_cipher_opens_a_traditional_file)
{
	AUTO(pkey_free) EVP_PKEY *ec = make_curve("P-384");
	AUTO(pkey_free) EVP_PKEY *rsa = make_rsa(2048, "65537");
	const EVP_CIPHER *rows[] = { EVP_aes_128_cbc(), EVP_aes_192_cbc(),
		EVP_aes_256_cbc(), EVP_des_ede3_cbc() };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free) struct buf *one = old_pem(ec, rows[i]);
		AUTO(buf_free) struct buf *two = old_pem(rsa, rows[i]);

		gives(buf_slice(one), ec);
		gives(buf_slice(two), rsa);
		refused(buf_slice(one), "other", WRONG);
	}
}

/* Good padding comes out once in 256 times: always the same refusal. */
Test(import_encrypted, a_thousand_wrong_passphrases_read_the_same)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free)
	struct buf *file = pkcs8(pkey, -1, EVP_aes_128_cbc(), 1, true);
	char pass[16];

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(pass, sizeof pass, "%d", i);
		refused(buf_slice(file), pass, "line 1: " WRONG);
	}
}

Test(import_encrypted, too_many_rounds_are_refused_before_any_runs)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free)
	struct buf *file = pkcs8(pkey, -1, EVP_aes_128_cbc(), 1000, false);
	const unsigned char *p = file->p;
	X509_SIG *box = d2i_X509_SIG(NULL, &p, (long)file->len);
	X509_ALGOR *alg, *many = PKCS5_pbe2_set(EVP_aes_128_cbc(),
			     (int)IMPORT_ITERATIONS_MAX + 1, NULL, 0);
	unsigned char *der = NULL;

	X509_SIG_getm(box, &alg, NULL);
	cr_assert_eq(X509_ALGOR_copy(alg, many), 1);
	int len = i2d_X509_SIG(box, &der);

	refused(slice_of(der, (size_t)len), PASS,
	    "expected 1 to 10000000 in all");
	OPENSSL_free(der);
	X509_ALGOR_free(many);
	X509_SIG_free(box);
}

Test(import_encrypted, rounds_of_one_file_add_up)
{
	struct buf *why = buf_new(256);
	const struct import in = { &sig, 1, NULL, NULL, why };
	struct encrypted e = { .in = &in };
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	cr_assert_eq(ASN1_INTEGER_set_uint64(n, IMPORT_ITERATIONS_MAX - 1), 1);
	cr_expect_eq(encrypted_spend(&e, n), VH_OK);
	cr_assert_eq(ASN1_INTEGER_set_uint64(n, 1), 1);
	cr_expect_eq(encrypted_spend(&e, n), VH_OK);
	cr_expect_eq(encrypted_spend(&e, n), VH_EKEY);
	cr_assert_eq(ASN1_INTEGER_set_int64(n, -1), 1);
	e.spent = 0;
	cr_expect_eq(encrypted_spend(&e, n), VH_EKEY);
	ASN1_INTEGER_free(n);
	buf_free(why);
}

Test(import_encrypted, other_methods_are_named)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free)
	struct buf *camellia =
	    pkcs8(pkey, -1, EVP_camellia_128_cbc(), 1000, false);

	refused(buf_slice(camellia), PASS,
	    "encryption camellia-128-cbc not supported");
	/* scrypt wants memory of its own choice. */
	BIO *bio = BIO_new(BIO_s_mem());
	PKCS8_PRIV_KEY_INFO *key = EVP_PKEY2PKCS8(pkey);
	X509_ALGOR *alg =
	    PKCS5_pbe2_set_scrypt(EVP_aes_128_cbc(), NULL, 0, NULL, 16, 1, 1);
	X509_SIG *made = PKCS8_set0_pbe(PASS, sizeof PASS - 1, key, alg);

	cr_assert_eq(i2d_PKCS8_bio(bio, made), 1);
	X509_SIG_free(made);
	PKCS8_PRIV_KEY_INFO_free(key);
	AUTO(buf_free) struct buf *scrypt = bytes_of(bio);

	refused(buf_slice(scrypt), PASS, "encryption scrypt not supported");
}

Test(import_encrypted, a_passphrase_does_not_hurt_a_plain_key)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *plain = key_file(pkey, PKCS8_PEM);

	gives(buf_slice(plain), pkey);
}

/* Cut anywhere it is no key; with bits flipped anywhere none, or the same.
 */
static void
expect_no_other_key(struct buf *file, EVP_PKEY *pkey, uint8_t flip)
{
	struct key_terms terms = sig;
	bool same;

	terms.passphrase = slice_text(PASS);
	for (size_t n = 1; n < file->len; n++)
		cr_expect_not(import_accepts(slice_of(file->p, n), &terms, pkey,
				  &same),
		    "%zu", n);
	for (size_t i = 0; i < file->len; i++) {
		file->p[i] ^= flip;
		bool taken =
		    import_accepts(buf_slice(file), &terms, pkey, &same);

		cr_expect(!taken || same, "byte %zu", i);
		file->p[i] ^= flip;
	}
}

Test(import_encrypted, no_cut_or_flipped_file_gives_another_key)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free)
	struct buf *file = pkcs8(pkey, -1, EVP_aes_128_cbc(), 1, false);

	expect_no_other_key(file, pkey, 1);
}

static enum vh_err
read_passphrase(const char *text, size_t len, struct secret **out)
{
	FILE *file = tmpfile();
	AUTO(buf_free) struct buf *why = buf_new(256);

	cr_assert_not_null(file);
	int fd = fileno(file);

	cr_assert_eq(pwrite(fd, text, len, 0), (ssize_t)len);
	enum vh_err err = import_passphrase(fd, out, why);

	(void)fclose(file); /* the descriptor moved, and nothing else */
	return err;
}

Test(import_encrypted, a_passphrase_loses_its_line_end_and_nothing_else)
{
	static const char *const texts[] = { " a b ", " a b \n", " a b \r\n" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(secret_free) struct secret *pass = NULL;

		cr_assert_eq(read_passphrase(texts[i], strlen(texts[i]), &pass),
		    VH_OK);
		cr_expect(slice_is(secret_ro(pass), " a b "), "%zu", i);
	}
}

Test(import_encrypted, what_is_not_one_line_is_no_passphrase)
{
	char longest[IMPORT_PASSPHRASE_MAX + 1];
	struct secret *pass = NULL;

	memset(longest, 'x', sizeof longest);
	cr_expect_eq(read_passphrase("", 0, &pass), VH_EKEY);
	cr_expect_eq(read_passphrase("\n", 1, &pass), VH_EKEY);
	cr_expect_eq(read_passphrase("a\nb", 3, &pass), VH_EKEY);
	cr_expect_eq(read_passphrase("a\0b", 3, &pass), VH_EKEY);
	cr_expect_eq(read_passphrase(longest, sizeof longest, &pass), VH_EKEY);
	cr_expect_null(pass);
	cr_expect_eq(read_passphrase(longest, sizeof longest - 1, &pass),
	    VH_OK);
	secret_free(pass);
}

/* --- PKCS#12 ----------------------------------------------------------------
 */

static X509 *
certificate_of(EVP_PKEY *pkey)
{
	X509 *x = X509_new();

	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	cr_assert_eq(X509_set_pubkey(x, pkey), 1);
	cr_assert_gt(X509_sign(x, pkey, EVP_sha256()), 0);
	return x;
}

static struct buf *
pkcs12(EVP_PKEY *pkey, int key_method, int cert_method, int rounds)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = pkey == NULL ? NULL : certificate_of(pkey);
	PKCS12 *p12 = PKCS12_create(PASS, "name", pkey, x, NULL, key_method,
	    cert_method, rounds, rounds, 0);

	cr_assert_not_null(p12);
	cr_assert_eq(i2d_PKCS12_bio(bio, p12), 1);
	PKCS12_free(p12);
	X509_free(x);
	return bytes_of(bio);
}

Test(import_encrypted, pkcs12_gives_its_key_and_the_certificate_is_ignored)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_rsa(2048, "65537");
	const struct {
		int key, cert;
	} rows[] = { { NID_aes_256_cbc, NID_aes_256_cbc },
		{ NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
		    NID_pbe_WithSHA1And3_Key_TripleDES_CBC },
		{ NID_aes_128_cbc, -1 }, { -1, -1 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free)
		struct buf *file =
		    pkcs12(pkey, rows[i].key, rows[i].cert, 1000);

		gives(buf_slice(file), pkey);
		refused(buf_slice(file), "other", WRONG);
		import_refused(buf_slice(file), &sig, VH_EKEY,
		    "private key is encrypted, expected a passphrase_file");
	}
}

Test(import_encrypted, pkcs12_asks_for_no_more_rounds_than_any_file)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free)
	struct buf *file = pkcs12(pkey, NID_aes_128_cbc, NID_aes_128_cbc, 1000);
	const unsigned char *p = file->p;
	PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)file->len);
	const ASN1_INTEGER *rounds;
	unsigned char *der = NULL;

	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
	cr_assert_eq(ASN1_INTEGER_set_uint64((ASN1_INTEGER *)(uintptr_t)rounds,
			 IMPORT_ITERATIONS_MAX + 1),
	    1);
	int len = i2d_PKCS12(p12, &der);

	refused(slice_of(der, (size_t)len), PASS,
	    "expected 1 to 10000000 in all");
	OPENSSL_free(der);
	PKCS12_free(p12);
}

static struct buf *
packed(STACK_OF(PKCS12_SAFEBAG) * bags, bool mac)
{
	BIO *bio = BIO_new(BIO_s_mem());
	STACK_OF(PKCS7) *safes = NULL;

	cr_assert_eq(PKCS12_add_safe(&safes, bags, -1, 0, NULL), 1);
	PKCS12 *p12 = PKCS12_add_safes(safes, 0);

	if (mac)
		cr_assert_eq(PKCS12_set_mac(p12, PASS, -1, NULL, 0, 1000, NULL),
		    1);
	cr_assert_eq(i2d_PKCS12_bio(bio, p12), 1);
	PKCS12_free(p12);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return bytes_of(bio);
}

Test(import_encrypted, pkcs12_of_no_key_several_keys_or_no_mac_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	X509 *x = certificate_of(pkey);
	STACK_OF(PKCS12_SAFEBAG) *none = NULL, *two = NULL, *one = NULL;

	cr_assert_not_null(PKCS12_add_cert(&none, x));
	for (int i = 0; i < 2; i++)
		cr_assert_not_null(
		    PKCS12_add_key(&two, pkey, 0, 1000, -1, PASS));
	cr_assert_not_null(PKCS12_add_key(&one, pkey, 0, 1000, -1, PASS));
	AUTO(buf_free) struct buf *empty = packed(none, true);
	AUTO(buf_free) struct buf *several = packed(two, true);
	AUTO(buf_free) struct buf *bare = packed(one, false);

	refused(buf_slice(empty), PASS, "no private key in this PKCS#12");
	refused(buf_slice(several), PASS, "several private keys, expected one");
	refused(buf_slice(bare), PASS, "without a MAC not supported");
	X509_free(x);
}

Test(import_encrypted, no_cut_or_flipped_pkcs12_gives_another_key)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free)
	struct buf *file = pkcs12(pkey, NID_aes_128_cbc, -1, 1);

	expect_no_other_key(file, pkey, 4);
}
