/* The link to front: the directory, status, revocations. */
#ifndef PEER_FRONTLINK_H
#define PEER_FRONTLINK_H

#include "peer/peer.h"

/* Takes over a new front, in place of one that is gone. */
void front_take(struct peer *p, int fd);
/* Reads and handles what is there. */
void front_read(struct peer *p);
/* Says that the directory has changed, if it has and there is somebody. */
void front_tell(struct peer *p);
void front_lose(struct peer *p, enum vh_err err);

#endif
