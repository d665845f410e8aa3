/* What certificates and requests for them are made of, by libcrypto. */
#ifndef CLI_CLUSTER_X509_H
#define CLI_CLUSTER_X509_H

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "client/cli/cluster_kind.h"
#include "client/cli/cluster_names.h"
#include "wire/buf.h"

AUTO_FREE(BIO, BIO_free_all)
AUTO_FREE(EVP_PKEY, EVP_PKEY_free)
AUTO_FREE(X509, X509_free)
AUTO_FREE(X509_REQ, X509_REQ_free)
AUTO_FREE(X509_CRL, X509_CRL_free)
AUTO_FREE(X509_NAME, X509_NAME_free)
AUTO_FREE(GENERAL_NAMES, GENERAL_NAMES_free)
AUTO_FREE(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

#define PEM_FILE_MAX 65536u

/* A new P-256 key. */
enum vh_err x509_key_new(EVP_PKEY **out);

/* Each NULL when libcrypto fails; the caller frees it. */
X509_NAME *x509_name_of(const char *common_name);
GENERAL_NAMES *x509_sans_of(const struct sans *sans);
EXTENDED_KEY_USAGE *x509_ekus_of(enum cert_kind kind);

/* The kind whose key usages these are, all of them and no others; false for
 * none. */
bool x509_kind_of(const EXTENDED_KEY_USAGE *ekus, enum cert_kind *out);
/* The node that a subject names: one common name that is a node name, and
 * nothing else. */
bool x509_node_of(const X509_NAME *subject, char out[static NODE_NAME_SIZE]);

/* PEM texts, wiped when freed; NULL when libcrypto fails. */
BIO *x509_pem_of_key(const EVP_PKEY *key);
BIO *x509_pem_of_cert(const X509 *cert);
BIO *x509_pem_of_request(const X509_REQ *req);
BIO *x509_pem_of_crl(const X509_CRL *crl);
struct slice x509_bytes(BIO *pem);

/* A certificate in PEM; NULL when it is none. */
X509 *x509_cert_parse(struct slice pem);
/* For PEM that must not ask for a password. */
int x509_no_password(char *buf, int size, int rw, void *arg);

#endif
