#include "vault/record.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "test_cluster_help.h"
#include "test_crypto_rig.h"
#include "vault/sign.h"
#include "wire/b64.h"

/* Now, as these tests have it: long ago, so that seen epochs can be higher. */
#define WALL 1000000

TestSuite(record, .init = rig_arena, .timeout = 120);

/* A node with keys, its record not begun. */
struct node {
	struct rig *rig;
	struct seat *seat;
	struct record *record;
	struct ask *ask;
};

static struct node *
node_new(void)
{
	struct node *n = calloc(1, sizeof *n);

	cr_assert_not_null(n);
	n->rig = rig_new();
	n->seat = seat_new(make_identity(n->rig->crypto));
	cr_assert_not_null(n->seat);
	n->ask = ask_new("", NULL);
	ask_drop(n->ask, VH_F_KID);
	ask_drop(n->ask, VH_F_ALG_ID);
	return n;
}

static void
node_free(struct node *n)
{
	ask_free(n->ask);
	record_free(n->record);
	seat_free(n->seat);
	rig_free(n->rig);
	free(n);
}
AUTO_FREE(struct node, node_free)

static enum vh_err
begin(struct node *n, struct buf *why)
{
	return record_new(n->seat, n->rig->store, (struct wall_ms){ WALL },
	    n->rig->crypto, &n->record, why);
}

/* A node with one key of kind for use, begun. */
static struct node *
node_with(const char *kind, enum vh_use use)
{
	struct node *n = node_new();

	(void)rig_add(n->rig, rig_make(kind), use, NULL);
	cr_assert_eq(begin(n, NULL), VH_OK);
	return n;
}

static const char *
kid_at(const struct node *n, size_t i)
{
	return store_at(n->rig->store, i)->kid;
}

typedef enum vh_err (*statement)(struct record *, struct crypto *,
    const struct frame *, struct buf *);

/* Runs op; out borrows from the rig's answer until the next run. */
static enum vh_err
run(struct node *n, statement op, struct fields *out)
{
	buf_clear(n->rig->answer);
	TRY(op(n->record, n->rig->crypto, &n->ask->q, n->rig->answer));
	cr_assert_eq(buf_end(n->rig->answer), VH_OK);
	return fields_parse(buf_slice(n->rig->answer), out);
}

static void
set_seen(struct node *n, uint8_t seen[static 8], uint64_t epoch)
{
	for (size_t i = 0; i < 8; i++)
		seen[i] = (uint8_t)(epoch >> (56 - 8 * i));
	ask_set(n->ask, VH_F_EPOCH, slice_of(seen, 8));
}

/* A record after epoch was seen (0: none); the caller's. */
static struct opened *
record_after(struct node *n, uint64_t epoch)
{
	struct fields f;
	uint8_t seen[8];

	set_seen(n, seen, epoch);
	cr_assert_eq(run(n, op_record, &f), VH_OK);
	ask_drop(n->ask, VH_F_EPOCH);
	struct opened *o = open_jws(f.at[VH_F_RECORD]);

	cr_assert_eq(fields_u64(&f, VH_F_EPOCH),
	    number_of(o->payload, "epoch"));
	cr_assert_eq(fields_u64(&f, VH_F_SEQ), number_of(o->payload, "seq"));
	return o;
}

static json_t *
key_at(const struct opened *o, size_t i)
{
	return json_array_get(json_object_get(o->payload, "keys"), i);
}

static void
expect_stamp(struct node *n, uint64_t seen, uint64_t epoch, uint64_t seq)
{
	AUTO(opened_free) struct opened *o = record_after(n, seen);

	cr_expect_eq(number_of(o->payload, "epoch"), epoch, "%" PRIu64,
	    number_of(o->payload, "epoch"));
	cr_expect_eq(number_of(o->payload, "seq"), seq, "%" PRIu64,
	    number_of(o->payload, "seq"));
}

/* --- what a record says ----------------------------------------------------
 */

