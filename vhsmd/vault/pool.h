/* The bounded worker pool.  Each lane has a queue of its own and workers of its
 * own, whose stacks lie in the arena; costlier lanes run at lower priority.  A
 * full lane, or jobs of too many bytes in all, say VH_EBUSY at once.
 *
 * The first worker of the fast lane is the intake: it reads the links, fills
 * the queues, and works in between, so that a lone caller's request crosses no
 * thread on its way. */
#ifndef VAULT_POOL_H
#define VAULT_POOL_H

#include "vault/job.h"

struct pool;

/* Starts workers threads (at least 2) in each lane; returns when all are up,
 * with libcrypto ready, and wait for pool_open.  The first runs intake(arg),
 * which never returns.  VH_EIO, VH_ENOMEM. */
enum vh_err pool_start(size_t workers, size_t queue, void *(*intake)(void *),
    void *arg, struct pool **out);
/* Lets the threads go on; after the sandbox has closed. */
void pool_open(struct pool *p);

/* The intake's own. */
struct crypto *pool_crypto(struct pool *p);
/* Once, by the intake, before the first pool_submit; desk stays the caller's,
 * who may fill it until then. */
void pool_serve(struct pool *p, const struct desk *desk);

/* The intake: queues a job and takes it over; VH_EBUSY (counted) when the lane
 * or memory is full: the job is then still the caller's. */
enum vh_err pool_submit(struct pool *p, struct job *job);
/* The intake: does some small jobs of the fast lane and sends their
 * answers.  False when there were none. */
bool pool_help(struct pool *p);
/* Whether no job waits or is being done. */
bool pool_is_idle(const struct pool *p);
/* Jobs waiting now. */
size_t pool_depth(struct pool *p, enum lane lane);
size_t pool_workers(const struct pool *p); /* of each lane */
size_t pool_threads(const struct pool *p); /* that read the store */

/* Called by workers when an outlet could not take all, so that the intake
 * flushes it; set before pool_open. */
void pool_on_blocked(struct pool *p, void (*wake)(void *arg), void *arg);

#endif
