/* What a vault does for its node, for the tests of peer: keys, proofs, records,
 * hellos, tombstones.  Keys of all kinds are made once a process. */
#ifndef TEST_RECORD_NODE_H
#define TEST_RECORD_NODE_H

#include <jansson.h>

#include "peer/record.h"
#include "test_record_pki.h"

/* A key pair and what its node says of it. */
struct test_key {
	EVP_PKEY *pkey;
	char kid[VH_KID_SIZE + 1];
	const char *use;       /* "sig", "enc" */
	const char *alg;       /* or NULL */
	const char *state;     /* "active" */
	const char *proof_alg; /* of a signing key */
	const char *name, *allow, *published;
	uint64_t active_until;          /* of a retired one */
	const char *ops, *typ, *claims; /* ops: JSON; or NULL */
};

/* "EC P-256", "RSA 2048", "Ed25519", "X25519" and so on: a new key, active, for
 * signing unless it cannot; freed by test_key_free. */
struct test_key *test_key(const char *kind);
struct test_key *test_enc_key(const char *kind);
void test_key_free(struct test_key *k);
AUTO_FREE(struct test_key, test_key_free)

/* A record to be. */
struct test_record {
	uint64_t epoch, seq, iat, keep;
	const struct test_key *keys[8]; /* up to the first NULL */
};

/* The payload; the caller's.  By takes the place of the node's name. */
json_t *test_payload(const struct cert *by, const struct test_record *r);
/* A compact JWS of payload (which it frees) by this node; the caller's. */
struct buf *test_sign(const struct cert *by, const char *typ, json_t *payload);
/* The same with a header of one's own; payload is borrowed. */
struct buf *test_sign_text(EVP_PKEY *key, const char *header,
    const char *payload);
/* The header as it ought to be; the caller's. */
char *test_header(const struct cert *by, const char *typ);
struct buf *test_record(const struct cert *by, const struct test_record *r);
struct buf *test_hello(const struct cert *by, const char *aud,
    const char *nonce_b64, uint64_t iat);
struct buf *test_tombstone(const struct cert *by, const char *kid,
    uint64_t iat);

const char *test_node_name(const struct cert *by);

/* The proof over text, base64url; the caller's. */
char *test_proof(const struct test_key *k, const char *text);

#endif
