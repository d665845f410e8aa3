/* Messages between nodes over nng: TLS on TCP, REQ and REP.  Knows pipes and
 * bytes, not who is behind a pipe (peer/session.h) nor what the bytes mean.
 *
 * nng works on threads of its own.  What happens there is kept as events, of
 * which there can be no more than contexts and pipes, until the one thread of
 * the loop takes them; net_fd is readable while there are some.  All functions
 * here are for that one thread. */
#ifndef PEER_NET_H
#define PEER_NET_H

#include "base/clock.h"
#include "peer/net_tls.h"
#include "wire/frame.h"

/* One message: a relayed token and what goes with it, or a record. */
#define NET_MESSAGE_MAX (VH_TOKEN_MAX + (1u << 20))
#define NET_PIPES_MAX   2048 /* connections, both directions */
#define NET_DIALS_MAX   256
#define NET_ASKS_MAX    80  /* questions in flight on a dial */
#define NET_REPLIES_MAX 256 /* questions to us not yet replied to */

enum net_kind {
	NET_ASKED,    /* a question came; reply or drop it */
	NET_ANSWERED, /* what became of a question of ours */
	NET_UP,       /* a pipe is there, TLS and all */
	NET_DOWN,     /* it is gone, with all that was under way on it */
};

struct net_event {
	enum net_kind kind;
	uint64_t id;     /* ASKED: token for the reply; ANSWERED: id given */
	uint32_t pipe;   /* never 0, but for an ANSWERED that failed */
	uint32_t dial;   /* whose pipe or question it is; 0: one that came in */
	enum vh_err err; /* ANSWERED: VH_OK, VH_EDEADLINE, VH_ELOST */
	/* ASKED: borrowed until the reply; ANSWERED: until the next net_next.
	 */
	struct slice message;
};

struct net;

/* Starts nng's threads.  VH_ENOMEM, VH_EIO. */
enum vh_err net_new(struct net **out);
void net_free(struct net *n);
AUTO_FREE(struct net, net_free)
int net_fd(const struct net *n);

/* The certificates from here on: the listener, if there is one, is opened anew
 * and all pipes end; whoever dialled dials again, net_dial is the caller's.
 * Takes over tls.  VH_EIO: the old listener is gone and a later
 * net_listen_again may succeed. */
enum vh_err net_set_tls(struct net *n, struct net_tls *tls);
/* Listens at "ADDR:PORT", numeric.  VH_ECONFIG for a bad address, VH_EIO. */
enum vh_err net_listen(struct net *n, const char *address);
/* Once more at the same address; nothing when it listens. */
enum vh_err net_listen_again(struct net *n);
/* "ADDR:PORT" as bound; "" while it does not listen. */
const char *net_address(const struct net *n);

/* Connects to "ADDR:PORT", numeric, again and again, until net_hang_up; the
 * other's certificate has to be for server_name.  *dial is not 0.  VH_EBUSY
 * when there are NET_DIALS_MAX, VH_EFIELD for an address that is not numeric,
 * VH_EIO.
 */
enum vh_err net_dial(struct net *n, const char *address,
    const char *server_name, uint32_t *dial);
/* Its pipe ends; questions in flight are answered VH_ELOST or not at all.  Its
 * number is not used again soon. */
void net_hang_up(struct net *n, uint32_t dial);
/* Asks over a dial whose pipe is up.  VH_EBUSY when NET_ASKS_MAX are in flight,
 * VH_ENOMEM, VH_ELOST for an unknown dial; else ANSWERED follows in
 * timeout_ms at the latest. */
enum vh_err net_ask(struct net *n, uint32_t dial, uint64_t id,
    uint32_t timeout_ms, struct slice message);

/* Replies to a question; a token of no open question does nothing. */
void net_reply(struct net *n, uint64_t token, struct slice message);
/* Gives a question up without a reply. */
void net_drop(struct net *n, uint64_t token);
void net_close_pipe(struct net *n, uint32_t pipe);
/* Where a pipe comes from, "ADDR:PORT"; "" when it is gone. */
void net_pipe_address(uint32_t pipe, char *out, size_t size);

/* The oldest event; false when there is none. */
bool net_next(struct net *n, struct net_event *out);

/* Handshakes that failed since the last call, coming in and going out. */
void net_failures(struct net *n, uint64_t *in, uint64_t *out);

#endif