Test(record, says_who_when_and_where)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	uint64_t before = clock_wall().ms;
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	cr_expect_str_eq(text_of(o->header, "typ"), "vhsm-record");
	cr_expect_eq(json_object_size(o->payload), 8);
	cr_expect_str_eq(text_of(o->payload, "node"), NODE);
	cr_expect_str_eq(text_of(o->payload, "address"), ADDRESS);
	cr_expect_str_eq(text_of(o->payload, "version"), "9.8.7");
	cr_expect_eq(number_of(o->payload, "keep_after"), 86400000);
	cr_expect_geq(number_of(o->payload, "iat"), before);
	cr_expect_leq(number_of(o->payload, "iat"), clock_wall().ms);
	cr_expect_eq(json_array_size(json_object_get(o->payload, "keys")), 1);
}

/* Its JWK has the key's public members, kid, use, alg if pinned, no others. */
static void
expect_jwk(const json_t *jwk, const struct key *key)
{
	AUTO(buf_free) struct buf *b = buf_new(8192);
	const char *name;
	json_t *value;

	buf_put_text(b, "{");
	pub_put_members(b, &key->pub);
	buf_put_text(b, "}");
	json_t *want = json_loadb((const char *)b->p, b->len, 0, NULL);

	json_object_set_new(want, "kid", json_string(key->kid));
	json_object_set_new(want, "use", json_string(use_name(key->use)));
	if (key->pin != NULL)
		json_object_set_new(want, "alg", json_string(key->pin->name));
	json_object_foreach(want, name, value)
	    cr_expect(json_equal(value, json_object_get(jwk, name)), "%s",
		name);
	cr_expect_eq(json_object_size(jwk), json_object_size(want));
	json_decref(want);
}

static void
expect_proof(const json_t *entry, const struct key *key, const char *alg,
    uint64_t epoch)
{
	AUTO(buf_free) struct buf *proof = buf_new(2048);
	char text[256];

	cr_expect_str_eq(text_of(entry, "proof_alg"), alg);
	cr_assert_eq(b64_decode(slice_text(text_of(entry, "proof")), proof),
	    VH_OK);
	(void)snprintf(text, sizeof text, "vhsm-proof|%s|%" PRIu64 "|%s", NODE,
	    epoch, key->kid);
	cr_expect(rig_verify(key->pkey, alg_by_name(slice_text(alg)),
	    slice_text(text), buf_slice(proof)));
}

Test(record, lists_every_key_with_a_proof_if_it_signs)
{
	AUTO(node_free) struct node *n = node_new();
	static const struct {
		const char *kind, *pin, *proof_alg;
		enum vh_use use;
	} rows[] = {
		{ "RSA", NULL, "RS256", VH_USE_SIG },
		{ "RSA", "PS384", "PS384", VH_USE_SIG },
		{ "P-256", NULL, "ES256", VH_USE_SIG },
		{ "P-384", NULL, "ES384", VH_USE_SIG },
		{ "P-521", "ES512", "ES512", VH_USE_SIG },
		{ "ED25519", NULL, "EdDSA", VH_USE_SIG },
		{ "ED448", NULL, "EdDSA", VH_USE_SIG },
		{ "secp256k1", NULL, "ES256K", VH_USE_SIG },
		{ "RSA", NULL, NULL, VH_USE_ENC },
		{ "P-256", "ECDH-ES", NULL, VH_USE_ENC },
		{ "X25519", NULL, NULL, VH_USE_ENC },
		{ "X448", NULL, NULL, VH_USE_ENC },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		(void)rig_add(n->rig, rig_make(rows[i].kind), rows[i].use,
		    rows[i].pin == NULL ? NULL
					: alg_by_name(slice_text(rows[i].pin)));
	cr_assert_eq(begin(n, NULL), VH_OK);
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct key *key = store_at(n->rig->store, i);
		const json_t *entry = key_at(o, i);

		expect_jwk(json_object_get(entry, "jwk"), key);
		cr_expect_str_eq(text_of(entry, "state"),
		    rows[i].use == VH_USE_SIG ? "published" : "active");
		cr_expect_eq(json_object_size(entry),
		    rows[i].use == VH_USE_SIG ? 4 : 2);
		if (rows[i].use == VH_USE_SIG)
			expect_proof(entry, key, rows[i].proof_alg, WALL);
	}
}

