/* Published known answers: tests/kat, and RFC 7520's examples if they lie
 * beside the checkout (or where VHSM_VECTORS points). */
#ifndef TEST_CRYPTO_KAT_H
#define TEST_CRYPTO_KAT_H

#include <jansson.h>

#include "test_crypto_rig.h"

static inline void
kat_free(json_t *j)
{
	json_decref(j);
}
AUTO_FREE(json_t, kat_free)

/* tests/kat/NAME.json, an array; the caller's. */
json_t *kat_load(const char *name);
/* A file of the cookbook; NULL, said loudly, when it is not there. */
json_t *kat_cookbook(const char *path);

/* A member that must be there. */
struct slice kat_text(const json_t *row, const char *member);
/* Its base64url decoded; the caller's. */
struct buf *kat_bytes(const json_t *row, const char *member);
const struct alg *kat_alg(const json_t *row);
const struct enc *kat_enc(const json_t *row);
/* The private key of row's member "key", in the store. */
struct key *kat_key(struct rig *r, const json_t *row, enum vh_use use);
/* Sets epk (PUB), apu, apv, iv and tag from a JSON object of header parameters;
 * the bytes go to keep, which must have room: they are borrowed from it. */
void kat_ask_params(struct ask *a, const json_t *header, struct buf *keep);
/* The same from a protected header in base64url. */
void kat_ask_header(struct ask *a, struct slice protected, struct buf *keep);
/* A decryption request for a compact JWE. */
struct ask *kat_ask_jwe(const struct key *key, const struct alg *alg,
    const struct enc *enc, struct slice compact, struct buf *keep);

#endif
