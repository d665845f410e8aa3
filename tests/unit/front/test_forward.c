/* Requests that other nodes are asked to do. */
#include "front/forward.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "far.h"
#include "front/loop.h"

Test(forward, a_signature_comes_from_the_node_that_has_the_key)
{
	struct far s = far_new("b");
	AUTO(question_free) struct question *q = far_sign(&s);
	cr_expect_eq(s.c->w->front->quick, 0, "it is no work of this vault");
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
	cr_expect_eq(far_answer(&s), VH_OK);
	put_token(want, key_kid(KEY_ED25519), "EdDSA", "hello");
	cr_expect(slice_eq(far_got(&s, VH_F_TOKEN), buf_slice(want)));
	cr_expect(slice_is(far_got(&s, VH_F_KID), key_kid(KEY_ED25519)));
	cr_expect(slice_is(far_got(&s, VH_F_ALG), "EdDSA"));
	cr_expect(far_has_text(far_got(&s, VH_F_JWK), "\"OKP\""),
	    "the key is the list's, not what the node says");
	cr_expect_eq(far_counted(&s, COUNT_FORWARDS_OK), 1);
	far_end(&s);
}

Test(forward, what_this_node_can_do_goes_nowhere)
{
	struct far s = far_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);
	struct frame q;

	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	cr_expect_null(cluster_next(s.c));
	cr_assert(vault_next(s.c->w, &q));
	cr_expect_eq(q.op, VH_OP_VSIGN);
	vault_answer(s.c->w, q.id, q.op, VH_OK);
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward, an_inactive_own_key_leaves_the_work_to_others)
{
	struct far s = far_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	cluster_clear(s.c);
	cluster_list(s.c, KEY_P256, &far_sig, VH_KEY_PUBLISHED, "a");
	cluster_list(s.c, KEY_ED25519, &far_sig, VH_KEY_ACTIVE, "b");
	cluster_tell(s.c);
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(s.k, 1, b);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	node_signs(s.c, q, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward, a_key_that_is_published_only_says_so)
{
	struct far s = far_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	cluster_clear(s.c);
	cluster_list(s.c, KEY_P256, &far_sig, VH_KEY_PUBLISHED, "a");
	cluster_list(s.c, KEY_RSA, &far_sig, VH_KEY_PUBLISHED, "b");
	cluster_tell(s.c);
	frame_put_text(b, VH_F_ALG, "ES256");
	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	cr_expect_eq(far_answer(&s), VH_EINACTIVE);
	b = client_ask(VH_OP_SIGN, 1, 0);
	frame_put_text(b, VH_F_ALG, "RS256");
	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	cr_expect_eq(far_answer(&s), VH_EINACTIVE);
	far_end(&s);
}

Test(forward, a_plaintext_comes_from_the_node_that_has_the_key)
{
	struct far s = far_new("b");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	cr_expect_eq(q->inner.op, VH_OP_DECRYPT);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_X25519)));
	cr_expect(fields_have(&q->inner.f, VH_F_TOKEN));
	node_decrypts(s.c, q, "plain");
	cr_expect_eq(far_answer(&s), VH_OK);
	cr_expect(slice_is(far_got(&s, VH_F_DATA), "plain"));
	cr_expect(slice_is(far_got(&s, VH_F_KID), key_kid(KEY_X25519)));
	cr_expect(far_has_text(far_got(&s, VH_F_HEADER), "\"epk\""),
	    "the token's own");
	far_end(&s);
}

Test(forward, a_token_without_kid_is_shown_to_nobody_else)
{
	struct far s = far_new("b");

	client_send(s.k, 1, ask_decrypt(NULL));
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(far_answer(&s), VH_ENOKEY);
	far_end(&s);
}

Test(forward, a_failure_to_decrypt_is_the_answer)
{
	struct far s = far_new("b,c");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	node_refuses(s.c, q, VH_EDECRYPT);
	cr_expect_eq(far_answer(&s), VH_EDECRYPT);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), ": because"),
	    "on one line");
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(far_counted(&s, COUNT_FORWARDS_REFUSED), 1);
	far_end(&s);
}

/* --- the next holder ------------------------------------------------------ */

