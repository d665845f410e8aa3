/* The ledger as text, for the state directory: signed, public facts only.
 *
 *	vhsmd cluster state 1
 *	tombstone JWS
 *	record JWS
 *	sha256 HEX
 *
 * The last line is over all before it: it tells damage from forgery, which the
 * signatures tell.  Tombstones come first, then current records, then evidence:
 * if the text has to be cut, that is the order of importance. */
#ifndef PEER_STATEFILE_H
#define PEER_STATEFILE_H

#include "peer/ledger.h"

/* Appends the text, which with all of out will not pass max bytes; *left_out is
 * how many tokens found no room.  VH_ENOMEM, VH_ETOOBIG. */
enum vh_err statefile_put(const struct ledger *l, size_t max, struct buf *out,
    size_t *left_out);

struct statefile_report {
	size_t taken;
	size_t refused[REFUSALS]; /* lines, by reason */
	size_t malformed;         /* lines that are none of ours */
	/* The whole: cut short, changed, or of another version.  Keep a copy of
	 * the file before the next save. */
	bool damaged;
};

/* Takes into the ledger what the text has, each token verified as if it came
 * from a stranger; damage to one line costs that line.  Empty text is fine.
 * VH_ENOMEM only. */
enum vh_err statefile_load(struct ledger *l, struct moment now,
    struct slice text, struct statefile_report *out);

#endif
