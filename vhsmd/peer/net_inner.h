/* What the files of net share; for nobody else.
 *
 * An op is one thing at a time that nng does for us.  While it is `busy` nng
 * has it and what it works on; when it is done nng's thread sets `done` and
 * puts the owner into the queue, which alone has a lock.  All else is the
 * loop's.  A pipe is freed when neither of its ops is busy any more.
 *
 * The end of a write that took all there was is of no interest before there is
 * more to write, so it wakes nobody: the loop sets `wanted` and looks at
 * `done`, nng's thread sets `done` and looks at `wanted`, and one of them sees
 * both. */
#ifndef PEER_NET_INNER_H
#define PEER_NET_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "peer/net.h"

#define NET_ADDRESS_MAX 128
#define NET_CHUNK       16384 /* a TLS record */
#define NET_ACCEPTS     16    /* connections that nng may accept at once */

/* Somebody with ops, in the queue at most once. */
struct owner {
	struct net *net;
	struct owner *next;
	bool queued;
	/* Handles the ops that are done. */
	void (*run)(struct owner *o);
};

struct op {
	struct owner *owner;
	nng_aio *aio;
	bool busy;
	size_t lazy; /* wakes nobody when so many bytes have gone; or 0 */
	_Atomic bool done, wanted;
};

/* A question of ours. */
struct asked {
	uint64_t id;
	struct mono_ns by;
	bool used;
};

struct pipe {
	struct owner owner; /* first */
	uint32_t id;
	bool came_in, up, trusted, heard, closed, told;
	enum vh_err err; /* why it ends */
	const char *why;
	struct mono_ns opened;
	char address[NET_ADDRESS_MAX];
	nng_stream_dialer *dialer; /* or NULL */
	nng_stream *stream;
	struct op rx, tx; /* rx dials, first */
	struct buf *in;   /* a frame of which there is only a part */
	struct buf *out;  /* in tx's hands, so it stays where it is */
	size_t out_sent;  /* of out */
	struct buf *next; /* to be sent after it */
	bool unsent;      /* in the list of those with something in next */
	struct pipe *unsent_next;
	uint8_t rx_chunk[NET_CHUNK];
	struct asked asks[NET_ASKS_MAX];
};

struct listener {
	struct owner owner; /* first */
	struct op ops[NET_ACCEPTS];
	nng_stream_listener *listener;
	bool open;
	struct mono_ns again; /* after a failure to accept */
};

struct net {
	struct net_hooks hooks;
	pthread_mutex_t lock; /* of the queue */
	struct owner *first, *last;
	int wake; /* eventfd */
	struct mono_ns now;
	struct mono_ns check_at; /* pipes, next */
	struct mono_ns tick_at;  /* questions, next */
	bool ending;             /* some pipe is closed and not yet told of */
	struct pipe *unsent;
	struct net_tls *tls;
	struct listener *listener;
	char wanted[NET_ADDRESS_MAX], bound[NET_ADDRESS_MAX];
	struct pipe *pipes[NET_PIPES_MAX]; /* id % NET_PIPES_MAX */
	uint32_t ids;
	struct net_counts counts;
};

/* A new op of o, with its aio; false when out of memory. */
bool op_init(struct op *op, struct owner *o);
/* Waits for nng if it has the op. */
void op_free(struct op *op);
/* Before nng gets it. */
void op_begin(struct op *op);
/* Whether nng has given it back since op_begin; then *result is nng's. */
bool op_is_done(struct op *op, int *result);
/* Whether nng is through with it, or has never had it; else it wakes the loop
 * when it is. */
bool op_is_over(struct op *op);
/* Before it is freed out of turn. */
void owner_unqueue(struct owner *o);

/* A pipe in the table, without a stream: VH_EBUSY, VH_ENOMEM. */
enum vh_err pipe_new(struct net *n, bool came_in, struct pipe **out);
void pipe_free(struct pipe *p);
AUTO_FREE(struct pipe, pipe_free)
struct pipe *pipe_find(const struct net *n, uint32_t id);
/* It has its stream: reads from here on. */
void pipe_open(struct pipe *p, nng_stream *stream);
/* Ends it, for the first of these reasons. */
void pipe_end(struct pipe *p, enum vh_err err, const char *why);
/* Appends to what pipe_flush sends. */
enum vh_err pipe_send(struct pipe *p, struct slice frame);
void pipe_flush(struct pipe *p);
/* Ends it when TCP has lost it: with nng 1.5.2, a read that begins just after
 * the connection has failed at a write never comes back. */
void pipe_check(struct pipe *p);
/* Ends questions whose time is up. */
void pipe_expire(struct pipe *p);
/* Tells of its end and frees it, when nng is through with it. */
void pipe_settle(struct pipe *p);

/* A dialled pipe's connection has come about, or not. */
void dial_done(struct pipe *p, int result);
/* Makes room among strangers for one more. */
void strangers_crowd(struct net *n);

/* nng's number as ours. */
enum vh_err net_err(int result);
/* "tls+tcp://" and address, which has to be numeric "ADDR:PORT": nng would look
 * up anything else, and a sandboxed process that opens files dies. */
enum vh_err net_url(const char *address, bool any_port, struct buf *url);
void net_stream_address(nng_stream *stream, char out[static NET_ADDRESS_MAX]);

void listener_free(struct listener *l);
/* Accepts again, if it is time. */
void listener_tick(struct net *n);

#endif
