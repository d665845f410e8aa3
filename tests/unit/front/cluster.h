/* A front in a cluster: the test is its peer as well, and the other nodes. */
#ifndef TEST_FRONT_CLUSTER_H
#define TEST_FRONT_CLUSTER_H

#include "world.h"

struct cluster {
	struct world *w;
	struct link *peer;   /* peer's end; NULL: none */
	struct buf *keys;    /* KEY fields that it lists */
	struct buf *members; /* fields of its status */
	uint64_t seq;
	size_t pulls; /* PKEYS that it answered */
};

/* What front sent to peer; inner is the request of a PFORWARD, or the answer in
 * one to PRELAYED. */
struct question {
	struct buf *bytes;
	struct frame f, inner;
};
void question_free(struct question *q);
AUTO_FREE(struct question, question_free)
bool question_is_for(const struct question *q, const char *node);

/* Node "a" with its own keys, which are taken over; peer is there and lists
 * nothing yet. */
struct cluster *cluster_new(struct directory *own);
void cluster_free(struct cluster *c);

/* A key of the list: state, and who holds it ("b=3,c": b with a load of 3). */
void cluster_list(struct cluster *c, enum test_key which,
    const struct key_says *says, enum vh_key_state state, const char *holders);
/* The same; more: what else the KEY says, which is freed, or NULL. */
void cluster_list_with(struct cluster *c, enum test_key which,
    const struct key_says *says, enum vh_key_state state, const char *holders,
    struct buf *more);
/* The list is empty again. */
void cluster_clear(struct cluster *c);
/* A row of status. */
void cluster_member(struct cluster *c, const char *node, const char *state,
    uint32_t load, uint64_t epoch);
/* Front hears that there is a newer list, and reads it. */
void cluster_tell(struct cluster *c);

/* Rounds in which peer lists keys and says status when asked; the next other
 * thing that front says to it, or NULL.  Frames that front sends are checked
 * against ops.def. */
struct question *cluster_next(struct cluster *c);
/* Peer's end goes; another one comes. */
void cluster_lose(struct cluster *c);
void cluster_attach(struct cluster *c);

/* A node's answers to a PFORWARD: a token of the key and algorithm asked for,
 * over payload; a plaintext; one field; an error; or no answer, but an error of
 * peer. */
void node_signs(struct cluster *c, const struct question *q,
    const char *payload);
void node_decrypts(struct cluster *c, const struct question *q,
    const char *text);
void node_gives(struct cluster *c, const struct question *q, const char *alg,
    enum vh_tag tag, struct slice value);
void node_refuses(struct cluster *c, const struct question *q, enum vh_err err);
void peer_fails(struct cluster *c, const struct question *q, enum vh_err err);
/* The JWS that a node makes. */
void put_token(struct buf *b, const char *kid, const char *alg,
    const char *payload);

/* PRELAYED: a request (freed) of a caller of node. */
void cluster_relay(struct cluster *c, uint64_t id, const char *node,
    const char *principals, struct buf *request);

/* All that waits has waited so much longer. */
void cluster_age(struct cluster *c, uint64_t ms);

/* DECRYPT of a JWE for that kid, with any X25519 key. */
struct buf *ask_decrypt(const char *kid);

#endif
