#include "vault/record.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "vault/check.h"
#include "vault/sign.h"
#include "wire/b64.h"

#define KEYS_MAX      4096 /* what receivers take of one node */
#define SMALL_MAX     1024 /* bytes of a hello, a tombstone, a proof's text */
#define SIGNATURE_MAX (VH_RSA_BITS_MAX / 8)

/* That this node holds a key. */
struct proof {
	const struct alg *alg; /* NULL: the key does not sign */
	uint64_t epoch;        /* that text was made for; 0: none yet */
	struct buf *text;      /* base64url of the signature */
	/* The way to ACTIVE: the next record shows the key active; the first
	 * that did (seq 0: none yet). */
	bool announced;
	uint64_t shown_epoch, shown_seq;
};

struct record {
	const struct identity *id;
	const struct store *store;
	size_t keys;
	/* Guards all that follows. */
	pthread_mutex_t lock;
	uint64_t epoch, seq; /* of the last record; seq 0: none in this epoch */
	struct proof *proofs; /* by place in the store */
};

/* What stands at the head of a record. */
struct stamp {
	uint64_t epoch, seq, iat;
};

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; r->proofs != NULL && i < r->keys; i++)
		buf_free(r->proofs[i].text);
	free(r->proofs);
	(void)pthread_mutex_destroy(&r->lock); /* nobody holds it */
	free(r);
}

/* --- proofs ----------------------------------------------------------------
 */

/* A symmetric key is no other node's affair. */
static bool
is_listed(const struct key *key)
{
	return key->pub.kty != VH_KTY_OCT;
}

/* The pin, or the table's first row that fits. */
static const struct alg *
proof_alg(const struct key *key)
{
	if (key->use != VH_USE_SIG || !is_listed(key))
		return NULL;
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (key_check_alg(key, alg_at(i)) == VH_OK)
			return alg_at(i);
	return NULL;
}

static enum vh_err
prove(const struct record *r, struct crypto *c, const struct key *key,
    struct proof *p)
{
	AUTO(buf_free) struct buf *text = buf_new(SMALL_MAX);
	uint8_t signature[SIGNATURE_MAX];
	size_t size = sign_size(key, p->alg);

	buf_format(text, SIGN_PROOF "%s|%" PRIu64 "|%s", r->id->node, r->epoch,
	    key->kid);
	TRY(buf_end(text));
	if (size > sizeof signature)
		return VH_EINTERNAL;
	TRY(sign_bytes_once(c, key, p->alg, buf_slice(text), signature));
	buf_clear(p->text);
	b64_put(p->text, slice_of(signature, size));
	TRY(buf_end(p->text));
	p->epoch = r->epoch;
	return VH_OK;
}

/* VH_EBUSY when time is up before all keys have theirs. */
static enum vh_err
prove_all(struct record *r, struct crypto *c, struct mono_ns until)
{
	for (size_t i = 0; i < r->keys; i++) {
		struct proof *p = &r->proofs[i];

		if (p->alg == NULL || p->epoch == r->epoch)
			continue;
		if (mono_passed(until, clock_mono()))
			return VH_EBUSY;
		TRY(prove(r, c, store_at(r->store, i), p));
	}
	return VH_OK;
}

/* --- the record as JSON ----------------------------------------------------
 */

/* Text never needs more than is_plain and put_json_text see to. */
static void
put_member(struct buf *b, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_format(b, ",\"%s\":", name);
	put_json_text(b, slice_text(text));
}

static void
put_key(struct buf *b, const struct key *key, const struct proof *p)
{
	bool active = key->state == VH_KEY_ACTIVE || p->announced;

	buf_format(b, "{\"jwk\":{\"kid\":\"%s\",\"use\":\"%s\"", key->kid,
	    use_name(key->use));
	put_member(b, "alg", key->pin == NULL ? NULL : key->pin->name);
	buf_put_text(b, ",");
	pub_put_members(b, &key->pub);
	buf_put_text(b, "}");
	put_member(b, "state", active ? "active" : "published");
	put_member(b, "name", key->name);
	put_member(b, "allow", key->allow);
	if (p->alg != NULL) {
		put_member(b, "proof_alg", p->alg->name);
		buf_put_text(b, ",\"proof\":\"");
		buf_put(b, buf_slice(p->text));
		buf_put_text(b, "\"");
	}
	buf_put_text(b, "}");
}

static void
put_record(struct buf *b, const struct record *r, const struct stamp *stamp)
{
	buf_format(b,
	    "{\"node\":\"%s\",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64
	    ",\"iat\":%" PRIu64 ",\"address\":\"%s\"",
	    r->id->node, stamp->epoch, stamp->seq, stamp->iat, r->id->address);
	put_member(b, "version", r->id->version);
	buf_format(b, ",\"keep_after\":%" PRIu64 ",\"keys\":[", r->id->keep_ms);
	const char *comma = "";

	for (size_t i = 0; i < r->keys; i++) {
		const struct key *key = store_at(r->store, i);

		if (!is_listed(key))
			continue;
		buf_put_text(b, comma);
		put_key(b, key, &r->proofs[i]);
		comma = ",";
	}
	buf_put_text(b, "]}");
}

