/* Requests in flight per uid, over all its connections. */
#ifndef FRONT_QUOTA_H
#define FRONT_QUOTA_H

#include "wire/base.h"

/* One uid.  Whoever holds a reference may count on it. */
struct quota;
struct quotas;

/* most: requests in flight one uid may have. */
struct quotas *quotas_new(size_t most);
void quotas_free(struct quotas *q);
/* Another bound, for what comes from now on. */
void quotas_set_most(struct quotas *q, size_t most);
AUTO_FREE(struct quotas, quotas_free)

/* A reference to the uid's row, given back with quota_end; NULL: no memory. */
struct quota *quota_get(struct quotas *q, uint32_t uid);
void quota_end(struct quotas *q, struct quota *row);
/* References that quota_get has given out: the uid's connections. */
size_t quota_connections(const struct quota *row);

/* Takes a place and a reference; false when the uid has all it may have. */
bool quota_take(struct quotas *q, struct quota *row);
/* Gives both back. */
void quota_give(struct quotas *q, struct quota *row);

/* Rows there are. */
size_t quotas_count(const struct quotas *q);

#endif
