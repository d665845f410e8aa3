/* The operations of the vault, on the fields of a request.  Each runs on a
 * worker thread with that worker's own struct crypto. */
#ifndef VAULT_CRYPTO_H
#define VAULT_CRYPTO_H

#include "vault/store.h"

/* What one worker fetched from libcrypto once: digests, ciphers, MAC and KDF,
 * and contexts it uses again and again. */
struct crypto;
/* index: which worker this is, below the workers that keys were made for.
 * NULL when the arena is full or libcrypto lacks something. */
struct crypto *crypto_new(size_t index);
void crypto_free(struct crypto *c);
AUTO_FREE(struct crypto, crypto_free)

/* Each appends its answer's fields to answer, whose frame is open; on failure
 * what was appended is meaningless and the caller cuts it off.  (Their prefix
 * is not the module's: libsodium has a crypto_sign.)
 *
 * VSIGN: the signature of DATA by key KID with ALG_ID.  VH_ENOKEY, VH_EALG,
 * VH_EINACTIVE; VH_EFIELD for data that begins as proofs do (sign.h). */
enum vh_err op_sign(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);
/* VVERIFY: whether SIGNATURE is that of DATA by the symmetric key KID with
 * ALG_ID; answers nothing.  VH_ENOKEY, VH_EALG (also for any other key, whose
 * public part is everybody's); VH_EVERIFY. */
enum vh_err op_verify(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);
/* VDECRYPT: unwraps the CEK with key KID, opens the ciphertext, answers DATA.
 * VH_ENOKEY, VH_EALG, VH_ETOOBIG; everything that is wrong with the message
 * after those checks is VH_EDECRYPT at one cost (design, invariant 6).  While
 * the arena is as good as full a message that is right may fail as well: then
 * all that fail are VH_ENOMEM. */
enum vh_err op_decrypt(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);
/* VENCRYPT: encrypts DATA for the key of KID or the public one of the PUB
 * fields; AAD is authenticated with it, as VDECRYPT's is.
 * HEADER is the protected header as a JSON object, to which epk, or iv
 * and tag, are added when the algorithm makes them; answers PROTECTED,
 * ENCRYPTED_KEY (when not empty), IV, CIPHERTEXT, TAG.  VH_ENOKEY, VH_EALG,
 * VH_EKEY, VH_EHEADER; VH_EFIELD unless exactly one of KID and PUB is there;
 * VH_ETOOBIG for a header that does not fit its field. */
enum vh_err op_encrypt(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);

/* The primitives of keys whose spec says raw (wire/raw.def); VH_EPOLICY of any
 * other key, and VH_EALG for an algorithm that has none.
 *
 * VRAWSIGN: the signature of DATA, or, PREHASHED, of the digest that DATA is.
 * As VSIGN; VH_EFIELD also for a digest that is not exactly as long as that of
 * the algorithm, VH_EALG for one where the algorithm takes none. */
enum vh_err op_raw_sign(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);
/* VRAWDECRYPT: RSAES-OAEP of DATA with LABEL; answers DATA.  Whatever is wrong
 * with them is VH_EDECRYPT at one cost, or VH_ENOMEM, as above. */
enum vh_err op_raw_decrypt(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);
/* VRAWDERIVE: the shared secret Z with PUB, not hashed; answers DATA.  VH_EKEY
 * for a key of another curve, a point that is on none, or zeros for Z. */
enum vh_err op_raw_derive(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);

/* SHA-256 of parts, one behind the other.  VH_EINTERNAL. */
enum vh_err crypto_digest(struct crypto *c, const struct slice *parts,
    size_t count, uint8_t out[static 32]);
/* The same of what op_sign has just signed, if the algorithm had to make it;
 * false if not, or when asked again. */
bool crypto_signed_digest(struct crypto *c, uint8_t out[static 32]);

/* VSEAL: encrypts DATA once for all recipients, a PARTY each with ALG_ID and
 * KID or PUB, APU, APV.  PROTECTED is the protected header, encoded; answers a
 * PARTY for each in their order, with ENCRYPTED_KEY and, as epk, PUB where the
 * algorithm makes one, then IV, CIPHERTEXT, TAG.  VH_EALG also for an algorithm
 * that wraps no key; else as VENCRYPT; VH_ETOOBIG past VH_PARTIES. */
enum vh_err op_seal(struct crypto *c, const struct store *s,
    const struct frame *q, struct buf *answer);

/* One use of the private key and its check with the public one, for every
 * algorithm the key may run.  VH_EKEY, and why says which failed; VH_ENOMEM. */
enum vh_err crypto_selftest(struct crypto *c, const struct key *key,
    struct buf *why);

#endif
