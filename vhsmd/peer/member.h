/* Who is in the cluster and who is alive: SWIM with suspicion, indirect probes
 * and incarnations, with Lifeguard's refinements (local health, suspicion that
 * shortens with independent confirmations, the suspect is told).
 *
 * A pure state machine.  Time, messages and answers go in; questions to ask,
 * replies to give and events come out.  No socket, clock, thread or entropy:
 * equal inputs give equal outputs.  One thread at a time.
 *
 * The shell around it, in one loop:
 *
 *   member_tick(m, now)                       when member_due says so
 *   member_asked(m, now, token, from, bytes)  somebody asked us
 *   member_answered / member_failed           what became of our own questions
 *   while (member_next(m, now, &action)) ...  after each of them
 *   while (member_next_event(m, &event)) ...
 *
 * All traffic is questions and answers (nng REQ/REP): the answer of a PING is
 * an ACK, of a PING_REQ (probe somebody for me) an ACK or a NACK, of a SYNC the
 * other's whole table, of a LEAVE an ACK.  Every message carries gossip.
 *
 * TRUST.  The transport says who speaks (`from`, bound by the signed hello), so
 * nobody speaks in another's name.  Gossip about others is hearsay of an
 * authenticated member and not signed; the signed records decide about keys,
 * this only about liveness and where to dial.  What a lying member can do is
 * therefore bounded, and heals by itself:
 *   - A message's first entry is its sender's word about itself.  An answer to
 *     our own question settles everything about the one who gave it: it is
 *     alive, with the instance, incarnation, address and digest it says.
 *   - Hearsay "suspect", "dead" or "left" begins or confirms a suspicion and no
 *     more.  Only our own timer ends it, never before the shortest suspicion
 *     time; the accused is told, and a higher incarnation clears it.  So no
 *     member removes another; but "left" out of its own mouth is believed.
 *   - Hearsay "alive" with a higher incarnation clears a suspicion and brings
 *     back the dead; but three times only without a sign of the node itself,
 *     and one that so came back and died again is for a minute believed in
 *     person only (we ask it).
 *   - Hearsay moves an incarnation by MEMBER_INCARNATION_STEP at most, so
 *     nobody can push another's to where it cannot be outdone.
 *   - A hearsay address never replaces the one its owner told us.  A wrong one
 *     costs a failed handshake, not a hijack: the transport checks the name of
 *     whom it reaches.
 *   - Invented names cost table space; when the table is full, the dead who
 *     never spoke to us go first.
 *   - A digest is a hint that a newer record exists, bound to the incarnation.
 *
 * TWO NODES WITH ONE NAME.  Every start of a node draws a random instance.
 * When a second instance shows up under the name of a living node, we ask at
 * the known address: if that fails, or the newcomer answers there, it is a
 * restart and the newcomer takes over (RESTARTED).  If the known instance
 * answers, it stays, the other is not entered, and everyone concerned, both of
 * them included, reports CONFLICT.  The other is told that the name is not its
 * own, and has lost it as long as anybody goes on saying so. */
#ifndef PEER_MEMBER_H
#define PEER_MEMBER_H

#include "base/clock.h"
#include "wire/buf.h"

#define MEMBER_NAME_MAX    64   /* letter or digit first, then also . _ - */
#define MEMBER_ADDRESS_MAX 128  /* host:port; letters, digits, . _ - : [ ] % */
#define MEMBER_VERSION_MAX 32   /* printable ASCII, may be empty */
#define MEMBER_MAX         4096 /* nodes in a table, ourselves included */
#define MEMBER_SEEDS_MAX   512
#define MEMBER_ASKS_MAX    256 /* questions of ours in flight */
#define MEMBER_REPLIES_MAX 256 /* questions to us not yet replied to */
/* The bound for RECVMAXSZ and frames: a SYNC of a full table fits. */
#define MEMBER_MESSAGE_MAX (2u << 20)

