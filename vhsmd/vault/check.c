/* The pair checks.
 *
 * EC and OKP: libcrypto recomputes the public part.  RSA: libcrypto's own check
 * runs 64 to 128 rounds of Miller-Rabin on both primes, which takes seconds for
 * 8192 bits.  Here instead the equations that a key has to satisfy are checked
 * one by one, and then a random message is raised to e and back with dp and dq.
 * As e times dp is 1 modulo p - 1, that is a Fermat test of p to a random base
 * (and so for q): a composite factor passes it only if it was made to.  Who can
 * make such a file knows the key anyway; what the check has to find is damage,
 * a wrong pair, and a bad generator. */
#include "vault/check.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "vault/arena.h"

/* SP 800-56B, 6.2 wants primes of equal size; a few bits of slack for moduli
 * of odd sizes and for other generators. */
#define PRIME_SLACK_BITS 16
/* FIPS 186-4, B.3.1: primes closer than this fall to Fermat's method. */
#define CLOSE_BITS 100
/* In one piece: what checking and importing one key may take of the arena. */
#define KEY_ROOM 65536u

AUTO_FREE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
AUTO_FREE(BIGNUM, BN_clear_free)

enum number { N, E, D, P, Q, DP, DQ, QI, NUMBERS };

static const char *const params[NUMBERS] = {
	OSSL_PKEY_PARAM_RSA_N,
	OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

struct rsa {
	BIGNUM *v[NUMBERS];
	BIGNUM *p1, *q1; /* p - 1, q - 1 */
	BN_CTX *ctx;
};

static void
rsa_clear_auto(struct rsa *r)
{
	for (size_t i = 0; i < NUMBERS; i++)
		BN_clear_free(r->v[i]);
	BN_clear_free(r->p1);
	BN_clear_free(r->q1);
	BN_CTX_free(r->ctx);
}

enum vh_err
check_failed(struct buf *why, const char *text)
{
	bool full =
	    ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;

	full |= arena_refused();
	ERR_clear_error();
	/* libcrypto has no memory to note that it has none. */
	if (full || !check_room())
		return check_full(why);
	return REFUSE(why, VH_EKEY, "%s", text);
}

bool
check_room(void)
{
	return arena_has_room(KEY_ROOM);
}

enum vh_err
check_full(struct buf *why)
{
	return REFUSE(why, VH_ENOMEM,
	    "the secret arena is full: it has %zu KiB, %zu KiB of them free, "
	    "and a key needs up to %u KiB at once",
	    arena_size() / 1024, arena_unused() / 1024, KEY_ROOM / 1024);
}

const char *
check_kind(enum vh_kty kty, enum vh_crv crv)
{
	static const struct {
		enum vh_kty kty;
		enum vh_crv crv;
		const char *text;
	} kinds[] = {
		{ VH_KTY_RSA, 0, "an RSA key" },
		{ VH_KTY_EC, VH_CRV_P256, "an EC P-256 key" },
		{ VH_KTY_EC, VH_CRV_P384, "an EC P-384 key" },
		{ VH_KTY_EC, VH_CRV_P521, "an EC P-521 key" },
		{ VH_KTY_OKP, VH_CRV_ED25519, "an Ed25519 key" },
		{ VH_KTY_OKP, VH_CRV_X25519, "an X25519 key" },
		{ VH_KTY_EC, VH_CRV_SECP256K1, "an EC secp256k1 key" },
		{ VH_KTY_OKP, VH_CRV_ED448, "an Ed448 key" },
		{ VH_KTY_OKP, VH_CRV_X448, "an X448 key" },
		{ VH_KTY_OCT, 0, "a symmetric key" },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].kty == kty && kinds[i].crv == crv)
			return kinds[i].text;
	return "a key of unknown kind";
}

