#include "client/cli/cluster_ca.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define SERIAL_BYTES 16

void
ca_free(struct ca *ca)
{
	if (ca == NULL)
		return;
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	free(ca);
}

static time_t
time_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

time_t
ca_not_after(const struct ca *ca)
{
	return time_of(X509_get0_notAfter(ca->cert));
}

/* --- certificates -------------------------------------------------------- */

static bool
set_serial(X509 *cert)
{
	uint8_t random[SERIAL_BYTES];
	BIGNUM *n = NULL;

	if (RAND_bytes(random, sizeof random) == 1)
		n = BN_bin2bn(random, sizeof random, NULL);
	bool done = n != NULL && !BN_is_zero(n) &&
		    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;

	BN_free(n);
	return done;
}

/* value: constant text in the syntax of x509v3_config(5). */
static bool
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool done = x != NULL && X509_add_ext(cert, x, -1) == 1;

	X509_EXTENSION_free(x);
	return done;
}

/* What all have: version 3, a serial, times, key, and the key ids. */
static bool
fill(X509 *cert, X509 *issuer, EVP_PKEY *key, time_t from, time_t until)
{
	return X509_set_version(cert, 2) == 1 && set_serial(cert) &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), until) != NULL &&
	       X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
	       X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, issuer, NID_subject_key_identifier,
		   "hash") &&
	       add_extension(cert, issuer, NID_authority_key_identifier,
		   "keyid:always");
}

static time_t
after_days(time_t now, int days)
{
	return now + (time_t)days * 24 * 3600;
}

static bool
title_is_sound(const char *title)
{
	for (const char *c = title; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return title[0] != '\0';
}

enum vh_err
ca_make(const char *title, time_t now, struct ca **out)
{
	AUTO(ca_free) struct ca *ca = calloc(1, sizeof *ca);
	AUTO(X509_NAME_free) X509_NAME *name = NULL;

	if (ca == NULL)
		return VH_ENOMEM;
	if (title_is_sound(title))
		name = x509_name_of(title);
	if (name == NULL)
		return VH_EFIELD;
	TRY(x509_key_new(&ca->key));
	ca->cert = X509_new();
	if (ca->cert == NULL || X509_set_subject_name(ca->cert, name) != 1 ||
	    !add_extension(ca->cert, ca->cert, NID_basic_constraints,
		"critical,CA:TRUE,pathlen:0") ||
	    !add_extension(ca->cert, ca->cert, NID_key_usage,
		"critical,keyCertSign,cRLSign") ||
	    !fill(ca->cert, ca->cert, ca->key, now - EARLY_S,
		after_days(now, CA_DAYS)) ||
	    X509_sign(ca->cert, ca->key, EVP_sha256()) <= 0)
		return VH_EINTERNAL;
	*out = TAKE(ca);
	return VH_OK;
}

static bool
add_usages(X509 *cert, const struct leaf *leaf)
{
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus = x509_ekus_of(leaf->kind);
	AUTO(GENERAL_NAMES_free) GENERAL_NAMES *names = NULL;

	if (ekus == NULL ||
	    X509_add1_ext_i2d(cert, NID_ext_key_usage, ekus, 0, 0) != 1)
		return false;
	if (!kind_row(leaf->kind)->has_sans)
		return true;
	names = x509_sans_of(leaf->sans);
	return names != NULL &&
	       X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
}

enum vh_err
ca_issue(const struct ca *ca, const struct leaf *leaf, time_t now, X509 **out)
{
	AUTO(X509_free) X509 *cert = X509_new();
	AUTO(X509_NAME_free) X509_NAME *subject = x509_name_of(leaf->name);
	time_t until = after_days(now, LEAF_DAYS), end = ca_not_after(ca);

	if (end <= now || time_of(X509_get0_notBefore(ca->cert)) > now)
		return VH_ECONFIG;
	if (cert == NULL || subject == NULL ||
	    X509_set_subject_name(cert, subject) != 1 ||
	    !fill(cert, ca->cert, leaf->key, now - EARLY_S,
		until < end ? until : end) ||
	    !add_extension(cert, ca->cert, NID_basic_constraints,
		"critical,CA:FALSE") ||
	    !add_extension(cert, ca->cert, NID_key_usage,
		"critical,digitalSignature") ||
	    !add_usages(cert, leaf) ||
	    X509_sign(cert, ca->key, EVP_sha256()) <= 0)
		return VH_EINTERNAL;
	*out = TAKE(cert);
	return VH_OK;
}

/* --- from files ---------------------------------------------------------- */

static EVP_PKEY *
key_parse(struct slice pem)
{
	if (pem.len == 0 || pem.len > PEM_FILE_MAX)
		return NULL;
	AUTO(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.len);

	return in == NULL ? NULL
			  : PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
}

static bool
may_sign(X509 *cert)
{
	const uint32_t need = KU_KEY_CERT_SIGN | KU_CRL_SIGN;

	return X509_check_ca(cert) == 1 &&
	       (X509_get_key_usage(cert) & need) == need;
}

bool
ca_parse(struct slice cert_pem, struct slice key_pem, struct ca **out,
    struct buf *why)
{
	AUTO(ca_free) struct ca *ca = calloc(1, sizeof *ca);
	const char *wrong = NULL;

	if (ca != NULL) {
		ca->cert = x509_cert_parse(cert_pem);
		ca->key = key_parse(key_pem);
	}
	if (ca == NULL)
		wrong = err_text(VH_ENOMEM);
	else if (ca->cert == NULL)
		wrong = "ca.crt is not a certificate in PEM";
	else if (!may_sign(ca->cert))
		wrong = "ca.crt may not sign certificates and revocation lists";
	else if (ca->key == NULL)
		wrong = "ca.key is not a private key in PEM";
	else if (X509_check_private_key(ca->cert, ca->key) != 1)
		wrong = "ca.key is not the key of ca.crt";
	if (wrong != NULL) {
		buf_put_text(why, wrong);
		return false;
	}
	*out = TAKE(ca);
	return true;
}

/* --- revocation ---------------------------------------------------------- */

static bool
serial_text(const X509 *cert, char out[static SERIAL_MAX + 1])
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = n == NULL || BN_is_negative(n) ? NULL : BN_bn2hex(n);
	bool fits = hex != NULL && strlen(hex) <= SERIAL_MAX;

	for (size_t i = 0; fits; i++) {
		out[i] = hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + ('a' - 'A')
							: hex[i];
		if (hex[i] == '\0')
			break;
	}
	OPENSSL_free(hex);
	BN_free(n);
	return fits;
}

