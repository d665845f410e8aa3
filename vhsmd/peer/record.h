/* What nodes sign: records (a node and its public keys), hellos (who speaks),
 * tombstones (a revoked kid).  All are compact JWS, ES256 by the record key,
 * its certificate chain in x5c; PROTOCOL.md has the formats.
 *
 * The order of checks: certificate and signature come before anything in the
 * payload is looked at, so nobody outside the cluster reaches the parsers.
 * Whoever relays a token plays no part.
 *
 * Members, key types, algorithms and states that a newer node may use and we do
 * not know are passed over: such keys are counted in `skipped`. */
#ifndef PEER_RECORD_H
#define PEER_RECORD_H

#include "base/verify.h"
#include "jose/jwk.h"
#include "peer/trust.h"
#include "wire/ops.h"

#define RECORD_KEYS_MAX    4096
#define RECORD_NUMBER_MAX  ((UINT64_C(1) << 53) - 1)   /* epochs, times */
#define RECORD_KEEP_MAX_MS (UINT64_C(3650) * 86400000) /* as keyspec's */
#define RECORD_ADDRESS_MAX 256
#define RECORD_VERSION_MAX 32
#define RECORD_NAME_MAX    256
#define RECORD_ALLOW_MAX   4096
#define RECORD_TYP_MAX     4096
#define RECORD_CLAIMS_MAX  1024
#define SIGNED_SHORT_MAX   16384 /* bytes of a hello or a tombstone */
/* How far another clock may be ahead of ours. */
#define RECORD_AHEAD_MAX_MS (UINT64_C(10) * 60000)

struct record_key {
	char kid[VH_KID_SIZE + 1]; /* the thumbprint, computed here */
	struct pub pub;            /* as all slices, in the record */
	enum vh_use use;
	const struct alg *alg; /* the only one allowed, or NULL */
	enum vh_key_state state;
	uint64_t active_until_ms; /* RETIRED signing keys: last use */
	uint64_t keep_ms;         /* its own, or the record's */
	struct slice name, allow; /* or empty */
	/* What the node lets callers do with it, for whom it is to know whom
	 * to ask: the node itself sees to it.  ops: bits by enum vh_key_op;
	 * 0: all of its use.  Texts as the fields TYPS and CLAIMS, or empty. */
	uint32_t ops;
	struct slice typ, claims;
	const char *published; /* NULL, or what the node calls it */
	uint8_t proof[32];     /* hash of what proved possession */
};

/* One record, verified; immutable. */
struct record {
	char node[NODE_NAME_MAX + 1];
	char address[RECORD_ADDRESS_MAX + 1];
	char version[RECORD_VERSION_MAX + 1]; /* may be empty */
	uint64_t epoch, seq, iat_ms, keep_ms;
	struct record_key *keys; /* sorted by kid */
	size_t count, skipped;
	uint8_t content[32]; /* hash of all of it but seq and iat */
	struct buf *token;   /* the JWS itself */

	struct buf *bytes; /* where the slices point */
	json_t *json; /* from record_open until record_take_keys has all keys */
	size_t next;  /* of its keys that are to be taken */
};

void record_free(struct record *r);
AUTO_FREE(struct record, record_free)

/* First half: everything but the keys.  The certificate is judged at iat, which
 * may not be later than latest (wall ms).  *out is the caller's, NULL on
 * failure. */
enum vh_err record_open(const struct trust *t, struct verifier *v,
    struct slice token, uint64_t latest_ms, struct record **out,
    enum refusal *why);
/* Second half: the keys, of which at most most are checked, so that a loop can
 * do other things in between; while r->json is there, call it again.  What
 * known (a record of the same node and epoch, or NULL) has shown already is not
 * checked again, and without a verifier nothing is: our own vault says it.  On
 * failure r is only good for record_free. */
enum vh_err record_take_keys(struct record *r, struct verifier *v,
    const struct record *known, size_t most, enum refusal *why);

/* The key with this kid, or NULL. */
const struct record_key *record_key(const struct record *r, const char *kid);
/* Until when (wall ms) the record alone keeps a signing key published: its last
 * use as far as this record knows, plus keep_after; 0 for keys that it does not
 * show as ever active, and for encryption keys. */
uint64_t record_key_end(const struct record *r, const struct record_key *k);

/* --- hellos ----------------------------------------------------------------
 */

struct hello_want {
	struct slice audience; /* our name */
	struct slice nonce; /* the one we gave out; used once by the caller */
	struct wall_ms now;
};

struct hello {
	char node[NODE_NAME_MAX + 1]; /* who speaks */
	/* iat is more than RECORD_AHEAD_MAX_MS away from our clock: worth a
	 * line in the log.  The nonce, not the clock, makes a hello fresh. */
	bool skewed;
};

/* Checks a hello; the certificate has to be valid now and is then remembered
 * for trust_allows_node. */
enum vh_err hello_read(struct trust *t, struct verifier *v, struct slice token,
    const struct hello_want *want, struct hello *out, enum refusal *why);

/* --- tombstones ------------------------------------------------------------
 */

struct tombstone {
	char kid[JOSE_KID_MAX + 1];
	char node[NODE_NAME_MAX + 1]; /* who revoked it */
	uint64_t iat_ms;
	struct buf *token;
};

void tombstone_free(struct tombstone *s);
AUTO_FREE(struct tombstone, tombstone_free)

/* *out is the caller's, NULL on failure.  A tombstone outlives its certificate,
 * also a revoked one when it is older than the revocation: else taking a node
 * out of service would bring back the keys that were revoked there. */
enum vh_err tombstone_read(const struct trust *t, struct verifier *v,
    struct slice token, uint64_t latest_ms, struct tombstone **out,
    enum refusal *why);

#endif
