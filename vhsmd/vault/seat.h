/* The identity in force.  Another may take its place at any time: who has
 * borrowed the one before goes on with it, and the last of them frees it, which
 * wipes its key. */
#ifndef VAULT_SEAT_H
#define VAULT_SEAT_H

#include "vault/identity.h"

struct seat;

/* Takes over first, also on failure.  NULL when out of memory. */
struct seat *seat_new(struct identity *first);
void seat_free(struct seat *s);
AUTO_FREE(struct seat, seat_free)

/* For any thread: a reference, which identity_free gives back. */
struct identity *seat_hold(struct seat *s);
/* For any thread: takes over next, which has the place from now on. */
void seat_put(struct seat *s, struct identity *next);

#endif