Test(record, carries_name_and_allow_as_the_spec_has_them)
{
	AUTO(node_free) struct node *n = node_new();
	const struct key_terms terms = { .use = VH_USE_SIG,
		.name = slice_text("say \"hi\\\""),
		.allow = slice_text("app,uid:1001,b/uid:7") };
	struct key *key;

	cr_assert_eq(key_new(rig_make("P-256"), &terms, 1, &key, NULL), VH_OK);
	cr_assert_eq(store_add(n->rig->store, key), VH_OK);
	cr_assert_eq(begin(n, NULL), VH_OK);
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	cr_expect_str_eq(text_of(key_at(o, 0), "name"), "say \"hi\\\"");
	cr_expect_str_eq(text_of(key_at(o, 0), "allow"),
	    "app,uid:1001,b/uid:7");
}

/* Of a key with these ops, what its record says of them as JSON; static. */
static const char *
key_ops(enum vh_use use, uint32_t ops)
{
	static char text[256];
	AUTO(node_free) struct node *n = node_new();
	const struct key_terms terms = { .use = use, .ops = ops };
	struct key *key;

	cr_assert_eq(key_new(rig_make("P-256"), &terms, 1, &key, NULL), VH_OK);
	cr_assert_eq(store_add(n->rig->store, key), VH_OK);
	cr_assert_eq(begin(n, NULL), VH_OK);
	AUTO(opened_free) struct opened *o = record_after(n, 0);
	const json_t *list = json_object_get(key_at(o, 0), "key_ops");

	if (list == NULL)
		return NULL;
	size_t size = json_dumpb(list, text, sizeof text - 1, JSON_COMPACT);

	text[size] = '\0';
	return text;
}

Test(record, says_what_callers_may_do_if_that_is_not_everything)
{
	cr_expect_null(key_ops(VH_USE_SIG, 0));
	cr_expect_str_eq(key_ops(VH_USE_SIG, VH_KEY_SIGN), "[\"sign\"]");
	cr_expect_str_eq(key_ops(VH_USE_ENC, VH_KEY_DECRYPT | VH_KEY_ENCRYPT),
	    "[\"encrypt\",\"decrypt\"]");
}

Test(record, carries_the_rules_for_tokens)
{
	AUTO(node_free) struct node *n = node_new();
	const struct key_terms terms = { .use = VH_USE_SIG,
		.typs = slice_text("JWT,at+jwt"),
		.claims = slice_text("max_lifetime=1000;iss=say \"me\\\"") };
	struct key *key;

	cr_assert_eq(key_new(rig_make("P-256"), &terms, 1, &key, NULL), VH_OK);
	cr_assert_eq(store_add(n->rig->store, key), VH_OK);
	cr_assert_eq(begin(n, NULL), VH_OK);
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	cr_expect_str_eq(text_of(key_at(o, 0), "typ"), "JWT,at+jwt");
	cr_expect_str_eq(text_of(key_at(o, 0), "claims"),
	    "max_lifetime=1000;iss=say \"me\\\"");
}

Test(record, of_a_node_without_keys_is_a_record)
{
	AUTO(node_free) struct node *n = node_new();

	cr_assert_eq(begin(n, NULL), VH_OK);
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	cr_expect(json_is_array(json_object_get(o->payload, "keys")));
}

/* --- epoch and seq ---------------------------------------------------------
 */

Test(record, each_one_has_the_next_seq)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);

	for (uint64_t i = 1; i <= 5; i++)
		expect_stamp(n, 0, WALL, i);
}

Test(record, a_higher_epoch_seen_moves_its_own_past_that)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);

	expect_stamp(n, WALL - 1, WALL, 1);
	expect_stamp(n, WALL + 7, WALL + 8, 1);
	expect_stamp(n, WALL, WALL + 8, 2);
	expect_stamp(n, WALL + 9, WALL + 10, 1);
}

