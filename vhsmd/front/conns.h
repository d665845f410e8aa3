/* The local sockets and their connections: accepting, reading, writing,
 * closing.  What a message means is requests.c's. */
#ifndef FRONT_CONNS_H
#define FRONT_CONNS_H

#include "base/clock.h"
#include "front/limits.h"
#include "front/pending.h"
#include "front/policy.h"
#include "front/shared.h"
#include "front/stream.h"

#define CONN_READ      (256u << 10) /* asked of a socket at once */
#define CONN_IN_FLIGHT 64           /* requests of one connection at once */
#define CONN_OUT_MAX   (32u << 20)  /* answers not taken: past it, closed */
#define CONN_OUT_PAUSE (1u << 20)   /* past it no new request is read */
#define CONN_HELLO_MS  5000         /* for the client's hello */
#define CONN_STALL_MS  30000        /* without taking a byte of its answers */
#define CONN_SPARE     8            /* 1 / 8 of all is never one uid's */
#define CONN_OPERATORS 32           /* connections on the operators' socket */
#define CONN_ACCEPTS   64           /* of one socket in one round */
#define CONN_RETRY_MS  100          /* after accept found no descriptor left */

struct front;

/* What epoll's data points to. */
struct source {
	void (*ready)(struct front *f, struct source *s, uint32_t events);
};

struct conn {
	struct source source; /* first */
	int fd;
	struct listener *listener; /* it came from */
	enum vh_who who;
	struct caller caller;
	char principals[POLICY_WHO_MAX + 1]; /* "" until the first request */
	struct quota *quota;
	struct limit_set limits;
	struct stream in;
	struct buf *out;
	size_t out_sent; /* bytes of out that are gone */
	size_t gathered; /* memory of answers whose batches are not whole */
	size_t in_flight;
	struct pending *pendings;
	struct mono_ns since; /* accepted; later: answers last moved */
	size_t weight;
	uint32_t events; /* that epoll watches */
	bool greeting;   /* on the list of those without hello */
	bool dead;       /* closed; freed at the end of the round */
	bool dirty;      /* answers were appended */
	bool waits;      /* its bytes wait: for answers to go, or its turn */
	bool ready;      /* on the list of those that can go on */
	bool queued;     /* on the list of those whose next is costly */
	struct conn *prev, *next;             /* all */
	struct conn *greet_prev, *greet_next; /* without hello, oldest first */
	struct conn *ready_prev, *ready_next; /* of ready or of queued */
	struct conn *dirty_next, *dead_next;
};

struct listener {
	struct source source; /* first */
	int fd;               /* -1: none */
	enum vh_who who;
	size_t count, most;
};

#define LISTENERS 2

struct conns {
	struct listener listeners[LISTENERS];
	size_t listener_count;
	bool deaf; /* listeners are off until deaf_until */
	struct mono_ns deaf_until;
	struct conn *all, *greeting, *ready, *queued, *dirty, *dead;
	size_t count, blocked, weight;
	uint8_t *bytes; /* CONN_READ, for all */
};

/* Takes over a listening Unix socket, for most connections at once.  VH_EIO. */
enum vh_err conns_listen(struct front *f, int fd, enum vh_who who, size_t most);
/* No more connections: closes the listening sockets. */
void conns_stop_listening(struct front *f);

/* Closes a connection and counts and logs the reason, unless NULL.  Answers
 * under way to it are dropped; memory stays until conns_end_round. */
void conn_close(struct front *f, struct conn *c, enum count which,
    const char *reason);
/* Notes that answers were appended to c->out. */
void conn_touch(struct front *f, struct conn *c);

/* Goes on with connections whose bytes waited: all that need no turn, then one
 * turn each while the round's share of costly work lasts, at least one. */
void conns_resume(struct front *f);
/* Writes what was appended, frees what was closed. */
void conns_end_round(struct front *f);
/* Closes who stayed silent or stalled too long; listens again. */
void conns_tick(struct front *f);
/* Milliseconds until conns_tick is worth a call, -1: never; 0 when
 * conns_resume has something to do. */
int conns_wait_ms(const struct front *f);
/* Whether some answer has not left yet. */
bool conns_are_flushed(const struct front *f);
void conns_close_all(struct front *f);

/* --- conn.c, for conns.c --- */
void conn_ready(struct front *f, struct source *s, uint32_t events);
/* Handles the messages in what it held back and in bytes.  turn: a costly one
 * may run now. */
void conn_work(struct front *f, struct conn *c, struct slice bytes, bool turn);
void conn_flush(struct front *f, struct conn *c);
/* Watches for what it now waits for. */
void conn_watch(struct front *f, struct conn *c);

#endif
