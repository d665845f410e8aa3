#include "vault/key.h"

#include <openssl/rand.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/pkey.h"
#include "vault/check.h"
#include "vault/ecdsa.h"
#include "wire/raw.h"

#define NUMBERS_MAX                                                            \
	(1u << 20) /* also of a modulus that is refused for its size */

void
key_slot_clear(struct key_slot *slot)
{
	ecdsa_key_free(slot->ec);
	EVP_PKEY_CTX_free(slot->pkey);
	EVP_MD_CTX_free(slot->md);
	secret_free(slot->ed25519);
	EVP_MAC_CTX_free(slot->mac);
	*slot = (struct key_slot){ 0 };
}

void
key_free(struct key *key)
{
	if (key == NULL)
		return;
	for (size_t i = 0; i < key->workers * KEY_SLOTS; i++)
		key_slot_clear(&key->slots[i]);
	free(key->slots);
	EVP_PKEY_free(key->pkey);
	secret_free(key->oct);
	buf_free(key->numbers);
	free(key->name);
	free(key->allow);
	free(key->published);
	free(key->typs);
	free(key->claims);
	free(key);
}

static bool
some_alg_fits(const struct pub *pub, enum vh_use use)
{
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (pub_fits(pub, alg_at(i), use))
			return true;
	return false;
}

static uint32_t
ops_of_use(enum vh_use use)
{
	return use == VH_USE_SIG ? VH_KEY_SIGN | VH_KEY_VERIFY
				 : VH_KEY_ENCRYPT | VH_KEY_DECRYPT;
}

/* What callers may do has to be something that the key's use has. */
static enum vh_err
check_uses(const struct key_terms *terms, struct buf *why)
{
	if ((terms->ops & ~(ops_of_use(terms->use) | VH_KEY_RAW)) != 0)
		return REFUSE(why, VH_EKEY,
		    "ops of the key spec do not fit use \"%s\"",
		    use_name(terms->use));
	if (terms->use != VH_USE_SIG &&
	    (terms->typs.len > 0 || terms->claims.len > 0))
		return REFUSE(why, VH_EKEY,
		    "typ or claims of the key spec do not fit use \"%s\"",
		    use_name(terms->use));
	return VH_OK;
}

/* Raw, and what nothing can be done raw with; or what raw would go around. */
static enum vh_err
check_raw(const struct pub *pub, const struct key_terms *terms, struct buf *why)
{
	if ((terms->ops & VH_KEY_RAW) == 0)
		return VH_OK;
	if (terms->typs.len > 0 || terms->claims.len > 0)
		return REFUSE(why, VH_EKEY,
		    "raw of the key spec goes around its typ and claims");
	if (!raw_fits(pub->kty, pub->crv, terms->use, terms->pin))
		return REFUSE(why, VH_EKEY,
		    "raw of the key spec does not fit %s%s%s",
		    check_kind(pub->kty, pub->crv),
		    terms->pin == NULL ? "" : " with alg ",
		    terms->pin == NULL ? "" : terms->pin->name);
	return VH_OK;
}

static enum vh_err
check_terms(const struct pub *pub, const struct key_terms *terms,
    struct buf *why)
{
	const char *kind = check_kind(pub->kty, pub->crv);
	const char *use = use_name(terms->use);

	if (use == NULL)
		return REFUSE(why, VH_EKEY,
		    "use missing: the key spec or the JWK must say sig or enc");
	if (!some_alg_fits(pub, terms->use))
		return REFUSE(why, VH_EKEY, "use \"%s\" does not fit %s", use,
		    kind);
	TRY(check_uses(terms, why));
	TRY(check_raw(pub, terms, why));
	if (terms->pin == NULL)
		return VH_OK;
	if (terms->pin->use != terms->use)
		return REFUSE(why, VH_EALG,
		    "alg \"%s\" does not fit use \"%s\"", terms->pin->name,
		    use);
	if (!pub_fits(pub, terms->pin, terms->use))
		return pub->kty == VH_KTY_OCT
			   ? REFUSE(why, VH_EALG,
				 "alg \"%s\" does not fit %s of %zu bits",
				 terms->pin->name, kind, pub->secret * 8)
			   : REFUSE(why, VH_EALG, "alg \"%s\" does not fit %s",
				 terms->pin->name, kind);
	return VH_OK;
}

/* NULL for the empty slice. */
static enum vh_err
copy_text(struct slice text, char **out)
{
	*out = NULL;
	if (text.len == 0)
		return VH_OK;
	*out = strndup((const char *)text.p, text.len);
	return *out == NULL ? VH_ENOMEM : VH_OK;
}

