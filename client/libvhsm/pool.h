/* The connections of a handle: a few places, lent to one thread at a time.
 *
 * A fork copies a pool into the child, perhaps in the middle of another
 * thread's work on it, so the child must not trust its lock or its lists.  It
 * notices (pool_is_ours), makes a pool of its own and abandons the copy: only
 * its descriptors, which are kept in atomics for this, are closed. */
#ifndef LIBVHSM_POOL_H
#define LIBVHSM_POOL_H

#include <stdatomic.h>

#include "client/libvhsm/conn.h"

#define POOL_PLACES 8

struct pool;

/* A place of the pool, with a connection or without. */
struct place {
	struct conn *conn;
	_Atomic int fd; /* of conn, or -1: for a child's pool_abandon */
	bool lent;      /* guarded by the lock of the pool */
};

/* NULL when out of memory. */
struct pool *pool_new(void);
/* Only in the process that made it, with no place lent. */
void pool_free(struct pool *p);
AUTO_FREE(struct pool, pool_free)
/* In a child: closes the descriptors of the copy and leaves its memory as it
 * is, which nobody can know to be whole. */
void pool_abandon(struct pool *p);
/* False in a child of the process that made it.  Any thread. */
bool pool_is_ours(const struct pool *p);

/* Lends a place, preferably a connected one.  VH_EDEADLINE when all stay lent
 * until then. */
enum vh_err pool_take(struct pool *p, struct until until, struct place **out);
void pool_put(struct pool *p, struct place *place);

/* Connects a place that is not; errors of conn_dial. */
enum vh_err place_dial(struct place *place, const struct where *where,
    struct until until);
/* Closes its connection, if any. */
void place_hang_up(struct place *place);
/* For a child: closes the descriptor alone. */
void place_abandon(struct place *place);

#endif
