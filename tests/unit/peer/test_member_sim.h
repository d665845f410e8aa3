/* Many membership cores in one process, under a virtual clock: a network that
 * is late, loses, parts and stops, the same for the same seed. */
#ifndef TEST_MEMBER_SIM_H
#define TEST_MEMBER_SIM_H

#include "peer/member.h"

#define SIM_EVENTS (MEMBER_IS_CONFLICT + 1)

struct sim_node {
	struct member *m; /* NULL: not running */
	char name[MEMBER_NAME_MAX + 1];
	char address[MEMBER_ADDRESS_MAX + 1]; /* hI:7600, I the index */
	uint64_t life;                        /* counts starts */
	uint64_t paused_until, tick_at;
	int side;                  /* of a partition */
	bool deaf_from[8];         /* one-way: hears nothing from these */
	unsigned seen[SIM_EVENTS]; /* events it gave, by kind */
};

struct sim_message;

struct sim {
	struct sim_node *nodes;
	size_t count;
	uint64_t now; /* ms */
	uint64_t random;
	unsigned loss; /* of a thousand messages */
	bool parted;
	struct sim_message *heap;
	size_t heaped, room;
	unsigned wrong_deaths; /* DEAD or LEFT about one that runs unpaused */
	uint64_t messages;
	uint64_t clock_back;         /* of the wall clock of those that start */
	struct member_config config; /* what all start with */
};

/* Nodes named n0, n1, ..., none of them running. */
struct sim *sim_new(size_t count, uint64_t seed);
void sim_free(struct sim *s);
AUTO_FREE(struct sim, sim_free)

/* Starts node i with node `seed` as its seed. */
void sim_start(struct sim *s, size_t i, size_t seed);
/* Node 0, then all others with it as their seed. */
void sim_start_all(struct sim *s);
void sim_kill(struct sim *s, size_t i);
void sim_pause(struct sim *s, size_t i, uint64_t ms);
void sim_run(struct sim *s, uint64_t ms);
/* Runs until all views are right; milliseconds it took, or most when not. */
uint64_t sim_settle(struct sim *s, uint64_t most);
/* Views (of a running node on another) that are not what is: alive for those
 * that run on its side, dead or left for all others. */
size_t sim_wrong(const struct sim *s);
/* What node i holds of the name of node j; 0: nothing. */
enum member_state sim_state(const struct sim *s, size_t i, size_t j);
unsigned sim_total(const struct sim *s, enum member_event_kind kind);
void sim_forget_events(struct sim *s);

#endif