/* It was given out by a life before this one; once given out by this one, to
 * see it again says nothing. */
Test(record, its_own_epoch_seen_moves_it_only_before_the_first_record)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);

	expect_stamp(n, WALL, WALL + 1, 1);
	expect_stamp(n, WALL + 1, WALL + 1, 2);
}

Test(record, an_epoch_that_json_cannot_carry_is_refused)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	struct fields f;
	uint8_t seen[8];

	set_seen(n, seen, RECORD_EPOCH_MAX);
	cr_expect_eq(run(n, op_record, &f), VH_EFIELD);
	set_seen(n, seen, UINT64_MAX);
	cr_expect_eq(run(n, op_record, &f), VH_EFIELD);
	expect_stamp(n, 0, WALL, 1);
	expect_stamp(n, RECORD_EPOCH_MAX - 1, RECORD_EPOCH_MAX, 1);
}

Test(record, proofs_are_made_once_an_epoch)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	AUTO(opened_free) struct opened *one = record_after(n, 0);
	AUTO(opened_free) struct opened *two = record_after(n, 0);
	AUTO(opened_free) struct opened *moved = record_after(n, WALL + 41);

	/* ECDSA is random: the same text is the same signature. */
	cr_expect_str_eq(text_of(key_at(one, 0), "proof"),
	    text_of(key_at(two, 0), "proof"));
	cr_expect_str_neq(text_of(key_at(one, 0), "proof"),
	    text_of(key_at(moved, 0), "proof"));
	expect_proof(key_at(moved, 0), store_at(n->rig->store, 0), "ES256",
	    WALL + 42);
}

#define THREADS 4
#define ROUNDS  50

struct asker {
	struct node *node;
	uint64_t seq[ROUNDS]; /* 0: busy */
};

static void *
ask_often(void *arg)
{
	struct asker *a = arg;
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(buf_free) struct buf *answer = buf_new(VH_RECORD_MAX);
	struct fields f;

	for (size_t i = 0; i < ROUNDS; i++) {
		buf_clear(answer);
		enum vh_err err =
		    op_record(a->node->record, c, &a->node->ask->q, answer);

		if (err == VH_OK &&
		    fields_parse(buf_slice(answer), &f) == VH_OK)
			a->seq[i] = fields_u64(&f, VH_F_SEQ);
		else if (err != VH_EBUSY)
			a->seq[i] = UINT64_MAX;
	}
	return NULL;
}

Test(record, two_workers_never_give_out_one_seq_twice)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	static struct asker asker[THREADS]; /* large */
	bool given[THREADS * ROUNDS + 1] = { false };
	pthread_t thread[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		asker[i].node = n;
		cr_assert_eq(pthread_create(&thread[i], NULL, ask_often,
				 &asker[i]),
		    0);
	}
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(thread[i], NULL); /* it is ours */
	for (size_t i = 0; i < THREADS * ROUNDS; i++) {
		uint64_t seq = asker[i / ROUNDS].seq[i % ROUNDS];

		cr_assert_leq(seq, THREADS * ROUNDS);
		cr_expect_not(given[seq] && seq != 0, "%" PRIu64, seq);
		given[seq] = true;
	}
	cr_expect(given[1]);
}

/* --- states ----------------------------------------------------------------
 */

static enum vh_err
sign(struct node *n, size_t i, const char *data)
{
	const struct key *key = store_at(n->rig->store, i);
	const struct alg *alg = NULL;
	struct fields f;

	for (size_t k = 0; alg == NULL; k++)
		if (key_check_alg(key, alg_at(k)) == VH_OK)
			alg = alg_at(k);
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg);

	ask_set(a, VH_F_DATA, slice_text(data));
	return rig_run(n->rig, op_sign, a, &f);
}

static enum vh_err
announce(struct node *n, const char *kid, uint32_t *count)
{
	struct fields f;

	if (kid != NULL)
		ask_set(n->ask, VH_F_KID, slice_text(kid));
	enum vh_err err = run(n, op_announce, &f);

	*count = err == VH_OK ? fields_u32(&f, VH_F_COUNT) : 0;
	ask_drop(n->ask, VH_F_KID);
	return err;
}

