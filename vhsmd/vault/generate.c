#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "vault/import_parts.h"

/* What libcrypto needs for a kind of key takes longer to find than an EC key to
 * make, so it is kept from one key to the next. */
struct generator {
	EVP_PKEY_CTX *ctx; /* NULL: of kty oct */
	enum vh_kty kty;
	size_t bits;
};

void
generator_free(struct generator *g)
{
	if (g == NULL)
		return;
	EVP_PKEY_CTX_free(g->ctx);
	free(g);
}

static enum vh_err
check_bits(const struct generator *g, struct buf *why)
{
	if (g->kty == VH_KTY_OCT &&
	    (g->bits < VH_OCT_BITS_MIN || g->bits > VH_OCT_BITS_MAX ||
		g->bits % 8 != 0))
		return REFUSE(why, VH_EKEY,
		    "symmetric key of %zu bits asked for, expected %d to %d in "
		    "steps of 8",
		    g->bits, VH_OCT_BITS_MIN, VH_OCT_BITS_MAX);
	if (g->kty == VH_KTY_RSA &&
	    (g->bits < VH_RSA_BITS_MIN || g->bits > VH_RSA_BITS_MAX ||
		g->bits % 8 != 0))
		return REFUSE(why, VH_EKEY,
		    "RSA modulus of %zu bits asked for, expected %d to %d in "
		    "steps of 8",
		    g->bits, VH_RSA_BITS_MIN, VH_RSA_BITS_MAX);
	return VH_OK;
}

/* libcrypto's default of an RSA key for e is 65537. */
static bool
prepare(struct generator *g, const struct crv *crv)
{
	const char *name = crv == NULL             ? "RSA"
			   : crv->kty == VH_KTY_EC ? "EC"
						   : crv->lib;

	g->ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
	if (g->ctx == NULL || EVP_PKEY_keygen_init(g->ctx) != 1)
		return false;
	if (crv == NULL)
		return EVP_PKEY_CTX_set_rsa_keygen_bits(g->ctx, (int)g->bits) ==
		       1;
	return crv->kty != VH_KTY_EC ||
	       EVP_PKEY_CTX_set_group_name(g->ctx, crv->lib) == 1;
}

enum vh_err
generator_new(enum vh_kty kty, enum vh_crv id, size_t bits,
    struct generator **out, struct buf *why)
{
	AUTO(generator_free) struct generator *g = calloc(1, sizeof *g);
	const struct crv *crv = crv_by_id(id);

	*out = NULL;
	if (g == NULL)
		return VH_ENOMEM;
	g->kty = kty;
	g->bits = bits;
	TRY(check_bits(g, why));
	if (kty == VH_KTY_RSA || kty == VH_KTY_OCT
		? id != 0
		: crv == NULL || crv->kty != kty)
		return REFUSE(why, VH_EKEY,
		    "key type and curve asked for do not belong together");
	ERR_clear_error();
	if (kty != VH_KTY_OCT && !prepare(g, crv))
		return check_failed(why, "libcrypto could not make the key");
	*out = TAKE(g);
	return VH_OK;
}

static enum vh_err
make_oct(const struct generator *g, const struct key_terms *terms,
    size_t workers, struct key **out, struct buf *why)
{
	AUTO(secret_free) struct secret *oct = secret_new(g->bits / 8);

	if (oct == NULL ||
	    RAND_priv_bytes(secret_rw(oct), (int)secret_len(oct)) != 1)
		return check_failed(why, "libcrypto could not make the key");
	return key_new_oct(TAKE(oct), terms, workers, out, why);
}

enum vh_err
generator_make(struct generator *g, const struct key_terms *terms,
    size_t workers, struct key **out, struct buf *why)
{
	struct key_terms made = *terms;
	EVP_PKEY *pkey = NULL;

	*out = NULL;
	if (g->kty == VH_KTY_OCT)
		return make_oct(g, terms, workers, out, why);
	ERR_clear_error();
	if (EVP_PKEY_generate(g->ctx, &pkey) != 1)
		return check_failed(why, "libcrypto could not make the key");
	made.generated = true;
	return key_new(pkey, &made, workers, out, why);
}
