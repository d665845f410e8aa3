/* Who is behind a pipe: connections that are bound to nodes.
 *
 * nng does not show whose certificate the other side has, so on every new pipe
 * both sides prove by a signed hello (nonce, audience) which node they are:
 *
 *	dialer     NHELLO  NODE=a NONCE=x
 *	listener   answer  NODE=b NONCE=y HELLO=signed(b, for a, over h)
 *	dialer     NHELLO  NODE=a NONCE=y HELLO=signed(a, for b, over h')
 *	listener   answer; the pipe is a's from now on
 *
 * where h and h' are hashes of role, names and nonces (peer/hello.h).
 *
 * A hello says who speaks, not over which connection, so somebody in the middle
 * could pass both on.  Therefore the dialer proves itself only over a
 *connection whose TLS certificate is for the very node: when it does not know
 *beforehand whom it meets (a seed), it learns the name by the first two
 *messages, hangs up, and dials again with that name to be checked by TLS.
 *
 * Before its hello a pipe gets no answer but a refusal, and ends after
 * SESSION_HELLO_MS.  Connections are opened on demand, remade as long as
 * somebody wants something, and given up when nothing comes back for
 * SESSION_STALL_MS, so that TCP's own patience does not count after a
 * partition. */
#ifndef PEER_SESSION_H
#define PEER_SESSION_H

#include "peer/net.h"

#define SESSION_NODE_MAX    64
#define SESSION_ADDRESS_MAX 128
#define SESSION_HELLO_MS    5000   /* for a pipe to prove whose it is */
#define SESSION_NONCE_MS    10000  /* for a nonce to be used */
#define SESSION_DIAL_MS     3000   /* for each step of a connection */
#define SESSION_STALL_MS    3000   /* without an answer to anything */
#define SESSION_IDLE_MS     120000 /* unused: closed; by whom we dialled */
#define SESSION_QUIET_MS    300000 /* unused: closed; by us, who were dialled */
#define SESSION_WAITING_MAX 64     /* questions that wait for a connection */
#define SESSION_ASKED_MAX   64     /* questions under way on a pipe */
#define SESSION_OPEN_MAX    256    /* questions under way on all pipes */
#define SESSION_OUTS_MAX    256    /* connections we make */
#define SESSION_PIPES_MAX   4      /* pipes of one node that dialled us */
#define SESSION_SIGNING_MAX 64     /* hellos asked of the vault at once */
/* Ids of questions stay below this. */
#define SESSION_ID_MAX (UINT64_C(1) << 63)

/* What sessions ask of the rest; called on the loop, from the functions below.
 */
struct session_hooks {
	void *context;
	/* Wants our hello for audience over nonce; session_signed follows, also
	 * within the call. */
	void (*sign)(void *context, uint64_t ref, struct slice nonce,
	    struct slice audience);
	/* Whether jws is node's hello to us over nonce; *reason is a word. */
	enum vh_err (*check)(void *context, struct slice jws, struct slice node,
	    struct slice nonce, const char **reason);
	/* Where "HOST:PORT" is: "ADDR:PORT" into numeric.  VH_EBUSY: not known
	 * yet, ask again later. */
	enum vh_err (*resolve)(void *context, const char *address,
	    char numeric[static SESSION_ADDRESS_MAX + 1]);
	/* The name that the certificate at a seed's address is for. */
	void (*seed_name)(void *context, const char *address,
	    char name[static SESSION_ADDRESS_MAX + 1]);
	/* A request of node; session_reply or session_drop follows.  The low
	 * half of token is below SESSION_OPEN_MAX. */
	void (*asked)(void *context, uint64_t token, const char *node,
	    const struct frame *q);
	/* What became of our question id: an answer from node (err is its
	 * error), or NULL.  Must not ask anything at once. */
	void (*answered)(void *context, uint64_t id, enum vh_err err,
	    const char *node, const struct frame *answer);
	/* Somebody else uses our name, at address. */
	void (*namesake)(void *context, const char *address);
};

struct session_counts {
	uint64_t opened, bound; /* connections we made; that came in */
	uint64_t refused;       /* hellos */
	uint64_t silent;        /* pipes closed without one */
	uint64_t stalled;
};

struct sessions;

/* Borrows what hooks point to for good; node is copied. */
struct sessions *sessions_new(const char *node,
    const struct session_hooks *hooks);
void sessions_free(struct sessions *s);
AUTO_FREE(struct sessions, sessions_free)
/* Hooks for net_new, and what it made: borrowed for good. */
struct net_hooks sessions_net_hooks(struct sessions *s);
void sessions_start(struct sessions *s, struct net *net);

/* net_run, for s. */
void sessions_run(struct sessions *s, struct mono_ns now);
/* Does what is due; call it every SESSION_TICK_MS or so. */
#define SESSION_TICK_MS 100
void sessions_tick(struct sessions *s, struct mono_ns now);
/* Whether it should be called at once. */
bool sessions_hurry(const struct sessions *s);

/* Asks node, or (node empty) whoever is at the seed's address.  frame is a
 * whole request whose id is id.  On VH_OK `answered` is called once, in
 * timeout_ms or somewhat later at the latest, never from within.  VH_EBUSY when
 * too much waits, VH_EFIELD for names too long, VH_ENOMEM. */
enum vh_err session_ask(struct sessions *s, struct mono_ns now,
    const char *node, const char *address, uint64_t id, uint32_t timeout_ms,
    struct slice frame);
void session_reply(struct sessions *s, uint64_t token, struct slice frame);
void session_drop(struct sessions *s, uint64_t token);

/* The hello asked for by `sign`; err when there is none. */
void session_signed(struct sessions *s, struct mono_ns now, uint64_t ref,
    enum vh_err err, struct slice jws);

/* The node that dialled and proved itself, by pipe; NULL for none. */
const char *session_node_of(const struct sessions *s, uint32_t pipe);
/* Ends every connection with nodes that allowed does not allow, and those whose
 * node is not known yet. */
void sessions_recheck(struct sessions *s, struct mono_ns now,
    bool (*allowed)(void *context, const char *node), void *context);
/* Dials anew wherever there is a connection: the certificates have changed. */
void sessions_redial(struct sessions *s, struct mono_ns now);
/* Ends connections to node: it has restarted. */
void session_forget(struct sessions *s, struct mono_ns now, const char *node);
const struct session_counts *sessions_counts(const struct sessions *s);

#endif
