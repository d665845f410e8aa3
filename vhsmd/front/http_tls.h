/* HTTPS: http_start with a certificate. */
#ifndef FRONT_HTTP_TLS_H
#define FRONT_HTTP_TLS_H

#include "front/http.h"

/* PEM texts; wanted only while http_start_tls runs.  GnuTLS keeps a copy of the
 * key in ordinary memory (PRIVSEP.md, exceptions). */
struct http_tls {
	const char *cert; /* the chain, leaf first */
	const char *key;
};

/* As http_start, over TLS 1.2 or later; tls NULL is http_start.  VH_ECONFIG,
 * logged, when certificate and key are no pair. */
enum vh_err http_start_tls(int fd, const struct settings *settings,
    struct shared *shared, const struct http_tls *tls, struct http **out);

#endif
