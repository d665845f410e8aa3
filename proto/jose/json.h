/* Strict JSON: refused once, here, for all of the project's JSON from outside.
 *
 * Here and in the rest of this layer, a function with a `why` appends one line
 * to it when it fails (jose/why.h), and nothing when it does not. */
#ifndef JOSE_JSON_H
#define JOSE_JSON_H

#include <jansson.h>

#include "jose/why.h"

#define JSON_DEPTH_MAX  16     /* nested objects and arrays */
#define JSON_VALUES_MAX 131072 /* bounds what a tree costs beyond its text */
#define JOSE_KID_MAX    256    /* bytes of a kid, wherever one stands */

AUTO_FREE(json_t, json_decref)

/* Once, before the sandbox closes: jansson seeds its hash tables from
 * /dev/urandom, which it would otherwise open at the first object. */
void json_setup(void);

/* Loads text, which is one JSON object and nothing more; *out is the caller's,
 * NULL on failure.  VH_ETOOBIG past max bytes or the bounds above; VH_EJSON for
 * text that is not such an object, duplicate members, NUL, bad UTF-8, numbers
 * that do not fit. */
enum vh_err json_read_object(struct slice text, size_t max, json_t **out,
    struct buf *why);

/* The string member name of object, borrowed from it; *out is empty when there
 * is none.  False when it is no string, is empty or longer than max bytes, or
 * holds a control character. */
bool json_get_text(const json_t *object, const char *name, size_t max,
    struct slice *out);

/* White space between tokens of JSON. */
static inline bool
json_is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether text is UTF-8 without control characters. */
bool json_is_plain(struct slice text);

/* Appends text, which is UTF-8, as a JSON string with its quotes. */
void json_put_text(struct buf *b, struct slice text);

#endif
