/* JWS in any serialization: compact, flattened, general (RFC 7515, 7). */
#ifndef JOSE_JWS_JSON_H
#define JOSE_JWS_JSON_H

#include "jose/forms.h"
#include "jose/jws.h"

/* A message with all its signatures. */
struct jws_set {
	bool json; /* not compact */
	size_t count;
	struct jws *at[FORM_PARTIES]; /* input is empty: see jws_set_input */
	struct slice payload;         /* in bytes, or borrowed */
	/* The payload as signed, behind room for a protected header. */
	struct buf *stage;
	struct buf *bytes;
};

void jws_set_free(struct jws_set *set);
AUTO_FREE(struct jws_set, jws_set_free)

/* Takes a message apart; *out is the caller's, NULL on failure, and needs token
 * and detached to stay.  detached: the payload that travels apart, which must
 * then not be in the message; NULL: it must be there.
 *
 * What is malformed refuses the whole: VH_ETOKEN, VH_ETOOBIG, VH_EJSON, and
 * VH_EHEADER for a name both protected and not, and for signatures that do not
 * agree on b64.  Where several signatures are, an algorithm or extension that
 * is not understood concerns its own alone: err of it.  Of one it refuses the
 * message, as jws_parse does. */
enum vh_err jws_set_parse(struct slice token, const struct slice *detached,
    struct jws_set **out, struct buf *why);

/* What signature i is over; valid until the next call. */
struct slice jws_set_input(struct jws_set *set, size_t i);

/* One signature as it goes into a message. */
struct jws_made {
	struct slice protected;   /* base64url */
	struct slice unprotected; /* a JSON object, or empty */
	struct slice signature;   /* base64url */
};

/* Appends a flattened (count is 1) or general message.  payload: NULL for a
 * detached one.  unencoded: the payload, UTF-8 without NUL, stands there as
 * text. */
void jws_put_json(struct buf *b, enum form form, const struct slice *payload,
    bool unencoded, const struct jws_made *made, size_t count);

/* Whether payload can stand in a JSON message as it is. */
bool jws_is_jsonable(struct slice payload);

#endif
