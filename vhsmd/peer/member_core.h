/* What the files of the membership core share; member.h is the contract.
 *
 *   member.c          inputs, time
 *   member_table.c    nodes, their order, what is told on
 *   member_view.c     what the shell is told
 *   member_ask.c      questions in flight, replies owed, their bytes
 *   member_rules.c    what is believed of what is heard
 *   member_suspect.c  suspicion
 *   member_contest.c  two instances of one name
 *   member_probe.c    probes, direct and indirect
 *   member_seek.c     seeds, the dead, whole tables, goodbye */
#ifndef PEER_MEMBER_CORE_H
#define PEER_MEMBER_CORE_H

#include "peer/member.h"
#include "peer/member_wire.h"

/* Out of memory is an answer, not an exit. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#define HEALTH_MAX      4 /* a probe takes (1 + it) times as long then */
#define HELPERS_MAX     8
#define CONFIRM_MAX     2  /* confirmations that shorten a suspicion fully */
#define TOLD_MAX        32 /* times that an entry is told on, at most */
#define TELL_ENTRIES    24 /* entries of gossip in a message */
#define GOODBYES_MAX    64
#define CONTEST_TRIES   3
#define CONTEST_HOLD_MS 30000 /* a settled contest is not begun again */
#define DISTRUST_MS     60000
#define TELL_TIMES      2 /* messages of mere gossip a probe period */
#define SYNC_MIN_MS     1000
#define SYNC_TIMEOUT_MS 5000
#define TWIN_QUIET_MS   60000 /* between two reports of our own twin */
#define TWIN_LOST_MS    15000 /* after the last word that our name is taken */
#define RAISE_QUIET_MS  5000
#define CLEARED_MAX     3    /* then only its own word clears a suspicion */
#define CALL_QUIET_MS   5000 /* between two calls to one we only hear of */
#define CALL_TIMEOUT_MS 1000
#define SEEDS_AT_ONCE   8
#define SEED_TIMEOUT_MS 2000

struct suspicion {
	struct mono_ns started;
	uint32_t min_ms, max_ms;
	unsigned wanted, count;             /* confirmations */
	uint32_t accusers[CONFIRM_MAX + 1]; /* hashes of their names */
	char by[MEMBER_NAME_MAX + 1];       /* the latest that counted */
	bool leaving;                       /* it is said to have left */
};

enum contest_phase {
	CONTEST_WAIT, /* until when */
	CONTEST_OLD,  /* asking at the known address */
	CONTEST_NEW,  /* asking at the other's */
	CONTEST_TWIN, /* both live; until when */
	CONTEST_NONE, /* nothing was there; until when */
};

/* A second instance under the name of a living node. */
struct contest {
	enum contest_phase phase;
	bool heard; /* it spoke to us itself */
	bool old_answered;
	unsigned tries;
	uint64_t instance, incarnation;
	struct mono_ns when;
	char address[MEMBER_ADDRESS_MAX + 1];
};

/* What looking one up and comparing it touches stands first. */
struct node {
	UT_hash_handle hh;
	uint64_t instance, incarnation;
	struct member_digest digest;
	enum member_state state, reported; /* reported 0: never */
	uint8_t name_len, address_len, version_len;
	char name[MEMBER_NAME_MAX + 1];

	uint8_t told;    /* times; TOLD_MAX: enough */
	uint8_t cleared; /* times by hearsay, since its own last word */
	bool telling;    /* in a list of m->tell */
	bool urgent;     /* in m->urgent */
	bool forgotten;  /* only waits for its event */
	bool event_waits, restarted, changed, twin;
	uint32_t at; /* in m->order; not of self */
	uint32_t rtt_us;
	char *address, *version; /* one allocation, at address */
	uint64_t said; /* highest incarnation from itself, of this instance */
	struct mono_ns since, last_seen;
	struct mono_ns distrusted; /* hearsay does not revive it until then */
	struct mono_ns called;     /* last call because of that */

	struct node *told_prev, *told_next; /* m->tell[told] */
	struct node *event_next;
	struct node *suspect_prev, *suspect_next;
	struct node *urgent_prev, *urgent_next;
	struct node *contest_prev, *contest_next;
	struct suspicion *suspicion; /* while SUSPECT */
	struct contest *contest;     /* or NULL */
};

