/* The keys of a record.  Each is believed only for what it is (RFC 7517) and,
 * if it signs, only with a proof that the node has its private half: else a
 * node could list another's key, and with that speak about its state. */
#include "peer/record_signed.h"

#include <sodium.h>
#include <stdlib.h>

#define PROOF_MAX (VH_RSA_BITS_MAX / 8)

/* One key being read. */
struct reading {
	struct record *r;
	struct verifier *v;
	const struct record *known; /* same node and epoch, or NULL */
	size_t *checks;             /* done in this turn */
	enum refusal *why;
};

static enum vh_err
no(const struct reading *g, enum refusal reason)
{
	return refuse(g->why, reason);
}

/* Private or symmetric members (RFC 7518, 6.2.2, 6.3.2, 6.4): worth a reason of
 * its own, somebody has to learn of it. */
static bool
has_private(const json_t *jwk)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi",
		"oth", "k" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (json_object_get(jwk, names[i]) != NULL)
			return true;
	return false;
}

/* Whether value is a text that a newer node may mean something by. */
static bool
is_new(const json_t *object, const char *name, bool known)
{
	return json_is_string(json_object_get(object, name)) && !known;
}

/* Whether the key is of a kind, use, algorithm or state that we do not know. */
static bool
is_of_the_future(const json_t *item, const json_t *jwk)
{
	struct slice kty, crv, use, alg, state;

	if (!json_get_text(jwk, "kty", 64, &kty) ||
	    !json_get_text(jwk, "crv", 64, &crv) ||
	    !json_get_text(jwk, "use", 64, &use) ||
	    !json_get_text(jwk, "alg", 64, &alg) ||
	    !json_get_text(item, "state", 64, &state))
		return false;
	return is_new(jwk, "kty", kty_by_name(kty) != 0) ||
	       is_new(jwk, "crv", crv_by_name(crv) != NULL) ||
	       is_new(jwk, "use", use_by_name(use) != 0) ||
	       is_new(jwk, "alg", alg_by_name(alg) != NULL) ||
	       is_new(item, "state",
		   slice_is(state, "published") || slice_is(state, "active") ||
		       slice_is(state, "retired"));
}

static enum vh_err
read_pub(const struct reading *g, const json_t *jwk, struct record_key *k)
{
	struct slice kid;
	bool skip = false;

	if (jwk_read_pub(jwk, g->r->bytes, &k->pub, &skip, NULL) != VH_OK) {
		struct slice kty;

		(void)json_get_text(jwk, "kty", 64, &kty); /* else empty */
		return no(g, skip && slice_is(kty, "RSA")
				 ? REFUSAL_KEY_WEAK
				 : REFUSAL_KEY_MALFORMED);
	}
	if (pub_thumbprint(&k->pub, k->kid) != VH_OK)
		return no(g, REFUSAL_MEMORY);
	if (!json_get_text(jwk, "kid", JOSE_KID_MAX, &kid) ||
	    !slice_is(kid, k->kid))
		return no(g, REFUSAL_KEY_KID);
	return VH_OK;
}

static bool
any_alg_fits(const struct record_key *k)
{
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (alg_fits(alg_at(i), k->pub.kty, k->pub.crv, k->use))
			return true;
	return false;
}

/* Copies a text into the record's bytes, where there is room. */
static bool
keep_text(const struct reading *g, const json_t *item, const char *name,
    size_t max, struct slice *out)
{
	size_t start = buf_slice(g->r->bytes).len;
	struct slice text;

	if (!json_get_text(item, name, max, &text))
		return false;
	buf_put(g->r->bytes, text);
	*out = slice_of(g->r->bytes->p + start, text.len);
	return buf_end(g->r->bytes) == VH_OK;
}

/* What the node publishes the key by, if not by its thumbprint. */
static enum vh_err
read_published(const struct reading *g, const json_t *item,
    struct record_key *k)
{
	struct slice kid;

	if (json_object_get(item, "kid") == NULL)
		return VH_OK;
	if (!keep_text(g, item, "kid", VH_PUBLISHED_MAX, &kid) ||
	    !kid_is_publishable(kid))
		return no(g, REFUSAL_KEY_KID);
	buf_put_u8(g->r->bytes, 0);
	if (buf_end(g->r->bytes) != VH_OK)
		return no(g, REFUSAL_MEMORY);
	if (!slice_is(kid, k->kid))
		k->published = (const char *)kid.p;
	return VH_OK;
}

static uint32_t
op_bit(const char *word)
{
	const char *known;
	uint32_t bit;

	for (size_t i = 0; (known = key_op_at(i, &bit)) != NULL; i++)
		if (strcmp(word, known) == 0)
			return bit;
	return 0; /* a newer node knows what it is */
}

/* With nothing that we know, the key is for nothing that we could ask: then ops
 * have what no key of its use does. */
