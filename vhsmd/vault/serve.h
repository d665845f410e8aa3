/* The intake: reads what the supervisor and front ask, and has it done. */
#ifndef VAULT_SERVE_H
#define VAULT_SERVE_H

#include "vault/pool.h"

struct serve;

/* super: the supervisor's link, taken over.  payload: most bytes of DATA.
 * NULL when out of memory or descriptors. */
struct serve *serve_new(struct link *super, size_t payload);
/* Wakes the intake to flush outlets; for pool_on_blocked. */
void serve_wake(void *serve);
/* Before pool_open.  VH_ENOMEM. */
enum vh_err serve_use(struct serve *s, struct pool *pool);
/* The intake's thread function: ends the process when the supervisor's link
 * closes (exit status 0) or on a fatal error (1). */
void *serve_run(void *serve);

#endif
