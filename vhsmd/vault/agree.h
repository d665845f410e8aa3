/* Key agreement: ECDH, Concat KDF, AES key wrap (RFC 7518, 4.6; RFC 8037, 3.2;
 * RFC 3394). */
#ifndef VAULT_AGREE_H
#define VAULT_AGREE_H

#include "vault/arena.h"
#include "vault/context.h"

#define KEK_WRAP_MORE 8 /* bytes that key wrap adds */

/* What a key is agreed on for. */
struct agreement {
	const struct alg *alg;
	const struct enc *enc;
	struct slice apu, apv;
};

/* The other side's public key, EC or OKP, as an object of this thread's: good
 * until the next call.  VH_EKEY as pkey_of_pub. */
enum vh_err agree_peer(struct crypto *c, const struct pub *pub,
    EVP_PKEY **peer);
/* Z of ctx, ready to derive, with peer; z has the size of the curve's
 * coordinate.  False when there is no Z: another curve, zeros of X25519 or
 * X448; what z holds is then unspecified. */
bool agree_z(EVP_PKEY_CTX *ctx, EVP_PKEY *peer, struct secret *z);
/* Fills out, whose length goes into the derivation, with the key that Z gives:
 * the CEK of ECDH-ES, the key that wraps it of ECDH-ES+AxKW.  VH_EINTERNAL. */
enum vh_err agree_derive(struct crypto *c, const struct agreement *a,
    const struct secret *z, struct secret *out);
/* Bytes of that key. */
size_t agree_size(const struct agreement *a);

/* AES key wrap of cek; out has room for KEK_WRAP_MORE bytes more. */
enum vh_err kek_wrap(struct crypto *c, const struct alg *alg,
    const struct secret *kek, const struct secret *cek, uint8_t *out);
/* The reverse; wrapped has KEK_WRAP_MORE bytes more than out.  False when its
 * integrity check fails; out is then unspecified. */
bool kek_unwrap(struct crypto *c, const struct alg *alg,
    const struct secret *kek, const uint8_t *wrapped, struct secret *out);

#endif
