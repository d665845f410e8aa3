/* Requests that other nodes are asked to do. */
#include "front/forward.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "cluster.h"
#include "front/loop.h"

static const struct key_says sig = { VH_USE_SIG, 0, "k", NULL };
static const struct key_says enc = { VH_USE_ENC, 0, NULL, NULL };

struct stage {
	struct cluster *c;
	struct client *k;
};

/* Own: P-256.  Of others: Ed25519 and an X25519, with holders. */
static struct stage
stage_with(const struct key_says *says, const char *holders)
{
	struct directory *d = directory_new();
	struct stage s;

	key_add(d, KEY_P256, &sig);
	directory_close(d);
	s.c = cluster_new(d);
	cluster_list(s.c, KEY_P256, &sig, VH_KEY_ACTIVE, "a");
	cluster_list(s.c, KEY_ED25519, says, VH_KEY_ACTIVE, holders);
	cluster_list(s.c, KEY_X25519, &enc, VH_KEY_ACTIVE, holders);
	cluster_tell(s.c);
	/* Peer came long ago. */
	cluster_age(s.c, 10000);
	cr_assert_null(cluster_next(s.c));
	s.k = client_new(s.c->w, 0);
	return s;
}

static struct stage
stage_new(const char *holders)
{
	return stage_with(&sig, holders);
}

static void
stage_end(struct stage *s)
{
	struct front *f = s->c->w->front;

	cr_expect_eq(pendings_count(f->pendings), 0);
	cr_expect_eq(forwards_count(f->forwards), 0);
	cr_expect_eq(f->work, 0);
	client_free(s->k);
	cluster_free(s->c);
}

static struct question *
sign(struct stage *s)
{
	client_sign(s->k, 1, "hello");
	return cluster_next(s->c);
}

static enum vh_err
answer(struct stage *s)
{
	world_turn(s->c->w);
	cr_assert(client_read(s->k));
	return s->k->f.err;
}

static struct slice
got(const struct stage *s, enum vh_tag tag)
{
	return s->k->f.f.at[tag];
}

static bool
has_text(struct slice in, const char *text)
{
	return memmem(in.p, in.len, text, strlen(text)) != NULL;
}

static uint64_t
counted(const struct stage *s, enum count which)
{
	return s->c->w->shared->counts[which];
}

Test(forward, a_signature_comes_from_the_node_that_has_the_key)
{
	struct stage s = stage_new("b");
	AUTO(question_free) struct question *q = sign(&s);
	AUTO(buf_free) struct buf *want = buf_new(1000);
	char principals[64];

	cr_assert(question_is_for(q, "b"));
	cr_expect_eq(q->inner.op, VH_OP_SIGN);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	cr_expect(slice_is(q->inner.f.at[VH_F_ALG], "EdDSA"));
	cr_expect(slice_is(q->inner.f.at[VH_F_DATA], "hello"));
	cr_expect_gt(q->f.deadline_ms, 0);
	cr_expect_eq(q->f.f.at[VH_F_RID].len, 16);
	(void)snprintf(principals, sizeof principals, "uid:%u,app", getuid());
	cr_expect(slice_is(q->f.f.at[VH_F_PRINCIPALS], principals));
	cr_expect_not(client_read(s.k));
	node_signs(s.c, q, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	put_token(want, key_kid(KEY_ED25519), "EdDSA", "hello");
	cr_expect(slice_eq(got(&s, VH_F_TOKEN), buf_slice(want)));
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_ED25519)));
	cr_expect(slice_is(got(&s, VH_F_ALG), "EdDSA"));
	cr_expect(has_text(got(&s, VH_F_JWK), "\"OKP\""),
	    "the key is the list's, not what the node says");
	cr_expect_eq(counted(&s, COUNT_FORWARDS_OK), 1);
	stage_end(&s);
}

