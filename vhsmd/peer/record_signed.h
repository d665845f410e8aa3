/* What records, hellos and tombstones have in common: a compact JWS with its
 * certificate chain.  For record*.c. */
#ifndef PEER_RECORD_SIGNED_H
#define PEER_RECORD_SIGNED_H

#include "jose/jws.h"
#include "peer/record.h"

/* A token whose chain leads to the CA and whose signature is by the chain's
 * leaf.  Time and revocation are still to be judged. */
struct signed_token {
	struct jws *jws;
	struct certificate *cert;
	struct slice der[TRUST_CHAIN_MAX]; /* in ders */
	size_t der_count;
	struct buf *ders;
};

void signed_token_free(struct signed_token *s);
AUTO_FREE(struct signed_token, signed_token_free)

/* Opens a token of at most max bytes; *out, NULL on failure, is the caller's
 * and needs token to stay. */
enum vh_err signed_token_open(const struct trust *t, struct verifier *v,
    struct slice token, size_t max, const char *typ, struct signed_token **out,
    enum refusal *why);

/* The payload, which names the node of the certificate as its "node".  *json,
 * NULL on failure, is the caller's.  PAYLOAD, NODE, MEMORY. */
enum vh_err signed_token_payload(const struct signed_token *s, json_t **json,
    enum refusal *why);

/* A member that is an integer from lo to RECORD_NUMBER_MAX; false otherwise. */
bool payload_number(const json_t *object, const char *name, uint64_t lo,
    uint64_t *out);
/* Copies a text member of at most max bytes, NUL-terminated; false when it is
 * malformed, or missing and needed. */
bool payload_text(const json_t *object, const char *name, bool needed,
    char *out, size_t max);

/* A copy of token; NULL when out of memory. */
struct buf *token_copy(struct slice token);

#endif