#define MEMBER_INCARNATION_MAX  (UINT64_C(1) << 62)
#define MEMBER_INCARNATION_STEP (UINT64_C(1) << 32)

enum member_state {
	MEMBER_ALIVE = 1,
	MEMBER_SUSPECT = 2, /* does not answer; may yet refute */
	MEMBER_DEAD = 3,
	MEMBER_LEFT = 4, /* said goodbye */
};

/* Where a node's own record stands: (epoch, seq), higher wins.  Opaque here. */
struct member_digest {
	uint64_t epoch, seq;
};

/* Zero in a number takes the default, given in brackets.  Texts are copied. */
struct member_config {
	const char *name;    /* our node name */
	const char *address; /* where others reach us, "host:port" */
	const char *version; /* of the daemon, for status; NULL: none */
	uint64_t instance;   /* random and not 0, drawn at every start */
	uint64_t
	    incarnation; /* where ours starts: wall clock in ms does well */
	uint64_t seed;   /* of the generator inside; random */

	uint32_t probe_ms;   /* a probe this often [500] */
	uint32_t timeout_ms; /* a direct probe fails after this [250] */
	uint32_t helpers;    /* indirect probes then [3, at most 8] */
	/* Shortest suspicion: this times probe_ms times log10 of the number of
	 * nodes (at least 1) [4]; the longest is so many times the shortest,
	 * without any confirmation [3]. */
	uint32_t suspicion, suspicion_longest;
	uint32_t sync_ms;     /* whole tables are exchanged this often [30 s] */
	uint32_t seed_min_ms; /* back-off between calls to one seed [500] */
	uint32_t seed_max_ms; /* [8 s] */
	uint32_t dead_ms;     /* one of the dead is called this often [4 s] */
	uint32_t forget_ms;   /* the dead and gone are forgotten after [24 h] */
	/* After this long without any input we were stopped: everything that
	 * waits is put off by as much, and nobody is blamed for it [2 s]. */
	uint32_t gap_ms;
};

struct member;

/* NULL when out of memory or when a name, address, version or instance in c is
 * not acceptable. */
struct member *member_new(const struct member_config *c, struct mono_ns now);
void member_free(struct member *m);
AUTO_FREE(struct member, member_free)

/* Replaces the addresses that are called until a living member is behind each,
 * and again whenever there is none any more.  VH_EFIELD for a bad address or
 * too many: the old list stays.  Our own address may be among them. */
enum vh_err member_seeds(struct member *m, struct mono_ns now,
    const char *const *addresses, size_t count);
/* A node known from earlier (a stored record): entered as dead unless known, so
 * that it is called now and then.  VH_EFIELD, VH_ENOMEM, VH_EBUSY when full. */
enum vh_err member_know(struct member *m, struct mono_ns now, const char *name,
    const char *address);
/* Our own record has changed; goes out with the gossip. */
void member_set_digest(struct member *m, struct member_digest digest);

/* Does what is due.  Calling early is harmless. */
void member_tick(struct member *m, struct mono_ns now);
/* When to call member_tick next; in the past while actions wait. */
struct mono_ns member_due(const struct member *m);

/* A question came from the node that the transport authenticated as `from`.  On
 * VH_OK a REPLY with this token comes out of member_next, at once or, for a
 * PING_REQ, within the time its asker allows.  Otherwise nothing has changed:
 * VH_EPARSE, VH_EVERSION, VH_EOP, VH_EFORBIDDEN (it speaks as somebody else),
 * VH_EBUSY (MEMBER_REPLIES_MAX). */
enum vh_err member_asked(struct member *m, struct mono_ns now, uint64_t token,
    struct slice from, struct slice question);
/* The answer to our question id, from the node authenticated as `from`.  One
 * that cannot be parsed, or of somebody else than was asked, counts as failed
 * and is returned as an error.  Late or unknown ids are ignored. */
enum vh_err member_answered(struct member *m, struct mono_ns now, uint64_t id,
    struct slice from, struct slice answer);
