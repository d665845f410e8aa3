/* The membership core's traffic and what its events mean to this process. */
#ifndef PEER_GOSSIP_H
#define PEER_GOSSIP_H

#include "peer/peer.h"

/* Sends what the core wants sent, and acts on its events. */
void gossip_pump(struct peer *p);
/* A node's NGOSSIP. */
void gossip_asked(struct peer *p, uint64_t token, const char *node,
    const struct frame *q);
/* Tells the ledger who lives, with which load. */
void gossip_set_live(struct peer *p);
/* What the node said last; 0 for one that said nothing. */
uint32_t gossip_load(const struct peer *p, const char *node);
/* A node has said whether it drains or is about to stop; what it said last. */
void gossip_note_leaving(struct peer *p, const char *node, bool leaving);
bool gossip_is_leaving(const struct peer *p, const char *node);
/* A living member but ourselves and not, at random; false when there is none.
 */
bool gossip_pick(const struct peer *p, const char * not,
    struct member_node *out);
void gossip_free(struct peer *p);

#endif
