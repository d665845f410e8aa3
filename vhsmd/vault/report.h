/* What the vault tells of itself: its keys' public sides, and its counters. */
#ifndef VAULT_REPORT_H
#define VAULT_REPORT_H

#include "vault/keeper.h"

/* Appends the whole answer frame to a VLIST or VSTATS request. */
void report_list(const struct store *store, const struct keeper *keeper,
    const struct frame *q, struct buf *out);
void report_stats(struct pool *pool, const struct desk *desk,
    const struct keeper *keeper, const struct frame *q, struct buf *out);

#endif
