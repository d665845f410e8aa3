/* What the cluster's nodes have signed, and what follows from it: the directory
 * of keys, and which of them are published.  A pure core: signed things and
 * times go in, decisions come out.  One thread at a time.
 *
 * RECORDS.  Of each node the record with the highest (epoch, seq) is current.
 * Earlier ones are kept as evidence as long as they alone show until when some
 * signing key must stay published.  What is kept is a function of the set of
 * records ever seen (a maximum), not of their order: so all nodes agree.
 *
 * A SIGNING KEY IS LISTED while a living node's current record has it, and
 * until its end: the latest iat of a record that shows it active (or the last
 * use that a RETIRED one states), plus that record's keep_after.  If records
 * disagree, the latest end counts.  A key that no record shows active goes with
 * its node's life or with its epoch.  AN ENCRYPTION KEY is listed while a
 * living node's current record has it.  A key with a tombstone is never listed.
 *
 * ONE KID, SEVERAL HOLDERS (a file loaded on several nodes) is one key:
 *   use    "sig" wins: it comes with a proof of possession, "enc" without, so
 *          nobody can turn another's signing key into an encryption key
 *   alg    the pin all records that list the key agree on; else no pin, so that
 *          whatever any of them signed verifies; the holder enforces its own
 *   state  ACTIVE, else PUBLISHED, else RETIRED, the first that applies
 *   allow  the union, since each holder checks again; everyone when one of them
 *          says everyone; past RECORD_ALLOW_MAX it is cut, never widened
 *   name   of the first holder by node name, else of the first record by that
 *   ops    the union, as allow; everything when one of them says nothing
 *   typ, claims  what all of them say; nothing when they differ
 *
 * A PUBLISHED KID, if a node gives a key another one than its thumbprint: the
 * one of the record with the lowest epoch; a node that calls the key otherwise
 * is no holder.  No two keys have one published kid, and none has another's
 * thumbprint: the key that was called so first (again the lowest epoch, as long
 * as it is listed) keeps it, and the others are not listed at all.
 *
 * TIME.  The wall clock is compared with what is signed and nothing else.  When
 * it leaps ahead or back by more than ten minutes against the monotonic clock,
 * nothing ends for an hour that would not have ended without the leap. */
#ifndef PEER_LEDGER_H
#define PEER_LEDGER_H

#include "peer/record.h"

#define LEDGER_NODES_MAX      1024
#define LEDGER_RECORDS_MAX    256 /* of a node; a node may restart often a day */
#define LEDGER_NODE_BYTES_MAX (32u << 20)
#define LEDGER_BYTES_MAX      (256u << 20)
#define LEDGER_TOMBSTONES_MAX 65536
#define LEDGER_CHECKS         8  /* of keys at once: 1 to 20 ms */
#define LEDGER_HOLDERS_MAX    64 /* of a key, listed: a KEY field holds them */
/* The current record of a dead node stays as long past its last end. */
#define LEDGER_LINGER_MS (UINT64_C(3600) * 1000)

/* The same instant on both clocks. */
struct moment {
	struct wall_ms wall;
	struct mono_ns mono;
};

struct ledger;

struct ledger_config {
	const char *self;      /* our node name */
	struct trust *trust;   /* borrowed for good */
	struct slice revokers; /* comma list of nodes whose tombstones count;
				* empty: any */
};

/* NULL when out of memory. */
struct ledger *ledger_new(const struct ledger_config *c, struct moment now);
void ledger_free(struct ledger *l);
AUTO_FREE(struct ledger, ledger_free)

/* --- in --------------------------------------------------------------------
 * None of these changes what the queries below say: ledger_tick does. */

struct verdict {
	enum refusal reason; /* NONE when it was taken */
	/* Whose record it is, who revokes; empty when it did not come to that.
	 */
	char node[NODE_NAME_MAX + 1];
	uint64_t epoch, seq;
	/* Taken, and of a later epoch than the one we had: ask another member
	 * for this node's records, it may have better evidence of earlier
	 * epochs. */
	bool new_epoch;
	/* Taken, and it says something else than before, not just a later iat:
	 * worth pushing on, if it is ours. */
	bool news;
	char kid[JOSE_KID_MAX + 1]; /* of a tombstone */
};

/* A record or tombstone, from whomever.  Errors are those of the reason. */
enum vh_err ledger_take_record(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out);
enum vh_err ledger_take_tombstone(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out);
/* A record of our own vault, whose word about possession is enough. */
enum vh_err ledger_take_own_record(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out);
/* ledger_take_record in turns, which takes seconds if the record has thousands
 * of new keys.  The first half looks at everything but the keys: *out is the
 * caller's, NULL on failure.  Then the other is called while it succeeds and *r
 * is there; each call checks some LEDGER_CHECKS keys.  *r is freed on failure.
 */
