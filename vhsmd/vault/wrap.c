#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/rand.h>

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

static enum vh_err
wrap_oaep(struct crypto *c, EVP_PKEY *to, const struct pub *pub,
    const struct agreement *a, const struct secret *given, struct parcel *p)
{
	AUTO(pkey_ctx_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, to, NULL);
	uint8_t *out = buf_extend(p->encrypted, pub->n.len);
	struct slice cek = secret_ro(p->cek);
	size_t len = pub->n.len;

	TRY(buf_end(p->encrypted));
	TRY(draw_cek(p, given));
	if (ctx == NULL || EVP_PKEY_encrypt_init(ctx) <= 0 ||
	    !crypto_set_oaep(ctx, c, a->alg) ||
	    EVP_PKEY_encrypt(ctx, out, &len, cek.p, cek.len) <= 0 ||
	    len != pub->n.len)
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
wrap_agreed(struct crypto *c, EVP_PKEY *to, const struct pub *pub,
    const struct agreement *a, const struct secret *given, struct parcel *p)
{
	AUTO(secret_free) struct secret *z = NULL;
	AUTO(secret_free) struct secret *kek = NULL;

	TRY(shared_secret(to, crv_by_id(pub->crv)->size, p, &z));
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

static enum vh_err (*const wrappers[])(struct crypto *, EVP_PKEY *,
    const struct pub *, const struct agreement *, const struct secret *,
    struct parcel *) = {
	[VH_KIND_OAEP] = wrap_oaep,
	[VH_KIND_ECDH] = wrap_agreed,
};

enum vh_err
cek_wrap(struct crypto *c, EVP_PKEY *to, const struct pub *pub,
    const struct agreement *a, const struct secret *given, struct parcel **out)
{
	AUTO(parcel_free) struct parcel *p = parcel_new(a->enc->cek);

	if (p == NULL)
		return VH_ENOMEM;
	if (a->alg->use != VH_USE_ENC)
		return VH_EINTERNAL;
	enum vh_err err = wrappers[a->alg->kind](c, to, pub, a, given, p);

	ERR_clear_error();
	TRY(err);
	*out = TAKE(p);
	return VH_OK;
}
