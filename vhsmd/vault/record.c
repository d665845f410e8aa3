#include "vault/record_inner.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "vault/check.h"
#include "vault/sign.h"
#include "wire/b64.h"

#define SIGNATURE_MAX (VH_RSA_BITS_MAX / 8)

/* What stands at the head of a record. */
struct stamp {
	uint64_t epoch, seq, iat;
};

static void
drop_proof(struct record *r, struct proof *p)
{
	HASH_DEL(r->proofs, p);
	buf_free(p->text);
	free(p);
}

void
record_free(struct record *r)
{
	struct proof *p, *next;

	if (r == NULL)
		return;
	HASH_ITER(hh, r->proofs, p, next)
	drop_proof(r, p);
	identity_free(r->id);
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
	AUTO(buf_free) struct buf *text = buf_new(RECORD_SMALL_MAX);
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

static struct proof *
find_proof(const struct record *r, const struct key *key)
{
	struct proof *p = NULL;

	HASH_FIND(hh, r->proofs, key->kid, VH_KID_SIZE, p);
	return p;
}

/* The key's, made if it has none; NULL when out of memory. */
static struct proof *
take_proof(struct record *r, const struct key *key, const struct alg *alg)
{
	struct proof *p = find_proof(r, key);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	memcpy(p->kid, key->kid, sizeof p->kid);
	p->alg = alg;
	p->text = buf_new(b64_size(SIGNATURE_MAX));
	if (p->text != NULL)
		HASH_ADD(hh, r->proofs, kid, VH_KID_SIZE, p);
	/* So uthash says that it found no memory. */
	if (p->hh.tbl != NULL)
		return p;
	buf_free(p->text);
	free(p);
	return NULL;
}

/* Proofs of keys that are gone go, too. */
static void
forget_proofs(struct record *r)
{
	struct proof *p, *next;

	HASH_ITER(hh, r->proofs, p, next)
	{
		if (!p->wanted)
			drop_proof(r, p);
		else
			p->wanted = false;
	}
}

/* VH_EBUSY when time is up before all keys have theirs.  A key whose secret has
 * been wiped gets no new one. */
static enum vh_err
prove_all(struct record *r, struct crypto *c, struct mono_ns until)
{
	struct key *key;
	size_t i = 0;

	while ((key = store_next(r->store, &i)) != NULL) {
		const struct alg *alg = proof_alg(key);

		if (alg == NULL)
			continue;
		struct proof *p = take_proof(r, key, alg);

		if (p == NULL)
			return VH_ENOMEM;
		p->wanted = true;
		if (p->epoch == r->epoch || key->pkey == NULL)
			continue;
		if (mono_passed(until, clock_mono()))
			return VH_EBUSY;
		TRY(prove(r, c, key, p));
	}
	forget_proofs(r);
	return VH_OK;
}

/* --- the record as JSON ----------------------------------------------------
 */

/* A signing key that cannot prove itself in this epoch is left out: earlier
 * records speak for it. */
static void
put_keys(struct buf *b, const struct record *r, uint64_t iat)
{
	const char *comma = "";
	struct key *key;
	size_t i = 0;

	while ((key = store_next(r->store, &i)) != NULL) {
		const struct proof *p = find_proof(r, key);

		if (!is_listed(key))
			continue;
		if (key->use == VH_USE_SIG &&
		    (p == NULL || p->epoch != r->epoch))
			continue;
		buf_put_text(b, comma);
		record_put_key(b, key, p, iat);
		comma = ",";
	}
}

/* The longest of all, since it is the record's. */
static uint64_t
longest_keep(const struct record *r)
{
	uint64_t most = r->id->keep_ms;
	struct key *key;
	size_t i = 0;

	while ((key = store_next(r->store, &i)) != NULL)
		if (key->keep_ms > most)
			most = key->keep_ms;
	return most;
}

static void
put_record(struct buf *b, const struct record *r, const struct stamp *stamp)
{
	buf_format(b,
	    "{\"node\":\"%s\",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64
	    ",\"iat\":%" PRIu64 ",\"address\":\"%s\"",
	    r->id->node, stamp->epoch, stamp->seq, stamp->iat, r->id->address);
	record_put_member(b, "version", r->id->version);
	buf_format(b, ",\"keep_after\":%" PRIu64 ",\"keys\":[",
	    longest_keep(r));
	put_keys(b, r, stamp->iat);
	buf_put_text(b, "]}");
}

/* --- its beginning ---------------------------------------------------------
 */

static enum vh_err
check_keys(const struct record *r, struct buf *why)
{
	const struct key *key;

	TRY(record_admit_identity(r, r->id, why));
	size_t count = store_count(r->store), i = 0;

	if (count > RECORD_KEYS_MAX)
		return REFUSE(why, VH_ETOOBIG,
		    "%zu keys, a node of a cluster has at most %d", count,
		    RECORD_KEYS_MAX);
	while ((key = store_next(r->store, &i)) != NULL)
		TRY(record_check_words(key, why));
	return VH_OK;
}

/* Keys as long as they get, and numbers and the chain too: while they are only
 * published. */
static enum vh_err
check_size(const struct record *r, struct buf *why)
{
	const struct stamp longest = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	const size_t header = b64_size(IDENTITY_X5C_MAX + 64);
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
	    "the record of %zu keys would have more than %u bytes",
	    store_count(r->store), VH_RECORD_MAX);
}

