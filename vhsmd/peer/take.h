/* What comes from other nodes goes into the ledger: judged, counted, logged.
 *
 * A record of many new keys takes seconds to check, in which this thread would
 * neither forward nor answer probes.  So it is kept, and some of its keys are
 * checked in each round of the loop. */
#ifndef PEER_TAKE_H
#define PEER_TAKE_H

#include "peer/peer.h"

#define TAKE_FOR_NOBODY UINT64_MAX /* is no question's token */

/* The records and tombstones of a frame that came from a node, each by itself.
 * False when one of them is still being read: then push_answer answers the
 * question, if it is one, once that is done. */
bool take_all(struct peer *p, const char *from, const struct frame *f,
    uint64_t question);

/* A token of our own; what became of it. */
enum vh_err take_own_record(struct peer *p, struct slice token,
    struct verdict *v);
enum vh_err take_own_tombstone(struct peer *p, struct slice token,
    struct verdict *v);

/* Goes on with a record that is being read; whether there are any. */
void unread_tick(struct peer *p);
bool unread_any(const struct peer *p);
/* Forgets them; whoever pushed one does it again. */
void unread_drop(struct peer *p);

#endif