bool
ca_describe(const struct ca *ca, X509 *cert, struct issued *out)
{
	int state;
	struct issued row = { 0 };
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus =
	    X509_get_ext_d2i(cert, NID_ext_key_usage, &state, NULL);

	if (X509_NAME_cmp(X509_get_issuer_name(cert),
		X509_get_subject_name(ca->cert)) != 0 ||
	    X509_verify(cert, ca->key) != 1 || ekus == NULL ||
	    !x509_kind_of(ekus, &row.kind) ||
	    !x509_node_of(X509_get_subject_name(cert), row.name) ||
	    !serial_text(cert, row.serial))
		return false;
	row.not_after = time_of(X509_get0_notAfter(cert));
	*out = row;
	return row.not_after > 0;
}

static bool
add_revoked(X509_CRL *crl, const struct issued *row)
{
	X509_REVOKED *r = X509_REVOKED_new();
	BIGNUM *n = NULL;
	ASN1_INTEGER *serial = NULL;
	ASN1_TIME *when = ASN1_TIME_set(NULL, row->revoked);

	if (BN_hex2bn(&n, row->serial) > 0)
		serial = BN_to_ASN1_INTEGER(n, NULL);
	bool done = r != NULL && serial != NULL && when != NULL &&
		    X509_REVOKED_set_serialNumber(r, serial) == 1 &&
		    X509_REVOKED_set_revocationDate(r, when) == 1 &&
		    X509_CRL_add0_revoked(crl, r) == 1;

	if (!done)
		X509_REVOKED_free(r);
	ASN1_TIME_free(when);
	ASN1_INTEGER_free(serial);
	BN_free(n);
	return done;
}

/* RFC 5280, 5.2.3: lists are numbered, and a later one higher; seconds do
 * that, as whoever makes two in one holds the same index. */
static bool
number_crl(const struct ca *ca, X509_CRL *crl, time_t now)
{
	X509V3_CTX ctx;
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	bool done =
	    number != NULL &&
	    ASN1_INTEGER_set_int64(number, (int64_t)now) == 1 &&
	    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;

	X509V3_set_ctx(&ctx, ca->cert, NULL, NULL, crl, 0);
	X509_EXTENSION *id = X509V3_EXT_conf_nid(NULL, &ctx,
	    NID_authority_key_identifier, "keyid:always");

	done = done && id != NULL && X509_CRL_add_ext(crl, id, -1) == 1;
	X509_EXTENSION_free(id);
	ASN1_INTEGER_free(number);
	return done;
}

static bool
date_crl(X509_CRL *crl, time_t from, time_t until)
{
	ASN1_TIME *last = ASN1_TIME_set(NULL, from);
	ASN1_TIME *next = ASN1_TIME_set(NULL, until);
	bool done = last != NULL && next != NULL &&
		    X509_CRL_set1_lastUpdate(crl, last) == 1 &&
		    X509_CRL_set1_nextUpdate(crl, next) == 1;

	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
	return done;
}

enum vh_err
ca_revoke(const struct ca *ca, const struct cert_index *index, time_t now,
    X509_CRL **out)
{
	AUTO(X509_CRL_free) X509_CRL *crl = X509_CRL_new();
	const struct issued *row;

	if (crl == NULL || X509_CRL_set_version(crl, 1) != 1 ||
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) !=
		1 ||
	    !date_crl(crl, now - EARLY_S, ca_not_after(ca)))
		return VH_EINTERNAL;
	for (size_t i = 0; (row = index_at(index, i)) != NULL; i++)
		if (row->revoked != 0 && !add_revoked(crl, row))
			return VH_EINTERNAL;
	if (X509_CRL_sort(crl) != 1 || !number_crl(ca, crl, now) ||
	    X509_CRL_sign(crl, ca->key, EVP_sha256()) <= 0)
		return VH_EINTERNAL;
	*out = TAKE(crl);
	return VH_OK;
}