/* The active keys once (epoch, seq) is said to be safe. */
static uint32_t
safe(struct node *n, uint64_t epoch, uint64_t seq)
{
	uint8_t numbers[2][8];
	struct fields f;

	set_seen(n, numbers[0], epoch);
	for (size_t i = 0; i < 8; i++)
		numbers[1][i] = (uint8_t)(seq >> (56 - 8 * i));
	ask_set(n->ask, VH_F_SEQ, slice_of(numbers[1], 8));
	cr_assert_eq(run(n, op_activate, &f), VH_OK);
	ask_drop(n->ask, VH_F_EPOCH);
	ask_drop(n->ask, VH_F_SEQ);
	return fields_u32(&f, VH_F_COUNT);
}

/* The whole way: announced, shown, safe. */
static enum vh_err
activate(struct node *n, const char *kid, uint32_t *count)
{
	TRY(announce(n, kid, count));
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	*count = safe(n, number_of(o->payload, "epoch"),
	    number_of(o->payload, "seq"));
	return VH_OK;
}

Test(record, a_key_does_not_sign_before_a_record_has_shown_it_active)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	uint32_t count;

	AUTO(opened_free) struct opened *before = record_after(n, 0);
	cr_expect_eq(safe(n, UINT64_MAX, UINT64_MAX), 0);
	cr_assert_eq(announce(n, NULL, &count), VH_OK);
	cr_expect_eq(count, 1);
	cr_expect_eq(safe(n, UINT64_MAX, UINT64_MAX), 0);
	cr_expect_eq(sign(n, 0, "x"), VH_EINACTIVE);
	AUTO(opened_free) struct opened *shown = record_after(n, 0);

	cr_expect_str_eq(text_of(key_at(shown, 0), "state"), "active");
	cr_expect_eq(sign(n, 0, "x"), VH_EINACTIVE);
	cr_expect_eq(safe(n, WALL, 1), 0);
	cr_expect_eq(safe(n, WALL - 1, 7), 0);
	cr_expect_eq(sign(n, 0, "x"), VH_EINACTIVE);
	cr_expect_eq(safe(n, WALL, 2), 1);
	cr_expect_eq(sign(n, 0, "x"), VH_OK);
}

Test(record, a_key_announced_after_a_record_waits_for_the_next)
{
	AUTO(node_free) struct node *n = node_new();
	uint32_t count;

	(void)rig_add(n->rig, rig_make("P-256"), VH_USE_SIG, NULL);
	(void)rig_add(n->rig, rig_make("P-256"), VH_USE_SIG, NULL);
	cr_assert_eq(begin(n, NULL), VH_OK);
	cr_assert_eq(announce(n, kid_at(n, 0), &count), VH_OK);
	AUTO(opened_free) struct opened *first = record_after(n, 0);

	cr_assert_eq(announce(n, kid_at(n, 1), &count), VH_OK);
	cr_expect_eq(count, 2);
	AUTO(opened_free) struct opened *second = record_after(n, 0);

	cr_expect_eq(safe(n, WALL, 1), 1);
	cr_expect_eq(sign(n, 0, "x"), VH_OK);
	cr_expect_eq(sign(n, 1, "x"), VH_EINACTIVE);
	cr_expect_eq(safe(n, WALL, 2), 2);
	cr_expect_eq(sign(n, 1, "x"), VH_OK);
}

Test(record, what_an_earlier_epoch_has_shown_is_shown)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	uint32_t count;

	cr_assert_eq(announce(n, NULL, &count), VH_OK);
	AUTO(opened_free) struct opened *first = record_after(n, 0);
	AUTO(opened_free) struct opened *moved = record_after(n, WALL + 5);

	cr_expect_eq(number_of(moved->payload, "epoch"), WALL + 6);
	cr_expect_str_eq(text_of(key_at(moved, 0), "state"), "active");
	cr_expect_eq(safe(n, WALL + 6, 1), 1);
	cr_expect_eq(sign(n, 0, "x"), VH_OK);
}