static enum vh_err
read_ops(const struct reading *g, const json_t *item, struct record_key *k)
{
	const json_t *list = json_object_get(item, "key_ops"), *word;
	size_t i;

	if (list == NULL)
		return VH_OK;
	if (!json_is_array(list))
		return no(g, REFUSAL_KEY_TERMS);
	json_array_foreach((json_t *)(uintptr_t)list, i, word)
	{
		if (!json_is_string(word))
			return no(g, REFUSAL_KEY_TERMS);
		k->ops |= op_bit(json_string_value(word));
	}
	if ((k->ops & VH_KEY_OPS) == 0)
		k->ops |= k->use == VH_USE_SIG ? VH_KEY_DECRYPT : VH_KEY_VERIFY;
	return VH_OK;
}

static enum vh_err
read_state(const struct reading *g, const json_t *item, struct record_key *k)
{
	struct slice state;

	(void)json_get_text(item, "state", 64, &state); /* else empty */
	k->state = slice_is(state, "active")      ? VH_KEY_ACTIVE
		   : slice_is(state, "published") ? VH_KEY_PUBLISHED
		   : slice_is(state, "retired")   ? VH_KEY_RETIRED
						  : 0;
	if (k->state == 0)
		return no(g, REFUSAL_KEY_TERMS);
	/* Nodes before this version say it of the record alone. */
	if (!payload_number(item, "keep_after", 0, &k->keep_ms) ||
	    k->keep_ms > g->r->keep_ms)
		k->keep_ms = g->r->keep_ms;
	if (k->state == VH_KEY_RETIRED && k->use == VH_USE_SIG &&
	    (!payload_number(item, "active_until", 0, &k->active_until_ms) ||
		k->active_until_ms > g->r->iat_ms))
		return no(g, REFUSAL_KEY_TERMS);
	return VH_OK;
}

static enum vh_err
read_terms(const struct reading *g, const json_t *item, const json_t *jwk,
    struct record_key *k)
{
	struct slice use, alg;

	if (!json_get_text(jwk, "use", 64, &use) ||
	    !json_get_text(jwk, "alg", 64, &alg))
		return no(g, REFUSAL_KEY_TERMS);
	k->use = use_by_name(use);
	k->alg = alg.len == 0 ? NULL : alg_by_name(alg);
	if (k->use == 0 || !any_alg_fits(k) ||
	    (alg.len > 0 && (k->alg == NULL || !alg_fits(k->alg, k->pub.kty,
						   k->pub.crv, k->use))))
		return no(g, REFUSAL_KEY_TERMS);
	if (!keep_text(g, item, "name", RECORD_NAME_MAX, &k->name) ||
	    !keep_text(g, item, "allow", RECORD_ALLOW_MAX, &k->allow) ||
	    !keep_text(g, item, "typ", RECORD_TYP_MAX, &k->typ) ||
	    !keep_text(g, item, "claims", RECORD_CLAIMS_MAX, &k->claims))
		return no(g, REFUSAL_KEY_TERMS);
	TRY(read_ops(g, item, k));
	TRY(read_published(g, item, k));
	return read_state(g, item, k);
}

static void
hash_proof(const struct alg *alg, struct slice proof, uint8_t out[static 32])
{
	crypto_hash_sha256_state h;
	uint8_t id = (uint8_t)alg->id;

	(void)crypto_hash_sha256_init(&h); /* these return 0 */
	(void)crypto_hash_sha256_update(&h, &id, 1);
	(void)crypto_hash_sha256_update(&h, proof.p, proof.len);
	(void)crypto_hash_sha256_final(&h, out);
}

/* Whether the known record showed the same key, and the same proof of one that
 * signs. */
static bool
is_known(const struct reading *g, const struct record_key *k)
{
	const struct record_key *old =
	    g->known == NULL ? NULL : record_key(g->known, k->kid);

	return old != NULL && old->use == k->use &&
	       slice_eq(slice_of(old->proof, sizeof old->proof),
		   slice_of(k->proof, sizeof k->proof));
}

static enum vh_err
verify_proof(const struct reading *g, const struct record_key *k,
    EVP_PKEY *pkey, const struct alg *alg, struct slice proof)
{
	AUTO(buf_free) struct buf *text = buf_new(256);

	buf_format(text, "vhsm-proof|%s|%llu|%s", g->r->node,
	    (unsigned long long)g->r->epoch, k->kid);
	if (buf_end(text) != VH_OK)
		return no(g, REFUSAL_MEMORY);
	return verify_signature(g->v, pkey, alg, buf_slice(text), proof) ==
		       VH_OK
		   ? VH_OK
		   : no(g, REFUSAL_PROOF);
}

static enum vh_err
check_possession(const struct reading *g, const json_t *item,
    struct record_key *k)
{
	AUTO(buf_free) struct buf *proof = buf_new(PROOF_MAX + 3);
	AUTO(pkey_free) EVP_PKEY *pkey = NULL;
	const struct alg *alg = NULL;
	struct slice text, name;

