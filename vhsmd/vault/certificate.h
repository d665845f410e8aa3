/* The certificate of the record key (RFC 5280): whether others will take it.
 * That the cluster's CA issued it is for the receivers of records to say. */
#ifndef VAULT_CERTIFICATE_H
#define VAULT_CERTIFICATE_H

#include "base/clock.h"
#include "wire/pub.h"

/* Extended key usage "vhsmd record": an arc used nowhere else. */
#define CERTIFICATE_USAGE "1.3.6.1.4.1.58270.1.1"
/* Bytes of a chain in DER: so much travels with every hello and tombstone,
 * twice in base64, and must fit their fields. */
#define CERTIFICATE_CHAIN_MAX 6144
/* Certificates that receivers take, without the CA's. */
#define CERTIFICATE_COUNT_MAX 4

/* What the certificate must say. */
struct certificate_want {
	struct slice node;     /* its common name */
	const struct pub *pub; /* its key */
	struct wall_ms now;    /* within its lifetime */
};

/* Reads a chain in PEM, own certificate first, and appends it to x5c as RFC
 * 7515, 4.1.6 has it: a JSON array of standard base64.  Of a CA's self-signed
 * certificate, which receivers have, nothing is appended.  VH_EKEY, VH_ETOOBIG,
 * VH_ENOMEM; why gets one line.  Only on a worker. */
enum vh_err certificate_chain(struct slice pem,
    const struct certificate_want *want, struct buf *x5c, struct buf *why);

#endif