Test(forward, what_this_node_can_do_goes_nowhere)
{
	struct stage s = stage_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);
	struct frame q;

	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	cr_expect_null(cluster_next(s.c));
	cr_assert(vault_next(s.c->w, &q));
	cr_expect_eq(q.op, VH_OP_VSIGN);
	vault_answer(s.c->w, q.id, q.op, VH_OK);
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, an_inactive_own_key_leaves_the_work_to_others)
{
	struct stage s = stage_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	cluster_clear(s.c);
	cluster_list(s.c, KEY_P256, &sig, VH_KEY_PUBLISHED, "a");
	cluster_list(s.c, KEY_ED25519, &sig, VH_KEY_ACTIVE, "b");
	cluster_tell(s.c);
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(s.k, 1, b);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	node_signs(s.c, q, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, a_key_that_is_published_only_says_so)
{
	struct stage s = stage_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	cluster_clear(s.c);
	cluster_list(s.c, KEY_P256, &sig, VH_KEY_PUBLISHED, "a");
	cluster_list(s.c, KEY_RSA, &sig, VH_KEY_PUBLISHED, "b");
	cluster_tell(s.c);
	frame_put_text(b, VH_F_ALG, "ES256");
	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	cr_expect_eq(answer(&s), VH_EINACTIVE);
	b = client_ask(VH_OP_SIGN, 1, 0);
	frame_put_text(b, VH_F_ALG, "RS256");
	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	cr_expect_eq(answer(&s), VH_EINACTIVE);
	stage_end(&s);
}

Test(forward, a_plaintext_comes_from_the_node_that_has_the_key)
{
	struct stage s = stage_new("b");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	cr_expect_eq(q->inner.op, VH_OP_DECRYPT);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_X25519)));
	cr_expect(fields_have(&q->inner.f, VH_F_TOKEN));
	node_decrypts(s.c, q, "plain");
	cr_expect_eq(answer(&s), VH_OK);
	cr_expect(slice_is(got(&s, VH_F_DATA), "plain"));
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_X25519)));
	cr_expect(has_text(got(&s, VH_F_HEADER), "\"epk\""), "the token's own");
	stage_end(&s);
}

Test(forward, a_token_without_kid_is_shown_to_nobody_else)
{
	struct stage s = stage_new("b");

	client_send(s.k, 1, ask_decrypt(NULL));
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(answer(&s), VH_ENOKEY);
	stage_end(&s);
}

Test(forward, a_failure_to_decrypt_is_the_answer)
{
	struct stage s = stage_new("b,c");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	node_refuses(s.c, q, VH_EDECRYPT);
	cr_expect_eq(answer(&s), VH_EDECRYPT);
	cr_expect(has_text(got(&s, VH_F_WHY), ": because"), "on one line");
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(counted(&s, COUNT_FORWARDS_REFUSED), 1);
	stage_end(&s);
}

/* --- the next holder ------------------------------------------------------ */

Test(forward, when_a_node_cannot_the_next_holder_is_asked)
{
	static const enum vh_err errors[] = { VH_EBUSY, VH_EDRAINING, VH_ENOKEY,
		VH_EINACTIVE, VH_EINTERNAL };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct stage s = stage_new("b,c");
		AUTO(question_free) struct question *q = sign(&s);
		bool first_is_b = question_is_for(q, "b");

		node_refuses(s.c, q, errors[i]);
		cr_expect_not(client_read(s.k));
		AUTO(question_free) struct question *r = cluster_next(s.c);

		cr_assert(question_is_for(r, first_is_b ? "c" : "b"));
		node_signs(s.c, r, "hello");
		cr_expect_eq(answer(&s), VH_OK);
		stage_end(&s);
	}
}

/* Its rules are its own: another holder may have others. */
Test(forward, what_one_holders_policy_refuses_another_may_do)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);
	bool first_is_b = question_is_for(q, "b");

	node_refuses(s.c, q, VH_EPOLICY);
	cr_expect_not(client_read(s.k));
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, first_is_b ? "c" : "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, what_every_holders_policy_refuses_is_refused_in_its_words)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);

	node_refuses(s.c, q, VH_EPOLICY);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	node_refuses(s.c, r, VH_EPOLICY);
	cr_expect_eq(answer(&s), VH_EPOLICY);
	cr_expect(has_text(got(&s, VH_F_WHY), ": because"));
	cr_expect_eq(counted(&s, COUNT_FORWARDS_REFUSED), 1);
	stage_end(&s);
}

/* Own: P-256.  Of b: Ed25519 and an X25519, which callers may use for nothing
 * but that. */