/* --- its beginning ---------------------------------------------------------
 */

static enum vh_err
check_keys(const struct record *r, struct buf *why)
{
	const struct key *key;

	if (store_get(r->store, slice_text(r->id->key->kid)) != NULL)
		return REFUSE(why, VH_EDUPLICATE,
		    "the record key is one of the key spec too, expected a key "
		    "of its own");
	if (r->keys > KEYS_MAX)
		return REFUSE(why, VH_ETOOBIG,
		    "%zu keys, a node of a cluster has at most %d", r->keys,
		    KEYS_MAX);
	for (size_t i = 0; (key = store_at(r->store, i)) != NULL; i++)
		if (!is_plain(slice_text(key->name)) ||
		    !is_plain(slice_text(key->allow)))
			return REFUSE(why, VH_EFIELD,
			    "name or allow of key %s malformed, expected "
			    "printable ASCII",
			    key->kid);
	return VH_OK;
}

/* Keys as long as they get, and numbers too: while they are only published. */
static enum vh_err
check_size(const struct record *r, struct buf *why)
{
	const struct stamp longest = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	const size_t header = b64_size(buf_slice(r->id->x5c).len + 64);
	const size_t signature = b64_size(64), dots = 2;
	AUTO(buf_free) struct buf *b = buf_new(VH_RECORD_MAX);

	put_record(b, r, &longest);
	enum vh_err err = buf_end(b);

	if (err == VH_OK &&
	    header + b64_size(b->len) + signature + dots <= VH_RECORD_MAX)
		return VH_OK;
	if (err == VH_ENOMEM)
		return err;
	return REFUSE(why, VH_ETOOBIG,
	    "the record of %zu keys would have more than %u bytes", r->keys,
	    VH_RECORD_MAX);
}

static enum vh_err
make_proofs(struct record *r)
{
	struct key *key;

	r->proofs = calloc(r->keys + 1, sizeof *r->proofs);
	if (r->proofs == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; (key = store_at(r->store, i)) != NULL; i++) {
		r->proofs[i].alg = proof_alg(key);
		r->proofs[i].text = buf_new(b64_size(SIGNATURE_MAX));
		if (r->proofs[i].text == NULL)
			return VH_ENOMEM;
		if (key->use == VH_USE_SIG && is_listed(key))
			key->state = VH_KEY_PUBLISHED;
	}
	return VH_OK;
}

enum vh_err
record_new(const struct identity *id, const struct store *store,
    struct wall_ms now, struct crypto *c, struct record **out, struct buf *why)
{
	const struct mono_ns no_limit = { UINT64_MAX };
	AUTO(record_free) struct record *r = calloc(1, sizeof *r);

	*out = NULL;
	if (r == NULL)
		return VH_ENOMEM;
	(void)pthread_mutex_init(&r->lock, NULL); /* cannot fail on Linux */
	r->id = id;
	r->store = store;
	r->keys = store_count(store);
	r->epoch = now.ms == 0 ? 1 : now.ms;
	TRY(check_keys(r, why));
	TRY(make_proofs(r));
	TRY(prove_all(r, c, no_limit));
	TRY(check_size(r, why));
	*out = TAKE(r);
	return VH_OK;
}

/* --- operations ------------------------------------------------------------
 */

/* An epoch that was seen before this vault has given out a record in it was
 * another life's; one that is higher always was. */
static enum vh_err
move_epoch(struct record *r, uint64_t seen)
{
	if (seen >= RECORD_EPOCH_MAX)
		return VH_EFIELD;
	if (seen < r->epoch || (seen == r->epoch && r->seq > 0))
		return VH_OK;
	r->epoch = seen + 1;
	r->seq = 0;
	return VH_OK;
}

/* What the record of stamp shows, and which of it does not sign yet. */
static void
note_shown(struct record *r, const struct stamp *stamp, struct buf *answer)
{
	for (size_t i = 0; i < r->keys; i++) {
		struct proof *p = &r->proofs[i];

		if (!p->announced)
			continue;
		if (p->shown_seq == 0) {
			p->shown_epoch = stamp->epoch;
			p->shown_seq = stamp->seq;
		}
		frame_put_text(answer, VH_F_ANNOUNCED,
		    store_at(r->store, i)->kid);
	}
}

/* Under the lock. */
static enum vh_err
make_record(struct record *r, struct crypto *c, uint64_t seen, struct buf *jws,
    struct stamp *stamp)
{
	AUTO(buf_free) struct buf *payload = buf_new(VH_RECORD_MAX);

	TRY(move_epoch(r, seen));
	TRY(prove_all(r, c, mono_after_ms(clock_mono(), RECORD_PROOFS_MS)));
	*stamp = (struct stamp){ r->epoch, ++r->seq, clock_wall().ms };
	put_record(payload, r, stamp);
	TRY(buf_end(payload));
	return identity_sign(r->id, c, "vhsm-record", buf_slice(payload), jws);
}

