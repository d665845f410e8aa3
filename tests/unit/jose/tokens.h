/* Tokens and vectors for the tests of this layer. */
#ifndef TESTS_TOKENS_H
#define TESTS_TOKENS_H

#include <criterion/criterion.h>

#include "jose/jwe.h"
#include "jose/jws.h"

/* Fails unless err is want; says why. */
#define EXPECT_ERR(err, want, why)                                             \
	cr_expect_eq((err), (want), "%s, not %s: %.*s", err_name(err),         \
	    err_name(want), (int)buf_slice(why).len,                           \
	    (const char *)buf_slice(why).p)

/* Whether why is one line that holds text and nothing but printable ASCII. */
bool why_has(const struct buf *why, const char *text);

/* A compact token of these parts, of which header is JSON; the caller's. */
struct buf *jws_of(const char *header, size_t payload, size_t signature);
struct buf *jwe_of(const char *header, size_t key, size_t iv, size_t ciphertext,
    size_t tag);

/* One file of the JOSE cookbook, RFC 7520 (VHSM_VECTORS, or ../shared/vectors);
 * skips the test, loudly, when the folder is not there. */
json_t *vector(const char *name);
/* The member at a path such as "output.compact"; NULL when absent. */
const json_t *at(const json_t *json, const char *path);
struct slice text_at(const json_t *json, const char *path);

#endif
