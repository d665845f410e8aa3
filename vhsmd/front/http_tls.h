/* HTTPS: http_start with a certificate. */
#ifndef FRONT_HTTP_TLS_H
#define FRONT_HTTP_TLS_H

#include "front/http.h"

#define HTTP_PEM_MAX 65536 /* bytes of a PEM file */

/* PEM texts; wanted only while http_start_tls runs.  GnuTLS keeps a copy of the
 * key in ordinary memory (PRIVSEP.md, exceptions). */
struct http_tls {
	const char *cert; /* the chain, leaf first */
	const char *key;
};

/* Reads two open files to their end; closes both, also on failure.  The result
 * is the caller's.  VH_EIO, VH_ETOOBIG, VH_ECONFIG (a file holds a NUL byte or
 * nothing), VH_ENOMEM; logged. */
enum vh_err http_tls_read(int cert_fd, int key_fd, struct http_tls **out);
/* Wipes the key; only for what http_tls_read made. */
void http_tls_free(struct http_tls *tls);
AUTO_FREE(struct http_tls, http_tls_free)

/* As http_start, over TLS 1.2 or later; tls NULL is http_start.  VH_ECONFIG,
 * logged, when certificate and key are no pair. */
enum vh_err http_start_tls(int fd, const struct settings *settings,
    struct shared *shared, const struct http_tls *tls, struct http **out);

#endif
