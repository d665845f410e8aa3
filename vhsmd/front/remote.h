/* The cluster's directory: read from peer whenever it says that there is a
 * newer one, then used whole.  What is published follows from it. */
#ifndef FRONT_REMOTE_H
#define FRONT_REMOTE_H

#include "front/front.h"

/* Towards peer: ids of front's own questions, unlike any of a request. */
#define PEER_KEYS_ID   1
#define PEER_STATUS_ID 2

/* After a new peer came: how long the keys of before stay when it knows fewer
 * members than the one before did. */
#define REMOTE_SETTLE_MS 3000

/* There is a peer; there is none any more. */
void remote_start(struct front *f);
void remote_stop(struct front *f);
/* PCHANGED. */
void remote_changed(struct front *f, uint64_t seq);
/* A page of keys.  VH_EPARSE for one that makes no sense. */
enum vh_err remote_page(struct front *f, const struct frame *answer);
void remote_tick(struct front *f);
/* When remote_tick is worth a call; UINT64_MAX: never. */
struct mono_ns remote_next(const struct front *f);

/* Publishes the JWK Set of the keys there are, unless the node is in a cluster
 * that has not said which.  VH_ETOOBIG, VH_ENOMEM. */
enum vh_err remote_publish(struct front *f);

#endif
