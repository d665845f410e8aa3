/* Which HTTP connections have gone longest without a finished request, so that
 * a client that dribbles bytes is cut off: libmicrohttpd's own timeout starts
 * anew with every byte.  One thread at a time. */
#ifndef FRONT_HTTP_CONNS_H
#define FRONT_HTTP_CONNS_H

#include "base/clock.h"
#include "wire/base.h"

struct conns;
struct conn;

/* NULL when out of memory. */
struct conns *conns_new(void);
/* Forgets the connections that are left; closes none. */
void conns_free(struct conns *c);
AUTO_FREE(struct conns, conns_free)
size_t conns_count(const struct conns *c);

/* Starts to watch fd, which stays the caller's.  NULL when out of memory. */
struct conn *conns_add(struct conns *c, int fd, struct mono_ns now);
/* A request on it was answered in full: its time starts anew. */
void conns_finish(struct conns *c, struct conn *one, struct mono_ns now);
/* Before fd is closed. */
void conns_remove(struct conns *c, struct conn *one);

/* Ends (shutdown, not close) every connection that has finished no request for
 * limit_ms; how many.  Each is ended once. */
size_t conns_sweep(struct conns *c, uint64_t limit_ms, struct mono_ns now);

#endif
