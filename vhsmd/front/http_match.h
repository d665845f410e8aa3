/* If-None-Match (RFC 9110, 13.1.2). */
#ifndef FRONT_HTTP_MATCH_H
#define FRONT_HTTP_MATCH_H

#include "wire/base.h"

/* Whether list, the value of one If-None-Match line, is "*" or names tag (an
 * entity-tag with its quotes).  Weak comparison (RFC 9110, 8.8.3.2): W/ makes
 * no difference.  What follows a syntax error counts for nothing, so that a
 * broken header costs a full answer and no more. */
bool http_match(struct slice list, struct slice tag);

#endif
