/* Requests that other nodes are asked to do: how long anybody waits, for nodes
 * that say nothing, for a peer that is gone, for a lane that is full. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "far.h"
#include "front/forward.h"
#include "front/loop.h"

/* --- silence -------------------------------------------------------------- */

Test(forward_waits, a_silent_node_costs_one_short_wait_and_others_nothing)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);
	const char *other = question_is_for(q, "b") ? "c" : "b";

	cluster_age(s.c, FORWARD_NEXT_MS - 50);
	cr_assert_null(cluster_next(s.c));
	cluster_age(s.c, 50);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, other));
	node_signs(s.c, r, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	AUTO(question_free) struct question *later = far_sign(&s);

	cr_assert(question_is_for(later, other));
	node_signs(s.c, later, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	node_signs(s.c, q, "hello");
	cr_expect_not(client_read(s.k), "one answer each");
	cr_expect_eq(far_counted(&s, COUNT_LATE), 1);
	far_end(&s);
}

Test(forward_waits, an_answer_that_comes_late_still_counts)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);

	cluster_age(s.c, FORWARD_NEXT_MS);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	node_signs(s.c, q, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward_waits, when_all_are_silent_the_caller_waits_less_than_a_second)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);

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
	cr_expect_eq(far_answer(&s), VH_ELOST);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "asked "));
	far_end(&s);
}

/* Another request comes and is answered. */
static void
other_is_signed(struct far *s)
{
	client_sign(s->k, 2, "other");
	AUTO(question_free) struct question *r = cluster_next(s->c);

	cr_assert_not_null(r);
	node_signs(s->c, r, "other");
	cr_expect_eq(far_answer(s), VH_OK);
}

/* Answers to others show that it is alive. */
Test(forward_waits, a_node_that_is_merely_slow_is_waited_for)
{
	struct far s = far_new("b");
	AUTO(question_free) struct question *q = far_sign(&s);

	for (int i = 0; i < 20; i++) {
		cluster_age(s.c, 100);
		other_is_signed(&s);
	}
	cr_expect_not(client_read(s.k));
	node_signs(s.c, q, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward_waits, a_node_that_stops_after_an_answer_costs_less_than_a_second)
{
	struct far s = far_new("b");
	AUTO(question_free) struct question *q = far_sign(&s);

	cr_assert_not_null(q);
	cluster_age(s.c, 100);
	other_is_signed(&s);
	for (uint64_t ms = 100; ms + 50 < FORWARD_LOST_MS; ms += 50) {
		cr_expect_not(client_read(s.k));
		cluster_age(s.c, 50);
	}
	cluster_age(s.c, 100);
	cr_expect_eq(far_answer(&s), VH_ELOST);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "asked b"));
	far_end(&s);
}

Test(forward_waits, holders_that_stop_one_after_another_cost_less_than_a_second)
{
	struct far s = far_new("b,c,d");
	AUTO(question_free) struct question *q = far_sign(&s);
	struct front *f = s.c->w->front;
	struct node *first = node_find(f->nodes, q->f.f.at[VH_F_NODE]);
	bool asked_another = false;
	uint64_t ms = 0;

	cr_assert_not_null(first);
	for (; ms < 600; ms += 100) {
		cluster_age(s.c, 100);
		node_answered(first, clock_mono()); /* another question */
		cr_assert_null(cluster_next(s.c));
	}
	for (; !client_read(s.k) && ms < 2000; ms += 25) {
		cluster_age(s.c, 25);
		AUTO(question_free) struct question *r = cluster_next(s.c);

		asked_another |= r != NULL;
	}
	cr_expect_eq(s.k->f.err, VH_ELOST);
	cr_expect_lt(ms, 1000, "after %lu ms", ms);
	cr_expect(asked_another, "while there was time");
	far_end(&s);
}

Test(forward_waits, the_callers_own_deadline_holds)
{
	struct far s = far_new("b");
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
	far_end(&s);
}

/* --- overflow ------------------------------------------------------------- */

/* The vault says err to it. */
static void
vault_refuses(struct far *s, enum vh_err err)
{
	struct frame q;

	world_turn(s->c->w);
	cr_assert(vault_next(s->c->w, &q));
	vault_answer(s->c->w, q.id, q.op, err);
}

static void
sign_anything(struct far *s, const char *alg, enum vh_err err)
{
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	if (alg != NULL)
		frame_put_text(b, VH_F_ALG, alg);
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(s->k, 1, b);
	vault_refuses(s, err);
}

