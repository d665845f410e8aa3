#include "test_net_pki.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY 86400L

struct pki {
	EVP_PKEY *key;
	X509 *cert;
	X509_CRL *crl; /* NULL: none */
};

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);

	cr_assert_not_null(e);
	cr_assert_eq(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

static X509 *
cert_new(EVP_PKEY *key, const char *cn, long serial, long from, long until)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	cr_assert_eq(X509_set_version(cert, 2), 1);
	cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial), 1);
	cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(cert), from));
	cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(cert), until));
	cr_assert_eq(X509_set_pubkey(cert, key), 1);
	cr_assert_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			 (const unsigned char *)cn, -1, -1, 0),
	    1);
	return cert;
}

static char *
bio_text(BIO *bio)
{
	char *at;
	long len = BIO_get_mem_data(bio, &at);
	char *text = strndup(at, (size_t)len);

	(void)BIO_free(bio);
	return text;
}

struct pki *
pki_new(void)
{
	struct pki *p = calloc(1, sizeof *p);

	p->key = EVP_EC_gen("P-256");
	cr_assert_not_null(p->key);
	p->cert = cert_new(p->key, "test CA", 1, -DAY, 10 * DAY);
	X509_set_issuer_name(p->cert, X509_get_subject_name(p->cert));
	add_extension(p->cert, p->cert, NID_basic_constraints,
	    "critical,CA:TRUE,pathlen:0");
	add_extension(p->cert, p->cert, NID_key_usage,
	    "critical,keyCertSign,cRLSign");
	cr_assert_neq(X509_sign(p->cert, p->key, EVP_sha256()), 0);
	return p;
}

void
pki_free(struct pki *p)
{
	if (p == NULL)
		return;
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	X509_CRL_free(p->crl);
	free(p);
}

char *
pki_ca(const struct pki *p)
{
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_X509(bio, p->cert), 1);
	return bio_text(bio);
}

char *
pki_crl(const struct pki *p)
{
	if (p->crl == NULL)
		return NULL;
	BIO *bio = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_X509_CRL(bio, p->crl), 1);
	return bio_text(bio);
}

void
pki_revoke(struct pki *p, long serial)
{
	ASN1_TIME *when = X509_gmtime_adj(NULL, -60);
	ASN1_TIME *next = X509_gmtime_adj(NULL, DAY);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	X509_REVOKED *entry = X509_REVOKED_new();

	if (p->crl == NULL) {
		p->crl = X509_CRL_new();
		cr_assert_eq(X509_CRL_set_version(p->crl, 1), 1);
		X509_CRL_set_issuer_name(p->crl,
		    X509_get_subject_name(p->cert));
	}
	X509_CRL_set1_lastUpdate(p->crl, when);
	X509_CRL_set1_nextUpdate(p->crl, next);
	ASN1_INTEGER_set(number, serial);
	X509_REVOKED_set_serialNumber(entry, number);
	X509_REVOKED_set_revocationDate(entry, when);
	cr_assert_eq(X509_CRL_add0_revoked(p->crl, entry), 1);
	cr_assert_neq(X509_CRL_sign(p->crl, p->key, EVP_sha256()), 0);
	ASN1_TIME_free(when);
	ASN1_TIME_free(next);
	ASN1_INTEGER_free(number);
}

/* "DNS:a,DNS:b" of "a,b". */
static void
name_all(X509 *cert, X509 *issuer, const char *names)
{
	char value[512] = "";
	struct slice rest = slice_text(names), name;
	size_t len = 0;

	while (slice_next_item(&rest, &name))
		len += (size_t)snprintf(value + len, sizeof value - len,
		    "%sDNS:%.*s", len == 0 ? "" : ",", (int)name.len,
		    (const char *)name.p);
	add_extension(cert, issuer, NID_subject_alt_name, value);
}

static X509 *
leaf(struct pki *p, EVP_PKEY *key, const struct pki_terms *t)
{
	struct slice rest = slice_text(t->names), first;
	char cn[65];
	bool usual = t->from_days == 0 && t->until_days == 0;

	cr_assert(slice_next_item(&rest, &first));
	(void)snprintf(cn, sizeof cn, "%.*s", (int)first.len,
	    (const char *)first.p);
	X509 *cert =
	    cert_new(key, cn, t->serial, usual ? -DAY : t->from_days * DAY,
		usual ? DAY : t->until_days * DAY);

	X509_set_issuer_name(cert, X509_get_subject_name(p->cert));
	add_extension(cert, p->cert, NID_ext_key_usage,
	    "serverAuth,clientAuth");
	name_all(cert, p->cert, t->names);
	cr_assert_neq(X509_sign(cert, p->key, EVP_sha256()), 0);
	return cert;
}

struct net_tls *
pki_tls(struct pki *p, const struct pki_terms *terms, struct pki *trusts)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = leaf(p, key, terms);
	BIO *key_bio = BIO_new(BIO_s_mem()), *cert_bio = BIO_new(BIO_s_mem());
	struct net_tls *tls = NULL;

	cr_assert_eq(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL,
			 NULL),
	    1);
	cr_assert_eq(PEM_write_bio_X509(cert_bio, cert), 1);
	char *texts[] = { bio_text(cert_bio), bio_text(key_bio), pki_ca(trusts),
		pki_crl(trusts) };

	cr_assert_eq(net_tls_new(texts[0], texts[1], texts[2], texts[3], &tls),
	    VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	EVP_PKEY_free(key);
	X509_free(cert);
	return tls;
}