enum ask_purpose {
	ASK_FREE,
	ASK_PROBE,    /* direct, of m->probe */
	ASK_INDIRECT, /* through a helper, of m->probe */
	ASK_HELP,     /* for whoever asked us; reply */
	ASK_SEED,
	ASK_SYNC,
	ASK_DEAD,    /* one of the dead, or somebody who is only hearsay */
	ASK_CONTEST, /* both phases */
	ASK_TELL,    /* only carries gossip */
	ASK_TWIN,    /* tells an instance of its twin */
	ASK_LEAVE,
};

struct reply;

struct ask {
	struct ask *prev, *next; /* m->outbox, then m->asked */
	uint64_t id;
	enum ask_purpose purpose;
	enum message_kind kind;
	bool sent;
	struct node *node;   /* who is asked; NULL: a seed */
	struct node *about;  /* INDIRECT: the target; TWIN: whom it is about */
	struct reply *reply; /* HELP */
	uint32_t timeout_ms, help_ms;
	struct mono_ns asked, deadline;
	char address[MEMBER_ADDRESS_MAX + 1];
};

struct reply {
	struct reply *prev, *next;
	uint64_t token;
	bool used;
	enum message_kind kind;
	uint64_t instance; /* of the asker */
	char name[MEMBER_NAME_MAX + 1];
	char target[MEMBER_NAME_MAX + 1]; /* PING_REQ */
};

struct probe {
	struct node *node; /* NULL: none under way */
	struct mono_ns help_at;
	struct mono_ns next_at; /* when it ends early */
	bool helped;
	unsigned waiting, helpers, nacks; /* questions out; of helpers */
};

struct seed {
	char address[MEMBER_ADDRESS_MAX + 1];
	char behind[MEMBER_NAME_MAX + 1]; /* who answered there last */
	struct mono_ns at;
	uint32_t wait_ms;
	bool asking;
};

struct member {
	struct member_config c; /* texts are NULL: they are in self */
	uint64_t random;
	struct mono_ns now, due;
	struct node *by_name, *self;
	struct node **order; /* all but self; probing goes through it */
	size_t count, room, cursor;
	uint32_t states[MEMBER_LEFT + 1]; /* nodes but self, by state */

	struct node *tell[TOLD_MAX]; /* by times told */
	struct node *events, *events_end;
	struct node *suspects, *urgent, *contests;

	struct ask *asks; /* MEMBER_ASKS_MAX slots */
	struct ask *asks_free, *outbox, *asked;
	uint64_t last_ask;
	struct reply *replies; /* MEMBER_REPLIES_MAX slots */
	struct reply *replies_free, *ready;
	struct buf *out;

	struct probe probe;
	struct mono_ns probe_at, sync_at, dead_at, tell_at, grace;
	uint32_t sync_wait_ms;
	bool bulk;                /* a whole table is being merged */
	uint64_t news, news_seen; /* what tables taught us */
	struct seed *seeds;
	size_t seed_count;

	bool leaving;
	struct mono_ns raised, twin_quiet;
	struct mono_ns lost_until; /* another node has our name; 0: never */
	uint64_t twin;             /* the instance reported last as our twin */
	char twin_address[MEMBER_ADDRESS_MAX + 1];
	struct member_stats stats;
};

/* --- member.c --- */
/* It is now, at the least, this late; notices that we were stopped. */
void time_moves(struct member *m, struct mono_ns now);
uint64_t random_below(struct member *m, uint64_t n);
/* d or up to a quarter less: nodes that began together drift apart. */
uint32_t jittered(struct member *m, uint32_t ms);
/* Sees to it that member_due is not later than t. */
void due_by(struct member *m, struct mono_ns t);
static inline struct mono_ns
after_ms(const struct member *m, uint64_t ms)
{
	return mono_after_ms(m->now, ms);
}
static inline bool
passed(const struct member *m, struct mono_ns t)
{
	return mono_passed(t, m->now);
}
/* d milliseconds, longer the less we trust ourselves. */
uint32_t scaled_ms(const struct member *m, uint32_t ms);
void health_add(struct member *m, int points);

/* --- member_table.c --- */
static inline struct slice
node_name(const struct node *n)
{
	return slice_of(n->name, n->name_len);
}
static inline bool
node_lives(const struct node *n)
{
	return n->state == MEMBER_ALIVE || n->state == MEMBER_SUSPECT;
}
struct node *node_find(const struct member *m, struct slice name);
/* A node of u's name, instance, ...; state DEAD, nothing told or reported.
 * NULL when the table is full of the living, or out of memory. */
