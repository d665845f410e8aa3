/* Requests that other nodes are asked to do, because this one cannot. */
#ifndef FRONT_FORWARD_H
#define FRONT_FORWARD_H

#include "front/pending.h"
#include "front/select.h"

#define FORWARD_TRIES    8    /* nodes asked for one request, each once */
#define FORWARDS_MAX     1024 /* questions to other nodes under way */
#define FORWARDS_OF_NODE 128  /* of them, to one node */
#define FORWARD_NEXT_MS  150  /* a node that says nothing: ask another, too */
#define FORWARD_LAST_MS  700  /* then others are asked at any rate */
#define FORWARD_LOST_MS  850  /* none of them says anything: give up */
#define FORWARD_TRY_MS   3000 /* that a question lives at most */
/* Until when requests wait for a peer that is gone, each for FORWARD_LOST_MS at
 * most: the supervisor starts another. */
#define FORWARD_PEER_MS 2000

struct front;
struct request;
struct forwards;

/* NULL when out of memory. */
struct forwards *forwards_new(void);
void forwards_free(struct forwards *t);
AUTO_FREE(struct forwards, forwards_free)

/* Whether a request may go to another node, so that its fields should be kept
 * beside what its local work needs. */
bool forward_may(const struct front *f, const struct request *q);
/* Keeps them, at the end of p->kept. */
void forward_keep(struct pending *p, const struct request *q);

/* For a request that no own key fits (err says why): finds another node's,
 * takes a place and asks.  With kid: that key and no other (the kid a token
 * names). draft: of SIGN, or NULL.  err, or a better one, when there is none;
 * f->why then has a line. */
enum vh_err forward_take(struct front *f, struct request *q,
    const struct selector *s, struct slice kid, struct draft *draft,
    enum vh_err err);

/* Whether an error of this node's vault says what it cannot do just now, though
 * another node may: its lane or its arena is full, its key not active yet. */
bool forward_overflows(enum vh_err err);
/* For one that has its place, and its fields kept: asks other nodes because
 * this one says err.  err when there is none to ask. */
enum vh_err forward_overflow(struct front *f, struct pending *p,
    enum vh_err err);

/* An answer to PFORWARD. */
void forward_answer(struct front *f, const struct frame *answer);
/* Its deadline has passed: notes who said nothing, and says so in f->why. */
void forward_expired(struct front *f, struct pending *p);
/* Forgets what is under way for a request that ends. */
void forward_end(struct front *f, struct pending *p);

/* The link to peer is gone, or there again. */
void forwards_peer_lost(struct front *f);
void forwards_peer_came(struct front *f);

/* Asks the next nodes where the last ones are silent, gives up where all are.
 */
void forwards_tick(struct front *f);
/* Milliseconds until forwards_tick is worth a call, -1: never. */
int forwards_wait_ms(const struct front *f);
/* Questions under way. */
size_t forwards_count(const struct forwards *t);

#endif
