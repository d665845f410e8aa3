/* Records and tombstones of other nodes: fetched, pushed, handed out. */
#ifndef PEER_PULL_H
#define PEER_PULL_H

#include "peer/peer.h"

/* Fetches the records that members say they have and we do not. */
void pull_tick(struct peer *p);
/* Fetches tombstones and evidence from a node whose digest is another; not
 * often. */
void pull_rest(struct peer *p, const char *node);
/* Fetches the records of our own name from others. */
void pull_own(struct peer *p);
/* Fetches those of a node; from_others, who may have better evidence of its
 * earlier epochs. */
void pull_want(struct peer *p, const char *node, bool from_others);
void pull_free(struct peer *p);

/* A node's NPULL and NPUSH. */
void pull_asked(struct peer *p, uint64_t token, const struct frame *q);
void push_asked(struct peer *p, uint64_t token, const char *node,
    const struct frame *q);

/* Says which record of the node that pushed we have. */
void push_answer(struct peer *p, uint64_t token, const char *node);

/* Sends our record to one of them; done gets the answer, whose EPOCH and SEQ
 * say which record of ours it has. */
void push_record(struct peer *p, const struct member_node *to,
    struct slice token, pending_done *done);
/* Tells all living members whether we drain or are about to stop; p->telling
 * says how many have not heard it yet. */
void push_leaving(struct peer *p);
/* Sends a token as field tag to all living members. */
void push_all(struct peer *p, enum vh_tag tag, struct slice token);

#endif