/* Our question id was not answered: timed out, refused, unreachable, or an
 * error came back.  VH_EBUSY says that the node is alive but has no time. */
void member_failed(struct member *m, struct mono_ns now, uint64_t id,
    enum vh_err why);

/* Says goodbye: probing ends, a bounded number of nodes are told.  After that
 * we answer as one who has left. */
void member_leave(struct member *m, struct mono_ns now);
/* Whether everyone we told has answered or had its time. */
bool member_has_left(const struct member *m);

enum member_action_kind { MEMBER_ASK, MEMBER_REPLY };

struct member_action {
	enum member_action_kind kind;
	/* ASK: its id; REPLY: the token of the question. */
	uint64_t id;
	/* ASK: whom; empty: whoever answers at the address (a seed). */
	char name[MEMBER_NAME_MAX + 1];
	char address[MEMBER_ADDRESS_MAX + 1];
	uint32_t timeout_ms;
	/* Borrowed until the next call with m.  A REPLY without bytes (out of
	 * memory) is to be sent as an error. */
	struct slice bytes;
};

/* The next thing to send; false when there is none.  An ASK must be followed
 * by member_answered or member_failed; if the shell forgets, its time-out does
 * it. */
bool member_next(struct member *m, struct mono_ns now,
    struct member_action *out);

/* Whether others say that another living node has our name, and keeps it. */
bool member_has_lost_name(const struct member *m, struct mono_ns now);

/* What is known of a node; a copy. */
struct member_node {
	char name[MEMBER_NAME_MAX + 1];
	char address[MEMBER_ADDRESS_MAX + 1];
	char version[MEMBER_VERSION_MAX + 1];
	uint64_t instance, incarnation;
	enum member_state state;
	struct member_digest digest; /* newest that we heard of */
	bool self;
	struct mono_ns since;     /* in this state */
	struct mono_ns last_seen; /* last word from itself; 0: never */
	uint32_t rtt_us;          /* of its last answer to a PING; 0: none */
};

enum member_event_kind {
	MEMBER_IS_JOINED, /* new here, alive */
	MEMBER_IS_ALIVE,  /* again, after suspect, dead or left */
	MEMBER_IS_SUSPECT,
	MEMBER_IS_DEAD,
	MEMBER_IS_LEFT,
	MEMBER_IS_RESTARTED, /* same name, new instance: connections are stale
			      */
	MEMBER_IS_CHANGED,   /* address, version or digest */
	MEMBER_IS_FORGOTTEN,
	MEMBER_IS_CONFLICT, /* a second node uses this name, at `other` */
};

struct member_event {
	enum member_event_kind kind;
	struct member_node node; /* as it is now; CONFLICT may be about self */
	char other[MEMBER_ADDRESS_MAX + 1];
};

/* The next event; false when there is none.  What is reported is the
 * difference to what was reported before: a state that came and went between
 * two calls is not. */
bool member_next_event(struct member *m, struct member_event *out);
/* "joined", "suspect"; "alive", "dead". */
const char *member_event_name(enum member_event_kind kind);
const char *member_state_name(enum member_state state);

/* All nodes, ourselves first, in no particular order; false past the end. */
bool member_at(const struct member *m, size_t i, struct member_node *out);
bool member_find(const struct member *m, struct slice name,
    struct member_node *out);

/* For metrics: counters since start, and what is. */
struct member_stats {
	uint64_t probes, probes_failed, indirect, suspicions, deaths,
	    refutations;
	uint64_t syncs, conflicts, pauses;
	uint64_t refused;     /* messages that were malformed or not theirs */
	uint64_t implausible; /* hearsay not believed */
	uint64_t table_full;
	uint32_t alive, suspect, dead, left; /* nodes now, alive counts us */
	uint32_t health; /* 0 good .. 8: how far we distrust ourselves */
};

void member_stats(const struct member *m, struct member_stats *out);

#endif
