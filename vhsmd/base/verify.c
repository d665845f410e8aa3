#include "base/verify.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define DER_MAX 160 /* an ECDSA signature over P-521 takes 141 */
#define DIGESTS 3

struct verifier {
	EVP_MD_CTX *ctx;
	struct {
		const char *name;
		EVP_MD *md;
	} digests[DIGESTS];
};

struct verifier *
verifier_new(void)
{
	static const char *const names[DIGESTS] = { "SHA256", "SHA384",
		"SHA512" };
	AUTO(verifier_free) struct verifier *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->ctx = EVP_MD_CTX_new();
	if (v->ctx == NULL)
		return NULL;
	for (size_t i = 0; i < DIGESTS; i++) {
		v->digests[i].name = names[i];
		v->digests[i].md = EVP_MD_fetch(NULL, names[i], NULL);
		if (v->digests[i].md == NULL)
			return NULL;
	}
	return TAKE(v);
}

void
verifier_free(struct verifier *v)
{
	if (v == NULL)
		return;
	EVP_MD_CTX_free(v->ctx);
	for (size_t i = 0; i < DIGESTS; i++)
		EVP_MD_free(v->digests[i].md);
	free(v);
}

static const EVP_MD *
digest_of(const struct verifier *v, const struct alg *alg)
{
	for (size_t i = 0; alg->digest != NULL && i < DIGESTS; i++)
		if (strcmp(v->digests[i].name, alg->digest) == 0)
			return v->digests[i].md;
	return NULL;
}

/* RFC 7518, 3.4: r then s, each as long as the curve's order; libcrypto wants
 * DER.  Returns the length, 0 on failure. */
static size_t
der_of(struct slice raw, uint8_t der[static DER_MAX])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	size_t half = raw.len / 2;
	BIGNUM *r = BN_bin2bn(raw.p, (int)half, NULL);
	BIGNUM *s = BN_bin2bn(raw.p + half, (int)half, NULL);
	int len = 0;

	if (sig != NULL && r != NULL && s != NULL &&
	    ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* sig's now */
		len = i2d_ECDSA_SIG(sig, NULL);
		if (len > 0 && len <= DER_MAX)
			len = i2d_ECDSA_SIG(sig, &der);
		else
			len = 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len < 0 ? 0 : (size_t)len;
}

/* RFC 7518, 3.5: MGF1 with the same hash, salt as long as its output. */
static bool
set_padding(EVP_PKEY_CTX *ctx, const struct alg *alg)
{
	if (alg->kind == VH_KIND_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	if (alg->kind != VH_KIND_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) >
		   0;
}

static bool
run(struct verifier *v, EVP_PKEY *key, const struct alg *alg,
    struct slice input, struct slice signature)
{
	EVP_PKEY_CTX *ctx = NULL; /* v->ctx's */

	return EVP_DigestVerifyInit(v->ctx, &ctx, digest_of(v, alg), NULL,
		   key) == 1 &&
	       set_padding(ctx, alg) &&
	       EVP_DigestVerify(v->ctx, signature.p, signature.len, input.p,
		   input.len) == 1;
}

enum vh_err
verify_signature(struct verifier *v, EVP_PKEY *key, const struct alg *alg,
    struct slice input, struct slice signature)
{
	uint8_t der[DER_MAX];
	size_t size =
	    alg->size > 0 ? alg->size : (size_t)EVP_PKEY_get_size(key);

	/* A public key is no HMAC key. */
	if (signature.len != size || alg->kty == VH_KTY_OCT)
		return VH_EVERIFY;
	if (alg->kind == VH_KIND_ECDSA) {
		size = der_of(signature, der);
		signature = slice_of(der, size);
	}
	bool good = size > 0 && run(v, key, alg, input, signature);

	(void)EVP_MD_CTX_reset(v->ctx); /* returns 1 */
	ERR_clear_error();
	return good ? VH_OK : VH_EVERIFY;
}
