/* A cluster's CA and the certificates it issues, for the tests of peer. */
#ifndef TEST_RECORD_PKI_H
#define TEST_RECORD_PKI_H

#include <openssl/x509v3.h>

#include "wire/buf.h"

/* The tests' present: 2027-01-15. */
#define T0     UINT64_C(1800000000000)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define RECORD_USAGE "1.3.6.1.4.1.58270.1.1"

struct cert {
	EVP_PKEY *key;
	X509 *cert;
	struct cert *issuer; /* borrowed; NULL: itself */
};

/* What a certificate says; zero takes what a record certificate has. */
struct cert_want {
	const char *cn;        /* NULL: "a" */
	const char *other_cn;  /* a second one */
	const char *usage;     /* extended key usage; "": none */
	const char *key_usage; /* "": none */
	const char *curve;     /* NULL: P-256 */
	bool ca;               /* basic constraints; usage is none then */
	uint64_t from, until;  /* ms; 0: T0 - DAY, T0 + 365 DAY */
};

/* A CA, self-signed when issuer is NULL; a certificate; the caller's. */
struct cert *cert_ca(const char *cn, struct cert *issuer);
struct cert *cert_issue(struct cert *issuer, const struct cert_want *want);
void cert_free(struct cert *c);
AUTO_FREE(struct cert, cert_free)

EVP_PKEY *cert_ec_key(const char *curve);

/* Appended, as PEM and DER. */
void cert_put_pem(struct buf *b, const struct cert *c);
struct buf *cert_pem(const struct cert *c);
struct buf *cert_der(const struct cert *c);
/* A list of ca that revokes some (NULL-terminated), since revoked; next update
 * at ends.  PEM, the caller's. */
struct buf *cert_crl(const struct cert *ca, const struct cert *const *some,
    uint64_t revoked, uint64_t ends);

#endif
