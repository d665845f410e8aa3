/* What the vault counts: by algorithm, and by lane. */
#ifndef VAULT_STATS_H
#define VAULT_STATS_H

#include "base/metrics.h"
#include "vault/key.h"

#define STATS_ALGS 64 /* ids of alg.def are below this */

/* All written by any thread without a lock. */
struct stats {
	struct {
		_Atomic uint64_t ok, failed;
		struct histogram wait, exec;
	} alg[STATS_ALGS];
	struct {
		_Atomic uint64_t busy, expired;
	} lane[LANES];
};

/* Appends one STATS field per algorithm that was used: NAME, OKS, FAILS, WAIT,
 * EXEC. */
void stats_put_algs(struct buf *b, const struct stats *s);
/* Appends the STATS field of a lane: NAME, BUSY, EXPIRED, DEPTH. */
void stats_put_lane(struct buf *b, const struct stats *s, enum lane lane,
    size_t depth);

#endif