Test(forward, when_a_node_cannot_the_next_holder_is_asked)
{
	static const enum vh_err errors[] = { VH_EBUSY, VH_EDRAINING, VH_ENOKEY,
		VH_EINACTIVE, VH_EINTERNAL };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct far s = far_new("b,c");
		AUTO(question_free) struct question *q = far_sign(&s);
		bool first_is_b = question_is_for(q, "b");

		node_refuses(s.c, q, errors[i]);
		cr_expect_not(client_read(s.k));
		AUTO(question_free) struct question *r = cluster_next(s.c);

		cr_assert(question_is_for(r, first_is_b ? "c" : "b"));
		node_signs(s.c, r, "hello");
		cr_expect_eq(far_answer(&s), VH_OK);
		far_end(&s);
	}
}

/* Its rules are its own: another holder may have others. */
Test(forward, what_one_holders_policy_refuses_another_may_do)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);
	bool first_is_b = question_is_for(q, "b");

	node_refuses(s.c, q, VH_EPOLICY);
	cr_expect_not(client_read(s.k));
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, first_is_b ? "c" : "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward, what_every_holders_policy_refuses_is_refused_in_its_words)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);

	node_refuses(s.c, q, VH_EPOLICY);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	node_refuses(s.c, r, VH_EPOLICY);
	cr_expect_eq(far_answer(&s), VH_EPOLICY);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), ": because"));
	cr_expect_eq(far_counted(&s, COUNT_FORWARDS_REFUSED), 1);
	far_end(&s);
}

/* Own: P-256.  Of b: Ed25519 and an X25519, which callers may use for nothing
 * but that. */
static struct far
with_ops(uint32_t sig_ops, uint32_t enc_ops)
{
	struct far s = far_new("b");
	struct buf *of_sig = buf_new(64), *of_enc = buf_new(64);

	frame_put_u32(of_sig, VH_F_OPS, sig_ops);
	frame_put_u32(of_enc, VH_F_OPS, enc_ops);
	cluster_clear(s.c);
	cluster_list(s.c, KEY_P256, &far_sig, VH_KEY_ACTIVE, "a");
	cluster_list_with(s.c, KEY_ED25519, &far_sig, VH_KEY_ACTIVE, "b",
	    of_sig);
	cluster_list_with(s.c, KEY_X25519, &far_enc, VH_KEY_ACTIVE, "b",
	    of_enc);
	cluster_tell(s.c);
	cr_assert_null(cluster_next(s.c));
	return s;
}

static enum vh_err
ask_here(struct far *s, struct buf *b)
{
	client_send(s->k, 1, b);
	cr_expect_null(cluster_next(s->c), "nobody is asked");
	return far_answer(s);
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
	struct far s = with_ops(VH_KEY_VERIFY, VH_KEY_ENCRYPT);

	cr_expect_eq(ask_here(&s, ask_sign(key_kid(KEY_ED25519))), VH_EPOLICY);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "ops of the key spec"));
	cr_expect_eq(ask_here(&s, ask_sign(NULL)), VH_ENOKEY);
	cr_expect_eq(ask_here(&s, ask_decrypt(key_kid(KEY_X25519))),
	    VH_EPOLICY);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "ops of the key spec"));
	far_end(&s);
}

Test(forward, nobody_encrypts_to_a_key_that_is_for_opening_alone)
{
	struct far s = with_ops(VH_KEY_SIGN, VH_KEY_DECRYPT);

	cr_expect_eq(ask_here(&s, ask_encrypt()), VH_EPOLICY);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "ops of the key spec"));
	far_end(&s);
}

Test(forward, a_node_that_drains_is_asked_only_when_there_is_no_other)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);
	bool first_is_b = question_is_for(q, "b");

	node_refuses(s.c, q, VH_EDRAINING);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, first_is_b ? "c" : "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	for (int i = 0; i < 10; i++) {
		AUTO(question_free) struct question *later = far_sign(&s);

		cr_assert(question_is_for(later, first_is_b ? "c" : "b"));
		node_signs(s.c, later, "hello");
		cr_expect_eq(far_answer(&s), VH_OK);
	}
	AUTO(question_free) struct question *last = far_sign(&s);

	node_refuses(s.c, last, VH_EBUSY);
	AUTO(question_free) struct question *all_the_same = cluster_next(s.c);

	cr_assert(question_is_for(all_the_same, first_is_b ? "b" : "c"));
	node_signs(s.c, all_the_same, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward, a_node_that_is_lost_is_followed_and_then_avoided)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);
	const char *lost = question_is_for(q, "b") ? "b" : "c";
	const char *other = question_is_for(q, "b") ? "c" : "b";

	peer_fails(s.c, q, VH_ELOST);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, other));
	node_signs(s.c, r, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	for (int i = 0; i < 10; i++) {
		AUTO(question_free) struct question *later = far_sign(&s);

		cr_assert(question_is_for(later, other), "not %s", lost);
		node_signs(s.c, later, "hello");
		cr_expect_eq(far_answer(&s), VH_OK);
	}
	far_end(&s);
}

