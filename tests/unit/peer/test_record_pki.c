#include "test_record_pki.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdlib.h>

EVP_PKEY *
cert_ec_key(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);

	cr_assert_not_null(key);
	return key;
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);

	cr_assert_not_null(e, "%s", value);
	cr_assert_eq(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void
add_name(X509 *cert, const char *cn)
{
	cr_assert_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert),
			 "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
			 0),
	    1);
}

static void
set_usages(X509 *cert, X509 *issuer, const struct cert_want *want)
{
	const char *usage = want->usage == NULL ? RECORD_USAGE : want->usage;
	const char *bits = want->key_usage == NULL ? "critical,digitalSignature"
						   : want->key_usage;

	if (want->ca) {
		add_extension(cert, issuer, NID_basic_constraints,
		    "critical,CA:TRUE");
		if (want->key_usage == NULL)
			bits = "critical,keyCertSign,cRLSign";
	}
	if (*bits != '\0')
		add_extension(cert, issuer, NID_key_usage, bits);
	if (*usage != '\0')
		add_extension(cert, issuer, NID_ext_key_usage, usage);
}

struct cert *
cert_issue(struct cert *issuer, const struct cert_want *want)
{
	static long serial = 1000; /* each certificate another */
	struct cert *c = calloc(1, sizeof *c);
	uint64_t from = want->from == 0 ? T0 - DAY : want->from;
	uint64_t until = want->until == 0 ? T0 + 365 * DAY : want->until;

	cr_assert_not_null(c);
	c->issuer = issuer;
	c->key = cert_ec_key(want->curve == NULL ? "P-256" : want->curve);
	c->cert = X509_new();
	issuer = issuer == NULL ? c : issuer;
	X509_set_version(c->cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c->cert), serial++);
	ASN1_TIME_set(X509_getm_notBefore(c->cert), (time_t)(from / 1000));
	ASN1_TIME_set(X509_getm_notAfter(c->cert), (time_t)(until / 1000));
	X509_set_pubkey(c->cert, c->key);
	add_name(c->cert, want->cn == NULL ? "a" : want->cn);
	if (want->other_cn != NULL)
		add_name(c->cert, want->other_cn);
	X509_set_issuer_name(c->cert, X509_get_subject_name(issuer->cert));
	set_usages(c->cert, issuer->cert, want);
	cr_assert_gt(X509_sign(c->cert, issuer->key, EVP_sha256()), 0);
	return c;
}

struct cert *
cert_ca(const char *cn, struct cert *issuer)
{
	return cert_issue(issuer, &(struct cert_want){ .cn = cn,
				      .usage = "",
				      .ca = true,
				      .from = T0 - 1000 * DAY,
				      .until = T0 + 3650 * DAY });
}

void
cert_free(struct cert *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_free(c->key);
	X509_free(c->cert);
	free(c);
}

static void
put_bio(struct buf *b, BIO *bio)
{
	char *p;
	long len = BIO_get_mem_data(bio, &p);

	buf_put(b, slice_of(p, (size_t)len));
	BIO_free(bio);
	cr_assert_eq(buf_end(b), VH_OK);
}

void
cert_put_pem(struct buf *b, const struct cert *c)
{
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_X509(bio, c->cert), 1);
	put_bio(b, bio);
}

struct buf *
cert_pem(const struct cert *c)
{
	struct buf *b = buf_new(65536);

	cert_put_pem(b, c);
	return b;
}

struct buf *
cert_der(const struct cert *c)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf *b = buf_new(65536);

	cr_assert_eq(i2d_X509_bio(bio, c->cert), 1);
	put_bio(b, bio);
	return b;
}

static void
revoke(X509_CRL *crl, X509 *cert, uint64_t since)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(since / 1000));

	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert));
	X509_REVOKED_set_revocationDate(entry, t);
	cr_assert_eq(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_TIME_free(t);
}

struct buf *
cert_crl(const struct cert *ca, const struct cert *const *some,
    uint64_t revoked, uint64_t ends)
{
	X509_CRL *crl = X509_CRL_new();
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf *b = buf_new(1u << 20);
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)((T0 - DAY) / 1000));

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert));
	X509_CRL_set1_lastUpdate(crl, t);
	ASN1_TIME_set(t, (time_t)(ends / 1000));
	X509_CRL_set1_nextUpdate(crl, t);
	for (; *some != NULL; some++)
		revoke(crl, (*some)->cert, revoked);
	X509_CRL_sort(crl);
	cr_assert_gt(X509_CRL_sign(crl, ca->key, EVP_sha256()), 0);
	cr_assert_eq(PEM_write_bio_X509_CRL(bio, crl), 1);
	put_bio(b, bio);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	return b;
}