static struct stage
stage_with_ops(uint32_t sig_ops, uint32_t enc_ops)
{
	struct stage s = stage_new("b");
	struct buf *of_sig = buf_new(64), *of_enc = buf_new(64);

	frame_put_u32(of_sig, VH_F_OPS, sig_ops);
	frame_put_u32(of_enc, VH_F_OPS, enc_ops);
	cluster_clear(s.c);
	cluster_list(s.c, KEY_P256, &sig, VH_KEY_ACTIVE, "a");
	cluster_list_with(s.c, KEY_ED25519, &sig, VH_KEY_ACTIVE, "b", of_sig);
	cluster_list_with(s.c, KEY_X25519, &enc, VH_KEY_ACTIVE, "b", of_enc);
	cluster_tell(s.c);
	cr_assert_null(cluster_next(s.c));
	return s;
}

static enum vh_err
ask_here(struct stage *s, struct buf *b)
{
	client_send(s->k, 1, b);
	cr_expect_null(cluster_next(s->c), "nobody is asked");
	return answer(s);
}

static struct buf *
ask_sign(const char *kid)
{
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put_text(b, VH_F_DATA, "x");
	if (kid == NULL)
		frame_put_text(b, VH_F_ALG, "EdDSA");
	else
		frame_put_text(b, VH_F_KID, kid);
	return b;
}

static struct buf *
ask_encrypt(void)
{
	struct buf *b = client_ask(VH_OP_ENCRYPT, 1, 0);

	frame_put_text(b, VH_F_DATA, "x");
	frame_put_text(b, VH_F_ALG, "ECDH-ES");
	frame_put_text(b, VH_F_ENC, "A128GCM");
	frame_put_text(b, VH_F_KID, key_kid(KEY_X25519));
	return b;
}

Test(forward, a_node_is_not_asked_for_what_it_would_refuse)
{
	struct stage s = stage_with_ops(VH_KEY_VERIFY, VH_KEY_ENCRYPT);

	cr_expect_eq(ask_here(&s, ask_sign(key_kid(KEY_ED25519))), VH_EPOLICY);
	cr_expect(has_text(got(&s, VH_F_WHY), "ops of the key spec"));
	cr_expect_eq(ask_here(&s, ask_sign(NULL)), VH_ENOKEY);
	cr_expect_eq(ask_here(&s, ask_decrypt(key_kid(KEY_X25519))),
	    VH_EPOLICY);
	cr_expect(has_text(got(&s, VH_F_WHY), "ops of the key spec"));
	stage_end(&s);
}

Test(forward, nobody_encrypts_to_a_key_that_is_for_opening_alone)
{
	struct stage s = stage_with_ops(VH_KEY_SIGN, VH_KEY_DECRYPT);

	cr_expect_eq(ask_here(&s, ask_encrypt()), VH_EPOLICY);
	cr_expect(has_text(got(&s, VH_F_WHY), "ops of the key spec"));
	stage_end(&s);
}

Test(forward, a_node_that_drains_is_asked_only_when_there_is_no_other)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);
	bool first_is_b = question_is_for(q, "b");

	node_refuses(s.c, q, VH_EDRAINING);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, first_is_b ? "c" : "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	for (int i = 0; i < 10; i++) {
		AUTO(question_free) struct question *later = sign(&s);

		cr_assert(question_is_for(later, first_is_b ? "c" : "b"));
		node_signs(s.c, later, "hello");
		cr_expect_eq(answer(&s), VH_OK);
	}
	AUTO(question_free) struct question *last = sign(&s);

	node_refuses(s.c, last, VH_EBUSY);
	AUTO(question_free) struct question *all_the_same = cluster_next(s.c);

	cr_assert(question_is_for(all_the_same, first_is_b ? "b" : "c"));
	node_signs(s.c, all_the_same, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, a_node_that_is_lost_is_followed_and_then_avoided)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);
	const char *lost = question_is_for(q, "b") ? "b" : "c";
	const char *other = question_is_for(q, "b") ? "c" : "b";

	peer_fails(s.c, q, VH_ELOST);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, other));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	for (int i = 0; i < 10; i++) {
		AUTO(question_free) struct question *later = sign(&s);

		cr_assert(question_is_for(later, other), "not %s", lost);
		node_signs(s.c, later, "hello");
		cr_expect_eq(answer(&s), VH_OK);
	}
	stage_end(&s);
}

