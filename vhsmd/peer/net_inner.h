/* What net.c, net_dial.c and net_listen.c share; for nobody else.
 *
 * An event is part of the thing that it is about, so it needs no memory of its
 * own, and is in the queue at most once.  nng's callbacks change a thing only
 * while nng has it (state BUSY of a call, RECEIVING and SENDING of a reply);
 * the loop only while it does not.  The queue, and the slots of pipes, have the
 * lock; nng is never called while it is held. */
#ifndef PEER_NET_INNER_H
#define PEER_NET_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "peer/net.h"

#define NET_ADDRESS_MAX 128

struct event {
	enum { EVENT_REPLY, EVENT_CALL, EVENT_PIPE } type;
	struct event *next;
	bool queued;
};

/* A context of the REP socket, for ever between receiving and sending. */
struct reply {
	struct event event; /* first: container of its event */
	struct net *net;
	nng_ctx ctx;
	nng_aio *aio;
	nng_msg *msg; /* the question */
	uint32_t index, round;
	_Atomic enum { REPLY_RECEIVING, REPLY_ASKED, REPLY_SENDING } state;
};

/* A context of a dial's REQ socket. */
struct call {
	struct event event; /* first */
	struct net *net;
	nng_ctx ctx;
	nng_aio *aio;
	nng_msg *msg; /* the answer */
	uint64_t id;
	uint32_t dial;
	struct mono_ns by;
	int result; /* of nng */
	_Atomic enum {
		CALL_IDLE,
		CALL_SENDING,
		CALL_RECEIVING,
		CALL_DONE
	} state;
};

/* A connection, from ADD_PRE until the loop has heard of its end. */
struct slot {
	struct event event; /* first */
	uint32_t pipe, dial;
	bool used, told, gone;
};

/* Sockets and contexts are kept for the next user: closing them waits for nng's
 * threads, and the loop waits for nobody. */
struct dial {
	struct net *net;
	nng_socket socket;
	nng_dialer dialer;
	bool open, dialling;
	_Atomic uint32_t id; /* of its present user; 0: none */
	struct call *calls[NET_ASKS_MAX];
};

struct net {
	pthread_mutex_t lock;
	struct event *first, *last;
	struct slot slots[NET_PIPES_MAX];
	int wake; /* eventfd */
	struct net_tls *tls;
	nng_socket rep;
	nng_listener listener;
	bool listening;
	char wanted[NET_ADDRESS_MAX], bound[NET_ADDRESS_MAX];
	struct reply *replies[NET_REPLIES_MAX];
	struct dial *dials[NET_DIALS_MAX];
	uint32_t dialled;   /* ever, for ids */
	struct call *taken; /* its message is lent until the next net_next */
	uint64_t in_failures, out_failures; /* as last told */
	uint64_t in_past, out_past; /* of listeners and dialers that are gone */
};

/* Any thread. */
void net_queue(struct net *n, struct event *e);
/* As nng_pipe_cb: arg is the net for the listener, the dial for a dialer. */
void net_listener_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg);
void net_dialer_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg);
/* Common options of sockets. */
enum vh_err net_set_options(nng_socket socket);
/* nng's number as ours: VH_ENOMEM, VH_EDEADLINE, VH_ELOST, VH_EIO. */
enum vh_err net_err(int result);
/* A message of these bytes; NULL when out of memory. */
nng_msg *net_message(struct slice bytes);
/* "tls+tcp://" and address, which has to be numeric "ADDR:PORT": nng would look
 * up anything else, and a sandboxed process that opens files dies. */
enum vh_err net_url(const char *address, bool any_port, struct buf *url);

void replies_free(struct net *n);
void dials_free(struct net *n);
/* Failed handshakes that nng has counted for what is open now. */
typedef uint64_t net_count_failures(const struct net *n, nng_stat *all);
net_count_failures dials_failures, listener_failures;
uint64_t failures_now(const struct net *n, net_count_failures *count);
/* Of the "listener" or "dialer" with that id. */
uint64_t failures_of(nng_stat *all, const char *kind, int id);

#endif