struct node *node_add(struct member *m, const struct update *u);
struct node *node_new(const struct update *u);
void node_free(struct node *n);
void node_forget(struct member *m, struct node *n);
/* Whether one of them differs from what n has; then both are replaced, unless
 * out of memory. */
bool node_set_texts(struct node *n, struct slice address, struct slice version);
/* Only counts and lists: what a state means is in member_rules.c. */
void node_set_state(struct member *m, struct node *n, enum member_state state);
void node_urgent(struct member *m, struct node *n);
void node_not_urgent(struct member *m, struct node *n);
/* Tells n on, from the start. */
void node_tell(struct member *m, struct node *n);
/* Often enough that all will very probably have heard it (SWIM, 4.1: a small
 * multiple of the logarithm of the group's size). */
unsigned tell_limit(const struct member *m);
/* Whether anything is still to be told on. */
bool any_to_tell(const struct member *m);
void node_event(struct member *m, struct node *n);
/* The entry of n as it goes on the wire; borrowed from n. */
void update_of_node(const struct member *m, const struct node *n,
    struct update *u);
/* Nodes that live, ourselves included. */
size_t living(const struct member *m);
/* 1000 times the decimal logarithm of n, and at least 1000. */
uint32_t scale_milli(size_t n);
/* A random node, in one of two states, that is not `but`; NULL: none found. */
struct node *node_random(struct member *m, enum member_state state,
    enum member_state or_state, const struct node *but);

/* --- member_ask.c --- */
bool asks_init(struct member *m);
void asks_free(struct member *m);
/* A question to n (or, n NULL, to address); NULL when too many are out. */
struct ask *ask_begin(struct member *m, enum ask_purpose purpose,
    enum message_kind kind, struct node *n, uint32_t timeout_ms);
void ask_end(struct member *m, struct ask *a);
struct ask *ask_find(struct member *m, uint64_t id);
/* n is about to go: no question names it any more. */
void asks_drop_node(struct member *m, const struct node *n);
struct reply *reply_begin(struct member *m, uint64_t token,
    const struct message *q);
void reply_ready(struct member *m, struct reply *r, enum message_kind kind);

/* --- member_rules.c --- */
/* What the sender says of itself.  strong: it answers our question; address
 * then is where we asked, else NULL. */
void word_heard(struct member *m, const struct update *u, bool strong,
    const char *address);
/* What from says of others, or of us. */
void hearsay_heard(struct member *m, struct slice from, const struct update *u);
void gossip_heard(struct member *m, const struct message *msg);
void node_alive(struct member *m, struct node *n);
void node_gone(struct member *m, struct node *n, enum member_state state);
/* n's name now belongs to the instance of u. */
void node_takeover(struct member *m, struct node *n, const struct update *u,
    bool hearsay);
void self_raise(struct member *m, uint64_t above);

/* --- member_suspect.c --- */
void suspect(struct member *m, struct node *n, struct slice by, bool leaving);
/* Whether it is one of the accusers that count. */
bool is_accused_by(const struct node *n, struct slice by);
void suspicion_end(struct member *m, struct node *n);
struct mono_ns suspicion_due(const struct member *m, const struct suspicion *s);
void suspects_tick(struct member *m);

/* --- member_contest.c --- */
void contest_begin(struct member *m, struct node *n, const struct update *u,
    bool heard);
/* The ask of a contest has ended; u is the answerer's word, or NULL. */
void contest_answer(struct member *m, struct node *n, const struct update *u);
void contest_end(struct member *m, struct node *n);
void contests_tick(struct member *m);
/* We met another instance of our own name at address. */
void self_twin(struct member *m, uint64_t instance, struct slice address);

/* --- member_probe.c --- */
void probe_tick(struct member *m);
struct mono_ns probe_due(const struct member *m);
void probe_answered(struct member *m, const struct ask *a, bool acked);
void probe_failed(struct member *m, const struct ask *a);
void probe_drop(struct member *m);
/* Somebody asked us to probe for it. */
void help_begin(struct member *m, struct reply *r, const struct message *q);

/* --- member_seek.c --- */
void seek_tick(struct member *m);
struct mono_ns seek_due(const struct member *m);
/* word is who answered, NULL: nobody. */
void seed_ended(struct member *m, const struct ask *a,
    const struct update *word);
/* Calls a node of whose life there is only hearsay. */
void call_node(struct member *m, struct node *n);

#endif