enum vh_err ledger_open_record(struct ledger *l, struct moment now,
    struct slice token, struct record **out, struct verdict *verdict);
enum vh_err ledger_take_more(struct ledger *l, struct moment now,
    struct record **r, struct verdict *out);
/* As take_record and take_tombstone, for what we had saved: an iat in the
 * future is no reason to refuse, since we believed it once and it is our clock
 * that has changed. */
enum vh_err ledger_take_saved_record(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out);
enum vh_err ledger_take_saved_tombstone(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out);

/* A living member, suspects included, ourselves too. */
struct ledger_live {
	char node[NODE_NAME_MAX + 1];
	uint64_t epoch; /* of its own record, as gossip says; 0: not known */
	bool leaving;   /* about to go: its encryption keys are withdrawn */
	bool own;       /* this node: it makes its records itself */
	uint32_t load;
};

/* Replaces the set of living members; in any order, at most TRUST_NODES_MAX. */
enum vh_err ledger_set_live(struct ledger *l, const struct ledger_live *nodes,
    size_t count);

/* Judges everything again after trust_load; returns how many records and
 * tombstones had to go. */
size_t ledger_recheck(struct ledger *l, struct moment now);

/* Ends what has ended and works out everything below.  Call it after a batch of
 * the above, and every second or so: it is cheap when nothing has changed.
 * VH_ENOMEM: all is as before, call again. */
enum vh_err ledger_tick(struct ledger *l, struct moment now);

/* --- out: as of the last ledger_tick, borrowed until the next ---------------
 */

/* Changes (grows) exactly when the directory does, apart from LOAD.  Starts at
 * the wall clock in ms, so it differs from that of an earlier process. */
uint64_t ledger_version(const struct ledger *l);

struct ledger_holder {
	const char *node;
	uint32_t load;
};

/* A key of the cluster. */
struct ledger_key {
	char kid[VH_KID_SIZE + 1];
	struct pub pub;
	enum vh_use use;
	const struct alg *alg; /* or NULL */
	struct slice name, allow;
	uint32_t ops; /* as in a record_key; so are the next */
	struct slice typ, claims;
	struct slice published; /* what the world calls it, or empty */
	uint64_t since;         /* epoch of the first record that says so */
	const char *node;       /* whose record that is */
	/* ACTIVE: in use.  PUBLISHED: not yet.  RETIRED: for what exists
	 * already, that is verifying, and decrypting while its holder leaves.
	 */
	enum vh_key_state state;
	/* The living nodes that can use it (those for which it is PUBLISHED,
	 * while it is that): ourselves first, then by name.  None: it is there
	 * for verifying. */
	const struct ledger_holder *holders;
	size_t holder_count;
};

/* Whether it belongs into the JWKS: all but encryption keys being withdrawn. */
bool ledger_key_is_published(const struct ledger_key *k);

/* All keys, sorted by kid. */
const struct ledger_key *ledger_keys(const struct ledger *l, size_t *count);
const struct ledger_key *ledger_key(const struct ledger *l, const char *kid);
/* Keys that are not listed because of what they are called: whose that is. */
struct ledger_clash {
	char kid[VH_KID_SIZE + 1], owner[VH_KID_SIZE + 1];
	struct slice published;
	const char *node; /* that calls it so */
};

/* By kid. */
const struct ledger_clash *ledger_clashes(const struct ledger *l,
    size_t *count);
/* Whether any living node has an active signing key. */
bool ledger_has_active(const struct ledger *l);
/* Whether some record shows this signing key active, and that still holds. */
bool ledger_is_active(const struct ledger *l, const char *kid);
/* Whether the key has a tombstone; at once, not at the next ledger_tick. */
bool ledger_is_revoked(const struct ledger *l, const char *kid);

/* Hash of the tombstones and of the evidence of earlier records, which no
 * member digest covers.  Differs from another node's: pull the rest from it,
 * but not at every round, as their clocks may differ a little. */
void ledger_digest(const struct ledger *l, uint8_t out[static 32]);

struct ledger_stats {
	size_t nodes, records, bytes, tombstones, keys;
};

struct ledger_stats ledger_stats(const struct ledger *l);

/* --- out: as of now, borrowed until the next change --------------------------
 */

/* The current record of a node, or NULL; of all nodes, by name, until NULL. */
const struct record *ledger_current(const struct ledger *l, const char *node);
const struct record *ledger_current_at(const struct ledger *l, size_t i);

/* Calls each with the token of: all records of a node, newest first; all
 * evidence; all tombstones, by kid.  Stops when each returns false. */
typedef bool ledger_each(struct slice token, void *context);
void ledger_each_record(const struct ledger *l, const char *node,
    ledger_each *each, void *context);
void ledger_each_evidence(const struct ledger *l, ledger_each *each,
    void *context);
void ledger_each_tombstone(const struct ledger *l, ledger_each *each,
    void *context);

#endif
