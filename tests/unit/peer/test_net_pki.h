/* A certificate authority for tests of connections. */
#ifndef TEST_NET_PKI_H
#define TEST_NET_PKI_H

#include "peer/net_tls.h"

struct pki;

struct pki *pki_new(void);
void pki_free(struct pki *p);
AUTO_FREE(struct pki, pki_free)

/* What a certificate says. */
struct pki_terms {
	const char *names; /* comma list of DNS names; the first is its CN */
	int from_days, until_days; /* from now; 0 and 0: yesterday, tomorrow */
	long serial;
};

/* A key and a certificate by p, with the CA and CRL of trusts. */
struct net_tls *pki_tls(struct pki *p, const struct pki_terms *terms,
    struct pki *trusts);
/* From now on the CA's revocation list, in every pki_tls that trusts p, has
 * this serial number. */
void pki_revoke(struct pki *p, long serial);
/* PEM; of the caller to free.  NULL crl when nothing was revoked. */
char *pki_ca(const struct pki *p);
char *pki_crl(const struct pki *p);

#endif
