#include "vault/import.h"

#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "test_import_help.h"

TestSuite(import_der, .init = open_arena, .timeout = 60);

/* RFC 8410, 10.3: with attributes and the public key. */
static const char with_public[] =
    "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
    "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB"
    "Z9w7lshQhqowtrbLDFw4rXAxZuE=";

Test(import_der, rfc_8410_key_with_public_part_is_taken)
{
	struct tried t = import_try(slice_text(with_public), &sig);

	cr_expect_eq(t.err, VH_OK, "%s", t.why);
	cr_expect_eq(store_count(t.store), 1);
	tried_done(&t);
}

Test(import_der, rfc_8410_key_with_another_public_part_is_refused)
{
	AUTO(buf_free)
	struct buf *b = replaced(slice_text(with_public), "xZuE=", "xZuI=");

	import_refused(buf_slice(b), &sig, VH_EKEY,
	    "private and public part do not match");
}

Test(import_der, other_curves_and_types_are_named)
{
	static const struct {
		const char *type, *says;
	} rows[] = {
		{ "secp224r1",
		    "curve secp224r1 not supported, expected P-256" },
		{ "brainpoolP256r1", "curve brainpoolP256r1 not supported" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(pkey_free) EVP_PKEY *pkey = make_curve(rows[i].type);
		AUTO(buf_free) struct buf *p8 = key_file(pkey, PKCS8_DER);

		import_refused(buf_slice(p8), &sig, VH_EKEY, rows[i].says);
		AUTO(buf_free) struct buf *old = key_file(pkey, OLD_PEM);

		import_refused(buf_slice(old), &sig, VH_EKEY, rows[i].says);
	}
}

Test(import_der, explicit_parameters_are_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");

	cr_assert_eq(EVP_PKEY_set_utf8_string_param(pkey,
			 OSSL_PKEY_PARAM_EC_ENCODING,
			 OSSL_PKEY_EC_ENCODING_EXPLICIT),
	    1);
	AUTO(buf_free) struct buf *p8 = key_file(pkey, PKCS8_DER);
	AUTO(buf_free) struct buf *old = key_file(pkey, OLD_DER);

	import_refused(buf_slice(p8), &sig, VH_EKEY,
	    "curve given by explicit parameters");
	import_refused(buf_slice(old), &sig, VH_EKEY,
	    "curve given by explicit parameters");
}

Test(import_der, a_compressed_point_is_taken)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-384");

	cr_assert_eq(EVP_PKEY_set_utf8_string_param(pkey,
			 OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
			 OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
	    1);
	AUTO(buf_free) struct buf *der = key_file(pkey, OLD_DER);

	import_gives(buf_slice(der), &sig, pkey);
}

Test(import_der, a_key_without_its_point_is_taken)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-521");

	cr_assert_eq(EVP_PKEY_set_int_param(pkey,
			 OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0),
	    1);
	AUTO(buf_free) struct buf *with = key_file(pkey, OLD_DER);

	import_gives(buf_slice(with), &sig, pkey);
}

Test(import_der, long_form_of_a_short_length_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("ED25519");
	AUTO(buf_free) struct buf *der = key_file(pkey, PKCS8_DER);
	AUTO(buf_free) struct buf *ber = buf_new(256);

	buf_put_u8(ber, der->p[0]);
	buf_put_u8(ber, 0x81);
	buf_put(ber, slice_of(der->p + 1, der->len - 1));
	import_refused(buf_slice(ber), &sig, VH_EKEY, "malformed DER");
}

Test(import_der, d_out_of_range_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *der = key_file(pkey, OLD_DER);

	/* SEQUENCE, INTEGER 1, OCTET STRING of 32 bytes. */
	memset(der->p + 7, 0, 32);
	import_refused(buf_slice(der), &sig, VH_EKEY, "d is out of range");
	memset(der->p + 7, 0xff, 32);
	import_refused(buf_slice(der), &sig, VH_EKEY, "d is out of range");
}

Test(import_der, an_encrypted_key_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *pkey = make_curve("P-256");
	AUTO(buf_free) struct buf *file = buf_new(65536);
	static const char password[] = "secret";
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	cr_assert_eq(i2d_PKCS8PrivateKey_bio(bio, pkey, EVP_aes_128_cbc(),
			 password, sizeof password - 1, NULL, NULL),
	    1);
	long len = BIO_get_mem_data(bio, &text);

	buf_put(file, slice_of(text, (size_t)len));
	BIO_free(bio);
	import_refused(buf_slice(file), &sig, VH_EKEY,
	    "private key is encrypted, expected a passphrase_file");
}
