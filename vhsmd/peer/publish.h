/* Our own record, and when our keys begin to sign.
 *
 * While no living node of the cluster has an active signing key, ours sign at
 * once (when all nodes known from before are back, or after PUBLISH_WHOLE_MS);
 * else they are published first, and sign publish_before after all others have
 * their record (or, since some may be gone, PUBLISH_SHOWN_MS after we joined).
 * A key that is active elsewhere already (the
 * same file loaded again) does not wait.  Whether there is a cluster is known
 * when another node's record is here, or after PUBLISH_JOIN_MS without one.
 *
 * What is to sign is announced first: peer/announce.h.  While another node has
 * our name nothing is published, and nothing begins to sign. */
#ifndef PEER_PUBLISH_H
#define PEER_PUBLISH_H

#include "peer/peer.h"

#define PUBLISH_JOIN_MS  3000
#define PUBLISH_WHOLE_MS 10000 /* for nodes that are known to come back */
#define PUBLISH_SHOWN_MS 5000
#define PUBLISH_EACH_MS  30000 /* a record is signed anew */

void publish_start(struct peer *p);
/* VCHANGED: the vault's keys have changed, or its record key: everybody gets
 * the next record at once.  With KID: that key is to be active. */
void publish_changed(struct peer *p, const struct fields *f);
/* Does what is due; call it often. */
void publish_tick(struct peer *p);
/* Wants our hello of the vault: the hook of sessions. */
void publish_sign_hello(void *context, uint64_t ref, struct slice nonce,
    struct slice audience);

#endif