static enum vh_err
set_terms(struct key *key, const struct key_terms *terms, size_t workers)
{
	key->use = terms->use;
	key->pin = terms->pin;
	key->ops = terms->ops;
	if (key->ops == VH_KEY_RAW) /* said in full, for who knows no raw */
		key->ops |= ops_of_use(key->use);
	key->keep_ms = terms->keep_ms;
	key->entry = terms->entry;
	TRY(copy_text(terms->name, &key->name));
	TRY(copy_text(terms->allow, &key->allow));
	TRY(copy_text(terms->published, &key->published));
	TRY(copy_text(terms->typs, &key->typs));
	TRY(copy_text(terms->claims, &key->claims));
	key->slots = calloc(workers * KEY_SLOTS, sizeof *key->slots);
	if (key->slots == NULL)
		return VH_ENOMEM;
	key->workers = workers;
	return VH_OK;
}

enum vh_err
key_new(EVP_PKEY *pkey, const struct key_terms *terms, size_t workers,
    struct key **out, struct buf *why)
{
	AUTO(pkey_free) EVP_PKEY *mine = pkey;
	AUTO(key_free) struct key *key = calloc(1, sizeof *key);

	*out = NULL;
	if (key == NULL)
		return VH_ENOMEM;
	key->pkey = TAKE(mine);
	key->numbers = buf_new(NUMBERS_MAX);
	if (key->numbers == NULL)
		return VH_ENOMEM;
	enum vh_err err = pub_of_pkey(key->pkey, key->numbers, &key->pub);

	if (err != VH_OK && !check_room())
		return check_full(why);
	if (err != VH_OK)
		return REFUSE(why, VH_EKEY,
		    "key type or curve not supported, expected RSA of %d to %d "
		    "bits, EC P-256, P-384, P-521 or secp256k1, Ed25519, "
		    "Ed448, X25519 or X448",
		    VH_RSA_BITS_MIN, VH_RSA_BITS_MAX);
	TRY(check_public(&key->pub, why));
	TRY(check_terms(&key->pub, terms, why));
	if (!terms->generated || key->pub.kty == VH_KTY_RSA)
		TRY(check_pair(key->pkey, &key->pub, why));
	TRY(pub_thumbprint(&key->pub, key->kid));
	TRY(set_terms(key, terms, workers));
	key->lane = lane_of_pub(&key->pub);
	key->state = VH_KEY_ACTIVE;
	*out = TAKE(key);
	return VH_OK;
}

/* What the sizes of the table's rows come to. */
static enum vh_err
check_oct(const struct pub *pub, const struct key_terms *terms, struct buf *why)
{
	if (use_name(terms->use) == NULL || some_alg_fits(pub, terms->use))
		return VH_OK;
	return REFUSE(why, VH_EKEY,
	    "a symmetric key of %zu bits, expected %s for use %s",
	    pub->secret * 8,
	    terms->use == VH_USE_SIG ? "256 to 4096"
				     : "128, 192, 256, 384 or 512",
	    use_name(terms->use));
}

