/* From an HTTP request to its answer.  Knows no socket and no HTTP library. */
#ifndef FRONT_HTTP_ROUTES_H
#define FRONT_HTTP_ROUTES_H

#include "base/settings.h"
#include "front/http_variants.h"

enum http_route {
#define VH_ROUTE(name, path, label, answer) HTTP_##name,
#include "front/http_routes.def"
	HTTP_ROUTES
};
const char *http_route_label(enum http_route route);

enum http_code {
#define VH_HTTP_CODE(number, text) HTTP_##number,
#include "front/http_routes.def"
	HTTP_CODES
};
unsigned http_code_number(enum http_code code);

/* Written by the HTTP thread only. */
struct http_counts {
	_Atomic uint64_t answers[HTTP_ROUTES][HTTP_CODES];
	_Atomic uint64_t connections; /* open now */
	_Atomic uint64_t cut;         /* too slow to finish a request */
};

/* The text of /metrics; made at most once a second. */
struct metrics_cache {
	struct buf *text;
	struct mono_ns made;
};

/* What answers are made from; all borrowed. */
struct http_site {
	const struct settings *settings;
	struct shared *shared;
	struct http_counts *counts;
	struct metrics_cache *metrics;
	struct variants *variants;
};

struct http_request {
	const char *method, *path; /* as sent, without the query */
	bool has_body;
	/* Whether If-None-Match names this entity tag. */
	bool (*names_tag)(void *arg, struct slice tag);
	void *arg;
	struct http_query query;
	bool gzip; /* whether the client takes it */
};

/* Header values are NULL when the header is not sent.  Every answer is also
 * sent with X-Content-Type-Options: nosniff. */
struct http_answer {
	enum http_route route;
	enum http_code code;
	const char *type, *allow, *etag;
	const char *encoding;
	char cache_control[40];
	bool is_shared;    /* any web page may read it (CORS) */
	bool is_preflight; /* answers what a browser asks before */
	char text[160];    /* where a body of its own may lie */
	/* Valid while jwks is held, or else until the next call with the same
	 * metrics cache.  With 304 what a 200 would carry (RFC 9110, 8.6: its
	 * length is the one to announce, if any). */
	struct slice body;
	struct published *jwks; /* a reference, the caller's; or NULL */
};

/* Counts the answer, too.  May wait half a second for the vault's statistics
 * (shared_stats_get). */
void http_answer_to(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out);

#endif
