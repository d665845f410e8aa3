/* Whom this node believes: the cluster's CA, and what it has revoked.
 *
 * A chain is judged without a clock; its times come back in struct certificate,
 * because what is signed is judged at the time it was signed.  A revocation
 * list counts also after its nextUpdate: forgetting revocations would be worse,
 * and stopping the cluster for want of a new list, too; trust_crl_ends lets the
 * shell warn.
 *
 * One thread at a time.  The first call of libcrypto reads its configuration:
 * make the trust before the sandbox closes. */
#ifndef PEER_TRUST_H
#define PEER_TRUST_H

#include "base/clock.h"
#include "base/pkey.h"
#include "peer/refusal.h"

#define NODE_NAME_MAX     64
#define TRUST_CHAIN_MAX   4           /* certificates in x5c */
#define TRUST_CA_MAX      (1u << 20)  /* bytes of the bundle, PEM */
#define TRUST_CRL_MAX     (16u << 20) /* bytes of the list, PEM */
#define TRUST_NODES_MAX   4096        /* certificates remembered */
#define TRUST_NOT_REVOKED UINT64_MAX

/* Extended key usage of a record certificate: an arc used nowhere else. */
#define TRUST_RECORD_USAGE "1.3.6.1.4.1.58270.1.1"

/* Whether name is one: a letter or digit, then also . _ - */
bool node_name_is_valid(struct slice name);

struct trust;

/* Believes nobody until trust_load. */
struct trust *trust_new(void);
void trust_free(struct trust *t);
AUTO_FREE(struct trust, trust_free)

/* Replaces CA bundle (PEM, one or more CA certificates, each an anchor) and
 * revocation lists (PEM, each by a CA of the bundle; empty: none).  VH_ECONFIG,
 * VH_ENOMEM: all stays as it was, and why gets one line.  Afterwards
 * ledger_recheck, and close what trust_allows_node no longer allows. */
enum vh_err trust_load(struct trust *t, struct slice ca, struct slice crl,
    struct buf *why);

/* When the first of the lists is due to be replaced, in wall ms; UINT64_MAX
 * when none says so. */
uint64_t trust_crl_ends(const struct trust *t);

/* A record certificate that leads to the CA. */
struct certificate {
	char node[NODE_NAME_MAX + 1]; /* its common name */
	EVP_PKEY *key;                /* P-256 */
	uint64_t from_ms, until_ms;   /* the whole chain is valid, inclusive */
	uint64_t revoked_ms; /* since when, or TRUST_NOT_REVOKED; for whoever
			      * judges to heed */
};

void certificate_free(struct certificate *c);
AUTO_FREE(struct certificate, certificate_free)

/* Judges a chain (DER, leaf first, at most TRUST_CHAIN_MAX; the CA may be
 * missing).  *out is the caller's, NULL on failure: CHAIN, UNTRUSTED, USAGE,
 * CERT_KEY, CERT_NAME, MEMORY.  Not judged: time and revocation. */
enum vh_err trust_chain(const struct trust *t, const struct slice *ders,
    size_t count, struct certificate **out, enum refusal *why);

/* Whether the certificate was valid at ms; revoked is revoked, whatever ms.
 * EXPIRED, REVOKED. */
enum vh_err certificate_at(const struct certificate *c, uint64_t ms,
    enum refusal *why);

/* Remembers the chain of a node that has just proved who it is (hello_read does
 * it), in place of an earlier one. */
enum vh_err trust_remember(struct trust *t, const char *node,
    const struct slice *ders, size_t count);
/* Whether the remembered chain still leads to the CA, unrevoked, and is valid
 * now.  False for a node never met. */
bool trust_allows_node(const struct trust *t, const char *node,
    struct wall_ms now);

#endif
