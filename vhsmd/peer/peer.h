/* vhsmd-peer: one thread in one loop between the supervisor, the vault, front
 * and, through peer/session.h, the other nodes.
 *
 * Whatever is asked of somebody is a pending: its answer, its loss or its
 * time-out ends it, always by its function, always in the loop. */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include <uthash.h>

#include "base/link.h"
#include "base/settings.h"
#include "peer/announce.h"
#include "peer/ledger.h"
#include "peer/limit.h"
#include "peer/member.h"
#include "peer/names.h"
#include "peer/session.h"
#include "peer/statefile.h"

/* A frame between processes: a token and what goes with it. */
#define PEER_FRAME_MAX    (VH_TOKEN_MAX + (1u << 20))
#define PEER_PENDING_MAX  4096
#define PEER_FORWARDS_MAX 256  /* of front's, to other nodes, at once */
#define PEER_RELAYS_MAX   128  /* of other nodes, to front, at once */
#define PEER_WAIT_MS      5000 /* for an answer of a process of this node */

struct peer;
struct pending;

/* The end of a pending: VH_OK or a's error with the answer, or an error and
 * NULL.  The pending is gone afterwards. */
typedef void pending_done(struct peer *p, const struct pending *w,
    enum vh_err err, const struct frame *a);

enum whom { OF_SUPER, OF_VAULT, OF_FRONT, OF_NODES };

struct pending {
	uint64_t id;
	enum whom whom;
	pending_done *done;
	struct mono_ns by; /* of nodes: sessions know */
	uint64_t ref;      /* what done needs: a token, an id, a number */
	char node[SESSION_NODE_MAX + 1];
	UT_hash_handle hh;
};

#define PEER_COUNTS                                                            \
	X(joins)                                                               \
	X(deaths)                                                              \
	X(conflicts)                                                           \
	X(records_taken)                                                       \
	X(records_refused)                                                     \
	X(tombstones_taken)                                                    \
	X(tombstones_refused)                                                  \
	X(hellos_refused)                                                      \
	X(forwards_ok)                                                         \
	X(forwards_failed)                                                     \
	X(relays_ok)                                                           \
	X(relays_failed)

struct counts {
#define X(name) uint64_t name;
	PEER_COUNTS
#undef X
	uint64_t refused[REFUSALS]; /* records and tombstones by reason */
};

/* Our own record and keys: publish.c. */
struct publishing {
	struct mono_ns record_at; /* when to ask for the next */
	bool asked;               /* a VRECORD is under way */
	bool push;                /* the next goes to all, whatever is in it */
	uint64_t epoch, seq;      /* of the last */
	struct mono_ns joined_by; /* whether there is a cluster, by then */
	struct mono_ns whole_by;  /* whether all are there, by then */
	bool joined;
	bool shows;               /* until all have our record... */
	struct mono_ns shown_by;  /* ...by then */
	struct mono_ns active_at; /* the keys, when others have known them for
				   * publish_before */
	bool timed;               /* active_at is set */
	bool activating;          /* a VANNOUNCE or VACTIVATE is under way */
	bool active;              /* all keys are, or are announced */
	struct mono_ns save_at;   /* what is announced, again */
	uint64_t changes;         /* of what front is told of own keys */
	bool taken;               /* another node has our name */
};

/* The state file: save.c. */
struct saving {
	struct buf *text;   /* being saved */
	size_t part, parts; /* next of; 0 parts: nothing */
	bool asked;
	uint64_t version; /* of the ledger, when it was made */
	size_t tombstones;
	uint64_t own_epoch, own_seq; /* of our record in it */
	struct mono_ns at;           /* last */
	bool again;
};

/* A node's question that is not yet answered. */
struct question {
	uint64_t token, id;
	uint16_t op;
};

struct pull;
struct unread;

struct peer {
	struct settings *settings;
	struct link *super, *vault;
	struct link *front; /* NULL while there is none */
	struct net *net;
	struct sessions *sessions;
	struct member *member;
	struct trust *trust;
	struct verifier *verifier;
	struct ledger *ledger;
	struct names *names;
	struct net_tls_files given; /* for the next PRELOAD */
	int state_fd;               /* until it is read */
	struct net_tls *tls;
	bool crl_left_out; /* of TLS: it has expired */
	struct pending *pendings;
	struct question questions[SESSION_OPEN_MAX]; /* by token */
	uint64_t ids;
	struct counts counts;
	struct publishing publishing;
	struct announce *announce;
	struct saving saving;
	struct pull *pulls;     /* pull.c */
	struct unread *unread;  /* take.c */
	bool pull_now;          /* somebody has a newer record */
	struct mono_ns rest_at; /* when to ask for tombstones and evidence */
	bool live_changed;      /* members: tell the ledger */
	bool ledger_changed;
	uint64_t clashes;   /* that the log has: a sum */
	uint64_t told;      /* version that front has heard of */
	uint32_t load;      /* front's, as it said last */
	struct load *loads; /* gossip.c */
	size_t forwards, relays;
	struct limit refusals;  /* log lines of records refused */
	struct mono_ns tick_at; /* sessions, next */
	struct mono_ns second;  /* next of what is done each second */
	struct moment now;
	bool drains;   /* front does */
	bool stopping; /* PSTOP has come */
	bool leaves;   /* and once more */
	bool saved;    /* and the state file is as it is to be */
	bool stays;    /* PSTOP is answered: until the next, or our link ends */
	bool done;
	size_t telling; /* nodes that are told just now that we leave */
	uint64_t stop_id;
	struct mono_ns stop_by;
	int status;
};

void peer_free(struct peer *p);
AUTO_FREE(struct peer, peer_free)

/* --- pendings: pending.c ---------------------------------------------------
 */

/* A new one, with an id, that ends in ms; NULL when there are too many. */
struct pending *pending_add(struct peer *p, enum whom whom, uint32_t ms,
    pending_done *done);
/* Ends and frees it. */
void pending_end(struct peer *p, struct pending *w, enum vh_err err,
    const struct frame *a);
struct pending *pending_find(struct peer *p, uint64_t id);
/* Ends those whose time is up; those of whom, since it is gone. */
void pendings_expire(struct peer *p);
void pendings_lose(struct peer *p, enum whom whom);

/* Opens a request to a process of this node in its link's buffer, as
 * frame_request does; frame_close(*b, *start) ends it.  NULL, and nothing has
 * happened, when there are too many or the link is gone. */
struct pending *link_ask(struct peer *p, enum whom whom, enum vh_op op,
    uint32_t ms, pending_done *done, struct buf **b, size_t *start);
/* Asks a node; done is called in any case, perhaps at once.  b has one request,
 * to be answered in ms, whose id is set here. */
void node_ask(struct peer *p, const char *node, const char *address,
    uint32_t ms, struct buf *b, pending_done *done, uint64_t ref);
/* An answer that carries nothing but err. */
void link_answer(struct link *l, uint16_t op, uint64_t id, enum vh_err err);
/* Answers a node's question, by its token: with err, or with what b has, which
 * question_open has begun. */
void question_fail(struct peer *p, uint64_t token, enum vh_err err);
size_t question_open(struct peer *p, uint64_t token, struct buf *b);
void question_close(struct peer *p, uint64_t token, struct buf *b,
    size_t start);

#endif