Test(forward, a_lost_node_is_asked_when_it_is_the_only_one)
{
	struct far s = far_new("b");
	AUTO(question_free) struct question *q = far_sign(&s);

	peer_fails(s.c, q, VH_ELOST);
	cr_expect_eq(far_answer(&s), VH_ELOST);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "asked b"));
	AUTO(question_free) struct question *r = far_sign(&s);

	cr_assert(question_is_for(r, "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	cr_expect_eq(far_counted(&s, COUNT_FORWARDS_LOST), 1);
	cr_expect_eq(far_counted(&s, COUNT_TRIES), 2);
	far_end(&s);
}

Test(forward, when_all_holders_fail_another_key_does_it)
{
	struct far s = far_new("b");
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	cluster_list(s.c, KEY_RSA, &far_sig, VH_KEY_ACTIVE, "c");
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
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward, when_all_are_busy_the_caller_hears_busy)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);

	peer_fails(s.c, q, VH_ELOST);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	node_refuses(s.c, r, VH_EBUSY);
	cr_expect_eq(far_answer(&s), VH_EBUSY);
	cr_expect_eq(far_counted(&s, COUNT_FORWARDS_BUSY), 1);
	far_end(&s);
}

Test(forward, the_less_loaded_of_two_is_asked)
{
	struct far s = far_new("b=9,c=1");

	for (int i = 0; i < 5; i++) {
		AUTO(question_free) struct question *q = far_sign(&s);

		cr_assert(question_is_for(q, "c"));
		node_signs(s.c, q, "hello");
		cr_expect_eq(far_answer(&s), VH_OK);
	}
	cluster_member(s.c, "a", "alive", 0, 1);
	cluster_member(s.c, "b", "alive", 0, 1);
	cluster_member(s.c, "c", "alive", 50, 1);
	cluster_age(s.c, 2000);
	cr_assert_null(cluster_next(s.c));
	AUTO(question_free) struct question *q = far_sign(&s);

	cr_assert(question_is_for(q, "b"), "status says what has changed");
	node_signs(s.c, q, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

/* --- what nodes may not say ----------------------------------------------- */

Test(forward, a_token_that_was_not_asked_for_reaches_nobody)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);

	node_signs(s.c, q, "something else");
	cr_expect_not(client_read(s.k));
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	node_signs(s.c, r, "something else");
	cr_expect_eq(far_answer(&s), VH_EINTERNAL);
	far_end(&s);
}

Test(forward, an_answer_to_another_question_is_none)
{
	struct far s = far_new("b");
	AUTO(question_free) struct question *q = far_sign(&s);

	q->inner.op = VH_OP_DECRYPT;
	node_decrypts(s.c, q, "plain");
	cr_expect_eq(far_answer(&s), VH_EINTERNAL);
	far_end(&s);
}

/* Ids that stand for what the vault, or nobody, was asked. */
Test(forward, peer_cannot_answer_for_the_vault)
{
	struct far s = far_new("b");
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
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
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
		struct far s = far_with(&says, "b");
		AUTO(question_free) struct question *q = far_sign(&s);

		cr_expect_eq(q != NULL, rows[i].in, "%s", rows[i].allow);
		if (q != NULL)
			node_signs(s.c, q, "hello");
		cr_expect_eq(far_answer(&s), rows[i].in ? VH_OK : VH_ENOKEY);
		far_end(&s);
	}
}

Test(forward, a_uid_of_the_holder_is_not_one_of_ours)
{
	char uid[32];
	const struct key_says says = { VH_USE_SIG, 0, NULL, uid };

	(void)snprintf(uid, sizeof uid, "uid:%u", getuid());
	struct far s = far_with(&says, "b");

	cr_expect_null(far_sign(&s));
	cr_expect_eq(far_answer(&s), VH_ENOKEY);
	far_end(&s);
}