Test(record, the_answer_names_the_keys_that_do_not_sign_yet)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	struct fields f;
	uint32_t count;

	cr_assert_eq(run(n, op_record, &f), VH_OK);
	cr_expect_not(fields_have(&f, VH_F_ANNOUNCED));
	cr_assert_eq(announce(n, NULL, &count), VH_OK);
	cr_assert_eq(run(n, op_record, &f), VH_OK);
	cr_expect(slice_is(f.at[VH_F_ANNOUNCED], kid_at(n, 0)));
	cr_expect_eq(safe(n, WALL, 2), 1);
	cr_assert_eq(run(n, op_record, &f), VH_OK);
	cr_expect_not(fields_have(&f, VH_F_ANNOUNCED));
}

Test(record, a_key_signs_once_it_is_active)
{
	AUTO(node_free) struct node *n = node_new();
	uint32_t count;

	(void)rig_add(n->rig, rig_make("P-256"), VH_USE_SIG, NULL);
	(void)rig_add(n->rig, rig_make("ED25519"), VH_USE_SIG, NULL);
	(void)rig_add(n->rig, rig_make("X25519"), VH_USE_ENC, NULL);
	cr_expect_eq(sign(n, 0, "x"), VH_OK);
	cr_assert_eq(begin(n, NULL), VH_OK);
	cr_expect_eq(sign(n, 0, "x"), VH_EINACTIVE);
	cr_expect_eq(sign(n, 1, "x"), VH_EINACTIVE);
	cr_expect_eq(activate(n, kid_at(n, 1), &count), VH_OK);
	cr_expect_eq(count, 2);
	cr_expect_eq(activate(n, kid_at(n, 1), &count), VH_OK);
	cr_expect_eq(count, 2);
	cr_expect_eq(sign(n, 0, "x"), VH_EINACTIVE);
	cr_expect_eq(sign(n, 1, "x"), VH_OK);
	cr_expect_eq(activate(n, NULL, &count), VH_OK);
	cr_expect_eq(count, 3);
	cr_expect_eq(sign(n, 0, "x"), VH_OK);
}

Test(record, says_which_keys_are_active)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	AUTO(opened_free) struct opened *before = record_after(n, 0);
	uint32_t count;

	cr_expect_str_eq(text_of(key_at(before, 0), "state"), "published");
	cr_assert_eq(activate(n, NULL, &count), VH_OK);
	AUTO(opened_free) struct opened *after = record_after(n, 0);

	cr_expect_str_eq(text_of(key_at(after, 0), "state"), "active");
}

Test(record, a_key_of_nobody_is_not_activated)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	uint32_t count;

	cr_expect_eq(activate(n, "nobody", &count), VH_ENOKEY);
	cr_expect_eq(activate(n, "", &count), VH_ENOKEY);
	AUTO(identity_free) struct identity *id = seat_hold(n->seat);

	cr_expect_eq(activate(n, id->key->kid, &count), VH_ENOKEY);
	cr_expect_eq(sign(n, 0, "x"), VH_EINACTIVE);
}

Test(record, nobody_gets_a_proof_signed)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	uint32_t count;

	cr_assert_eq(activate(n, NULL, &count), VH_OK);
	cr_expect_eq(sign(n, 0, "vhsm-proof|b.example|1|x"), VH_EFIELD);
	cr_expect_eq(sign(n, 0, "vhsm-proof|"), VH_EFIELD);
	cr_expect_eq(sign(n, 0, "vhsm-proof"), VH_OK);
	cr_expect_eq(sign(n, 0, ""), VH_OK);
}

/* --- what cannot begin -----------------------------------------------------
 */

static void
expect_refused(struct node *n, enum vh_err err, const char *says)
{
	AUTO(buf_free) struct buf *why = buf_new(1000);

	cr_expect_eq(begin(n, why), err, "%s", says);
	cr_expect_null(n->record);
	buf_put_u8(why, 0);
	cr_expect_not_null(strstr((const char *)why->p, says), "\"%s\"",
	    (const char *)why->p);
}

