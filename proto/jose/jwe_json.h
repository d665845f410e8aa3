/* JWE in any serialization: compact, flattened, general (RFC 7516, 7). */
#ifndef JOSE_JWE_JSON_H
#define JOSE_JWE_JSON_H

#include "jose/forms.h"
#include "jose/jwe.h"

/* A message as each of its recipients sees it. */
struct jwe_set {
	bool json; /* not compact */
	size_t count;
	struct jwe *at[FORM_PARTIES];
	struct buf *bytes;
};

void jwe_set_free(struct jwe_set *set);
AUTO_FREE(struct jwe_set, jwe_set_free)

/* Takes a message apart; *out is the caller's, NULL on failure, and needs token
 * to stay.  What is malformed refuses the whole: VH_ETOKEN, VH_ETOOBIG,
 * VH_EJSON; VH_EHEADER for a name in two of the protected, the shared and the
 * recipient's header, for zip and crit that are not protected, recipients that
 * do not agree on enc, and an alg without an encrypted key where there are
 * several.  An alg that is not understood then concerns its own recipient
 * alone: err of it.  Of one it refuses the message, as jwe_parse does. */
enum vh_err jwe_set_parse(struct slice token, struct jwe_set **out,
    struct buf *why);

/* The parts that all recipients share, as they go into a message. */
struct jwe_made {
	struct slice protected;   /* base64url, or empty */
	struct slice unprotected; /* a JSON object, or empty */
	struct slice aad;         /* or empty */
	struct slice iv, ciphertext, tag;
};

struct jwe_recipient {
	struct slice header;        /* a JSON object, or empty */
	struct slice encrypted_key; /* or empty */
};

/* Appends a flattened (count is 1) or general message. */
void jwe_put_json(struct buf *b, enum form form, const struct jwe_made *made,
    const struct jwe_recipient *to, size_t count);

#endif
