/* What one caller may use: its names and their limits, and of each key what it
 * may do with it now. */
#ifndef FRONT_MINE_H
#define FRONT_MINE_H

#include <jansson.h>

#include "front/requests.h"
#include "front/select.h"

/* {"principals", "limits"} of who asks.  The caller's; NULL when out of memory.
 */
json_t *mine_caller(const struct front *f, const struct request *q);

/* One key: who it is, and which operations would choose it now, here or at
 * another node, since `allow`, ops and its state let them.  search: what the
 * caller asked for; own: the node's own key of that kid, or NULL.  As above. */
json_t *mine_key(const struct front *f, const struct search *search,
    const struct dkey *key, const struct dkey *own);

#endif
