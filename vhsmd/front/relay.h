/* Requests of other nodes' callers, which peer passes on. */
#ifndef FRONT_RELAY_H
#define FRONT_RELAY_H

#include "front/front.h"

#define RELAYED_MAX      256 /* under way at once */
#define RELAYED_PER_NODE 128 /* of them, from one node */

/* Handles PRELAYED.  It is always answered; what is wrong with the request
 * itself stands in the answer to that. */
void relay_take(struct front *f, const struct frame *m);

#endif
