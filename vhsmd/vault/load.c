#include "vault/load.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "vault/check.h"
#include "vault/import.h"
#include "vault/kids.h"
#include "vault/many.h"
#include "vault/registers.h"

#define WHY_MAX  1000
#define BODY_MAX (64u << 10)
#define KEEP_MS  86400000 /* of a request that does not say */

struct life_terms
load_life_terms(const struct fields *f)
{
	return (struct life_terms){ .every_ms = fields_u64(f, VH_F_EVERY_MS),
		.publish_ms = fields_u64(f, VH_F_PUBLISH_MS),
		.keep_ms = fields_have(f, VH_F_KEEP_MS)
			       ? fields_u64(f, VH_F_KEEP_MS)
			       : KEEP_MS };
}

enum vh_err
load_terms(const struct fields *f, struct key_terms *out)
{
	uint32_t pin = fields_u32(f, VH_F_ALG_ID);
	const struct life_terms life = load_life_terms(f);

	*out = (struct key_terms){ .use = fields_u32(f, VH_F_USE_ID),
		.pin = alg_by_id(pin),
		.name = f->at[VH_F_NAME],
		.allow = f->at[VH_F_ALLOW],
		.published = f->at[VH_F_PUBLISHED_KID],
		.ops = fields_u32(f, VH_F_OPS),
		.keep_ms = life.keep_ms,
		.entry = fields_u32(f, VH_F_ENTRY),
		.typs = f->at[VH_F_TYPS],
		.claims = f->at[VH_F_CLAIMS] };
	if (fields_have(f, VH_F_PUBLISHED_KID) &&
	    !kid_is_publishable(out->published))
		return VH_EFIELD;
	return pin != 0 && out->pin == NULL ? VH_EALG : VH_OK;
}

void
load_blame(struct load *l, const struct key *key)
{
	struct fields f;

	if (key->batch < l->batches.count &&
	    fields_parse(buf_slice(l->batches.at[key->batch].body), &f) ==
		VH_OK &&
	    fields_have(&f, VH_F_ENTRY))
		l->blamed = fields_u32(&f, VH_F_ENTRY) + 1;
}

enum vh_err
load_check_kids(struct load *l, struct buf *why)
{
	struct kids_clash c = { 0 };
	enum vh_err err = kids_check(l->store, l->store, &c, why);

	if (err == VH_EDUPLICATE)
		load_blame(l, c.key->batch > c.other->batch ? c.key : c.other);
	return err;
}

void
load_put_error(struct load *l, const struct frame *q, enum vh_err err,
    struct buf *why, struct buf *out)
{
	size_t start = frame_answer(out, q->op, q->id, err);

	if (buf_end(why) == VH_OK && buf_slice(why).len > 0)
		frame_put(out, VH_F_WHY, buf_slice(why));
	if (l->blamed > 0)
		frame_put_u32(out, VH_F_ENTRY, l->blamed - 1);
	l->blamed = 0;
	frame_close(out, start);
}

/* The answer to q: the keys of the store from first on, or err and why. */
static void
answer(struct load *l, const struct frame *q, size_t first, enum vh_err err,
    struct buf *why, struct buf *out)
{
	traces_clear();
	if (err != VH_OK) {
		load_put_error(l, q, err, why, out);
		return;
	}
	size_t start = frame_answer(out, q->op, q->id, VH_OK);

	frame_put_u32(out, VH_F_COUNT, (uint32_t)store_count(l->store));
	for (size_t i = first; store_at(l->store, i) != NULL; i++) {
		const struct key *key = store_at(l->store, i);
		size_t nest = frame_nest(out, VH_F_KEY);

		frame_put_text(out, VH_F_KID, key->kid);
		if (key->name != NULL)
			frame_put_text(out, VH_F_NAME, key->name);
		frame_nest_close(out, nest);
	}
	frame_close(out, start);
}

static void
forget_passphrase(struct load *l)
{
	secret_free(l->passphrase);
	l->passphrase = NULL;
}

/* A key file, or the passphrase of those to come: it stays until one comes
 * that does not need it. */
static enum vh_err
take_file(struct load *l, const struct fields *f, int fd, struct buf *why)
{
	uint32_t passphrase = fields_u32(f, VH_F_PASSPHRASE);
	size_t before = store_count(l->store);
	struct key_terms terms;

	if (passphrase != VH_PASSPHRASE_USE)
		forget_passphrase(l);
	if (fd < 0 || passphrase > VH_PASSPHRASE_USE)
		return VH_EFIELD;
	if (passphrase == VH_PASSPHRASE_TAKE)
		return import_passphrase(fd, &l->passphrase, why);
	TRY(load_terms(f, &terms));
	if (passphrase == VH_PASSPHRASE_USE) {
		if (l->passphrase == NULL)
			return VH_EFIELD;
		terms.passphrase = secret_ro(l->passphrase);
	}
	TRY(import_fd(fd, &terms, l->workers, l->known, l->store, why));
	if (terms.published.len == 0 || store_count(l->store) - before <= 1)
		return VH_OK;
	return REFUSE(why, VH_EKEY,
	    "%zu keys, expected exactly one where the key spec gives it a kid",
	    store_count(l->store) - before);
}

