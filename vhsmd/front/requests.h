/* Requests: from a message of a caller to the answer. */
#ifndef FRONT_REQUESTS_H
#define FRONT_REQUESTS_H

#include "front/front.h"
#include "front/select.h"

/* More than any wait should last; a frame may ask for less. */
#define REQUEST_MS_MAX 600000

/* A request being handled; its slices live until the handler returns. */
struct request {
	struct origin to;
	struct mono_ns deadline;
	struct frame frame;
	struct asker asker;
	bool several; /* its parts take its share of the uid's places */
	bool pended;  /* has a place in the table: answered later */
};

/* Whether a whole SP message asks for work that takes the loop long. */
bool request_is_costly(struct slice message);
/* Whether an operation of callers works with keys. */
bool request_uses_keys(uint16_t op);

/* Handles one SP message of a connection.  cut: only its first STREAM_CUT bytes
 * are there, for it was too long. */
void request_take(struct front *f, struct conn *c, struct slice message,
    bool cut);

/* Handles a request that was read: to, frame and asker are set.  err: what was
 * wrong with it already. */
void request_run(struct front *f, struct request *q, enum vh_err err);

/* Handles one answer of the vault or of peer; of the op that was asked for. */
void request_answer(struct front *f, const struct frame *answer);

/* Answers what waited too long. */
void requests_expire(struct front *f);
/* Answers all that waits with err. */
void requests_fail(struct front *f, enum vh_err err);
/* Ends all that waits, without answers. */
void requests_abandon(struct front *f);
/* Peer is gone: what it was asked is answered with err, and nobody waits any
 * more for what it relayed. */
void requests_peer_lost(struct front *f, enum vh_err err);
/* Once a round: answers who waits for the node to be drained, if it is. */
void requests_settle(struct front *f);
/* No new work from now on, or work again. */
void requests_drain(struct front *f, bool draining);

/* --- for the operations --------------------------------------------------- */

/* A place in the table for a request that passed request_take's checks.  NULL
 * when there is none: VH_EBUSY. */
struct pending *request_pend(struct front *f, struct request *q);
/* Gives the place up: for a handler that fails after request_pend. */
void request_drop(struct front *f, struct pending *p);

/* Ends what waits, with a reply that was made already or, for an error, with
 * that; f->why may hold a line. */
void request_finish(struct front *f, struct pending *p, enum vh_err err);

/* Begins a part of another request: to, deadline, frame and asker are set.  On
 * VH_OK *out is its place; it ends by group_part_ended. */
enum vh_err request_run_part(struct front *f, struct request *q,
    struct pending **out);

/* The caller of a connection. */
struct asker request_asker(const struct front *f, const struct conn *c);

#endif
