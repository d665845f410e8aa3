/* Nothing here may tell an attacker who sends chosen messages how far one got:
 * a random CEK is drawn first, every step runs, on a decoy if need be, and the
 * CEK found takes the place of the random one by a mask.  What is branched on
 * is public: sizes, and whether the sender's point is on the curve. */
#include "vault/cek.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <sodium.h>

#include "base/pkey.h"
#include "vault/rsa.h"

#define RSA_MAX     (VH_RSA_BITS_MAX / 8)
#define CEK_MAX     64
#define WRAPPED_MAX (CEK_MAX + KEK_WRAP_MORE)

/* Copies from over to where mask is all ones; leaves to where it is 0. */
static void
take_if(unsigned mask, struct secret *to, const struct secret *from)
{
	uint8_t *t = secret_rw(to);
	const uint8_t *f = secret_ro(from).p;

	/* Hides from the compiler that there are only two masks. */
	__asm__("" : "+r"(mask));
	for (size_t i = 0; i < secret_len(to); i++)
		t[i] ^= (t[i] ^ f[i]) & mask;
}

/* What a message brought, in room of one size, so that one of another size
 * costs the same.  Whether it had the size. */
static bool
take_sized(struct slice in, size_t size, uint8_t room[static WRAPPED_MAX])
{
	size_t len = in.len < WRAPPED_MAX ? in.len : WRAPPED_MAX;

	memset(room, 0, WRAPPED_MAX);
	if (len > 0)
		memcpy(room, in.p, len);
	return in.len == size;
}

/* libcrypto has unpadded it. */
static unsigned
take_oaep(const struct secret *plain, size_t len, struct secret *found)
{
	memcpy(secret_rw(found), secret_ro(plain).p, secret_len(found));
	return mask_if_zero(len ^ secret_len(found));
}

/* RFC 8017, 7.2.2: 0, 2, at least eight bytes that are not 0, 0, the CEK, whose
 * length is known.  So all places are known too, and what is looked at depends
 * on nothing but sizes; where the 0 really is, nobody asks. */
static unsigned
take_rsa15(const struct secret *plain, size_t len, struct secret *found)
{
	const uint8_t *em = secret_ro(plain).p;
	size_t size = secret_len(plain), cek = secret_len(found);
	size_t zero = size - cek - 1;
	uint64_t bad = (len ^ size) | em[0] | (em[1] ^ 2u);

	for (size_t i = 2; i < zero; i++)
		bad |= mask_if_zero(em[i]);
	bad |= em[zero];
	memcpy(secret_rw(found), em + zero + 1, cek);
	return mask_if_zero(bad);
}

static enum vh_err
unwrap_rsa(struct crypto *c, const struct key *key, const struct agreement *a,
    const struct fields *q, struct secret *found, unsigned *good)
{
	size_t size = key->pub.n.len, len;
	AUTO(secret_free) struct secret *plain = secret_new(size);
	const struct key_slot *slot;

	if (plain == NULL || size > RSA_MAX || size < CEK_MAX)
		return VH_ENOMEM;
	TRY(crypto_slot(c, key, a->alg, &slot));
	unsigned done = rsa_decrypt(slot, &key->pub, q->at[VH_F_ENCRYPTED_KEY],
	    plain, &len);

	*good = (a->alg->kind == VH_KIND_OAEP ? take_oaep : take_rsa15)(plain,
		    len, found) &
		done;
	return VH_OK;
}

/* The sender's ephemeral key as an object; the key's own public one in its
 * place when that is not a point of its curve. */
static enum vh_err
peer_of(struct crypto *c, const struct key *key, const struct fields *q,
    EVP_PKEY **peer, bool *sound)
{
	struct pub pub;

	*sound = pub_of_fields(q, &pub) == VH_OK && pub.crv == key->pub.crv &&
		 pub.kty == key->pub.kty;
	if (!*sound)
		return agree_peer(c, &key->pub, peer);
	enum vh_err err = agree_peer(c, &pub, peer);

	if (err != VH_EKEY)
		return err;
	*sound = false;
	*peer = key->pkey;
	return VH_OK;
}

static enum vh_err
shared_secret(struct crypto *c, const struct key *key, const struct alg *alg,
    const struct fields *q, struct secret **out, bool *sound)
{
	AUTO(secret_free) struct secret *z = NULL;
	const struct key_slot *slot;
	EVP_PKEY *peer;

	TRY(crypto_slot(c, key, alg, &slot));
	TRY(peer_of(c, key, q, &peer, sound));
	z = secret_new(crv_by_id(key->pub.crv)->size);
	if (z == NULL)
		return VH_ENOMEM;
	*sound = agree_z(slot->pkey, peer, z) && *sound;
	*out = TAKE(z);
	return VH_OK;
}

static enum vh_err
unwrap_kek(struct crypto *c, const struct agreement *a, const struct secret *z,
    struct slice wrapped, struct secret *found, bool *sound)
{
	AUTO(secret_free) struct secret *kek = secret_new(agree_size(a));
	uint8_t in[WRAPPED_MAX];

	if (kek == NULL)
		return VH_ENOMEM;
	TRY(agree_derive(c, a, z, kek));
	*sound &= take_sized(wrapped, secret_len(found) + KEK_WRAP_MORE, in);
	/* The check value comes from the KEK: who can make it pass has made the
	 * message, so its outcome is no secret from any other. */
	*sound &= kek_unwrap(c, a->alg, kek, in, found);
	return VH_OK;
}