Test(forward_waits, a_full_lane_overflows_to_another_nodes_key)
{
	struct far s = far_new("b");

	sign_anything(&s, NULL, VH_EBUSY);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	cr_expect(slice_is(q->inner.f.at[VH_F_DATA], "hello"));
	node_signs(s.c, q, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward_waits, a_selector_without_choice_hears_busy)
{
	struct far s = far_new("b");

	sign_anything(&s, "ES256", VH_EBUSY);
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(far_answer(&s), VH_EBUSY);
	far_end(&s);
}

Test(forward_waits, an_overflow_that_nobody_takes_is_busy)
{
	struct far s = far_new("b");

	sign_anything(&s, NULL, VH_EBUSY);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	peer_fails(s.c, q, VH_ELOST);
	cr_expect_eq(far_answer(&s), VH_EBUSY);
	far_end(&s);
}

Test(forward_waits, a_full_arena_overflows_to_another_nodes_key)
{
	struct far s = far_new("b");

	sign_anything(&s, NULL, VH_ENOMEM);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	node_signs(s.c, q, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward_waits, a_full_arena_leaves_a_token_to_the_next_holders_of_its_key)
{
	struct far s = far_beside("b,c");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	vault_refuses(&s, VH_ENOMEM);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_X25519)));
	node_refuses(s.c, q, VH_ENOMEM);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	cr_expect_not(slice_eq(r->f.f.at[VH_F_NODE], q->f.f.at[VH_F_NODE]));
	node_decrypts(s.c, r, "plain");
	cr_expect_eq(far_answer(&s), VH_OK);
	cr_expect(slice_is(far_got(&s, VH_F_DATA), "plain"));
	far_end(&s);
}

Test(forward_waits, when_every_arena_is_full_the_caller_hears_so)
{
	struct far s = far_beside("b,c");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	vault_refuses(&s, VH_ENOMEM);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	node_refuses(s.c, q, VH_ENOMEM);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert_not_null(r);
	peer_fails(s.c, r, VH_ELOST);
	cr_expect_eq(far_answer(&s), VH_ENOMEM);
	far_end(&s);
}

Test(forward_waits, a_failure_to_decrypt_here_goes_nowhere)
{
	struct far s = far_beside("b");

	client_send(s.k, 1, ask_decrypt(key_kid(KEY_X25519)));
	vault_refuses(&s, VH_EDECRYPT);
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(far_answer(&s), VH_EDECRYPT);
	far_end(&s);
}

/* --- peer comes and goes -------------------------------------------------- */

Test(forward_waits, a_request_survives_its_peer)
{
	struct far s = far_new("b");
	AUTO(question_free) struct question *q = far_sign(&s);

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
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward_waits, a_new_peer_gets_time_to_find_the_others)
{
	struct far s = far_new("b");

	cluster_lose(s.c);
	cluster_attach(s.c);
	AUTO(question_free) struct question *q = far_sign(&s);

	cr_assert_not_null(q);
	peer_fails(s.c, q, VH_ELOST);
	cr_expect_not(client_read(s.k));
	cluster_age(s.c, FORWARD_NEXT_MS);
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, "b"));
	node_signs(s.c, r, "hello");
	cr_expect_eq(far_answer(&s), VH_OK);
	far_end(&s);
}

Test(forward_waits, without_peer_local_work_goes_on_and_the_rest_ends_soon)
{
	struct far s = far_new("b");
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
	cr_expect_eq(far_answer(&s), VH_OK);
	cluster_age(s.c, 1000);
	cr_expect_eq(far_answer(&s), VH_ELOST);
	cluster_age(s.c, FORWARD_PEER_MS);
	client_sign(s.k, 3, "x");
	cr_expect_eq(far_answer(&s), VH_ELOST);
	cr_expect(far_has_text(far_got(&s, VH_F_WHY), "out of reach"));
	far_end(&s);
}

Test(forward_waits, a_caller_that_left_is_not_asked_for_again)
{
	struct far s = far_new("b,c");
	AUTO(question_free) struct question *q = far_sign(&s);

	cr_assert_not_null(q);
	client_free(s.k);
	world_turn(s.c->w);
	cr_expect_eq(pendings_count(s.c->w->front->pendings), 1);
	node_refuses(s.c, q, VH_EBUSY);
	cr_expect_null(cluster_next(s.c));
	s.k = client_new(s.c->w, 0);
	far_end(&s);
}

/* --- bounds --------------------------------------------------------------- */

Test(forward_waits, one_node_gets_so_many_questions_and_no_more)
{
	struct far s = far_new("b");
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
	far_end(&s);
}