enum vh_err
check_public(const struct pub *pub, struct buf *why)
{
	size_t bits = pub_bits(pub);

	if (pub_check(pub) == VH_OK)
		return VH_OK;
	if (pub->kty != VH_KTY_RSA)
		return REFUSE(why, VH_EKEY, "public part malformed");
	if (bits < VH_RSA_BITS_MIN || bits > VH_RSA_BITS_MAX)
		return REFUSE(why, VH_EKEY,
		    "RSA modulus has %zu bits, expected %d to %d", bits,
		    VH_RSA_BITS_MIN, VH_RSA_BITS_MAX);
	if ((pub->n.p[pub->n.len - 1] & 1) == 0)
		return REFUSE(why, VH_EKEY,
		    "RSA modulus is even, expected an odd one");
	return REFUSE(why, VH_EKEY,
	    "RSA exponent e is unsound, expected an odd number of at least "
	    "65537 and below 2^64");
}

static bool
rsa_load(EVP_PKEY *pkey, struct rsa *r)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		if (EVP_PKEY_get_bn_param(pkey, params[i], &r->v[i]) != 1)
			return false;
		if (i >= D)
			BN_set_flags(r->v[i], BN_FLG_CONSTTIME);
	}
	r->p1 = BN_dup(r->v[P]);
	r->q1 = BN_dup(r->v[Q]);
	r->ctx = BN_CTX_new();
	if (r->p1 == NULL || r->q1 == NULL || r->ctx == NULL)
		return false;
	BN_set_flags(r->p1, BN_FLG_CONSTTIME);
	BN_set_flags(r->q1, BN_FLG_CONSTTIME);
	return BN_sub_word(r->p1, 1) == 1 && BN_sub_word(r->q1, 1) == 1;
}

/* Both odd, of about half the modulus each, and well apart; so everything
 * below has sound moduli. */
static bool
primes_fit(const struct rsa *r)
{
	int half = BN_num_bits(r->v[N]) / 2, least = half - PRIME_SLACK_BITS;
	BIGNUM *diff = BN_CTX_get(r->ctx);

	return BN_is_odd(r->v[P]) && BN_is_odd(r->v[Q]) &&
	       BN_num_bits(r->v[P]) >= least && BN_num_bits(r->v[Q]) >= least &&
	       diff != NULL && BN_sub(diff, r->v[P], r->v[Q]) == 1 &&
	       BN_num_bits(diff) > half - CLOSE_BITS;
}

static bool
n_is_p_times_q(const struct rsa *r)
{
	BIGNUM *t = BN_CTX_get(r->ctx);

	return t != NULL && BN_mul(t, r->v[P], r->v[Q], r->ctx) == 1 &&
	       BN_cmp(t, r->v[N]) == 0;
}

/* Whether a times b is 1 modulo m. */
static bool
are_inverse(const struct rsa *r, const BIGNUM *a, const BIGNUM *b,
    const BIGNUM *m)
{
	BIGNUM *t = BN_CTX_get(r->ctx);

	return t != NULL && BN_mod_mul(t, a, b, m, r->ctx) == 1 && BN_is_one(t);
}

static bool
d_inverts_e(const struct rsa *r)
{
	return BN_cmp(r->v[D], r->v[N]) < 0 &&
	       are_inverse(r, r->v[D], r->v[E], r->p1) &&
	       are_inverse(r, r->v[D], r->v[E], r->q1);
}

static bool
is_residue(const struct rsa *r, const BIGNUM *of, const BIGNUM *m,
    const BIGNUM *want)
{
	BIGNUM *t = BN_CTX_get(r->ctx);

	return t != NULL && BN_mod(t, of, m, r->ctx) == 1 &&
	       BN_cmp(t, want) == 0;
}

static bool
dp_fits(const struct rsa *r)
{
	return is_residue(r, r->v[D], r->p1, r->v[DP]);
}

static bool
dq_fits(const struct rsa *r)
{
	return is_residue(r, r->v[D], r->q1, r->v[DQ]);
}

static bool
qi_fits(const struct rsa *r)
{
	return BN_cmp(r->v[QI], r->v[P]) < 0 &&
	       are_inverse(r, r->v[Q], r->v[QI], r->v[P]);
}

