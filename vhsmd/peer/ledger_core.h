/* What the parts of the ledger share; for ledger*.c. */
#ifndef PEER_LEDGER_CORE_H
#define PEER_LEDGER_CORE_H

#include "peer/ledger_clock.h"

/* A node and its records, newest (epoch, seq) first: [0] is current, the others
 * are evidence. */
struct ledger_node {
	char name[NODE_NAME_MAX + 1];
	struct record **records;
	size_t count, room;
	size_t bytes; /* of their tokens */
};

struct directory; /* ledger_directory.c */

struct ledger {
	char self[NODE_NAME_MAX + 1];
	struct trust *trust; /* borrowed */
	struct verifier *verifier;
	struct buf *revokers;
	struct ledger_clock clock;

	struct ledger_node **nodes; /* by name; room for LEDGER_NODES_MAX */
	size_t node_count;
	size_t bytes;
	struct tombstone **graves; /* by kid */
	size_t grave_count, grave_room;
	struct ledger_live *live; /* by name */
	size_t live_count;

	struct directory *directory;
	uint64_t version;
	bool dirty;        /* the directory is to be worked out again */
	bool rest_dirty;   /* the digest is */
	uint64_t next_end; /* wall ms: nothing ends by itself before */
	uint8_t digest[32];
};

/* --- ledger_nodes.c --------------------------------------------------------
 */

/* NULL when it is not there; the second makes it, NULL when out of memory or
 * full. */
struct ledger_node *ledger_node_find(const struct ledger *l, const char *name);
struct ledger_node *ledger_node_get(struct ledger *l, const char *name);
/* The record of exactly, or the newest of at most, that epoch and seq. */
const struct record *ledger_node_record(const struct ledger_node *n,
    uint64_t epoch, uint64_t seq);
/* Any record of that epoch, or NULL. */
const struct record *ledger_node_epoch(const struct ledger_node *n,
    uint64_t epoch);
/* Puts r, which is the ledger's from here on, into its place.  VH_ENOMEM: r is
 * freed. */
enum vh_err ledger_node_add(struct ledger *l, struct ledger_node *n,
    struct record *r);
/* Drops the record at i. */
void ledger_node_drop(struct ledger *l, struct ledger_node *n, size_t i);
/* Drops what no longer shows anything at time now, and what is over the bounds.
 * VH_ENOMEM: nothing was dropped. */
enum vh_err ledger_node_prune(struct ledger *l, struct ledger_node *n,
    uint64_t now);
/* Frees nodes that have no record. */
void ledger_nodes_sweep(struct ledger *l);
void ledger_nodes_free(struct ledger *l);

/* The living member of that name, or NULL. */
const struct ledger_live *ledger_live_find(const struct ledger *l,
    const char *name);
/* Whether the node lives that life which its current record tells of. */
bool ledger_node_is_here(const struct ledger *l, const struct ledger_node *n);

/* --- ledger_tombstones.c ---------------------------------------------------
 */

/* s, whose kid has none yet, is the ledger's from here on.  VH_ENOMEM: it is
 * freed. */
enum vh_err ledger_bury(struct ledger *l, struct tombstone *s);
/* Judges all again; how many had to go. */
size_t ledger_recheck_graves(struct ledger *l);
void ledger_graves_free(struct ledger *l);

/* --- ledger_directory.c ----------------------------------------------------
 */

/* Works the directory out again, and next_end; the version grows if it came out
 * different.  VH_ENOMEM: the old one stays. */
enum vh_err ledger_directory_update(struct ledger *l, uint64_t now);
void ledger_directory_set_loads(struct ledger *l);
void directory_free(struct directory *d);
AUTO_FREE(struct directory, directory_free)

#endif
