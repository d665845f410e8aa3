/* A cluster of nodes "a", "b", "c" and the ledger of "a" under a virtual clock.
 */
#ifndef TEST_LEDGER_WORLD_H
#define TEST_LEDGER_WORLD_H

#include "peer/ledger.h"
#include "test_record_node.h"

#define KEEP DAY

enum who { A, B, C, NODES };

struct world {
	struct cert *ca, *node[NODES];
	struct trust *trust;
	struct ledger *ledger;
	/* The virtual clocks, in ms: since T0, since some boot. */
	uint64_t wall, mono;
};

struct world world_new(void);
struct world world_with_revokers(const char *revokers);
void world_free(struct world *w);
/* Both clocks go on; only the wall clock jumps. */
void world_pass(struct world *w, uint64_t ms);
void world_jump(struct world *w, int64_t ms);
struct moment world_now(const struct world *w);
/* The process of "a" starts anew: an empty ledger. */
void world_restart(struct world *w);

/* Who lives: letters, followed by ! when leaving: "ab!c". */
void world_live(struct world *w, const char *who);

/* A record by node, iat now, KEEP, of up to two keys; the caller's. */
struct buf *world_record(const struct world *w, enum who node, uint64_t epoch,
    uint64_t seq, const struct test_key *k, const struct test_key *l);
/* The ledger takes a token (freed), and works things out. */
enum refusal world_take(struct world *w, struct buf *token);
enum refusal world_take_tombstone(struct world *w, struct buf *token);
/* world_record and world_take. */
enum refusal world_say(struct world *w, enum who node, uint64_t epoch,
    uint64_t seq, const struct test_key *k, const struct test_key *l);
void world_tick(struct world *w);

/* "ACTIVE ab", "PUBLISHED a", "RETIRED b", "ACTIVE" without holders, "none". */
const char *world_state(const struct world *w, const struct test_key *k);

/* The whole directory as text, and the JWKS part of it; the caller's. */
struct buf *world_directory(const struct ledger *l);
struct buf *world_published(const struct ledger *l);

#endif