/* Notes with what request the keys from first on have come. */
static enum vh_err
note_batch(struct load *l, const struct frame *q, size_t first)
{
	struct batches *b = &l->batches;
	AUTO(buf_free) struct buf *body = buf_new(BODY_MAX);
	struct key *key;

	if (b->count == b->room) {
		size_t room = b->room == 0 ? 16 : 2 * b->room;
		struct batch *at = reallocarray(b->at, room, sizeof *at);

		if (at == NULL)
			return VH_ENOMEM;
		b->at = at;
		b->room = room;
	}
	buf_put(body, q->f.body);
	TRY(buf_end(body));
	while ((key = store_at(l->store, first++)) != NULL)
		key->batch = b->count;
	b->at[b->count++] =
	    (struct batch){ TAKE(body), q->op == VH_OP_VGENERATE };
	return VH_OK;
}

void
load_forget(struct load *l)
{
	for (size_t i = 0; i < l->batches.count; i++)
		buf_free(l->batches.at[i].body);
	free(l->batches.at);
	l->batches = (struct batches){ 0 };
	forget_passphrase(l);
}

void
load_file(struct load *l, const struct frame *q, int fd, struct buf *out)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	size_t first = store_count(l->store);
	enum vh_err err = take_file(l, &q->f, fd, why);

	if (fd >= 0)
		(void)close(fd); /* read to its end; nothing to lose */
	if (err == VH_OK)
		err = note_batch(l, q, first);
	answer(l, q, first, err, why, out);
}

void
load_generate(struct load *l, const struct frame *q, struct buf *out)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	size_t first = store_count(l->store);

	enum vh_err err = many_make(l, &q->f, why);

	if (err == VH_OK)
		err = note_batch(l, q, first);
	answer(l, q, first, err, why, out);
}

enum vh_err
load_make(struct slice body, struct crypto *c, size_t workers, struct key **out,
    struct buf *why)
{
	static const uint8_t just_one[4] = { 0, 0, 0, 1 };
	AUTO(store_free) struct store *scratch = store_new();
	struct load one = { .store = scratch, .crypto = c, .workers = workers };
	struct fields f;

	*out = NULL;
	if (scratch == NULL)
		return VH_ENOMEM;
	TRY(fields_parse(body, &f));
	f.at[VH_F_COUNT] = slice_of(just_one, sizeof just_one);
	f.present |= VH_TAG_BIT(VH_F_COUNT);
	TRY(many_make(&one, &f, why));
	*out = store_at(scratch, 0);
	store_take(scratch, *out);
	return VH_OK;
}

enum vh_err
load_test(struct load *l, size_t first, struct buf *why)
{
	struct key *key;

	while ((key = store_next(l->store, &first)) != NULL) {
		enum vh_err err =
		    key->tested ? VH_OK : crypto_selftest(l->crypto, key, why);

		if (err != VH_OK) {
			load_blame(l, key);
			return err;
		}
		key->tested = true;
	}
	return VH_OK;
}

static bool
is_same(const struct identity *a, const struct identity *b)
{
	return strcmp(a->key->kid, b->key->kid) == 0 &&
	       slice_eq(buf_slice(a->x5c), buf_slice(b->x5c));
}

/* Another one for a node that serves: its records, proofs and address are of a
 * name that stays. */
static enum vh_err
succeed(struct load *l, struct identity *next, bool look, bool *changed,
    struct buf *why)
{
	AUTO(identity_free) struct identity *mine = next;
	AUTO(identity_free) struct identity *now = seat_hold(l->seat);

	if (l->record == NULL)
		return REFUSE(why, VH_EDUPLICATE,
		    "this node has an identity already");
	if (strcmp(mine->node, now->node) != 0 ||
	    strcmp(mine->address, now->address) != 0)
		return REFUSE(why, VH_EFIELD,
		    "another node name or address, expected %s at %s",
		    now->node, now->address);
	TRY(record_admit_identity(l->record, mine, why));
	if (look || is_same(mine, now))
		return VH_OK;
	LOG(NOTICE, "record-key", KV("kid", (const char *)mine->key->kid),
	    KV("before", (const char *)now->key->kid));
	seat_put(l->seat, TAKE(mine));
	*changed = true;
	return VH_OK;
}

static enum vh_err
identify(struct load *l, const struct fields *f, int fd, bool *changed,
    struct buf *why)
{
	const struct identity_terms terms = { .node = f->at[VH_F_NODE],
		.address = f->at[VH_F_ADDRESS],
		.version = f->at[VH_F_VERSION],
		.chain = f->at[VH_F_CHAIN],
		.keep_ms = fields_u64(f, VH_F_KEEP_MS) };
	struct identity *made = NULL;

	if (fd < 0)
		return VH_EFIELD;
	TRY(identity_new(fd, &terms, clock_wall(), l->crypto, &made, why));
	if (l->seat != NULL)
		return succeed(l, made, fields_u32(f, VH_F_OFF) != 0, changed,
		    why);
	l->seat = seat_new(made);
	*changed = l->seat != NULL;
	return l->seat == NULL ? VH_ENOMEM : VH_OK;
}

bool
load_identity(struct load *l, const struct frame *q, int fd, struct buf *out)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	bool changed = false;
	enum vh_err err = identify(l, &q->f, fd, &changed, why);

	if (fd >= 0)
		(void)close(fd); /* read to its end; nothing to lose */
	answer(l, q, store_count(l->store), err, why, out);
	return changed;
}

bool
load_commit(struct load *l, const struct frame *q, struct buf *out)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	enum vh_err err = load_test(l, 0, why);

	if (err == VH_OK)
		err = load_check_kids(l, why);
	forget_passphrase(l);
	if (err == VH_OK && l->seat != NULL)
		err = record_new(l->seat, l->store, clock_wall(), l->crypto,
		    &l->record, why);
	answer(l, q, store_count(l->store), err, why, out);
	return err == VH_OK;
}
