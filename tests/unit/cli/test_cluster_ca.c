#include <criterion/criterion.h>
#include <openssl/pem.h>

#include "client/cli/cluster_ca.h"

#define NOW  INT64_C(1800000000)
#define DAY  INT64_C(86400)
#define YEAR (365 * DAY)

static struct ca *
new_ca(void)
{
	struct ca *ca = NULL;

	cr_assert_eq(ca_make(CA_TITLE, NOW, &ca), VH_OK);
	return ca;
}

static enum vh_err
issue_at(const struct ca *ca, enum cert_kind kind, time_t now, X509 **out)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	struct sans sans = { 0 };

	cr_assert_eq(x509_key_new(&key), VH_OK);
	cr_assert_eq(sans_add_node(&sans, slice_text("a")), VH_OK);
	cr_assert_eq(sans_add(&sans, slice_text("10.0.0.1")), VH_OK);
	return ca_issue(ca, &(struct leaf){ kind, "a", &sans, key }, now, out);
}

static X509 *
issue(const struct ca *ca, enum cert_kind kind)
{
	X509 *cert = NULL;

	cr_assert_eq(issue_at(ca, kind, NOW, &cert), VH_OK);
	return cert;
}

static void
expect_time(const ASN1_TIME *t, time_t want)
{
	cr_expect_eq(ASN1_TIME_cmp_time_t(t, want), 0);
}

Test(cluster_ca, lasts_ten_years_and_its_leaves_one)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	AUTO(X509_free) X509 *leaf = issue(ca, CERT_TLS);

	expect_time(X509_get0_notBefore(ca->cert), NOW - 3600);
	expect_time(X509_get0_notAfter(ca->cert), NOW + 3652 * DAY);
	expect_time(X509_get0_notBefore(leaf), NOW - 3600);
	expect_time(X509_get0_notAfter(leaf), NOW + YEAR);
	cr_expect_eq(X509_check_ca(ca->cert), 1);
	cr_expect_eq(X509_get_pathlen(ca->cert), 0);
	cr_expect_eq(X509_check_ca(leaf), 0);
}

Test(cluster_ca, no_leaf_outlives_its_ca)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	AUTO(X509_free) X509 *leaf = NULL;
	X509 *none = NULL;
	time_t end = ca_not_after(ca);

	cr_assert_eq(issue_at(ca, CERT_TLS, end - DAY, &leaf), VH_OK);
	expect_time(X509_get0_notAfter(leaf), end);
	cr_expect_eq(issue_at(ca, CERT_TLS, end, &none), VH_ECONFIG);
	cr_expect_eq(issue_at(ca, CERT_TLS, NOW - 3601, &none), VH_ECONFIG);
	cr_expect_null(none);
}

Test(cluster_ca, titles_are_1_to_64_printable_characters)
{
	static const char *const bad[] = { "", "a\nb", "\x7f", "\xff",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a"
		"aa" };
	AUTO(ca_free) struct ca *good = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ca *ca = NULL;

		cr_expect_eq(ca_make(bad[i], NOW, &ca), VH_EFIELD, "%zu", i);
		cr_expect_null(ca);
	}
	cr_expect_eq(ca_make("Gr\xc3\xbc\xc3\x9f"
			     "e, 1",
			 NOW, &good),
	    VH_OK);
}

Test(cluster_ca, serials_are_16_random_bytes)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	struct issued rows[8];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(X509_free) X509 *cert = issue(ca, CERT_RECORD);

		cr_assert(ca_describe(ca, cert, &rows[i]));
		/* 16 times one of 256 chances that a byte is lost. */
		cr_expect_geq(strlen(rows[i].serial), 26);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(rows[i].serial, rows[k].serial);
	}
}

Test(cluster_ca, addresses_are_in_a_tls_certificate_twice)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	AUTO(X509_free) X509 *cert = issue(ca, CERT_TLS);

	cr_expect_eq(X509_check_ip_asc(cert, "10.0.0.1", 0), 1);
	cr_expect_eq(X509_check_host(cert, "10.0.0.1", 0, 0, NULL), 1);
	cr_expect_eq(X509_check_host(cert, "a", 0, 0, NULL), 1);
	cr_expect_eq(X509_check_host(cert, "b", 0, 0, NULL), 0);
}

Test(cluster_ca, describes_what_it_issued_and_nothing_else)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	AUTO(ca_free) struct ca *other = new_ca();
	struct issued row;

	for (int kind = 0; kind < CERT_KINDS; kind++) {
		AUTO(X509_free) X509 *cert = issue(ca, (enum cert_kind)kind);

		cr_assert(ca_describe(ca, cert, &row));
		cr_expect_eq(row.kind, (enum cert_kind)kind);
		cr_expect_str_eq(row.name, "a");
		cr_expect_eq(row.not_after, NOW + YEAR);
		cr_expect_eq(row.revoked, 0);
		cr_expect(!ca_describe(other, cert, &row));
	}
	cr_expect(!ca_describe(ca, ca->cert, &row));
}

static bool
parse(const X509 *cert, const EVP_PKEY *key)
{
	AUTO(BIO_free_all) BIO *cert_pem = x509_pem_of_cert(cert);
	AUTO(BIO_free_all) BIO *key_pem = x509_pem_of_key(key);
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(ca_free) struct ca *ca = NULL;

	return ca_parse(x509_bytes(cert_pem), x509_bytes(key_pem), &ca, why);
}

Test(cluster_ca, is_read_only_with_its_own_key)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	AUTO(ca_free) struct ca *other = new_ca();
	AUTO(X509_free) X509 *leaf = issue(ca, CERT_TLS);
	AUTO(buf_free) struct buf *why = buf_new(256);
	struct ca *none = NULL;

	cr_expect(parse(ca->cert, ca->key));
	cr_expect(!parse(ca->cert, other->key));
	cr_expect(!parse(leaf, ca->key));
	cr_expect(!ca_parse(slice_text("x"), slice_text("y"), &none, why));
	cr_expect_null(none);
}

static struct cert_index *
new_index(const struct ca *ca, X509 *cert, time_t revoked)
{
	struct cert_index *x = NULL;
	struct issued row;
	size_t line;

	cr_assert_eq(index_parse(slice_of(NULL, 0), &x, &line), VH_OK);
	cr_assert(ca_describe(ca, cert, &row));
	row.revoked = revoked;
	cr_assert_eq(index_add(x, &row), VH_OK);
	return x;
}

Test(cluster_ca, the_list_has_what_is_revoked_and_lasts_as_long_as_the_ca)
{
	AUTO(ca_free) struct ca *ca = new_ca();
	AUTO(X509_free) X509 *cert = issue(ca, CERT_TLS);

	for (int revoked = 0; revoked < 2; revoked++) {
		AUTO(index_free)
		struct cert_index *x = new_index(ca, cert, revoked * NOW);
		AUTO(X509_CRL_free) X509_CRL *crl = NULL;
		X509_REVOKED *entry;

		cr_assert_eq(ca_revoke(ca, x, NOW, &crl), VH_OK);
		cr_expect_eq(X509_CRL_verify(crl, ca->key), 1);
		cr_expect_eq(X509_CRL_get0_by_cert(crl, &entry, cert), revoked);
		expect_time(X509_CRL_get0_lastUpdate(crl), NOW - 3600);
		expect_time(X509_CRL_get0_nextUpdate(crl), ca_not_after(ca));
	}
}