/* Whether (m^e)^exponent is m modulo prime, for a random m. */
static bool
comes_back(const struct rsa *r, const BIGNUM *exponent, const BIGNUM *prime)
{
	BIGNUM *m = BN_CTX_get(r->ctx), *c = BN_CTX_get(r->ctx),
	       *back = BN_CTX_get(r->ctx);

	return back != NULL && BN_priv_rand_range(m, prime) == 1 &&
	       BN_mod_exp_mont_consttime(c, m, r->v[E], prime, r->ctx, NULL) ==
		   1 &&
	       BN_mod_exp_mont_consttime(back, c, exponent, prime, r->ctx,
		   NULL) == 1 &&
	       BN_cmp(back, m) == 0;
}

static bool
p_is_prime(const struct rsa *r)
{
	return comes_back(r, r->v[DP], r->v[P]);
}

static bool
q_is_prime(const struct rsa *r)
{
	return comes_back(r, r->v[DQ], r->v[Q]);
}

/* In this order: each may rely on those before it. */
static const struct {
	bool (*holds)(const struct rsa *r);
	const char *otherwise;
} rsa_checks[] = {
	{ n_is_p_times_q,
	    "private and public part do not match: n is not p times q" },
	{ primes_fit,
	    "RSA p and q are unsound, expected two primes of half the modulus "
	    "each" },
	{ d_inverts_e,
	    "private and public part do not match: d does not invert e" },
	{ dp_fits, "RSA dp is not d modulo p - 1" },
	{ dq_fits, "RSA dq is not d modulo q - 1" },
	{ qi_fits, "RSA qi is not the inverse of q modulo p" },
	{ p_is_prime, "RSA p is not a prime" },
	{ q_is_prime, "RSA q is not a prime" },
};

static enum vh_err
check_rsa(EVP_PKEY *pkey, struct buf *why)
{
	AUTO(rsa_clear) struct rsa r = { 0 };

	if (!rsa_load(pkey, &r))
		return check_failed(why,
		    "RSA key without all of d, p, q, dp, dq and qi");
	for (size_t i = 0; i < ARRAY_LEN(rsa_checks); i++) {
		BN_CTX_start(r.ctx);
		bool holds = rsa_checks[i].holds(&r);

		BN_CTX_end(r.ctx);
		if (!holds)
			return check_failed(why, rsa_checks[i].otherwise);
	}
	return VH_OK;
}

static enum vh_err
check_curve(EVP_PKEY *pkey, struct buf *why)
{
	AUTO(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx == NULL)
		return check_failed(why, "key of unknown kind");
	if (EVP_PKEY_private_check(ctx) != 1)
		return check_failed(why,
		    "private part d missing or not below the order");
	/* The pair's check has the thorough one in it. */
	if (EVP_PKEY_public_check_quick(ctx) != 1)
		return check_failed(why, "public point is not on its curve");
	if (EVP_PKEY_pairwise_check(ctx) != 1)
		return check_failed(why,
		    "private and public part do not match");
	return VH_OK;
}

/* libcrypto asks nothing of an absent private part before it uses it. */
static bool
has_private(EVP_PKEY *pkey, enum vh_kty kty)
{
	AUTO(BN_clear_free) BIGNUM *d = NULL;
	size_t len = 0;

	if (kty == VH_KTY_OKP)
		return EVP_PKEY_get_raw_private_key(pkey, NULL, &len) == 1;
	return EVP_PKEY_get_bn_param(pkey,
		   kty == VH_KTY_RSA ? OSSL_PKEY_PARAM_RSA_D
				     : OSSL_PKEY_PARAM_PRIV_KEY,
		   &d) == 1;
}

enum vh_err
check_pair(EVP_PKEY *pkey, const struct pub *pub, struct buf *why)
{
	ERR_clear_error();
	if (!has_private(pkey, pub->kty))
		return check_failed(why,
		    "public key only, private key expected");
	if (pub->kty == VH_KTY_RSA)
		return check_rsa(pkey, why);
	return check_curve(pkey, why);
}
