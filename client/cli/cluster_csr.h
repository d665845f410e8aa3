/* Requests for a node's certificates (PKCS #10, RFC 2986): made on the node
 * beside the key, checked where the CA is.
 *
 * Who signs a request takes four facts from it and nothing else: the kind, the
 * node's name, the names of its TLS certificate, the public key.  A request
 * that asks for more is refused. */
#ifndef CLI_CLUSTER_CSR_H
#define CLI_CLUSTER_CSR_H

#include "client/cli/cluster_x509.h"

struct csr {
	enum cert_kind kind;
	char name[NODE_NAME_SIZE];
	struct sans sans; /* the node's name first; empty but for CERT_TLS */
	EVP_PKEY *key;    /* owned */
};

void csr_free(struct csr *c);
AUTO_FREE(struct csr, csr_free)

/* Signs a request with key.  NULL when libcrypto fails; the caller frees it. */
X509_REQ *csr_make(EVP_PKEY *key, enum cert_kind kind, const char *name,
    const struct sans *sans);

/* Takes a request in PEM apart.  VH_EPARSE when it is none, VH_EKEY when the
 * key is not P-256 or did not sign it, VH_EFIELD when it asks for something
 * that no node may have; a line in why says what.  The caller frees it. */
enum vh_err csr_parse(struct slice pem, struct csr **out, struct buf *why);

#endif