Test(forward, a_lost_node_is_asked_when_it_is_the_only_one)
{
	struct stage s = stage_new("b");
	AUTO(question_free) struct question *q = sign(&s);

	peer_fails(s.c, q, VH_ELOST);
	cr_expect_eq(answer(&s), VH_ELOST);
	cr_expect(has_text(got(&s, VH_F_WHY), "asked b"));
	AUTO(question_free) struct question *r = sign(&s);

	cr_assert(question_is_for(r, "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	cr_expect_eq(counted(&s, COUNT_FORWARDS_LOST), 1);
	cr_expect_eq(counted(&s, COUNT_TRIES), 2);
	stage_end(&s);
}

Test(forward, when_all_holders_fail_another_key_does_it)
{
	struct stage s = stage_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	cluster_list(s.c, KEY_RSA, &sig, VH_KEY_ACTIVE, "c");
	cluster_tell(s.c);
	frame_put_text(b, VH_F_ALG, "EdDSA,RS256");
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(s.k, 1, b);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	peer_fails(s.c, q, VH_ELOST);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, "c"));
	cr_expect(slice_is(r->inner.f.at[VH_F_ALG], "RS256"));
	cr_expect(slice_eq(q->f.f.at[VH_F_RID], r->f.f.at[VH_F_RID]));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, when_all_are_busy_the_caller_hears_busy)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);

	peer_fails(s.c, q, VH_ELOST);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	node_refuses(s.c, r, VH_EBUSY);
	cr_expect_eq(answer(&s), VH_EBUSY);
	cr_expect_eq(counted(&s, COUNT_FORWARDS_BUSY), 1);
	stage_end(&s);
}

Test(forward, the_less_loaded_of_two_is_asked)
{
	struct stage s = stage_new("b=9,c=1");

	for (int i = 0; i < 5; i++) {
		AUTO(question_free) struct question *q = sign(&s);

		cr_assert(question_is_for(q, "c"));
		node_signs(s.c, q, "hello");
		cr_expect_eq(answer(&s), VH_OK);
	}
	cluster_member(s.c, "a", "alive", 0, 1);
	cluster_member(s.c, "b", "alive", 0, 1);
	cluster_member(s.c, "c", "alive", 50, 1);
	cluster_age(s.c, 2000);
	cr_assert_null(cluster_next(s.c));
	AUTO(question_free) struct question *q = sign(&s);

	cr_assert(question_is_for(q, "b"), "status says what has changed");
	node_signs(s.c, q, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

/* --- silence -------------------------------------------------------------- */

Test(forward, a_silent_node_costs_one_short_wait_and_others_nothing)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);
	const char *other = question_is_for(q, "b") ? "c" : "b";

	cluster_age(s.c, FORWARD_NEXT_MS - 50);
	cr_assert_null(cluster_next(s.c));
	cluster_age(s.c, 50);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, other));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	AUTO(question_free) struct question *later = sign(&s);

	cr_assert(question_is_for(later, other));
	node_signs(s.c, later, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	node_signs(s.c, q, "hello");
	cr_expect_not(client_read(s.k), "one answer each");
	cr_expect_eq(counted(&s, COUNT_LATE), 1);
	stage_end(&s);
}

Test(forward, an_answer_that_comes_late_still_counts)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);

	cluster_age(s.c, FORWARD_NEXT_MS);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	node_signs(s.c, q, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, when_all_are_silent_the_caller_waits_less_than_a_second)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);

	cr_assert_not_null(q);
	cluster_age(s.c, FORWARD_NEXT_MS);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	for (uint64_t ms = FORWARD_NEXT_MS; ms + 50 < FORWARD_LOST_MS;
	     ms += 50) {
		cr_expect_not(client_read(s.k));
		cluster_age(s.c, 50);
		cr_assert_null(cluster_next(s.c));
	}
	cluster_age(s.c, 200);
	cr_expect_eq(answer(&s), VH_ELOST);
	cr_expect(has_text(got(&s, VH_F_WHY), "asked "));
	stage_end(&s);
}

/* Another request comes and is answered. */
static void
other_is_signed(struct stage *s)
{
	client_sign(s->k, 2, "other");
	AUTO(question_free) struct question *r = cluster_next(s->c);

	cr_assert_not_null(r);
	node_signs(s->c, r, "other");
	cr_expect_eq(answer(s), VH_OK);
}

