/* Requests that wait for the vault, for peer or for other nodes: a bounded
 * table of slots.  Pure but for memory. */
#ifndef FRONT_PENDING_H
#define FRONT_PENDING_H

#include "base/clock.h"
#include "front/directory.h"
#include "front/limits.h"
#include "front/policy.h"
#include "front/quota.h"

#define PENDING_MAX   (1u << 20)
#define PENDING_TRIES 8 /* keys tried for one JWE */
#define RID_SIZE      32

struct batch;
struct conn;
struct forward;
struct group;
struct pending;

/* Where an answer goes: to a connection, through peer to a caller of another
 * node, or to the request that this one is a part of; nowhere when who asked is
 * gone, or front itself asks. */
struct origin {
	struct conn *conn;
	struct batch *batch;   /* it came in; or NULL */
	struct node *relay;    /* the other node */
	uint64_t relay_id;     /* of peer's request */
	struct pending *whole; /* front/group.h */
	bool is_part;          /* even when whole is gone */
	uint32_t part;
	uint16_t op;
	uint32_t sp_id;
	uint64_t id;
	char rid[RID_SIZE + 1]; /* its id in the logs of both nodes, or "" */
};

struct pending {
	struct origin to;
	char who[POLICY_WHO_MAX + 1]; /* for the audit trail */
	struct quota *quota;          /* NULL: not counted */
	struct limit_set limits;      /* that it has a place of */
	struct mono_ns started, deadline;
	uint16_t asked; /* op whose answer, the vault's or peer's, comes next */
	bool quick;     /* it is the vault's, and soon there */
	struct directory *own; /* of keys: one reference, or NULL */
	const struct dkey *key;
	const struct alg *alg;
	const struct dkey
	    *tries[PENDING_TRIES];        /* DECRYPT: keys that may fit */
	uint8_t recipient[PENDING_TRIES]; /* of the token, for each of them */
	size_t try_count, tried;
	uint32_t valid;   /* VERIFY: bits of the tries that were right */
	struct buf *kept; /* what the answer will need again; empty at first */
	bool detached;    /* SIGN: the token comes without its payload */
	bool whole_token; /* DECRYPT: kept has it, else its header alone */
	bool undrain;     /* DRAIN: take work again */
	bool zip;         /* DECRYPT: what is decrypted is to be unpacked */
	/* From here on kept has the request's own fields, for other nodes. */
	size_t body_at;
	bool has_body;
	struct forward *forward; /* while other nodes are asked */
	struct group *group;     /* of the requests that it is made of */
	/* The table's own: */
	uint32_t generation;
	bool live;
	size_t weight;
	struct pending *prev, *next;
	struct pending *conn_prev, *conn_next;
};

/* The connection of who asks; NULL when it is gone, or at another node. */
static inline struct conn *
origin_conn(const struct origin *to)
{
	return to->whole != NULL ? to->whole->to.conn : to->conn;
}

static inline bool
origin_waits(const struct origin *to)
{
	return origin_conn(to) != NULL || to->relay != NULL;
}

struct pendings;

/* count slots, at most PENDING_MAX; kept_max bounds each `kept`.  A slot takes
 * memory when it is first used. */
struct pendings *pendings_new(size_t count, size_t kept_max);
void pendings_free(struct pendings *t);
AUTO_FREE(struct pendings, pendings_free)

/* A fresh slot; NULL when all are taken, or out of memory. */
struct pending *pending_begin(struct pendings *t, const struct origin *to,
    struct mono_ns now, struct mono_ns deadline);
/* Frees the slot; its id never finds it again. */
void pending_end(struct pendings *t, struct pending *p);

/* The id it has towards the vault, and back; NULL for an id that is not in use
 * (any more). */
uint64_t pending_id(const struct pendings *t, const struct pending *p);
struct pending *pending_find(const struct pendings *t, uint64_t id);

size_t pendings_count(const struct pendings *t);
/* Slots that are free. */
size_t pendings_left(const struct pendings *t);
/* Oldest first; NULL past the newest. */
struct pending *pendings_first(const struct pendings *t);
/* The newest, or NULL. */
struct pending *pendings_last(const struct pendings *t);

/* Bytes of memory in `kept` buffers, as of the last pending_weigh of each. */
size_t pendings_weight(const struct pendings *t);
void pending_weigh(struct pendings *t, struct pending *p);

/* One whose deadline has passed; NULL when there is none.  Cheap to call. */
struct pending *pendings_expired(struct pendings *t, struct mono_ns now);
/* Milliseconds until pendings_expired is worth a call; -1: none waits. */
int pendings_wait_ms(const struct pendings *t, struct mono_ns now);

/* Those of one connection, or all that were relayed: it has closed, so that
 * nobody waits any more. */
void pendings_orphan(struct pending *first);

#endif
