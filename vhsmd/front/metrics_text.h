/* /metrics: Prometheus text format 0.0.4.  Every label value comes from a
 * table of ours, from the vault's tables, or from settings: no request can make
 * a new series. */
#ifndef FRONT_METRICS_TEXT_H
#define FRONT_METRICS_TEXT_H

#include "front/http_routes.h"

/* Appends all families; a failure sticks to b.  Asks for the vault's
 * statistics (shared_stats_get): may wait half a second. */
void metrics_text_put(struct buf *b, const struct http_site *site,
    struct mono_ns now);

#endif