/* Answers to others show that it is alive. */
Test(forward, a_node_that_is_merely_slow_is_waited_for)
{
	struct stage s = stage_new("b");
	AUTO(question_free) struct question *q = sign(&s);

	for (int i = 0; i < 20; i++) {
		cluster_age(s.c, 100);
		other_is_signed(&s);
	}
	cr_expect_not(client_read(s.k));
	node_signs(s.c, q, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, a_node_that_stops_after_an_answer_costs_less_than_a_second)
{
	struct stage s = stage_new("b");
	AUTO(question_free) struct question *q = sign(&s);

	cr_assert_not_null(q);
	cluster_age(s.c, 100);
	other_is_signed(&s);
	for (uint64_t ms = 100; ms + 50 < FORWARD_LOST_MS; ms += 50) {
		cr_expect_not(client_read(s.k));
		cluster_age(s.c, 50);
	}
	cluster_age(s.c, 100);
	cr_expect_eq(answer(&s), VH_ELOST);
	cr_expect(has_text(got(&s, VH_F_WHY), "asked b"));
	stage_end(&s);
}

Test(forward, the_callers_own_deadline_holds)
{
	struct stage s = stage_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 30);

	frame_put_text(b, VH_F_ALG, "EdDSA");
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(s.k, 1, b);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	cr_expect_leq(q->f.deadline_ms, 30);
	cr_expect_leq(q->inner.deadline_ms, 30);
	while (pendings_count(s.c->w->front->pendings) > 0)
		loop_round(s.c->w->front, -1);
	cr_assert(client_read(s.k));
	cr_expect_eq(s.k->f.err, VH_EDEADLINE);
	stage_end(&s);
}

/* --- what nodes may not say ----------------------------------------------- */

Test(forward, a_token_that_was_not_asked_for_reaches_nobody)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);

	node_signs(s.c, q, "something else");
	cr_expect_not(client_read(s.k));
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	node_signs(s.c, r, "something else");
	cr_expect_eq(answer(&s), VH_EINTERNAL);
	stage_end(&s);
}

Test(forward, an_answer_to_another_question_is_none)
{
	struct stage s = stage_new("b");
	AUTO(question_free) struct question *q = sign(&s);

	q->inner.op = VH_OP_DECRYPT;
	node_decrypts(s.c, q, "plain");
	cr_expect_eq(answer(&s), VH_EINTERNAL);
	stage_end(&s);
}

/* Ids that stand for what the vault, or nobody, was asked. */
Test(forward, peer_cannot_answer_for_the_vault)
{
	struct stage s = stage_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);
	AUTO(buf_free) struct buf *forged = buf_new(1000);
	struct frame q;

	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	world_turn(s.c->w);
	cr_assert(vault_next(s.c->w, &q));
	frame_put_error(forged, VH_OP_PSTATUS, q.id, VH_OK, NULL);
	frame_put_error(forged, VH_OP_PFORWARD, q.id, VH_OK, NULL);
	frame_put_error(forged, VH_OP_PREVOKE, q.id, VH_OK, NULL);
	cr_assert_eq(link_send(s.c->peer, buf_slice(forged), -1), VH_OK);
	world_turn(s.c->w);
	cr_expect_not(client_read(s.k));
	vault_answer(s.c->w, q.id, q.op, VH_OK);
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

/* --- who may -------------------------------------------------------------- */

Test(forward, allow_is_asked_before_anybody_else_is)
{
	static const struct {
		const char *allow;
		bool in;
	} rows[] = { { "app", true }, { "a/app", true }, { "web", false },
		{ "b/app", false } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct key_says says = { VH_USE_SIG, 0, NULL,
			rows[i].allow };
		struct stage s = stage_with(&says, "b");
		AUTO(question_free) struct question *q = sign(&s);

		cr_expect_eq(q != NULL, rows[i].in, "%s", rows[i].allow);
		if (q != NULL)
			node_signs(s.c, q, "hello");
		cr_expect_eq(answer(&s), rows[i].in ? VH_OK : VH_ENOKEY);
		stage_end(&s);
	}
}

Test(forward, a_uid_of_the_holder_is_not_one_of_ours)
{
	char uid[32];
	const struct key_says says = { VH_USE_SIG, 0, NULL, uid };

	(void)snprintf(uid, sizeof uid, "uid:%u", getuid());
	struct stage s = stage_with(&says, "b");

	cr_expect_null(sign(&s));
	cr_expect_eq(answer(&s), VH_ENOKEY);
	stage_end(&s);
}

/* --- overflow ------------------------------------------------------------- */

static void
sign_anything(struct stage *s, const char *alg)
{
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);
	struct frame q;

	if (alg != NULL)
		frame_put_text(b, VH_F_ALG, alg);
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(s->k, 1, b);
	world_turn(s->c->w);
	cr_assert(vault_next(s->c->w, &q));
	vault_answer(s->c->w, q.id, q.op, VH_EBUSY);
}

