#include "client/cli/cluster_x509.h"

#include <openssl/ec.h>
#include <openssl/pem.h>

#define EKU_TEXT_SIZE 80

enum vh_err
x509_key_new(EVP_PKEY **out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		return VH_EINTERNAL;
	*out = key;
	return VH_OK;
}

X509_NAME *
x509_name_of(const char *common_name)
{
	AUTO(X509_NAME_free) X509_NAME *name = X509_NAME_new();

	if (name == NULL ||
	    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
		(const unsigned char *)common_name, -1, -1, 0) != 1)
		return NULL;
	return TAKE(name);
}

/* --- names --------------------------------------------------------------- */

static bool
add_san(GENERAL_NAMES *names, int type, const void *p, size_t len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value =
	    type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();

	if (name == NULL || value == NULL ||
	    ASN1_STRING_set(value, p, (int)len) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

/* An address goes in twice: mbedTLS 2.28, which nng uses, compares the name it
 * connects to with the dNSName entries alone, whatever it looks like. */
GENERAL_NAMES *
x509_sans_of(const struct sans *sans)
{
	AUTO(GENERAL_NAMES_free) GENERAL_NAMES *names = GENERAL_NAMES_new();
	uint8_t ip[SAN_IP_MAX];

	for (size_t i = 0; names != NULL && i < sans->n; i++) {
		const char *name = sans->at[i];
		size_t ip_len = san_ip(name, ip);

		if (!add_san(names, GEN_DNS, name, strlen(name)))
			return NULL;
		if (ip_len > 0 && !add_san(names, GEN_IPADD, ip, ip_len))
			return NULL;
	}
	return TAKE(names);
}

bool
x509_node_of(const X509_NAME *subject, char out[static NODE_NAME_SIZE])
{
	unsigned char *text = NULL;
	const X509_NAME_ENTRY *e = X509_NAME_get_entry(subject, 0);

	if (X509_NAME_entry_count(subject) != 1 ||
	    OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)) != NID_commonName)
		return false;
	int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(e));
	struct slice name = slice_of(text, len < 0 ? 0 : (size_t)len);
	bool sound = node_name_is_sound(name);

	if (sound) {
		memcpy(out, name.p, name.len);
		out[name.len] = '\0';
	}
	if (len >= 0)
		OPENSSL_free(text);
	return sound;
}

/* --- key usages ---------------------------------------------------------- */

EXTENDED_KEY_USAGE *
x509_ekus_of(enum cert_kind kind)
{
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus = EXTENDED_KEY_USAGE_new();
	const struct kind_row *row = kind_row(kind);

	if (ekus == NULL)
		return NULL;
	for (size_t i = 0; i < KIND_EKUS && row->eku[i] != NULL; i++) {
		ASN1_OBJECT *oid = OBJ_txt2obj(row->eku[i], 1);

		if (oid == NULL || sk_ASN1_OBJECT_push(ekus, oid) <= 0) {
			ASN1_OBJECT_free(oid);
			return NULL;
		}
	}
	return TAKE(ekus);
}

static bool
has_eku(const EXTENDED_KEY_USAGE *ekus, const char *want)
{
	char text[EKU_TEXT_SIZE];

	for (int i = 0; i < sk_ASN1_OBJECT_num(ekus); i++) {
		int n = OBJ_obj2txt(text, sizeof text,
		    sk_ASN1_OBJECT_value(ekus, i), 1);

		if (n > 0 && n < EKU_TEXT_SIZE && strcmp(text, want) == 0)
			return true;
	}
	return false;
}

bool
x509_kind_of(const EXTENDED_KEY_USAGE *ekus, enum cert_kind *out)
{
	for (size_t k = 0; k < CERT_KINDS; k++) {
		const struct kind_row *row = kind_row((enum cert_kind)k);
		int found = 0, wanted = 0;

		for (size_t i = 0; i < KIND_EKUS; i++) {
			if (row->eku[i] == NULL)
				break;
			wanted++;
			found += has_eku(ekus, row->eku[i]);
		}
		if (found != wanted || sk_ASN1_OBJECT_num(ekus) != wanted)
			continue;
		*out = (enum cert_kind)k;
		return true;
	}
	return false;
}

/* --- PEM ----------------------------------------------------------------- */

static BIO *
kept_if(BIO *pem, int written)
{
	if (written == 1)
		return pem;
	BIO_free_all(pem);
	return NULL;
}

BIO *
x509_pem_of_key(const EVP_PKEY *key)
{
	BIO *pem = BIO_new(BIO_s_secmem());

	return kept_if(pem,
	    pem != NULL && PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL,
			       0, NULL, NULL) == 1);
}

BIO *
x509_pem_of_cert(const X509 *cert)
{
	BIO *pem = BIO_new(BIO_s_mem());

	return kept_if(pem, pem != NULL && PEM_write_bio_X509(pem, cert) == 1);
}

BIO *
x509_pem_of_request(const X509_REQ *req)
{
	BIO *pem = BIO_new(BIO_s_mem());

	return kept_if(pem,
	    pem != NULL && PEM_write_bio_X509_REQ(pem, req) == 1);
}

BIO *
x509_pem_of_crl(const X509_CRL *crl)
{
	BIO *pem = BIO_new(BIO_s_mem());

	return kept_if(pem,
	    pem != NULL && PEM_write_bio_X509_CRL(pem, crl) == 1);
}

struct slice
x509_bytes(BIO *pem)
{
	char *p = NULL;
	long len = BIO_get_mem_data(pem, &p);

	return slice_of(p, len < 0 ? 0 : (size_t)len);
}

int
x509_no_password(char *buf, int size, int rw, void *arg)
{
	(void)buf, (void)size, (void)rw, (void)arg;
	return -1;
}

X509 *
x509_cert_parse(struct slice pem)
{
	if (pem.len == 0 || pem.len > PEM_FILE_MAX)
		return NULL;
	AUTO(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.len);

	return in == NULL ? NULL
			  : PEM_read_bio_X509(in, NULL, x509_no_password, NULL);
}
