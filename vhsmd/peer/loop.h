/* The loop: one thread, poll. */
#ifndef PEER_LOOP_H
#define PEER_LOOP_H

#include "peer/peer.h"

/* The hooks of sessions, for p. */
struct session_hooks loop_hooks(struct peer *p);
/* One round: waits at most max_ms for something, handles it, sends. */
void loop_round(struct peer *p, int max_ms);
/* Rounds until the supervisor says stop or it or the vault is gone; returns
 * what to exit with. */
int loop_run(struct peer *p);

#endif
