/* Requests of callers on their way between front here and front there. */
#ifndef PEER_RELAY_H
#define PEER_RELAY_H

#include "peer/peer.h"

/* Front's PFORWARD: to the node it names. */
void relay_forward(struct peer *p, const struct frame *q);
/* A node's NRELAY: to front. */
void relay_asked(struct peer *p, uint64_t token, const char *node,
    const struct frame *q);

#endif
