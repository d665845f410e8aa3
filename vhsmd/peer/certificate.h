/* What one X.509 certificate says (RFC 5280), for trust.c. */
#ifndef PEER_CERTIFICATE_H
#define PEER_CERTIFICATE_H

#include <openssl/x509v3.h>

#include "peer/trust.h"

AUTO_FREE(X509, X509_free)
AUTO_FREE(X509_CRL, X509_CRL_free)

/* Name and key of a record certificate.  USAGE, CERT_KEY, CERT_NAME, MEMORY. */
enum vh_err certificate_of_leaf(X509 *leaf, struct certificate *out,
    enum refusal *why);

/* Whether cert is a CA's, by its basic constraints. */
bool certificate_is_ca(X509 *cert);

/* Milliseconds since 1970, 0 for anything before; false when unreadable. */
bool time_in_ms(const ASN1_TIME *t, uint64_t *ms);

#endif
