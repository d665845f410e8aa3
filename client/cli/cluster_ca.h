/* A cluster's certificate authority: ECDSA P-256, SHA-256, serials of 128
 * random bits (RFC 5280). */
#ifndef CLI_CLUSTER_CA_H
#define CLI_CLUSTER_CA_H

#include <time.h>

#include "client/cli/cluster_index.h"
#include "client/cli/cluster_x509.h"

#define CA_TITLE     "vhsmd cluster CA"
#define CA_TITLE_MAX 64 /* characters */
#define CA_DAYS      3652
#define LEAF_DAYS    365
#define EARLY_S      3600 /* valid before now, for clocks that are behind */

struct ca {
	X509 *cert;
	EVP_PKEY *key;
};

void ca_free(struct ca *ca);
AUTO_FREE(struct ca, ca_free)

/* A new one.  VH_EFIELD unless title is 1 to 64 characters of UTF-8 without
 * control characters.  The caller frees it. */
enum vh_err ca_make(const char *title, time_t now, struct ca **out);

/* From its files; an encrypted key asks the terminal for its password.  False
 * after a line in why unless the certificate is one of a CA and the key its
 * key.  The caller frees it. */
bool ca_parse(struct slice cert_pem, struct slice key_pem, struct ca **out,
    struct buf *why);

/* When the certificate ends. */
time_t ca_not_after(const struct ca *ca);

struct leaf {
	enum cert_kind kind;
	const char *name;        /* a node name */
	const struct sans *sans; /* not used for records */
	EVP_PKEY *key;           /* whose public half is certified */
};

/* A certificate for a node, which ends with the CA's at the latest.
 * VH_ECONFIG when the CA's is not valid now.  The caller frees it. */
enum vh_err ca_issue(const struct ca *ca, const struct leaf *leaf, time_t now,
    X509 **out);

/* The row of the index for a node's certificate; false when it is not one that
 * this CA signed for a node. */
bool ca_describe(const struct ca *ca, X509 *cert, struct issued *out);

/* The list of all that the index says is revoked, valid as long as the CA.  The
 * caller frees it. */
enum vh_err ca_revoke(const struct ca *ca, const struct cert_index *index,
    time_t now, X509_CRL **out);

#endif