Test(record, the_record_key_is_not_a_key_of_the_spec)
{
	AUTO(node_free) struct node *n = node_new();

	AUTO(identity_free) struct identity *id = seat_hold(n->seat);

	EVP_PKEY_up_ref(id->key->pkey);
	(void)rig_add(n->rig, id->key->pkey, VH_USE_SIG, NULL);
	expect_refused(n, VH_EDUPLICATE, "a key of its own");
}

Test(record, names_and_principals_are_plain)
{
	static const struct key_terms rows[] = {
		{ .use = VH_USE_SIG, .name = { (const uint8_t *)"a\n", 2 } },
		{ .use = VH_USE_SIG, .allow = { (const uint8_t *)"\x80", 1 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(node_free) struct node *n = node_new();
		struct key *key;

		cr_assert_eq(key_new(rig_make("P-256"), &rows[i], 1, &key,
				 NULL),
		    VH_OK);
		cr_assert_eq(store_add(n->rig->store, key), VH_OK);
		expect_refused(n, VH_EFIELD, "printable ASCII");
	}
}

static void
add_many(struct node *n, size_t count, const char *allow)
{
	const struct key_terms terms = { .use = VH_USE_SIG,
		.allow = slice_text(allow) };

	for (size_t i = 0; i < count; i++) {
		struct key *key;

		cr_assert_eq(key_new(rig_make("ED25519"), &terms, 1, &key,
				 NULL),
		    VH_OK);
		cr_assert_eq(store_add(n->rig->store, key), VH_OK);
	}
}

Test(record, holds_4096_keys_and_no_more)
{
	AUTO(node_free) struct node *n = node_new();
	AUTO(node_free) struct node *more = node_new();

	add_many(n, 4096, "uid:1001");
	cr_assert_eq(begin(n, NULL), VH_OK);
	AUTO(opened_free) struct opened *o = record_after(n, 0);

	cr_expect_eq(json_array_size(json_object_get(o->payload, "keys")),
	    4096);
	expect_proof(key_at(o, 4095), store_at(n->rig->store, 4095), "EdDSA",
	    WALL);
	add_many(more, 4097, NULL);
	expect_refused(more, VH_ETOOBIG, "at most 4096");
}

Test(record, too_many_bytes_are_refused_at_the_start)
{
	AUTO(node_free) struct node *n = node_new();
	char allow[4001];

	memset(allow, 'a', sizeof allow - 1);
	allow[sizeof allow - 1] = '\0';
	add_many(n, 1600, allow);
	expect_refused(n, VH_ETOOBIG, "1600 keys");
}

/* --- hellos and tombstones -------------------------------------------------
 */

Test(record, a_hello_answers_a_nonce_for_an_audience)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	static const uint8_t nonce[32] = { 1, 2, 3 };
	AUTO(buf_free) struct buf *want = buf_new(64);
	struct fields f;
	uint64_t before = clock_wall().ms;

	ask_set(n->ask, VH_F_NONCE, slice_of(nonce, sizeof nonce));
	ask_set(n->ask, VH_F_AUDIENCE, slice_text("b.example"));
	cr_assert_eq(run(n, op_hello, &f), VH_OK);
	AUTO(opened_free) struct opened *o = open_jws(f.at[VH_F_HELLO]);

	b64_put(want, slice_of(nonce, sizeof nonce));
	buf_put_u8(want, 0);
	cr_expect_str_eq(text_of(o->header, "typ"), "vhsm-hello");
	cr_expect_eq(json_object_size(o->payload), 4);
	cr_expect_str_eq(text_of(o->payload, "node"), NODE);
	cr_expect_str_eq(text_of(o->payload, "aud"), "b.example");
	cr_expect_str_eq(text_of(o->payload, "nonce"), (const char *)want->p);
	cr_expect_geq(number_of(o->payload, "iat"), before);
}

Test(record, a_hello_needs_a_real_nonce_and_a_plain_audience)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	static const uint8_t nonce[64];
	struct fields f;

	ask_set(n->ask, VH_F_AUDIENCE, slice_text("b"));
	ask_set(n->ask, VH_F_NONCE, slice_of(nonce, RECORD_NONCE_MIN - 1));
	cr_expect_eq(run(n, op_hello, &f), VH_EFIELD);
	ask_set(n->ask, VH_F_NONCE, slice_of(nonce, RECORD_NONCE_MIN));
	cr_expect_eq(run(n, op_hello, &f), VH_OK);
	ask_set(n->ask, VH_F_NONCE, slice_of(nonce, sizeof nonce));
	cr_expect_eq(run(n, op_hello, &f), VH_OK);
	ask_set(n->ask, VH_F_AUDIENCE, slice_text(""));
	cr_expect_eq(run(n, op_hello, &f), VH_EFIELD);
	ask_set(n->ask, VH_F_AUDIENCE, slice_text("b\n"));
	cr_expect_eq(run(n, op_hello, &f), VH_EFIELD);
}