/* As make_record, with the answer; jws is only where the record is made. */
static enum vh_err
answer_record(struct record *r, struct crypto *c, uint64_t seen,
    struct buf *jws, struct buf *answer)
{
	struct stamp stamp;

	TRY(make_record(r, c, seen, jws, &stamp));
	frame_put(answer, VH_F_RECORD, buf_slice(jws));
	frame_put_u64(answer, VH_F_EPOCH, stamp.epoch);
	frame_put_u64(answer, VH_F_SEQ, stamp.seq);
	note_shown(r, &stamp, answer);
	return VH_OK;
}

enum vh_err
op_record(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	AUTO(buf_free) struct buf *jws = buf_new(VH_RECORD_MAX);

	/* Never wait: proofs may take another worker seconds. */
	if (pthread_mutex_trylock(&r->lock) != 0)
		return VH_EBUSY;
	enum vh_err err =
	    answer_record(r, c, fields_u64(&q->f, VH_F_EPOCH), jws, answer);

	pthread_mutex_unlock(&r->lock);
	return err;
}

/* Adds who and when to a payload that is open, and signs it. */
static enum vh_err
state(const struct record *r, struct crypto *c, const char *typ,
    struct buf *payload, enum vh_tag tag, struct buf *answer)
{
	AUTO(buf_free) struct buf *jws = buf_new(field_row(tag)->max);

	put_member(payload, "node", r->id->node);
	buf_format(payload, ",\"iat\":%" PRIu64 "}", clock_wall().ms);
	TRY(buf_end(payload));
	TRY(identity_sign(r->id, c, typ, buf_slice(payload), jws));
	frame_put(answer, tag, buf_slice(jws));
	return VH_OK;
}

enum vh_err
op_hello(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	AUTO(buf_free) struct buf *payload = buf_new(SMALL_MAX);
	struct slice nonce = q->f.at[VH_F_NONCE];
	struct slice audience = q->f.at[VH_F_AUDIENCE];

	if (nonce.len < RECORD_NONCE_MIN || audience.len == 0 ||
	    !is_plain(audience))
		return VH_EFIELD;
	buf_put_text(payload, "{\"aud\":");
	put_json_text(payload, audience);
	buf_put_text(payload, ",\"nonce\":\"");
	b64_put(payload, nonce);
	buf_put_text(payload, "\"");
	return state(r, c, "vhsm-hello", payload, VH_F_HELLO, answer);
}

enum vh_err
op_revoke(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	AUTO(buf_free) struct buf *payload = buf_new(SMALL_MAX);
	struct slice kid = q->f.at[VH_F_KID];

	if (kid.len == 0 || !is_plain(kid))
		return VH_EFIELD;
	buf_put_text(payload, "{\"kid\":");
	put_json_text(payload, kid);
	return state(r, c, "vhsm-tombstone", payload, VH_F_TOMBSTONE, answer);
}

/* --- the way to ACTIVE ------------------------------------------------------
 */

enum vh_err
op_announce(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	struct slice kid = q->f.at[VH_F_KID];
	bool all = !fields_have(&q->f, VH_F_KID);
	uint32_t announced = 0;
	const struct key *key;

	(void)c;
	if (!all && store_get(r->store, kid) == NULL)
		return VH_ENOKEY;
	if (pthread_mutex_trylock(&r->lock) != 0)
		return VH_EBUSY;
	for (size_t i = 0; (key = store_at(r->store, i)) != NULL; i++) {
		struct proof *p = &r->proofs[i];

		if ((all || slice_is(kid, key->kid)) && !p->announced &&
		    key->state == VH_KEY_PUBLISHED) {
			p->announced = true;
			p->shown_seq = 0;
		}
		announced += p->announced;
	}
	pthread_mutex_unlock(&r->lock);
	frame_put_u32(answer, VH_F_COUNT, announced);
	return VH_OK;
}

/* Whether a record that is not newer than (epoch, seq) showed it active. */
static bool
was_shown(const struct proof *p, uint64_t epoch, uint64_t seq)
{
	return p->announced && p->shown_seq > 0 &&
	       (p->shown_epoch < epoch ||
		   (p->shown_epoch == epoch && p->shown_seq <= seq));
}

enum vh_err
op_activate(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	uint64_t epoch = fields_u64(&q->f, VH_F_EPOCH);
	uint64_t seq = fields_u64(&q->f, VH_F_SEQ);
	uint32_t active = 0;
	struct key *key;

	(void)c;
	if (pthread_mutex_trylock(&r->lock) != 0)
		return VH_EBUSY;
	for (size_t i = 0; (key = store_at(r->store, i)) != NULL; i++) {
		struct proof *p = &r->proofs[i];

		if (was_shown(p, epoch, seq)) {
			p->announced = false;
			key->state = VH_KEY_ACTIVE;
		}
		active += key->state == VH_KEY_ACTIVE;
	}
	pthread_mutex_unlock(&r->lock);
	frame_put_u32(answer, VH_F_COUNT, active);
	return VH_OK;
}
