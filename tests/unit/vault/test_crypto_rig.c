#include "test_crypto_rig.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <unistd.h>

#include "test_crypto_kat.h"
#include "vault/import.h"
#include "wire/b64.h"

#define ARENA (1u << 20) /* libcrypto allocates elsewhere in tests */

void
rig_arena(void)
{
	cr_assert_eq(arena_open(ARENA), VH_OK);
}

struct rig *
rig_new(void)
{
	struct rig *r = calloc(1, sizeof *r);

	cr_assert_not_null(r);
	r->store = store_new();
	r->crypto = crypto_new(0);
	r->answer = buf_new(64u << 20);
	cr_assert(r->store != NULL && r->crypto != NULL && r->answer != NULL);
	return r;
}

void
rig_free(struct rig *r)
{
	if (r == NULL)
		return;
	crypto_free(r->crypto);
	store_free(r->store);
	buf_free(r->answer);
	free(r);
}

const char *
rig_kind(size_t i)
{
	static const char *const kinds[] = { "RSA", "P-256", "P-384", "P-521",
		"secp256k1", "ED25519", "ED448", "X25519", "X448" };

	return i < ARRAY_LEN(kinds) ? kinds[i] : NULL;
}

bool
rig_fits(const char *kind, enum vh_use use)
{
	if (use == VH_USE_SIG)
		return kind[0] != 'X';
	return kind[0] != 'E' && kind[0] != 's';
}

EVP_PKEY *
rig_make(const char *kind)
{
	EVP_PKEY *pkey;

	if (strcmp(kind, "RSA") == 0)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	else if (kind[0] == 'P' || kind[0] == 's')
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	cr_assert_not_null(pkey, "%s", kind);
	return pkey;
}

struct key *
rig_add(struct rig *r, EVP_PKEY *pkey, enum vh_use use, const struct alg *pin)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	struct key_terms terms = { .use = use, .pin = pin };
	struct key *key;
	enum vh_err err = key_new(pkey, &terms, 1, &key, why);

	cr_assert_eq(err, VH_OK, "%s: %.*s", err_name(err), (int)why->len,
	    (const char *)why->p);
	cr_assert_eq(store_add(r->store, key), VH_OK);
	return store_at(r->store, store_count(r->store) - 1);
}

struct key *
rig_add_oct(struct rig *r, size_t bits, enum vh_use use, const struct alg *pin)
{
	struct key_terms terms = { .use = use, .pin = pin };

	AUTO(generator_free) struct generator *g = NULL;
	struct key *key = NULL;

	cr_assert_eq(generator_new(VH_KTY_OCT, 0, bits, &g, NULL), VH_OK);
	cr_assert_eq(generator_make(g, &terms, 1, &key, NULL), VH_OK);
	cr_assert_eq(store_add(r->store, key), VH_OK);
	return store_at(r->store, store_count(r->store) - 1);
}

struct key *
rig_import(struct rig *r, struct slice jwk, enum vh_use use,
    const struct alg *pin)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	struct key_terms terms = { .use = use, .pin = pin };
	int ends[2]; /* a pipe holds any JWK */

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(write(ends[1], jwk.p, jwk.len), (ssize_t)jwk.len);
	(void)close(ends[1]);
	enum vh_err err = import_fd(ends[0], &terms, 1, NULL, r->store, why);

	(void)close(ends[0]);
	cr_assert_eq(err, VH_OK, "%s: %.*s", err_name(err), (int)why->len,
	    (const char *)why->p);
	return store_at(r->store, store_count(r->store) - 1);
}

struct ask *
ask_new(const char *kid, const struct alg *alg)
{
	struct ask *a = calloc(1, sizeof *a);

	cr_assert_not_null(a);
	if (kid != NULL)
		ask_set(a, VH_F_KID, slice_text(kid));
	if (alg != NULL)
		ask_u32(a, VH_F_ALG_ID, alg->id);
	return a;
}

void
ask_free(struct ask *a)
{
	free(a);
}

void
ask_set(struct ask *a, enum vh_tag tag, struct slice value)
{
	a->q.f.at[tag] = value;
	a->q.f.present |= VH_TAG_BIT(tag);
}