static enum vh_err
unwrap_agreed(struct crypto *c, const struct key *key,
    const struct agreement *a, const struct fields *q, struct secret *found,
    unsigned *good)
{
	AUTO(secret_free) struct secret *z = NULL;
	struct slice wrapped = q->at[VH_F_ENCRYPTED_KEY];
	bool sound = false;

	TRY(shared_secret(c, key, a->alg, q, &z, &sound));
	if (a->alg->size > 0) {
		TRY(unwrap_kek(c, a, z, wrapped, found, &sound));
	} else {
		TRY(agree_derive(c, a, z, found));
		sound = wrapped.len == 0 && sound;
	}
	*good = mask_if_zero(!sound);
	return VH_OK;
}

/* --- with a symmetric key --------------------------------------------------
 *
 * Whether a check value passes is no secret here: who can make it pass has the
 * key. */

static enum vh_err
unwrap_kw(struct crypto *c, const struct key *key, const struct agreement *a,
    const struct fields *q, struct secret *found, unsigned *good)
{
	uint8_t in[WRAPPED_MAX];
	bool sound = take_sized(q->at[VH_F_ENCRYPTED_KEY],
	    secret_len(found) + KEK_WRAP_MORE, in);

	*good =
	    mask_if_zero(!(sound & kek_unwrap(c, a->alg, key->oct, in, found)));
	return VH_OK;
}

/* libcrypto finds a tag good some ns later than bad.  So its check is left out:
 * what came out is wrapped again, and the tags are compared. */
static bool
gcm_unwrap(struct crypto *c, const struct alg *alg, const struct secret *kek,
    const uint8_t *iv, const uint8_t *in, const uint8_t *tag,
    struct secret *out)
{
	EVP_CIPHER_CTX *ctx = c->cipher_ctx;
	uint8_t again[CEK_MAX], made[VH_GCMKW_TAG] = { 0 };
	int n = 0, size = (int)secret_len(out);
	bool done = EVP_DecryptInit_ex2(ctx, c->wrap[alg->id], secret_ro(kek).p,
			iv, NULL) == 1 &&
		    EVP_DecryptUpdate(ctx, secret_rw(out), &n, in, size) == 1 &&
		    n == size;

	(void)EVP_CIPHER_CTX_reset(ctx); /* returns 1 */
	done &= gcm_wrap(c, alg, kek, iv, secret_ro(out), again, made);
	return (sodium_memcmp(made, tag, sizeof made) == 0) & done;
}

static enum vh_err
unwrap_gcm(struct crypto *c, const struct key *key, const struct agreement *a,
    const struct fields *q, struct secret *found, unsigned *good)
{
	uint8_t in[WRAPPED_MAX], iv[WRAPPED_MAX], tag[WRAPPED_MAX];
	bool sound =
	    take_sized(q->at[VH_F_ENCRYPTED_KEY], secret_len(found), in);

	/* All three, whatever became of those before. */
	sound &= take_sized(q->at[VH_F_KEY_IV], VH_GCMKW_IV, iv);
	sound &= take_sized(q->at[VH_F_KEY_TAG], VH_GCMKW_TAG, tag);
	sound &= gcm_unwrap(c, a->alg, key->oct, iv, in, tag, found);
	*good = mask_if_zero(!sound);
	return VH_OK;
}

static enum vh_err
take_direct(struct crypto *c, const struct key *key, const struct agreement *a,
    const struct fields *q, struct secret *found, unsigned *good)
{
	bool fits = secret_len(key->oct) == secret_len(found) &&
		    q->at[VH_F_ENCRYPTED_KEY].len == 0;

	(void)c;
	(void)a;
	if (fits)
		memcpy(secret_rw(found), secret_ro(key->oct).p,
		    secret_len(found));
	*good = mask_if_zero(!fits);
	return VH_OK;
}

static enum vh_err (*const unwrappers[])(struct crypto *, const struct key *,
    const struct agreement *, const struct fields *, struct secret *,
    unsigned *) = {
	[VH_KIND_OAEP] = unwrap_rsa,
	[VH_KIND_RSA15] = unwrap_rsa,
	[VH_KIND_ECDH] = unwrap_agreed,
	[VH_KIND_KW] = unwrap_kw,
	[VH_KIND_GCMKW] = unwrap_gcm,
	[VH_KIND_DIR] = take_direct,
};

enum vh_err
cek_unwrap(struct crypto *c, const struct key *key, const struct agreement *a,
    const struct fields *q, struct secret **cek)
{
	AUTO(secret_free) struct secret *made = secret_new(a->enc->cek);
	AUTO(secret_free) struct secret *found = secret_new(a->enc->cek);
	unsigned good = 0;

	if (made == NULL || found == NULL)
		return VH_ENOMEM;
	if (a->alg->use != VH_USE_ENC || a->enc->cek > CEK_MAX ||
	    RAND_priv_bytes(secret_rw(made), (int)a->enc->cek) != 1)
		return VH_EINTERNAL;
	enum vh_err err = unwrappers[a->alg->kind](c, key, a, q, found, &good);

	ERR_clear_error();
	TRY(err);
	take_if(good, made, found);
	*cek = TAKE(made);
	return VH_OK;
}
