/* The link to the supervisor. */
#ifndef PEER_SUPERLINK_H
#define PEER_SUPERLINK_H

#include "peer/peer.h"

/* Keeps the descriptor that came with a GIVE; answers.  Before the start also
 * the vault's.  Closes a descriptor of an unknown role. */
enum vh_err super_give(struct peer *p, const struct frame *q);
/* Reads and handles what is there; VH_ELOST. */
enum vh_err super_read(struct peer *p);
/* Asks for names that have come up. */
void super_ask_names(struct peer *p);
/* Tells the core what the seeds are. */
void super_tell_seeds(struct peer *p);
/* Answers PSTOP once everybody knows and all is saved; the process then goes on
 * until its link is closed, for a bounded time. */
void super_settle_stop(struct peer *p);

#endif