void
ask_u32(struct ask *a, enum vh_tag tag, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		a->number[tag][i] = (uint8_t)(v >> (8 * (3 - i)));
	ask_set(a, tag, slice_of(a->number[tag], 4));
}

void
ask_drop(struct ask *a, enum vh_tag tag)
{
	a->q.f.at[tag] = slice_of(NULL, 0);
	a->q.f.present &= ~VH_TAG_BIT(tag);
}

void
ask_pub(struct ask *a, const struct pub *pub)
{
	ask_u32(a, VH_F_KTY_ID, pub->kty);
	ask_u32(a, VH_F_CRV_ID, pub->crv);
	ask_set(a, VH_F_PUB_N, pub->n);
	ask_set(a, VH_F_PUB_E, pub->e);
	ask_set(a, VH_F_PUB_X, pub->x);
	ask_set(a, VH_F_PUB_Y, pub->y);
}

enum vh_err
rig_run(struct rig *r, rig_op op, const struct ask *a, struct fields *out)
{
	buf_clear(r->answer);
	enum vh_err err = op(r->crypto, r->store, &a->q, r->answer);

	memset(out, 0, sizeof *out);
	if (err == VH_OK)
		cr_assert_eq(fields_parse(buf_slice(r->answer), out), VH_OK);
	return err;
}

/* Into der, as libcrypto wants an ECDSA signature; false for odd sizes. */
static bool
to_der(const struct alg *alg, struct slice signature, struct buf *der)
{
	int half = (int)(alg->size / 2);
	ECDSA_SIG *pair = ECDSA_SIG_new();
	uint8_t *out = NULL;

	if (signature.len != alg->size)
		return false;
	cr_assert_eq(ECDSA_SIG_set0(pair, BN_bin2bn(signature.p, half, NULL),
			 BN_bin2bn(signature.p + half, half, NULL)),
	    1);
	int len = i2d_ECDSA_SIG(pair, &out);

	buf_put(der, slice_of(out, (size_t)len));
	OPENSSL_free(out);
	ECDSA_SIG_free(pair);
	return true;
}

bool
rig_verify(EVP_PKEY *key, const struct alg *alg, struct slice data,
    struct slice signature)
{
	AUTO(buf_free) struct buf *der = buf_new(200);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	if (alg->kind == VH_KIND_ECDSA) {
		if (!to_der(alg, signature, der))
			return false;
		signature = buf_slice(der);
	}
	cr_assert_eq(EVP_DigestVerifyInit_ex(ctx, &pctx, alg->digest, NULL,
			 NULL, key, NULL),
	    1);
	if (alg->kind == VH_KIND_PSS) {
		cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(pctx,
				 RSA_PKCS1_PSS_PADDING),
		    1);
		cr_assert_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
				 RSA_PSS_SALTLEN_DIGEST),
		    1);
	}
	int valid =
	    EVP_DigestVerify(ctx, signature.p, signature.len, data.p, data.len);

	EVP_MD_CTX_free(ctx);
	return valid == 1;
}

static const enum vh_tag carried[] = { VH_F_PROTECTED, VH_F_ENCRYPTED_KEY,
	VH_F_IV, VH_F_CIPHERTEXT, VH_F_TAG };

struct ask *
rig_reply(const struct key *key, const struct alg *alg, const struct enc *enc,
    const struct fields *sealed, struct buf *keep)
{
	struct ask *a = ask_new(key->kid, alg);
	size_t at = keep->len;

	/* No reallocation once slices point into it. */
	cr_assert(buf_reserve(keep, sealed->body.len + 8192));
	for (size_t i = 0; i < ARRAY_LEN(carried); i++) {
		struct slice from = sealed->at[carried[i]];

		buf_put(keep, from);
		if (from.len > 0)
			ask_set(a, carried[i],
			    slice_of(keep->p + at, from.len));
		at = keep->len;
	}
	ask_u32(a, VH_F_ENC_ID, enc->id);
	kat_ask_header(a, sealed->at[VH_F_PROTECTED], keep);
	return a;
}
