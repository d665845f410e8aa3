/* Which HTTP connections have gone longest without a finished request, so that
 * a client that dribbles bytes is cut off: libmicrohttpd's own timeout starts
 * anew with every byte.  One thread at a time. */
#ifndef FRONT_HTTP_CONNS_H
#define FRONT_HTTP_CONNS_H

#include "base/clock.h"
#include "wire/base.h"

struct http_conns;
struct http_conn;

/* NULL when out of memory. */
struct http_conns *http_conns_new(void);
/* Forgets the connections that are left; closes none. */
void http_conns_free(struct http_conns *c);
AUTO_FREE(struct http_conns, http_conns_free)
size_t http_conns_count(const struct http_conns *c);

/* Starts to watch fd, which stays the caller's.  NULL when out of memory. */
struct http_conn *http_conns_add(struct http_conns *c, int fd,
    struct mono_ns now);
/* A request on it was answered in full: its time starts anew. */
void http_conns_finish(struct http_conns *c, struct http_conn *one,
    struct mono_ns now);
/* Before fd is closed. */
void http_conns_remove(struct http_conns *c, struct http_conn *one);

/* Ends (shutdown, not close) every connection that has finished no request for
 * limit_ms; how many.  Each is ended once. */
size_t http_conns_sweep(struct http_conns *c, uint64_t limit_ms,
    struct mono_ns now);

#endif
