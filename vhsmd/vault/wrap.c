#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/pkey.h"
#include "vault/cek.h"

#define NUMBERS_MAX (VH_RSA_BITS_MAX / 8 + 64)

void
parcel_free(struct parcel *p)
{
	if (p == NULL)
		return;
	secret_free(p->cek);
	buf_free(p->encrypted);
	buf_free(p->numbers);
	free(p);
}

static struct parcel *
parcel_new(size_t cek)
{
	AUTO(parcel_free) struct parcel *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->cek = secret_new(cek);
	p->encrypted = buf_new(NUMBERS_MAX);
	p->numbers = buf_new(NUMBERS_MAX);
	if (p->cek == NULL || p->encrypted == NULL || p->numbers == NULL)
		return NULL;
	return TAKE(p);
}

/* Fills it anew, or with the one that is there already. */
static enum vh_err
draw_cek(struct parcel *p, const struct secret *given)
{
	if (given != NULL && secret_len(given) != secret_len(p->cek))
		return VH_EINTERNAL;
	if (given != NULL) {
		memcpy(secret_rw(p->cek), secret_ro(given).p,
		    secret_len(given));
		return VH_OK;
	}
	return RAND_priv_bytes(secret_rw(p->cek), (int)secret_len(p->cek)) == 1
		   ? VH_OK
		   : VH_EINTERNAL;
}

static bool
set_padding(EVP_PKEY_CTX *ctx, const struct crypto *c, const struct alg *alg)
{
	if (alg->kind == VH_KIND_OAEP)
		return crypto_set_oaep(ctx, c, alg);
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
}

static enum vh_err
wrap_rsa(struct crypto *c, const struct addressee *to,
    const struct agreement *a, const struct secret *given, struct parcel *p)
{
	AUTO(pkey_ctx_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, to->pkey, NULL);
	size_t size = to->pub.n.len, len = size;
	uint8_t *out = buf_extend(p->encrypted, size);
	struct slice cek = secret_ro(p->cek);

	TRY(buf_end(p->encrypted));
	TRY(draw_cek(p, given));
	if (ctx == NULL || EVP_PKEY_encrypt_init(ctx) <= 0 ||
	    !set_padding(ctx, c, a->alg) ||
	    EVP_PKEY_encrypt(ctx, out, &len, cek.p, cek.len) <= 0 ||
	    len != size)
		return VH_EINTERNAL;
	return VH_OK;
}

/* A new key of the same group as that of to. */
static enum vh_err
make_ephemeral(EVP_PKEY *to, struct parcel *p, EVP_PKEY **out)
{
	AUTO(pkey_ctx_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, to, NULL);

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_generate(ctx, out) <= 0)
		return VH_EINTERNAL;
	return pub_of_pkey(*out, p->numbers, &p->epk);
}

