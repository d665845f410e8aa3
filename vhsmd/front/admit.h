/* The limits of a caller's names (front/limits.h), applied to what it asks.
 * Operators have none, nor has what comes from other nodes: those have held
 * their callers to theirs. */
#ifndef FRONT_ADMIT_H
#define FRONT_ADMIT_H

#include "front/requests.h"

/* VH_EBUSY, with the limit in f->why and a count, when one of its names has no
 * request left in this second.  For requests that use keys; of one in parts the
 * first is counted as the whole. */
enum vh_err admit_rate(struct front *f, const struct request *q);

/* Takes a place of each name of the connection's caller for a request that uses
 * keys; false, as above, when one has none left. */
bool admit_take(struct front *f, struct pending *p, const struct conn *c);
void admit_give(struct front *f, struct pending *p);

#endif