static enum vh_err
draw_kid(char kid[static VH_KID_SIZE + 1], struct buf *why)
{
	uint8_t random[32];

	if (RAND_bytes(random, sizeof random) != 1)
		return check_room() ? VH_EINTERNAL : check_full(why);
	(void)sodium_bin2base64(kid, VH_KID_SIZE + 1, random, sizeof random,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return VH_OK;
}

enum vh_err
key_new_oct(struct secret *oct, const struct key_terms *terms, size_t workers,
    struct key **out, struct buf *why)
{
	AUTO(secret_free) struct secret *mine = oct;
	AUTO(key_free) struct key *key = calloc(1, sizeof *key);

	*out = NULL;
	if (key == NULL)
		return VH_ENOMEM;
	key->oct = TAKE(mine);
	key->pub =
	    (struct pub){ .kty = VH_KTY_OCT, .secret = secret_len(key->oct) };
	TRY(check_oct(&key->pub, terms, why));
	TRY(check_terms(&key->pub, terms, why));
	TRY(draw_kid(key->kid, why));
	TRY(set_terms(key, terms, workers));
	key->lane = lane_of_pub(&key->pub);
	key->state = VH_KEY_ACTIVE;
	*out = TAKE(key);
	return VH_OK;
}

/* Where the same number is in a copy of the bytes. */
static struct slice
moved(struct slice number, const struct buf *from, const struct buf *to)
{
	if (number.len == 0)
		return number;
	return slice_of(to->p + (number.p - from->p), number.len);
}

static enum vh_err
copy_public(const struct key *old, struct key *key)
{
	key->numbers = buf_new(NUMBERS_MAX);
	if (old->numbers != NULL) /* of kty oct there are none */
		buf_put(key->numbers, buf_slice(old->numbers));
	TRY(buf_end(key->numbers));
	key->pub = old->pub;
	key->pub.n = moved(old->pub.n, old->numbers, key->numbers);
	key->pub.e = moved(old->pub.e, old->numbers, key->numbers);
	key->pub.x = moved(old->pub.x, old->numbers, key->numbers);
	key->pub.y = moved(old->pub.y, old->numbers, key->numbers);
	memcpy(key->kid, old->kid, sizeof key->kid);
	key->lane = old->lane;
	key->state = old->state;
	key->scheduled = old->scheduled;
	key->announced = old->announced;
	key->shown_epoch = old->shown_epoch;
	key->shown_seq = old->shown_seq;
	key->closing = old->closing;
	key->until_ms = old->until_ms;
	key->batch = old->batch;
	return VH_OK;
}

static enum vh_err
share_secret(const struct key *old, struct key *key)
{
	if (old->pkey != NULL) {
		if (EVP_PKEY_up_ref(old->pkey) != 1)
			return VH_EINTERNAL;
		key->pkey = old->pkey;
	}
	if (old->oct != NULL)
		key->oct = secret_ref(old->oct);
	return VH_OK;
}

enum vh_err
key_renew(const struct key *old, const struct key_terms *terms, bool secret,
    struct key **out)
{
	AUTO(key_free) struct key *key = calloc(1, sizeof *key);
	const struct key_terms same = { .use = old->use,
		.pin = old->pin,
		.name = slice_text(old->name),
		.allow = slice_text(old->allow),
		.published = slice_text(old->published),
		.ops = old->ops,
		.keep_ms = old->keep_ms,
		.typs = slice_text(old->typs),
		.claims = slice_text(old->claims) };

	*out = NULL;
	if (key == NULL)
		return VH_ENOMEM;
	TRY(copy_public(old, key));
	TRY(set_terms(key, terms == NULL ? &same : terms, old->workers));
	if (secret)
		TRY(share_secret(old, key));
	*out = TAKE(key);
	return VH_OK;
}

enum vh_err
key_check_alg(const struct key *key, const struct alg *alg)
{
	if (key->pin != alg && (key->pin != NULL || alg_needs_pin(alg)))
		return VH_EALG;
	return pub_fits(&key->pub, alg, key->use) ? VH_OK : VH_EALG;
}

enum vh_err
key_check_ops(const struct key *key, uint32_t ops)
{
	return ops_have(key->ops, ops) ? VH_OK : VH_EPOLICY;
}

static bool
same_text(const char *a, const char *b)
{
	return slice_eq(slice_text(a), slice_text(b));
}

const char *
key_other_term(const struct key *a, const struct key *b)
{
	const struct {
		bool same;
		const char *name;
	} terms[] = {
		{ a->use == b->use, "use" },
		{ a->pin == b->pin, "alg" },
		{ same_text(a->name, b->name), "name" },
		{ same_text(a->published, b->published), "kid" },
		{ same_text(a->allow, b->allow), "allow" },
		{ a->ops == b->ops, "ops or raw" },
		{ same_text(a->typs, b->typs), "typ" },
		{ same_text(a->claims, b->claims), "claims" },
	};

	for (size_t i = 0; i < ARRAY_LEN(terms); i++)
		if (!terms[i].same)
			return terms[i].name;
	return NULL;
}

bool
key_same_terms(const struct key *a, const struct key *b)
{
	return key_other_term(a, b) == NULL;
}

enum lane
lane_of_pub(const struct pub *pub)
{
	if (pub->kty == VH_KTY_RSA)
		return pub_is_slow(pub) ? LANE_HEAVY : LANE_NORMAL;
	return pub->kty == VH_KTY_OCT || pub->crv == VH_CRV_P256 ||
		       pub->crv == VH_CRV_ED25519 || pub->crv == VH_CRV_X25519
		   ? LANE_FAST
		   : LANE_NORMAL;
}

const char *
lane_name(enum lane lane)
{
	static const char *const names[LANES] = { [LANE_FAST] = "fast",
		[LANE_NORMAL] = "normal",
		[LANE_HEAVY] = "heavy" };

	return names[lane];
}

void
key_put(struct buf *b, const struct key *key)
{
	frame_put_text(b, VH_F_KID, key->kid);
	frame_put_u32(b, VH_F_USE_ID, key->use);
	frame_put_u32(b, VH_F_ALG_ID, key->pin == NULL ? 0 : key->pin->id);
	pub_put_fields(b, &key->pub);
	frame_put_u32(b, VH_F_STATE, key->state);
	if (key->name != NULL)
		frame_put_text(b, VH_F_NAME, key->name);
	if (key->allow != NULL)
		frame_put_text(b, VH_F_ALLOW, key->allow);
	if (key->published != NULL)
		frame_put_text(b, VH_F_PUBLISHED_KID, key->published);
	if (key->ops != 0)
		frame_put_u32(b, VH_F_OPS, key->ops);
	if (key->typs != NULL)
		frame_put_text(b, VH_F_TYPS, key->typs);
	if (key->claims != NULL)
		frame_put_text(b, VH_F_CLAIMS, key->claims);
}