static enum vh_err
shared_secret(EVP_PKEY *to, size_t size, struct parcel *p, struct secret **out)
{
	AUTO(secret_free) struct secret *z = secret_new(size);
	AUTO(pkey_free) EVP_PKEY *own = NULL;
	AUTO(pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;

	if (z == NULL)
		return VH_ENOMEM;
	TRY(make_ephemeral(to, p, &own));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	if (ctx == NULL || EVP_PKEY_derive_init(ctx) <= 0)
		return VH_EINTERNAL;
	if (!agree_z(ctx, to, z))
		return VH_EKEY;
	*out = TAKE(z);
	return VH_OK;
}

static enum vh_err
wrap_agreed(struct crypto *c, const struct addressee *to,
    const struct agreement *a, const struct secret *given, struct parcel *p)
{
	AUTO(secret_free) struct secret *z = NULL;
	AUTO(secret_free) struct secret *kek = NULL;

	TRY(shared_secret(to->pkey, crv_by_id(to->pub.crv)->size, p, &z));
	if (a->alg->size == 0)
		return given != NULL ? VH_EALG : agree_derive(c, a, z, p->cek);
	kek = secret_new(agree_size(a));
	if (kek == NULL)
		return VH_ENOMEM;
	TRY(draw_cek(p, given));
	TRY(agree_derive(c, a, z, kek));
	uint8_t *out =
	    buf_extend(p->encrypted, secret_len(p->cek) + KEK_WRAP_MORE);

	TRY(buf_end(p->encrypted));
	return kek_wrap(c, a->alg, kek, p->cek, out);
}

/* --- with a symmetric key --------------------------------------------------
 */

static enum vh_err
wrap_kw(struct crypto *c, const struct addressee *to, const struct agreement *a,
    const struct secret *given, struct parcel *p)
{
	uint8_t *out =
	    buf_extend(p->encrypted, secret_len(p->cek) + KEK_WRAP_MORE);

	TRY(buf_end(p->encrypted));
	TRY(draw_cek(p, given));
	return kek_wrap(c, a->alg, to->oct, p->cek, out);
}

bool
gcm_wrap(struct crypto *c, const struct alg *alg, const struct secret *kek,
    const uint8_t *iv, struct slice in, uint8_t *out,
    uint8_t tag[static VH_GCMKW_TAG])
{
	EVP_CIPHER_CTX *ctx = c->cipher_ctx;
	uint8_t end[16];
	int n = 0, last = 0;

	bool done = EVP_EncryptInit_ex2(ctx, c->wrap[alg->id], secret_ro(kek).p,
			iv, NULL) == 1 &&
		    EVP_EncryptUpdate(ctx, out, &n, in.p, (int)in.len) == 1 &&
		    (size_t)n == in.len &&
		    EVP_EncryptFinal_ex(ctx, end, &last) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
			VH_GCMKW_TAG, tag) == 1;

	(void)EVP_CIPHER_CTX_reset(ctx); /* returns 1 */
	return done;
}

/* RFC 7518, 4.7: the iv is as good as a counter: 96 random bits, and a key that
 * wraps no 2^32 messages. */
static enum vh_err
wrap_gcm(struct crypto *c, const struct addressee *to,
    const struct agreement *a, const struct secret *given, struct parcel *p)
{
	uint8_t *out = buf_extend(p->encrypted, secret_len(p->cek));

	TRY(buf_end(p->encrypted));
	TRY(draw_cek(p, given));
	if (RAND_bytes(p->iv, sizeof p->iv) != 1 ||
	    !gcm_wrap(c, a->alg, to->oct, p->iv, secret_ro(p->cek), out,
		p->tag))
		return VH_EINTERNAL;
	p->has_tag = true;
	return VH_OK;
}

static enum vh_err
take_direct(struct crypto *c, const struct addressee *to,
    const struct agreement *a, const struct secret *given, struct parcel *p)
{
	(void)c;
	(void)a;
	if (given != NULL || secret_len(to->oct) != secret_len(p->cek))
		return VH_EALG;
	memcpy(secret_rw(p->cek), secret_ro(to->oct).p, secret_len(p->cek));
	return VH_OK;
}

static enum vh_err (*const wrappers[])(struct crypto *,
    const struct addressee *, const struct agreement *, const struct secret *,
    struct parcel *) = {
	[VH_KIND_OAEP] = wrap_rsa,
	[VH_KIND_RSA15] = wrap_rsa,
	[VH_KIND_ECDH] = wrap_agreed,
	[VH_KIND_KW] = wrap_kw,
	[VH_KIND_GCMKW] = wrap_gcm,
	[VH_KIND_DIR] = take_direct,
};

enum vh_err
cek_wrap(struct crypto *c, const struct addressee *to,
    const struct agreement *a, const struct secret *given, struct parcel **out)
{
	AUTO(parcel_free) struct parcel *p = parcel_new(a->enc->cek);

	if (p == NULL)
		return VH_ENOMEM;
	bool symmetric = a->alg->kty == VH_KTY_OCT;

	if (a->alg->use != VH_USE_ENC || symmetric != (to->oct != NULL))
		return VH_EINTERNAL;
	enum vh_err err = wrappers[a->alg->kind](c, to, a, given, p);

	ERR_clear_error();
	TRY(err);
	*out = TAKE(p);
	return VH_OK;
}
