/* The ledger's text, sent to the supervisor, which writes it. */
#ifndef PEER_SAVE_H
#define PEER_SAVE_H

#include "peer/peer.h"

/* Saves when it is time: soon after something new, now and then after records
 * that only carry a later time.  now: at once, whatever has changed. */
void save_tick(struct peer *p, bool at_once);
/* Whether a save is under way. */
bool save_is_busy(const struct peer *p);

#endif