Test(forward, a_full_lane_overflows_to_another_nodes_key)
{
	struct stage s = stage_new("b");

	sign_anything(&s, NULL);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	cr_expect(slice_is(q->inner.f.at[VH_F_DATA], "hello"));
	node_signs(s.c, q, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, a_selector_without_choice_hears_busy)
{
	struct stage s = stage_new("b");

	sign_anything(&s, "ES256");
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(answer(&s), VH_EBUSY);
	stage_end(&s);
}

Test(forward, an_overflow_that_nobody_takes_is_busy)
{
	struct stage s = stage_new("b");

	sign_anything(&s, NULL);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	peer_fails(s.c, q, VH_ELOST);
	cr_expect_eq(answer(&s), VH_EBUSY);
	stage_end(&s);
}

/* --- peer comes and goes -------------------------------------------------- */

Test(forward, a_request_survives_its_peer)
{
	struct stage s = stage_new("b");
	AUTO(question_free) struct question *q = sign(&s);

	cr_assert_not_null(q);
	cluster_lose(s.c);
	cr_expect_not(client_read(s.k));
	cluster_age(s.c, 300);
	world_turn(s.c->w);
	cr_expect_not(client_read(s.k));
	cluster_attach(s.c);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, "b"));
	cr_expect_neq(q->f.id, r->f.id);
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, a_new_peer_gets_time_to_find_the_others)
{
	struct stage s = stage_new("b");

	cluster_lose(s.c);
	cluster_attach(s.c);
	AUTO(question_free) struct question *q = sign(&s);

	cr_assert_not_null(q);
	peer_fails(s.c, q, VH_ELOST);
	cr_expect_not(client_read(s.k));
	cluster_age(s.c, FORWARD_NEXT_MS);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(forward, without_peer_local_work_goes_on_and_the_rest_ends_soon)
{
	struct stage s = stage_new("b");
	struct frame q;
	struct buf *b;

	cluster_lose(s.c);
	client_sign(s.k, 1, "x");
	world_turn(s.c->w);
	cr_expect_not(client_read(s.k), "another peer may come");
	b = client_ask(VH_OP_SIGN, 2, 0);
	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 2, b);
	world_turn(s.c->w);
	cr_assert(vault_next(s.c->w, &q));
	vault_answer(s.c->w, q.id, q.op, VH_OK);
	cr_expect_eq(answer(&s), VH_OK);
	cluster_age(s.c, 1000);
	cr_expect_eq(answer(&s), VH_ELOST);
	cluster_age(s.c, FORWARD_PEER_MS);
	client_sign(s.k, 3, "x");
	cr_expect_eq(answer(&s), VH_ELOST);
	cr_expect(has_text(got(&s, VH_F_WHY), "out of reach"));
	stage_end(&s);
}

Test(forward, a_caller_that_left_is_not_asked_for_again)
{
	struct stage s = stage_new("b,c");
	AUTO(question_free) struct question *q = sign(&s);

	cr_assert_not_null(q);
	client_free(s.k);
	world_turn(s.c->w);
	cr_expect_eq(pendings_count(s.c->w->front->pendings), 1);
	node_refuses(s.c, q, VH_EBUSY);
	cr_expect_null(cluster_next(s.c));
	s.k = client_new(s.c->w, 0);
	stage_end(&s);
}

/* --- bounds --------------------------------------------------------------- */

Test(forward, one_node_gets_so_many_questions_and_no_more)
{
	struct stage s = stage_new("b");
	struct client *more[3];
	size_t busy = 0;

	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		more[i] = client_new(s.c->w, 0);
		for (uint32_t k = 0; k < 60; k++)
			client_sign(more[i], k, "x");
		world_turn(s.c->w);
	}
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		while (client_read(more[i])) {
			cr_expect_eq(more[i]->f.err, VH_EBUSY);
			busy++;
		}
	cr_expect_eq(forwards_count(s.c->w->front->forwards), FORWARDS_OF_NODE);
	cr_expect_eq(busy, 180 - FORWARDS_OF_NODE);
	cluster_lose(s.c);
	cluster_age(s.c, 2000);
	world_turn(s.c->w);
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		client_free(more[i]);
	world_turn(s.c->w);
	stage_end(&s);
}
