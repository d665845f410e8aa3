/* The certificates and the key that connections between nodes use. */
#ifndef PEER_NET_TLS_H
#define PEER_NET_TLS_H

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "wire/buf.h"

#define NET_TLS_FILE_MAX (16u << 20) /* of any of the files */

/* PEM, NUL-terminated. */
struct net_tls {
	char *cert, *key; /* own certificate chain, its private key */
	char *ca, *crl;   /* crl: NULL for none */
};

/* Descriptors of the files, -1 for none. */
struct net_tls_files {
	int cert, key, ca, crl;
};

/* Reads what there is (and closes it), takes the rest from old (or NULL), and
 * checks that it all makes a configuration.  VH_EIO, VH_ETOOBIG; VH_ECONFIG,
 * logged, for files that are not what they should be or do not match. */
enum vh_err net_tls_read(const struct net_tls_files *files,
    const struct net_tls *old, struct net_tls **out);
/* Of texts; copies.  As net_tls_read. */
enum vh_err net_tls_new(const char *cert, const char *key, const char *ca,
    const char *crl, struct net_tls **out);
/* Wipes the key. */
void net_tls_free(struct net_tls *tls);
AUTO_FREE(struct net_tls, net_tls_free)

/* nng's form of it, for whoever listens (server_name NULL) or dials.  The other
 * side has to have a certificate of the CA, not revoked and, when dialled, for
 * server_name.  The caller frees it.  VH_ENOMEM, VH_ECONFIG. */
enum vh_err net_tls_config(const struct net_tls *tls, const char *server_name,
    nng_tls_config **out);

#endif