Test(record, a_tombstone_names_any_plain_kid)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	char longest[257];
	const char *const kids[] = { "kid-of-2019", "a\"},\"node\":\"b", "\\",
		longest };
	struct fields f;

	memset(longest, '"', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(kids); i++) {
		ask_set(n->ask, VH_F_KID, slice_text(kids[i]));
		cr_assert_eq(run(n, op_revoke, &f), VH_OK);
		AUTO(opened_free)
		struct opened *o = open_jws(f.at[VH_F_TOMBSTONE]);

		cr_expect_str_eq(text_of(o->header, "typ"), "vhsm-tombstone");
		cr_expect_eq(json_object_size(o->payload), 3);
		cr_expect_str_eq(text_of(o->payload, "kid"), kids[i]);
		cr_expect_str_eq(text_of(o->payload, "node"), NODE);
		cr_expect_gt(number_of(o->payload, "iat"), 0);
	}
	ask_set(n->ask, VH_F_KID, slice_text(""));
	cr_expect_eq(run(n, op_revoke, &f), VH_EFIELD);
	ask_set(n->ask, VH_F_KID, slice_text("\xc3\xa4"));
	cr_expect_eq(run(n, op_revoke, &f), VH_EFIELD);
}

/* --- another record key ------------------------------------------------------
 */

static bool
is_signed_by(const struct opened *o, const struct identity *id)
{
	return EVP_PKEY_eq(X509_get0_pubkey(o->certificate), id->key->pkey) ==
	       1;
}

Test(record, the_next_one_is_signed_by_the_key_that_is_in_force)
{
	AUTO(node_free) struct node *n = node_with("P-256", VH_USE_SIG);
	AUTO(opened_free) struct opened *before = record_after(n, 0);
	AUTO(identity_free) struct identity *old = seat_hold(n->seat);

	seat_put(n->seat, make_identity(n->rig->crypto));
	AUTO(identity_free) struct identity *now = seat_hold(n->seat);
	AUTO(opened_free) struct opened *after = record_after(n, 0);

	cr_expect(is_signed_by(before, old));
	cr_expect(is_signed_by(after, now));
	cr_expect_eq(number_of(after->payload, "epoch"), WALL);
	cr_expect_eq(number_of(after->payload, "seq"), 2);
	/* The proof is of the node, not of its record key. */
	cr_expect_str_eq(text_of(key_at(after, 0), "proof"),
	    text_of(key_at(before, 0), "proof"));
}

Test(record, a_key_of_the_store_is_not_admitted_as_the_record_key)
{
	AUTO(node_free) struct node *n = node_with("X25519", VH_USE_ENC);
	AUTO(identity_free) struct identity *id = make_identity(n->rig->crypto);
	AUTO(buf_free) struct buf *why = buf_new(1000);

	cr_expect_eq(record_admit_identity(n->record, id, why), VH_OK);
	EVP_PKEY_up_ref(id->key->pkey);
	(void)rig_add(n->rig, id->key->pkey, VH_USE_SIG, NULL);
	cr_expect_eq(record_admit_identity(n->record, id, why), VH_EDUPLICATE);
}