static void
publish_all(const struct record *r)
{
	struct key *key;
	size_t i = 0;

	while ((key = store_next(r->store, &i)) != NULL)
		if (key->use == VH_USE_SIG && is_listed(key))
			key->state = VH_KEY_PUBLISHED;
}

enum vh_err
record_new(struct seat *seat, const struct store *store, struct wall_ms now,
    struct crypto *c, struct record **out, struct buf *why)
{
	const struct mono_ns no_limit = { UINT64_MAX };
	AUTO(record_free) struct record *r = calloc(1, sizeof *r);

	*out = NULL;
	if (r == NULL)
		return VH_ENOMEM;
	(void)pthread_mutex_init(&r->lock, NULL); /* cannot fail on Linux */
	r->seat = seat;
	r->store = store;
	r->id = seat_hold(r->seat);
	r->epoch = now.ms == 0 ? 1 : now.ms;
	TRY(check_keys(r, why));
	publish_all(r);
	TRY(prove_all(r, c, no_limit));
	TRY(check_size(r, why));
	identity_free(TAKE(r->id));
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
note_shown(const struct record *r, const struct stamp *stamp,
    struct buf *answer)
{
	struct key *key;
	size_t i = 0;

	while ((key = store_next(r->store, &i)) != NULL) {
		if (!key->announced)
			continue;
		if (key->shown_seq == 0) {
			key->shown_epoch = stamp->epoch;
			key->shown_seq = stamp->seq;
		}
		frame_put_text(answer, VH_F_ANNOUNCED, key->kid);
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
	r->id = seat_hold(r->seat);
	enum vh_err err =
	    answer_record(r, c, fields_u64(&q->f, VH_F_EPOCH), jws, answer);

	identity_free(TAKE(r->id));
	pthread_mutex_unlock(&r->lock);
	return err;
}

/* Adds who and when to a payload that is open, and signs it. */
static enum vh_err
state(const struct record *r, struct crypto *c, const char *typ,
    struct buf *payload, enum vh_tag tag, struct buf *answer)
{
	AUTO(buf_free) struct buf *jws = buf_new(field_row(tag)->max);
	AUTO(identity_free) struct identity *id = seat_hold(r->seat);

	record_put_member(payload, "node", id->node);
	buf_format(payload, ",\"iat\":%" PRIu64 "}", clock_wall().ms);
	TRY(buf_end(payload));
	TRY(identity_sign(id, c, typ, buf_slice(payload), jws));
	frame_put(answer, tag, buf_slice(jws));
	return VH_OK;
}

enum vh_err
op_hello(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	AUTO(buf_free) struct buf *payload = buf_new(RECORD_SMALL_MAX);
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
	AUTO(buf_free) struct buf *payload = buf_new(RECORD_SMALL_MAX);
	struct slice kid = q->f.at[VH_F_KID];

	if (kid.len == 0 || !is_plain(kid))
		return VH_EFIELD;
	buf_put_text(payload, "{\"kid\":");
	put_json_text(payload, kid);
	return state(r, c, "vhsm-tombstone", payload, VH_F_TOMBSTONE, answer);
}
