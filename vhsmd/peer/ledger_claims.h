/* What single records say about keys, and what several of them say about one.
 * For ledger_directory.c; ledger.h has the rules. */
#ifndef PEER_LEDGER_CLAIMS_H
#define PEER_LEDGER_CLAIMS_H

#include "peer/ledger_core.h"

/* What one record says about one key, when that lists the key. */
struct claim {
	const struct record_key *key;
	const struct ledger_node *node;
	size_t record;           /* which of the node's */
	bool here;               /* in the current record of a living node */
	enum vh_key_state state; /* as far as this claim goes */
};

/* The claims on all keys, and when the first of them may end. */
struct claims {
	struct claim *all;
	size_t count;
	uint64_t next_end;
};

/* The claims on one kid. */
struct group {
	struct claim *all;
	size_t count;
};

/* The claims of all records that list a key at time now, sorted by kid, then
 * node.  VH_ENOMEM. */
enum vh_err claims_collect(const struct ledger *l, uint64_t now,
    struct claims *out);
void claims_free(struct claims *c);
AUTO_FREE(struct claims, claims_free)

/* Leaves one claim a node, its newest; and those that come with a proof, if any
 * does. */
void group_leave_speakers(struct group *g);
/* What they amount to. */
enum vh_key_state group_state(const struct group *g);
const struct alg *group_alg(const struct group *g);
/* The claim of the lowest epoch; of several the first by node. */
const struct claim *group_first(const struct group *g);
uint64_t claim_epoch(const struct claim *c);

#endif
