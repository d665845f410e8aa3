/* The cluster's certificates, for TLS and for what nodes sign. */
#ifndef PEER_CERTS_H
#define PEER_CERTS_H

#include "peer/peer.h"

/* Reads the files in p->given (closing them), the rest as before; believes and
 * uses them.  On failure, logged, all stays as it was.  VH_ECONFIG, VH_EIO. */
enum vh_err certs_load(struct peer *p);
/* After certs_load of a running process: whoever no longer passes is gone. */
void certs_recheck(struct peer *p);
/* Warns of a revocation list that ends, takes it from TLS when it has ended. */
void certs_tick(struct peer *p);

#endif
