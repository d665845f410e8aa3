/* HTTP: /.well-known/jwks.json, /healthz, /readyz, /metrics.  Runs on threads
 * of its own (libmicrohttpd's), which touch nothing but struct shared. */
#ifndef FRONT_HTTP_H
#define FRONT_HTTP_H

#include "base/settings.h"
#include "front/shared.h"

struct http;

/* Serves the listening TCP socket fd, which it takes over, also on failure.
 * All threads run when it returns: the sandbox closes after it, and nothing may
 * start threads or open files later.  settings (max_age, http_connections,
 * http_timeout, node, version) and shared outlive it.  VH_EIO, logged. */
enum vh_err http_start(int fd, const struct settings *settings,
    struct shared *shared, struct http **out);

/* Refuses new connections, ends the threads and frees; accepts NULL. */
void http_stop(struct http *h);
AUTO_FREE(struct http, http_stop)

#endif
