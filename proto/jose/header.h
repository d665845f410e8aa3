/* What JWS and JWE share: the parts of a compact token, the header. */
#ifndef JOSE_HEADER_H
#define JOSE_HEADER_H

#include "jose/json.h"
#include "wire/alg.h"
#include "wire/ops.h"

#define HEADER_PARTY_MAX 512 /* bytes of apu, apv */
#define HEADER_EPK_ROOM  512 /* left in a JWE header for the vault's epk */

/* What a protected header is to say. */
struct header_wish {
	const struct alg *alg; /* NULL: a JWE whose recipients have one each */
	const struct enc *enc; /* JWE only; NULL makes a JWS header */
	bool zip;              /* JWE: DEF */
	bool unencoded;        /* JWS: b64 false, and crit for it */
	struct slice kid;      /* UTF-8; empty: no kid */
	struct slice typ;      /* UTF-8; empty: no typ */
	struct slice extra;    /* further members, a JSON object; or empty */
	struct slice apu, apv; /* bytes; ECDH only; empty: none */
};

/* Appends the header as compact JSON: alg, enc, zip, kid, typ, apu, apv, b64
 * and crit, then extra exactly as it was written.  VH_EHEADER for members of
 * extra that are not the caller's to set (alg, kid, crit, b64, enc, zip and, in
 * a JWE, epk, apu, apv, iv, tag, p2s, p2c), typ in both places, control
 * characters or bad UTF-8 in kid or typ, apu or apv without ECDH; VH_EJSON;
 * VH_ETOOBIG past VH_HEADER_MAX once encoded, in a JWE with an epk.  On failure
 * out may hold a part. */
enum vh_err header_put(const struct header_wish *wish, struct buf *out,
    struct buf *why);

/* Whether a caller may have unprotected, a JSON object, beside a header with
 * typ and extra (both may be empty) in a JWE or a JWS: no name that is not the
 * caller's to set, none that stands in both.  Empty is fine.  VH_EHEADER,
 * VH_EJSON. */
enum vh_err header_check_unprotected(struct slice unprotected, bool jwe,
    struct slice typ, struct slice extra, struct buf *why);

/* Appends what a recipient of several has for itself: alg, kid, apu, apv of
 * wish, then extra as it was written, and for the rest "epk" and whatever
 * members, unless empty, holds.  Errors as header_put. */
enum vh_err header_put_recipient(const struct header_wish *wish,
    struct slice members, struct buf *out, struct buf *why);

/* --- for jws*.c and jwe*.c -------------------------------------------------
 */

/* Splits token at its dots into exactly count parts, borrowed from it.
 * VH_ETOKEN, VH_ETOOBIG. */
enum vh_err compact_split(struct slice token, struct slice *parts, size_t count,
    struct buf *why);

/* Appends what part encodes to bytes and points *out at it; bytes must have
 * room, so that earlier slices stay.  name is for why.  VH_ETOKEN. */
enum vh_err compact_decode(struct slice part, const char *name,
    struct buf *bytes, struct slice *out, struct buf *why);

/* Where the members of a header stand. */
struct header_parts {
	struct slice protected;     /* base64url; empty: none */
	const json_t *shared, *own; /* unprotected; NULL: none */
};

/* A header as read. */
struct header {
	const struct alg *alg;
	struct slice kid;  /* in bytes; empty when there is none */
	struct slice text; /* the protected JSON, in bytes; may be empty */
	bool unencoded;    /* JWS: b64 is false, and crit says so */
	const char
	    *misplaced; /* a member that stands unprotected and must not */
	json_t *json;   /* all members; the caller's */
};

/* Room that header_read needs in bytes for an encoded header part. */
size_t header_room(struct slice part);

/* Decodes and loads the protected header, and joins the unprotected members to
 * it: text, unencoded, misplaced and json.  VH_ETOKEN, VH_ETOOBIG, VH_EJSON;
 * VH_EHEADER for a name that stands twice.  out->json is NULL on failure. */
enum vh_err header_join(const struct header_parts *parts, enum vh_use use,
    struct buf *bytes, struct header *out, struct buf *why);

/* Takes alg and kid from what was joined.  VH_EHEADER for a crit that names
 * what is not understood here (all but a JWS's b64), members that stand in the
 * wrong place, a missing or ill-typed alg, a bad kid; VH_EALG for an alg that
 * is not known or is not for use. */
enum vh_err header_understand(struct header *header, enum vh_use use,
    struct buf *bytes, struct buf *why);

/* Both, for a header that is protected as a whole.  out->json is NULL on
 * failure. */
enum vh_err header_read(struct slice part, enum vh_use use, struct buf *bytes,
    struct header *out, struct buf *why);

/* Whether text begins as JSON does, and no compact token. */
bool header_is_json(struct slice token);

#endif
