/* What front's loop and the HTTP threads share: the published JWK Set, the
 * counters, readiness, and the vault's latest statistics.  All functions may
 * be called from any thread. */
#ifndef FRONT_SHARED_H
#define FRONT_SHARED_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "wire/base.h"

/* How a request ended. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_REFUSED, /* every error that is none of the next two */
	OUTCOME_BUSY,
	OUTCOME_EXPIRED,
	OUTCOMES
};
/* "ok", "refused", "busy", "expired". */
const char *outcome_name(enum outcome outcome);
enum outcome outcome_of(enum vh_err err);

/* Rows of the request counters: one an operation callers may ask for, and a
 * last one for numbers that are none. */
#define SHARED_OPS 17
/* Label of a row: "SIGN" ... "other". */
const char *shared_op_label(size_t row);
/* The row of an operation number, whatever it is. */
size_t shared_op_row(unsigned op);

enum count {
#define VH_COUNT(name, gauge, metric, label, value, help) COUNT_##name,
#include "front/counts.def"
	COUNTS
};

/* An immutable JWK Set and its strong entity tag, quotes included. */
struct published {
	_Atomic unsigned refs;
	char etag[56];
	size_t len;
	char text[];
};

/* One lane or algorithm of the vault. */
struct vault_row {
	char name[32];
	uint64_t oks, fails, busy, expired;
	uint32_t depth; /* lanes only: jobs waiting */
	struct histogram wait, exec;
};

/* The audit trail, as the vault tells it. */
struct vault_audit {
	bool there; /* false: none is configured */
	bool blocked, goes_on, summary, signs;
	uint64_t lines, lost, refused, size, seq;
	uint64_t checked_ms; /* since the last checkpoint */
	bool checked;        /* there was one */
	char chain[44];      /* base64url of the last line's hash */
};

#define VAULT_LANES 8
#define VAULT_ALGS  64

struct vault_stats {
	struct mono_ns taken;   /* when the answer came */
	char protection[33];    /* "memfd_secret", "mlock", "none" */
	uint64_t arena, unused; /* bytes */
	uint32_t keys;
	struct vault_audit audit;
	uint64_t rotations, rotations_failed;
	uint64_t failing;          /* keys that cannot be rotated now */
	uint64_t next_rotation_ms; /* wall time; 0: none */
	size_t lane_count, alg_count;
	struct vault_row lanes[VAULT_LANES], algs[VAULT_ALGS];
};

#define PEER_EVENTS 96

/* What peer counts, under names of its own. */
struct peer_event {
	char name[48];
	uint64_t value;
};
struct peer_events {
	size_t count;
	struct peer_event rows[PEER_EVENTS];
};

/* Counters are read and written without a lock; all else through functions. */
struct shared {
	_Atomic uint64_t requests[SHARED_OPS][OUTCOMES];
	struct histogram duration[SHARED_OPS]; /* of requests that ended OK */
	_Atomic uint64_t counts[COUNTS];
	/* The vault has committed (all self-tests passed) and the loop runs. */
	_Atomic bool serving;
	_Atomic bool draining;
	/* The node is in a cluster whose keys are not known yet. */
	_Atomic bool joining;
	/* Another node of the cluster has this one's name. */
	_Atomic bool name_taken;
	_Atomic uint32_t max_age; /* of the JWK Set, seconds */
	struct mono_ns started;
	struct shared_locked *locked; /* private to shared.c */
};

/* NULL when out of memory or descriptors. */
struct shared *shared_new(void);
void shared_free(struct shared *s);
AUTO_FREE(struct shared, shared_free)

/* What /readyz says: serving, and neither draining, nor joining, nor without a
 * name of its own. */
bool shared_is_ready(const struct shared *s);

static inline void
shared_count(struct shared *s, enum count which)
{
	atomic_fetch_add_explicit(&s->counts[which], 1, memory_order_relaxed);
}

/* A row of counts.def.  label and value are NULL when the metric has none; help
 * is NULL in all but the first row of a metric. */
struct count_row {
	const char *metric, *label, *value, *help;
	bool gauge;
};
const struct count_row *count_row(enum count which);

/* A JWK Set of that text, one reference, the caller's; NULL: out of memory. */
struct published *published_new(struct slice text);
void published_free(struct published *p); /* gives one reference back */
AUTO_FREE(struct published, published_free)

/* Publishes a set in place of the one before; takes over the reference. */
void shared_published_set(struct shared *s, struct published *p);
/* The set published now, a reference of the caller's; NULL before the first. */
struct published *shared_published_get(struct shared *s);

/* The vault's statistics, at most a second old: otherwise the loop is woken to
 * ask for them and this blocks, at most 500 ms.  Not for the loop's thread.
 * VH_EDEADLINE: *out is the last known, zero when there was none. */
enum vh_err shared_stats_get(struct shared *s, struct vault_stats *out);

/* For the loop: becomes readable when someone wants new statistics. */
int shared_stats_fd(const struct shared *s);
/* For the loop: the wish is noted, the descriptor quiet again. */
void shared_stats_noted(struct shared *s);
/* For the loop: copies what came and wakes who waits. */
void shared_stats_set(struct shared *s, const struct vault_stats *stats);
/* Copies what is there, without waiting; false when nothing came yet. */
bool shared_stats_peek(struct shared *s, struct vault_stats *out);

/* Peer's counters, as it said last; none before. */
void shared_events_set(struct shared *s, const struct peer_events *events);
void shared_events_get(struct shared *s, struct peer_events *out);

#endif
