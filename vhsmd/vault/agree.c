#include "vault/agree.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <sodium.h>

#include "base/pkey.h"

#define INFO_MAX 2048 /* apu and apv have at most 512 bytes each */

enum vh_err
agree_peer(struct crypto *c, const struct pub *pub, EVP_PKEY **peer)
{
	EVP_PKEY **own = &c->peers[pub->crv];

	*peer = NULL;
	if (*own == NULL)
		TRY(pkey_of_pub(pub, own));
	else
		TRY(pkey_set_pub(*own, pub));
	*peer = *own;
	return VH_OK;
}

/* The points of P-256, P-384 and P-521 are a group of prime order and the peer
 * was found to be on its curve when it was made, so libcrypto's own, costly
 * check of the peer (the last argument) would find nothing more.  RFC
 * 7748, 6.1: a point of small order gives zeros on X25519 and X448, which
 * must be refused. */
bool
agree_z(EVP_PKEY_CTX *ctx, EVP_PKEY *peer, struct secret *z)
{
	size_t len = secret_len(z);

	return EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) > 0 &&
	       EVP_PKEY_derive(ctx, secret_rw(z), &len) > 0 &&
	       len == secret_len(z) && sodium_is_zero(secret_ro(z).p, len) == 0;
}

size_t
agree_size(const struct agreement *a)
{
	return a->alg->size == 0 ? a->enc->cek : a->alg->size;
}

static void
put_sized(struct buf *b, struct slice bytes)
{
	buf_put_u32(b, (uint32_t)bytes.len);
	buf_put(b, bytes);
}

/* RFC 7518, 4.6.2: AlgorithmID, PartyUInfo, PartyVInfo, SuppPubInfo. */
static void
put_info(struct buf *b, const struct agreement *a)
{
	bool direct = a->alg->size == 0;

	put_sized(b, slice_text(direct ? a->enc->name : a->alg->name));
	put_sized(b, a->apu);
	put_sized(b, a->apv);
	buf_put_u32(b, (uint32_t)agree_size(a) * 8);
}

/* A parameter that libcrypto only reads, for all that its type says. */
static OSSL_PARAM
param_of(const char *name, struct slice bytes)
{
	return OSSL_PARAM_construct_octet_string(name,
	    (void *)(uintptr_t)bytes.p, bytes.len);
}

enum vh_err
agree_derive(struct crypto *c, const struct agreement *a,
    const struct secret *z, struct secret *out)
{
	static const uint8_t nothing[1];
	AUTO(buf_free) struct buf *info = buf_new(INFO_MAX);

	put_info(info, a);
	TRY(buf_end(info));
	const OSSL_PARAM use[] = {
		param_of(OSSL_KDF_PARAM_SECRET, secret_ro(z)),
		param_of(OSSL_KDF_PARAM_INFO, buf_slice(info)),
		OSSL_PARAM_END,
	};
	/* The context outlives the message; Z must not. */
	const OSSL_PARAM forget[] = {
		param_of(OSSL_KDF_PARAM_SECRET, slice_of(nothing, 1)),
		OSSL_PARAM_END,
	};
	bool made = EVP_KDF_derive(c->concat, secret_rw(out), secret_len(out),
			use) == 1;

	return EVP_KDF_CTX_set_params(c->concat, forget) == 1 && made
		   ? VH_OK
		   : VH_EINTERNAL;
}

enum vh_err
kek_wrap(struct crypto *c, const struct alg *alg, const struct secret *kek,
    const struct secret *cek, uint8_t *out)
{
	struct slice in = secret_ro(cek);
	int n = 0;

	EVP_CIPHER_CTX_set_flags(c->cipher_ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	bool done =
	    EVP_EncryptInit_ex2(c->cipher_ctx, c->wrap[alg->id],
		secret_ro(kek).p, NULL, NULL) == 1 &&
	    EVP_EncryptUpdate(c->cipher_ctx, out, &n, in.p, (int)in.len) == 1 &&
	    n >= 0 && (size_t)n == in.len + KEK_WRAP_MORE;

	(void)EVP_CIPHER_CTX_reset(c->cipher_ctx); /* returns 1 */
	return done ? VH_OK : VH_EINTERNAL;
}

/* RFC 3394, 2.2.2, on libcrypto's bare block: its own unwrapping takes some 300
 * ns longer to report a bad check value than to find a good one.  Here both
 * cost the same.  block holds the check value before and after. */
static bool
unwrap_blocks(EVP_CIPHER_CTX *ctx, uint8_t block[static 16], uint8_t *r,
    size_t count)
{
	bool done = true;
	int n;

	for (size_t t = 6 * count; t > 0; t--) {
		uint8_t *at = r + (t - 1) % count * 8;

		block[7] ^= (uint8_t)t;
		memcpy(block + 8, at, 8);
		done &= EVP_DecryptUpdate(ctx, block, &n, block, 16) == 1;
		memcpy(at, block + 8, 8);
	}
	return done;
}

bool
kek_unwrap(struct crypto *c, const struct alg *alg, const struct secret *kek,
    const uint8_t *wrapped, struct secret *out)
{
	static const uint8_t check[8] = { 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6,
		0xa6, 0xa6 };
	EVP_CIPHER_CTX *ctx = c->cipher_ctx;
	size_t size = secret_len(out);
	uint8_t block[16];

	memcpy(block, wrapped, KEK_WRAP_MORE);
	memcpy(secret_rw(out), wrapped + KEK_WRAP_MORE, size);
	bool done = EVP_DecryptInit_ex2(ctx, c->block[alg->id],
			secret_ro(kek).p, NULL, NULL) == 1 &&
		    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		    unwrap_blocks(ctx, block, secret_rw(out), size / 8);

	(void)EVP_CIPHER_CTX_reset(ctx); /* returns 1 */
	done &= sodium_memcmp(block, check, sizeof check) == 0;
	sodium_memzero(block, sizeof block);
	return done;
}
