/* The vault's statistics: out of its answer, and into the status report. */
#ifndef FRONT_STATS_H
#define FRONT_STATS_H

#include <jansson.h>

#include "front/shared.h"
#include "wire/frame.h"

/* What the fields of a VSTATS answer say; rows past the bounds of struct
 * vault_stats are left out.  VH_EPARSE, VH_EFIELD: *out is then unspecified. */
enum vh_err stats_parse(const struct fields *f, struct vault_stats *out);

/* "lanes": [...] and "algorithms": {...}; the caller's, NULL: no memory. */
json_t *stats_lanes_json(const struct vault_stats *stats);
json_t *stats_algs_json(const struct vault_stats *stats);
/* "audit": {...}, or null without a trail. */
json_t *stats_audit_json(const struct vault_stats *stats);

#endif
