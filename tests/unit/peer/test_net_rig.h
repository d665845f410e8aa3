/* Nodes in one process, over real TLS on loopback, with hellos that need no
 * vault: a hello is the text "NODE AUDIENCE NONCE". */
#ifndef TEST_NET_RIG_H
#define TEST_NET_RIG_H

#include "peer/session.h"
#include "test_net_pki.h"

#define RIG_ANSWERS 128

struct rig_answer {
	uint64_t id;
	enum vh_err err;
	char node[SESSION_NODE_MAX + 1];
	char text[64]; /* its DATA */
};

struct rig {
	struct net *net;
	struct sessions *sessions;
	char node[SESSION_NODE_MAX + 1];
	struct rig_answer answers[RIG_ANSWERS];
	size_t answered;                  /* ever */
	size_t asked;                     /* questions that came */
	char asker[SESSION_NODE_MAX + 1]; /* of the last */
	uint64_t token;                   /* of the last, when not replied to */
	bool silent;                      /* does not reply */
	bool forge;                       /* signs in another's name */
	bool no_vault;                    /* never signs */
	size_t namesakes;
	struct mono_ns now;
};

/* Takes over tls; listens on a free port of loopback. */
struct rig *rig_new(const char *node, struct net_tls *tls);
void rig_free(struct rig *r);
AUTO_FREE(struct rig, rig_free)

/* Asks `at` as node ("" as a seed); returns the question's id.  What is asked
 * is an NGOSSIP that says text; its answer says "NODE:text". */
uint64_t rig_ask(struct rig *r, const char *node, const char *address,
    const char *text, uint32_t timeout_ms);
/* Runs all rigs (NULL-terminated) until the question is answered; fails the
 * test after 20 s. */
const struct rig_answer *rig_answer(struct rig **all, struct rig *r,
    uint64_t id);
/* As rig_ask and rig_answer. */
const struct rig_answer *rig_talk(struct rig **all, struct rig *from,
    const char *node, const char *address, const char *text);
/* One round: waits at most ms for events, handles them, ticks. */
void rig_round(struct rig **all, int ms);
/* Rounds until done says so; false after ms. */
bool rig_until(struct rig **all, bool (*done)(void *context), void *context,
    uint64_t ms);

#endif