	if (k->use == VH_USE_SIG) {
		if (!json_get_text(item, "proof", b64_size(PROOF_MAX), &text) ||
		    !json_get_text(item, "proof_alg", 64, &name) ||
		    text.len == 0 || b64_decode(text, proof) != VH_OK)
			return no(g, REFUSAL_PROOF);
		alg = alg_by_name(name);
		if (alg == NULL ||
		    !alg_fits(alg, k->pub.kty, k->pub.crv, VH_USE_SIG))
			return no(g, REFUSAL_PROOF);
		hash_proof(alg, buf_slice(proof), k->proof);
	}
	if (g->v == NULL || is_known(g, k))
		return VH_OK;
	++*g->checks;
	enum vh_err err = pkey_of_pub(&k->pub, &pkey);

	if (err != VH_OK)
		return no(g,
		    err == VH_ENOMEM ? REFUSAL_MEMORY : REFUSAL_KEY_MALFORMED);
	return alg == NULL ? VH_OK
			   : verify_proof(g, k, pkey, alg, buf_slice(proof));
}

static enum vh_err
read_key(const struct reading *g, const json_t *item)
{
	const json_t *jwk = json_object_get(item, "jwk");
	struct record_key *k = &g->r->keys[g->r->count];

	if (!json_is_object(jwk))
		return no(g, REFUSAL_PAYLOAD);
	if (has_private(jwk))
		return no(g, REFUSAL_KEY_PRIVATE);
	if (is_of_the_future(item, jwk)) {
		g->r->skipped++;
		return VH_OK;
	}
	TRY(read_pub(g, jwk, k));
	TRY(read_terms(g, item, jwk, k));
	TRY(check_possession(g, item, k));
	g->r->count++;
	return VH_OK;
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct record_key *)a)->kid,
	    ((const struct record_key *)b)->kid);
}

static void
hash_text(crypto_hash_sha256_state *h, struct slice text)
{
	uint64_t len = text.len;

	(void)crypto_hash_sha256_update(h, (const uint8_t *)&len, sizeof len);
	(void)crypto_hash_sha256_update(h, text.p, text.len);
}

/* For comparing within this process alone, hence the byte order of the host. */
static void
hash_content(struct record *r)
{
	crypto_hash_sha256_state h;

	(void)crypto_hash_sha256_init(&h); /* these return 0 */
	hash_text(&h, slice_text(r->node));
	hash_text(&h, slice_text(r->address));
	hash_text(&h, slice_text(r->version));
	hash_text(&h, slice_of(&r->epoch, sizeof r->epoch));
	hash_text(&h, slice_of(&r->keep_ms, sizeof r->keep_ms));
	for (size_t i = 0; i < r->count; i++) {
		const struct record_key *k = &r->keys[i];
		uint64_t terms[] = { k->use, k->alg == NULL ? 0 : k->alg->id,
			k->state, k->active_until_ms, k->keep_ms, k->ops };

		hash_text(&h, slice_text(k->kid));
		hash_text(&h, slice_of(terms, sizeof terms));
		hash_text(&h, k->name);
		hash_text(&h, k->allow);
		hash_text(&h, k->typ);
		hash_text(&h, k->claims);
		hash_text(&h, slice_text(k->published));
	}
	(void)crypto_hash_sha256_final(&h, r->content);
}

/* All the room at once, slices point into it: what is decoded and copied is
 * shorter than its JSON, but for 3 bytes a number. */
static enum vh_err
make_room(struct record *r, size_t count, enum refusal *why)
{
	size_t room = buf_slice(r->token).len + 8 * count + 64;

	r->keys = calloc(count + 1, sizeof *r->keys);
	r->bytes = buf_new(room);
	if (r->keys == NULL || !buf_reserve(r->bytes, room))
		return refuse(why, REFUSAL_MEMORY);
	return VH_OK;
}

enum vh_err
record_take_keys(struct record *r, struct verifier *v,
    const struct record *known, size_t most, enum refusal *why)
{
	size_t checks = 0;
	const struct reading g = { r, v, known, &checks, why };
	const json_t *list = json_object_get(r->json, "keys");
	size_t count = json_array_size(list);

	if (r->keys == NULL)
		TRY(make_room(r, count, why));
	while (r->next < count && checks < most)
		TRY(read_key(&g, json_array_get(list, r->next++)));
	if (r->next < count)
		return VH_OK;
	json_decref(TAKE(r->json));
	if (r->count > 0)
		qsort(r->keys, r->count, sizeof *r->keys, compare_keys);
	for (size_t i = 1; i < r->count; i++)
		if (strcmp(r->keys[i - 1].kid, r->keys[i].kid) == 0)
			return refuse(why, REFUSAL_KEY_TWICE);
	hash_content(r);
	return VH_OK;
}
