/* What session.c, session_in.c and session_out.c share; for nobody else. */
#ifndef PEER_SESSION_INNER_H
#define PEER_SESSION_INNER_H

#include <uthash.h>

#include "peer/hello.h"
#include "peer/limit.h"
#include "peer/session.h"

#define HELLO_MAX (32u << 10) /* bytes of an NHELLO frame */

/* A question that waits for its connection. */
struct waiting {
	struct waiting *next;
	uint64_t id;
	struct mono_ns by;
	struct buf *frame;
};

enum out_state {
	OUT_IDLE,     /* no connection, and nobody wants one */
	OUT_DIALLING, /* nng is at it */
	OUT_GREETING, /* our first NHELLO is under way */
	OUT_SIGNING,  /* the vault makes our hello */
	OUT_PROVING,  /* our second NHELLO is under way */
	OUT_READY,
};

/* A connection that we make. */
struct out {
	char wanted[SESSION_NODE_MAX + 1]; /* "": a seed */
	char address[SESSION_ADDRESS_MAX + 1];
	char node[SESSION_NODE_MAX + 1]; /* who it proved to be, or will */
	bool named;                      /* TLS checks for `node` */
	enum out_state state;
	uint32_t pipe; /* 0: none */
	uint8_t asked[HELLO_NONCE], given[HELLO_NONCE];
	uint64_t ref;              /* of session_signed and our NHELLOs */
	bool itself;               /* it leads to ourselves */
	struct mono_ns since;      /* in this state */
	struct mono_ns used;       /* asked for */
	struct mono_ns heard;      /* last answer */
	struct mono_ns not_before; /* to be dialled again */
	size_t in_flight;
	struct mono_ns unheard_from; /* first question since `heard` */
	struct waiting *first;
	size_t waits;
};

/* A connection that came in. */
struct in {
	uint32_t pipe;
	char node[SESSION_NODE_MAX + 1]; /* "" until proved */
	struct mono_ns opened, issued, heard;
	char greeted[SESSION_NODE_MAX + 1]; /* who says it dials */
	uint8_t asked[HELLO_NONCE], given[HELLO_NONCE];
	bool given_good; /* our nonce: once */
	unsigned hellos, in_flight;
	uint64_t ref, token; /* while the vault makes our hello */
	uint64_t frame_id;
	UT_hash_handle hh;
};

/* A question that came in and waits for its answer. */
struct open {
	uint32_t pipe, round;
	bool used;
};

struct sessions {
	struct net *net;
	struct mono_ns now; /* of sessions_run */
	char node[SESSION_NODE_MAX + 1];
	struct session_hooks hooks;
	struct out *outs[SESSION_OUTS_MAX];
	struct in *ins; /* by pipe */
	struct open opens[SESSION_OPEN_MAX];
	uint64_t refs;
	size_t signing;
	bool hurry;
	struct session_counts counts;
	struct limit strangers; /* log lines they can cause */
};

void out_enter(struct out *o, enum out_state state, struct mono_ns now);
/* Ends its connection; what waits goes on waiting. */
void out_hang_up(struct sessions *s, struct out *o, struct mono_ns now);
/* All that wait hear err; are asked; those out of time hear so. */
void out_fail_waiting(struct sessions *s, struct out *o, enum vh_err err);
void out_send_waiting(struct sessions *s, struct out *o, struct mono_ns now);
void out_expire_waiting(struct sessions *s, struct out *o, struct mono_ns now);
struct out *out_of_pipe(struct sessions *s, uint32_t pipe);
void out_up(struct sessions *s, struct out *o, struct mono_ns now);
void out_down(struct sessions *s, struct out *o, struct mono_ns now,
    enum vh_err err, const char *why);
/* o may be NULL: it has hung up since. */
void out_answered(struct sessions *s, struct out *o, struct mono_ns now,
    uint64_t id, enum vh_err err, const struct frame *a);
/* Our hello for ref is there; false when no connection waits for it. */
bool out_signed(struct sessions *s, struct mono_ns now, uint64_t ref,
    enum vh_err err, struct slice jws);
void outs_tick(struct sessions *s, struct mono_ns now);
/* Ends what there is; what is wanted is dialled again. */
void out_again(struct sessions *s, struct out *o, struct mono_ns now);
void out_free(struct out *o);
/* The one whose nonce this is; NULL. */
struct out *out_of_nonce(struct sessions *s, struct slice nonce);

void in_up(struct sessions *s, struct mono_ns now, uint32_t pipe);
void in_down(struct sessions *s, struct mono_ns now, uint32_t pipe,
    enum vh_err err, const char *why);
void in_asked(struct sessions *s, struct mono_ns now, uint32_t pipe,
    enum vh_err err, const struct frame *q);
bool in_signed(struct sessions *s, struct mono_ns now, uint64_t ref,
    enum vh_err err, struct slice jws);
void ins_tick(struct sessions *s, struct mono_ns now);

/* "event" about address, unless there were too many. */
void session_log(struct sessions *s, struct mono_ns now, const char *event,
    const char *node, const char *address, const char *why);
/* Wants our hello; VH_EBUSY. */
enum vh_err session_sign(struct sessions *s, uint64_t ref,
    const struct hello_talk *talk, enum hello_role role);
/* A number for session_sign and for NHELLOs. */
uint64_t session_ref(struct sessions *s);
/* Whether jws is the hello of the one in this role; *why is a word. */
enum vh_err session_check(struct sessions *s, struct slice jws,
    const struct hello_talk *talk, enum hello_role role, const char **why);
/* Copies a name; false when it is too long, empty or not one. */
bool name_copy(char *to, size_t size, struct slice name);

#endif
