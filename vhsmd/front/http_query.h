/* What a request for the JWK Set may ask for: ?use= &kty= &alg=, and the
 * codings it takes.  Knows no HTTP library. */
#ifndef FRONT_HTTP_QUERY_H
#define FRONT_HTTP_QUERY_H

#include "wire/alg.h"

/* Which keys are wanted; zero and NULL: whichever. */
struct jwks_filter {
	enum vh_use use;
	enum vh_kty kty;
	const struct alg *alg; /* keys that may run it */
};

/* What one query came to so far; starts as zeros. */
struct http_query {
	struct jwks_filter filter;
	unsigned seen;     /* bit by row of the parameters */
	const char *wrong; /* the first parameter that is wrong, or NULL */
	const char *expected;
};

/* One parameter, its value as sent but for "+", which may be a space by now.
 * Unknown names count for nothing.  value is NULL when there was no "=". */
void http_query_add(struct http_query *q, struct slice name,
    const struct slice *value);

/* Accept-Encoding (RFC 9110, 12.5.3): weights in thousandths, -1 when a coding
 * is not named.  Starts as HTTP_CODINGS. */
struct http_codings {
	int gzip, identity, any;
};
#define HTTP_CODINGS ((struct http_codings){ -1, -1, -1 })

/* One line's value.  What follows a syntax error counts for nothing. */
void http_codings_add(struct http_codings *c, struct slice line);
/* Whether gzip is at least as welcome as the plain text. */
bool http_codings_gzip(const struct http_codings *c);

#endif
