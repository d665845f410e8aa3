/* Frames between nodes over nng: TLS on TCP.  Knows connections ("pipes") and
 * frames, not who is behind a pipe (peer/session.h) nor what frames mean.
 *
 * nng's byte streams are used, not its REQ and REP sockets: with nng 1.5.2 the
 * end of a TLS connection over which a reply is just being sent can stop nng's
 * one thread that frees connections, for ever; and its sockets neither bound
 * connections that have not authenticated nor say why a handshake failed.
 *
 * nng works on threads of its own.  All they do is to note that something is
 * done; net_fd is readable then, and net_run does the rest.  All functions here
 * are for the one thread of the loop.  Hooks are called from net_run alone and
 * may call anything here but net_run and net_free. */
#ifndef PEER_NET_H
#define PEER_NET_H

#include "base/clock.h"
#include "peer/net_tls.h"
#include "wire/frame.h"

#define NET_FRAME_MAX    (VH_TOKEN_MAX + (1u << 20)) /* to a trusted pipe */
#define NET_STRANGER_MAX (32u << 10)                 /* before net_trust */
#define NET_OUT_MAX      (64u << 20) /* waiting to be sent on a pipe */
#define NET_PIPES_MAX    1024        /* both directions */
#define NET_ASKS_MAX     64          /* questions in flight on a pipe */
#define NET_DIAL_MS      3000        /* for TCP to connect */
/* Pipes that came in and are not trusted; for one more the oldest is closed. */
#define NET_STRANGERS_MAX 256

struct net_hooks {
	void *context;
	/* A pipe is there; TLS may yet fail.  came_in: somebody dialled us. */
	void (*up)(void *context, uint32_t pipe, bool came_in);
	/* It is gone.  VH_EVERIFY: the handshake failed, why is a line about
	 * it; VH_ELOST, VH_EIO; VH_EPARSE, VH_ETOOBIG: what came was no frame
	 * or too long.  Also for a pipe that was never up. */
	void (*down)(void *context, uint32_t pipe, enum vh_err err,
	    const char *why);
	/* A request came, as frame_parse left it, also one that is not sound:
	 * then with its error. */
	void (*asked)(void *context, uint32_t pipe, enum vh_err err,
	    const struct frame *q);
	/* The answer to our question; or VH_EDEADLINE, VH_ELOST and NULL. */
	void (*answered)(void *context, uint32_t pipe, uint64_t id,
	    enum vh_err err, const struct frame *a);
};

struct net_counts {
	uint64_t failed_in, failed_out; /* handshakes */
	uint64_t crowded;               /* strangers that made room */
	uint64_t in, out, strangers;    /* pipes now; strangers are also `in` */
	uint64_t writes;                /* given to nng */
};

struct net;

/* Starts nng's threads; hooks are copied.  VH_ENOMEM, VH_EIO. */
enum vh_err net_new(const struct net_hooks *hooks, struct net **out);
/* For tests: waits for what nng has under way.  No hook is called. */
void net_free(struct net *n);
AUTO_FREE(struct net, net_free)
int net_fd(const struct net *n);
/* Handles what has happened, and what is due by now; net_flush. */
void net_run(struct net *n, struct mono_ns now);
/* Sends what has been asked and answered since: all frames for a pipe in one
 * go.  To be called before the loop waits. */
void net_flush(struct net *n);

/* The certificates from here on: all pipes end, the listener, if there is one,
 * is opened anew.  Takes over tls.  VH_EIO: the listener is gone, and
 * net_listen_again may succeed later. */
enum vh_err net_set_tls(struct net *n, struct net_tls *tls);
/* Listens at "ADDR:PORT", numeric.  VH_ECONFIG for a bad address, VH_EIO. */
enum vh_err net_listen(struct net *n, const char *address);
/* Once more at the same address; nothing when it listens. */
enum vh_err net_listen_again(struct net *n);
/* "ADDR:PORT" as bound; "" while it does not listen. */
const char *net_address(const struct net *n);

/* Connects once to "ADDR:PORT", numeric; the other's certificate has to be for
 * server_name.  `up` or `down` follows.  VH_EBUSY when there are too many
 * pipes, VH_EFIELD for an address that is not numeric, VH_EIO, VH_ENOMEM. */
enum vh_err net_dial(struct net *n, const char *address,
    const char *server_name, uint32_t *pipe);
/* `down` follows. */
void net_close(struct net *n, uint32_t pipe);
/* Its frames may be long; it is no stranger. */
void net_trust(struct net *n, uint32_t pipe);
/* Where it comes from or leads to, "ADDR:PORT"; "" when it is gone. */
void net_pipe_address(const struct net *n, uint32_t pipe, char *out,
    size_t size);

/* Asks: frame is one request with this id.  `answered` follows, in timeout_ms
 * at the latest.  VH_EBUSY when NET_ASKS_MAX are in flight, VH_ELOST when the
 * pipe is not up, VH_ENOMEM. */
enum vh_err net_ask(struct net *n, uint32_t pipe, uint64_t id,
    uint32_t timeout_ms, struct slice frame);
/* Answers, or says nothing when the pipe is gone. */
void net_answer(struct net *n, uint32_t pipe, struct slice frame);

const struct net_counts *net_counts(const struct net *n);

#endif
