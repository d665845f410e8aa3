/* The loop from outside: clients on its sockets, the test as its vault. */
#include "front/loop.h"
#include "front/requests.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

static const char *
token_of(struct client *c)
{
	static char text[1000]; /* one at a time */
	struct slice t = c->f.f.at[VH_F_TOKEN];

	(void)snprintf(text, sizeof text, "%.*s", (int)t.len,
	    (const char *)t.p);
	return text;
}

/* The head of every token of the Ed25519 key, and a dot. */
static struct slice
head_of(struct world *w)
{
	const struct dkey *key = directory_get(w->front->directory,
	    slice_text(key_kid(KEY_ED25519)));

	return dkey_preset(key)->head;
}

Test(loop, a_signature_goes_to_the_vault_and_comes_back_as_a_token)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct frame q;
	char want[1000];

	client_sign(c, 7, "hello");
	world_turn(w);
	cr_assert(vault_next(w, &q));
	cr_expect_eq(q.op, VH_OP_VSIGN);
	cr_expect(slice_is(q.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	cr_expect_eq(fields_u32(&q.f, VH_F_ALG_ID), VH_ALG_EDDSA);
	cr_expect_gt(q.deadline_ms, 0);
	(void)snprintf(want, sizeof want, "%.*s.aGVsbG8", (int)head_of(w).len,
	    (const char *)head_of(w).p);
	cr_expect(slice_is(q.f.at[VH_F_DATA], want));
	cr_expect_not(client_read(c));
	vault_answer(w, q.id, q.op, VH_OK);
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_OK);
	cr_expect_eq(c->f.id, 7);
	cr_expect_eq(c->sp_id, 7);
	(void)strcat(want, ".c2lnbmVk");
	cr_expect_str_eq(token_of(c), want);
	cr_expect(slice_is(c->f.f.at[VH_F_ALG], "EdDSA"));
	cr_expect(slice_is(c->f.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	cr_expect_gt(c->f.f.at[VH_F_JWK].len, 0);
	client_free(c);
	world_free(w);
}

Test(loop, answers_leave_in_the_order_in_which_they_come)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct frame q;
	uint64_t ids[10];

	for (uint32_t i = 0; i < 10; i++)
		client_sign(c, i, "x");
	world_turn(w);
	for (size_t i = 0; i < 10; i++) {
		cr_assert(vault_next(w, &q));
		ids[i] = q.id;
	}
	for (size_t i = 10; i-- > 0;)
		vault_answer(w, ids[i], VH_OP_VSIGN, VH_OK);
	world_turn(w);
	for (uint32_t i = 10; i-- > 0;) {
		cr_assert(client_read(c));
		cr_expect_eq(c->f.id, i);
		cr_expect_eq(c->sp_id, i);
	}
	client_free(c);
	world_free(w);
}

Test(loop, an_error_of_the_vault_is_the_callers)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct frame q;

	client_sign(c, 1, "x");
	world_turn(w);
	cr_assert(vault_next(w, &q));
	vault_answer(w, q.id, q.op, VH_EBUSY);
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_EBUSY);
	cr_expect_eq(c->f.op, VH_OP_SIGN);
	client_free(c);
	world_free(w);
}

Test(loop, an_answer_nobody_waits_for_is_dropped)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct frame q;

	client_sign(c, 1, "x");
	world_turn(w);
	cr_assert(vault_next(w, &q));
	vault_answer(w, q.id + 1, q.op, VH_OK);
	vault_answer(w, q.id + (UINT64_C(1) << 32), q.op, VH_OK);
	vault_answer(w, 0, q.op, VH_OK);
	world_turn(w);
	cr_expect_not(client_read(c));
	cr_expect_eq(w->shared->counts[COUNT_LATE], 3);
	vault_answer(w, q.id, q.op, VH_OK);
	vault_answer(w, q.id, q.op, VH_OK);
	world_turn(w);
	cr_expect(client_read(c));
	cr_expect_not(client_read(c));
	client_free(c);
	world_free(w);
}

Test(loop, a_request_past_its_deadline_is_answered_without_the_vault)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct buf *b = client_ask(VH_OP_SIGN, 3, 1);
	struct frame q;

	frame_put_text(b, VH_F_DATA, "x");
	client_send(c, 3, b);
	while (pendings_count(w->front->pendings) == 0)
		loop_round(w->front, -1);
	while (pendings_count(w->front->pendings) > 0)
		loop_round(w->front, -1);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_EDEADLINE);
	cr_assert(vault_next(w, &q));
	cr_expect_eq(q.deadline_ms, 1);
	vault_answer(w, q.id, q.op, VH_OK);
	world_turn(w);
	cr_expect_not(client_read(c));
	client_free(c);
	world_free(w);
}

static void
few_per_uid(struct settings *s)
{
	s->per_principal = 3;
}

Test(loop, past_its_share_a_uid_is_refused_at_once)
{
	struct world *w = world_new(key_directory(), few_per_uid);
	struct client *a = client_new(w, 0), *b = client_new(w, 0);
	struct client *operator= client_new(w, 1);

	client_sign(a, 1, "x");
	client_sign(a, 2, "x");
	client_sign(b, 3, "x");
	world_turn(w);
	cr_expect_not(client_read(a));
	client_sign(b, 4, "x");
	client_sign(operator, 5, "x");
	world_turn(w);
	cr_assert(client_read(b));
	cr_expect_eq(b->f.err, VH_EBUSY);
	cr_expect_eq(b->f.id, 4);
	cr_expect_not(client_read(operator), "operators have no such bound");
	client_free(a);
	client_free(b);
	client_free(operator);
	world_free(w);
}

Test(loop, hanging_up_does_not_give_places_back)
{
	struct world *w = world_new(key_directory(), few_per_uid);
	struct client *a = client_new(w, 0), *b;
	struct frame q[3];

	for (uint32_t i = 0; i < 3; i++)
		client_sign(a, i, "x");
	world_turn(w);
	client_free(a);
	world_turn(w);
	b = client_new(w, 0);
	client_sign(b, 9, "x");
	world_turn(w);
	cr_assert(client_read(b));
	cr_expect_eq(b->f.err, VH_EBUSY);
	for (size_t i = 0; i < 3; i++) {
		cr_assert(vault_next(w, &q[i]));
		vault_answer(w, q[i].id, q[i].op, VH_OK);
	}
	world_turn(w);
	cr_expect_eq(pendings_count(w->front->pendings), 0);
	client_sign(b, 10, "x");
	world_turn(w);
	cr_expect_not(client_read(b));
	client_free(b);
	world_free(w);
}

static void
shortest_queue(struct settings *s)
{
	s->queue = 1;
}

Test(loop, the_table_is_never_narrower_than_what_the_vault_turns_away)
{
	struct world *w = world_new(key_directory(), shortest_queue);

	cr_expect_geq(pendings_left(w->front->pendings), 4096);
	world_free(w);
}

Test(loop, a_table_full_of_work_has_room_for_reports)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 1);
	struct frame q;

	pendings_free(w->front->pendings);
	w->front->pendings = pendings_new(64 + 2, VH_TOKEN_MAX);
	for (uint32_t i = 0; i < 3; i++)
		client_sign(c, i, "x");
	world_turn(w);
	for (int i = 0; i < 2; i++)
		cr_assert(vault_next(w, &q));
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_EBUSY);
	client_send(c, 4, client_ask(VH_OP_STATUS, 4, 0));
	client_send(c, 5, client_ask(VH_OP_KEYS, 5, 0));
	world_turn(w);
	cr_assert(vault_next(w, &q));
	cr_expect_eq(q.op, VH_OP_VSTATS);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_OK);
	client_free(c);
	world_free(w);
}

static void
many_per_uid(struct settings *s)
{
	s->per_principal = 1000;
}

Test(loop, a_connection_waits_when_it_has_its_share_in_flight)
{
	struct world *w = world_new(key_directory(), many_per_uid);
	struct client *c = client_new(w, 0);
	struct frame q;
	size_t seen = 0, answered = 0;

	for (uint32_t i = 0; i < 3 * CONN_IN_FLIGHT; i++) {
		client_sign(c, i, "x");
		if (i % 16 == 0)
			world_turn(w);
	}
	world_turn(w);
	while (vault_next(w, &q) && ++seen < CONN_IN_FLIGHT)
		vault_answer(w, q.id, q.op, VH_OK);
	cr_expect_eq(seen, CONN_IN_FLIGHT);
	cr_expect_not(vault_next(w, &q), "no more until answers have gone");
	vault_answer(w, q.id, q.op, VH_OK);
	world_turn(w);
	while (vault_next(w, &q)) {
		vault_answer(w, q.id, q.op, VH_OK);
		world_turn(w);
	}
	while (client_read(c))
		answered += c->f.err == VH_OK;
	cr_expect_eq(answered, 3 * CONN_IN_FLIGHT);
	client_free(c);
	world_free(w);
}

Test(loop, another_protocol_is_hung_up_on)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);

	world_turn(w);
	client_send_raw(c, slice_text("GET / HTTP/1.0\r\n\r\n"));
	world_turn(w);
	cr_expect(client_is_closed(c));
	cr_expect_eq(w->shared->counts[COUNT_MALFORMED], 1);
	cr_expect_eq(w->front->conns.count, 0);
	client_free(c);
	world_free(w);
}

Test(loop, a_bad_frame_is_answered_and_the_connection_goes_on)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct buf *b = client_ask(VH_OP_SIGN, 5, 0);

	client_send(c, 5, b); /* no DATA */
	b = buf_new(100);
	buf_put_text(b, "no frame, but as long as the head of one");
	client_send(c, 6, b);
	client_send(c, 7, client_ask(60000, 7, 0));
	client_send(c, 8, client_ask(VH_OP_VLIST, 8, 0));
	client_send(c, 9, client_ask(VH_OP_DRAIN, 9, 0));
	world_turn(w);
	static const struct {
		uint32_t sp_id;
		enum vh_err err;
	} want[] = { { 5, VH_EFIELD }, { 6, VH_EPARSE }, { 7, VH_EOP },
		{ 8, VH_EFORBIDDEN }, { 9, VH_EFORBIDDEN } };

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		cr_assert(client_read(c));
		cr_expect_eq(c->sp_id, want[i].sp_id);
		cr_expect_eq(c->f.err, want[i].err, "%u", want[i].sp_id);
	}
	client_sign(c, 10, "x");
	world_turn(w);
	cr_expect_eq(pendings_count(w->front->pendings), 1);
	client_free(c);
	world_free(w);
}

static void
small_payload(struct settings *s)
{
	s->payload = 1000;
}

Test(loop, what_is_too_large_is_answered_and_the_connection_goes_on)
{
	static char big[1001], huge[150000];
	struct world *w = world_new(key_directory(), small_payload);
	struct client *c = client_new(w, 0);

	memset(big, 'x', sizeof big);
	memset(huge, 'x', sizeof huge - 1);
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put(b, VH_F_DATA, slice_of(big, sizeof big));
	client_send(c, 1, b);
	b = client_ask(VH_OP_SIGN, 2, 0);
	for (int i = 0; i < 8; i++)
		frame_put(b, 1000, slice_of(huge, sizeof huge));
	for (size_t at = 0; at < b->len; at += 65536) {
		uint8_t head[SP_HEAD + SP_ID];

		frame_close(b, 0);
		sp_head(head, b->len, 2);
		if (at == 0)
			client_send_raw(c, slice_of(head, sizeof head));
		client_send_raw(c,
		    slice_of(b->p + at,
			b->len - at < 65536 ? b->len - at : 65536));
		world_turn(w);
	}
	buf_free(b);
	client_sign(c, 3, "x");
	world_turn(w);
	for (uint32_t id = 1; id <= 2; id++) {
		cr_assert(client_read(c));
		cr_expect_eq(c->f.id, id);
		cr_expect_eq(c->f.err, VH_ETOOBIG);
	}
	cr_expect_eq(pendings_count(w->front->pendings), 1);
	client_free(c);
	world_free(w);
}

static void
two_connections(struct settings *s)
{
	s->connections = 2;
}

Test(loop, connections_past_the_bound_are_closed_at_once)
{
	struct world *w = world_new(key_directory(), two_connections);
	struct client *a = client_new(w, 0), *b = client_new(w, 0);
	struct client *c = client_new(w, 0), *operator= client_new(w, 1);

	world_turn(w);
	cr_expect(client_is_closed(c));
	cr_expect_not(client_is_closed(a));
	cr_expect_not(client_is_closed(operator));
	cr_expect_eq(w->shared->counts[COUNT_REFUSED], 1);
	client_free(b);
	client_free(c);
	world_turn(w);
	b = client_new(w, 0);
	world_turn(w);
	cr_expect_not(client_is_closed(b), "a place has become free");
	client_free(a);
	client_free(b);
	client_free(operator);
	world_free(w);
}

static void
eight_connections(struct settings *s)
{
	s->connections = 8;
}

Test(loop, one_uid_cannot_shut_out_all_others)
{
	struct world *w = world_new(key_directory(), eight_connections);
	struct client *c[8];

	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		c[i] = client_connect(w, 0);
	world_turn(w);
	cr_expect(client_is_closed(c[7]));
	cr_expect_not(client_is_closed(c[6]));
	client_free(c[0]);
	world_turn(w);
	client_free(c[7]);
	c[7] = client_connect(w, 0);
	world_turn(w);
	cr_expect_not(client_is_closed(c[7]), "its place has become free");
	for (size_t i = 1; i < ARRAY_LEN(c); i++)
		client_free(c[i]);
	world_free(w);
}

/* Who connects as fast as front accepts keeps it from nothing else. */
Test(loop, a_flood_of_connections_is_taken_in_turns)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c[90];

	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		c[i] = client_connect(w, 0);
	loop_round(w->front, 0);
	cr_expect_leq(w->shared->counts[COUNT_ACCEPTED], CONN_ACCEPTS);
	loop_round(w->front, 0);
	cr_expect_eq(w->shared->counts[COUNT_ACCEPTED], ARRAY_LEN(c));
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		client_free(c[i]);
	world_free(w);
}

static void
ask_drain(struct client *c, uint32_t id, bool off)
{
	struct buf *b = client_ask(VH_OP_DRAIN, id, 0);

	if (off)
		frame_put_u32(b, VH_F_OFF, 1);
	client_send(c, id, b);
}

/* The vault is told of an act, and answers. */
static void
note_act(struct world *w, const char *act, uint32_t stage, enum vh_err err)
{
	struct frame q;

	cr_assert(vault_next(w, &q));
	cr_assert_eq(q.op, VH_OP_VNOTE);
	cr_expect(slice_is(q.f.at[VH_F_ACT], act));
	cr_expect(fields_have(&q.f, VH_F_WHO));
	cr_expect_eq(fields_u32(&q.f, VH_F_STAGE), stage);
	vault_answer(w, q.id, q.op, err);
	world_turn(w);
}

Test(loop, a_drain_is_answered_when_work_has_ended)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0), *operator= client_new(w, 1);
	struct frame q;

	client_sign(c, 1, "x");
	world_turn(w);
	cr_assert(vault_next(w, &q));
	uint64_t signing = q.id;

	ask_drain(operator, 2, false);
	world_turn(w);
	cr_expect_not(shared_is_ready(w->shared));
	client_sign(c, 3, "x");
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_EDRAINING);
	note_act(w, "drain", VH_ACT_DONE, VH_OK);
	cr_expect_not(client_read(operator));
	vault_answer(w, signing, VH_OP_VSIGN, VH_OK);
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_OK);
	cr_assert(client_read(operator));
	cr_expect(slice_is(operator->f.f.at[VH_F_JSON],
	    "{\"draining\":true,\"in_flight\":0}"));
	ask_drain(operator, 4, true);
	world_turn(w);
	note_act(w, "undrain", 0, VH_OK);
	cr_assert(client_read(operator));
	cr_expect(slice_is(operator->f.f.at[VH_F_JSON],
	    "{\"draining\":false,\"in_flight\":0}"));
	cr_expect(shared_is_ready(w->shared));
	client_free(c);
	client_free(operator);
	world_free(w);
}

/* What the supervisor has heard of it. */
static bool
heard_drain(struct world *w)
{
	struct frame q;

	cr_assert_eq(link_wait(w->super, 1000, &q), VH_OK);
	cr_assert(!q.answer && q.op == VH_OP_FDRAINS);
	cr_assert_eq(frame_check(&q, VH_WHO_FRONT), VH_OK);
	return fields_u32(&q.f, VH_F_OFF) == 0;
}

Test(loop, the_supervisor_hears_of_a_drain_and_of_its_end)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *operator= client_new(w, 1);

	ask_drain(operator, 1, false);
	world_turn(w);
	cr_expect(heard_drain(w));
	note_act(w, "drain", VH_ACT_DONE, VH_OK);
	ask_drain(operator, 2, true);
	world_turn(w);
	note_act(w, "undrain", 0, VH_OK);
	world_turn(w);
	cr_expect_not(heard_drain(w));
	client_free(operator);
	world_free(w);
}

static void
begin_drained(struct settings *s)
{
	s->draining = 1;
}

Test(loop, a_front_after_one_that_drained_drains)
{
	struct world *w = world_new(key_directory(), begin_drained);
	struct client *c = client_new(w, 0);

	client_sign(c, 1, "x");
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_EDRAINING);
	cr_expect_not(shared_is_ready(w->shared));
	requests_drain(w->front, false);
	client_sign(c, 2, "x");
	world_turn(w);
	cr_expect_not(client_read(c), "the vault is asked");
	client_free(c);
	world_free(w);
}

Test(loop, a_drain_needs_no_leave_and_its_end_does)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *operator= client_new(w, 1);

	ask_drain(operator, 1, false);
	world_turn(w);
	note_act(w, "drain", VH_ACT_DONE, VH_EAUDIT);
	cr_assert(client_read(operator));
	cr_expect_eq(operator->f.err, VH_OK);
	ask_drain(operator, 2, true);
	world_turn(w);
	note_act(w, "undrain", 0, VH_EAUDIT);
	cr_assert(client_read(operator));
	cr_expect_eq(operator->f.err, VH_EAUDIT);
	cr_expect(w->shared->draining);
	client_free(operator);
	world_free(w);
}

Test(loop, the_end_of_a_drain_that_was_noted_comes_for_nobody_too)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *operator= client_new(w, 1);

	requests_drain(w->front, true);
	ask_drain(operator, 1, true);
	world_turn(w);
	client_free(operator);
	world_turn(w);
	cr_expect(w->shared->draining);
	note_act(w, "undrain", 0, VH_OK);
	cr_expect_not(w->shared->draining);
	cr_expect_eq(pendings_count(w->front->pendings), 0);
	world_free(w);
}

/* A message to the loop from the supervisor. */
static void
send_stop(struct world *w)
{
	AUTO(buf_free) struct buf *b = buf_new(100);

	frame_close(b, frame_request(b, VH_OP_FSTOP, 9, 5000));
	cr_assert_eq(link_send(w->super, buf_slice(b), -1), VH_OK);
}

Test(loop, stop_finishes_what_is_in_flight)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct frame q, answer;

	client_sign(c, 1, "x");
	world_turn(w);
	send_stop(w);
	world_turn(w);
	cr_expect_not(w->front->done);
	client_sign(c, 2, "x");
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_EDRAINING);
	cr_assert(vault_next(w, &q));
	vault_answer(w, q.id, q.op, VH_OK);
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_OK);
	cr_expect(w->front->done);
	cr_expect_eq(loop_run(w->front), 0);
	cr_assert_eq(link_wait(w->super, 1000, &answer), VH_OK);
	cr_expect_eq(answer.op, VH_OP_FSTOP);
	cr_expect_eq(answer.id, 9);
	client_free(c);
	world_free(w);
}

Test(loop, without_vault_all_in_flight_is_lost)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);

	client_sign(c, 1, "x");
	world_turn(w);
	link_free(TAKE(w->vault));
	cr_expect_neq(loop_run(w->front), 0);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_ELOST);
	cr_expect_not(shared_is_ready(w->shared));
	client_free(c);
	world_free(w);
}

Test(loop, without_supervisor_it_ends)
{
	struct world *w = world_new(key_directory(), NULL);

	link_free(TAKE(w->super));
	cr_expect_neq(loop_run(w->front), 0);
	world_free(w);
}

static void
pass_ms(struct world *w, uint64_t ms)
{
	w->front->now = mono_after_ms(w->front->now, ms);
	conns_tick(w->front);
	conns_end_round(w->front);
}

Test(loop, who_sends_no_hello_is_hung_up_on)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *good = client_new(w, 0);
	struct client *silent = client_connect(w, 0);
	struct client *slow = client_connect(w, 0);

	client_send_raw(slow, slice_of("\0SP", 3));
	world_turn(w);
	cr_expect_leq(conns_wait_ms(w->front), CONN_HELLO_MS);
	pass_ms(w, CONN_HELLO_MS);
	cr_expect(client_is_closed(silent));
	cr_expect(client_is_closed(slow));
	cr_expect_not(client_is_closed(good));
	cr_expect_eq(w->shared->counts[COUNT_SLOW], 2);
	cr_expect_eq(conns_wait_ms(w->front), -1);
	client_free(good);
	client_free(silent);
	client_free(slow);
	world_free(w);
}

/* Asks for the key list until the socket takes no more. */
static void
flood(struct world *w, struct client *c)
{
	AUTO(buf_free) struct buf *b = client_ask(VH_OP_KEYS, 1, 0);
	AUTO(buf_free) struct buf *m = buf_new(1000);
	uint8_t head[SP_HEAD + SP_ID];
	ssize_t n;

	frame_close(b, 0);
	sp_head(head, b->len, 1);
	buf_put(m, slice_of(head, sizeof head));
	buf_put(m, buf_slice(b));
	for (int i = 0; i < 100000; i++) {
		n = send(c->fd, m->p, m->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			break;
		cr_assert_eq((size_t)n, m->len);
		if (i % 64 == 0)
			world_turn(w);
	}
	cr_expect_lt(n, 0, "front stops reading");
}

Test(loop, who_takes_no_answers_is_neither_read_nor_kept)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *greedy = client_new(w, 0), *good = client_new(w, 0);

	flood(w, greedy);
	cr_expect_lt(w->front->conns.weight, 4 * CONN_OUT_PAUSE);
	client_send(good, 1, client_ask(VH_OP_KEYS, 1, 0));
	world_turn(w);
	cr_expect(client_read(good), "others are served");
	pass_ms(w, CONN_STALL_MS);
	cr_expect(client_is_closed(greedy));
	cr_expect_not(client_is_closed(good));
	cr_expect_eq(w->front->conns.blocked, 0);
	client_free(greedy);
	client_free(good);
	world_free(w);
}

Test(loop, who_takes_answers_late_gets_them_all)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	size_t before, after = 0;

	flood(w, c);
	do {
		before = after;
		world_turn(w);
		while (client_read(c))
			after++;
	} while (after > before);
	cr_expect_gt(after, 1000);
	cr_expect_eq(w->front->conns.blocked, 0);
	cr_expect_not(client_is_closed(c));
	client_free(c);
	world_free(w);
}

static void
send_verify(struct client *c, uint32_t id)
{
	struct buf *b = client_ask(VH_OP_VERIFY, id, 0);

	frame_put_text(b, VH_F_TOKEN, "x");
	client_send(c, id, b);
}

Test(loop, costly_requests_take_turns_and_others_do_not_wait)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *a = client_new(w, 0), *b = client_new(w, 0);
	struct client *c = client_new(w, 0);

	w->front->costly_max = 0; /* one turn a round */
	world_turn(w);
	for (uint32_t i = 0; i < 3; i++) {
		send_verify(a, i);
		send_verify(b, i);
	}
	client_sign(a, 8, "x");
	client_sign(c, 9, "x");
	loop_round(w->front, 0);
	cr_expect_eq(pendings_count(w->front->pendings), 1, "c did not wait");
	cr_expect_eq(conns_wait_ms(w->front), 0);
	for (int round = 0; round < 5; round++)
		loop_round(w->front, 0);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert(client_read(a));
		cr_expect_eq(a->f.id, i);
		cr_assert(client_read(b));
		cr_expect_eq(b->f.id, i);
	}
	cr_expect_eq(pendings_count(w->front->pendings), 2);
	cr_expect_neq(conns_wait_ms(w->front), 0);
	send_verify(a, 4);
	client_free(b);
	world_turn(w);
	cr_expect(client_read(a), "it is read again");
	client_free(a);
	client_free(c);
	world_free(w);
}

/* Whatever a client sends: an answer or the end of its connection, and others
 * are served. */
Test(loop, mutated_messages_hurt_nobody_else)
{
	struct world *w = world_new(key_directory(), many_per_uid);
	struct client *good = client_new(w, 0);
	AUTO(buf_free) struct buf *b = client_ask(VH_OP_SIGN, 1, 0);
	AUTO(buf_free) struct buf *all = buf_new(10000);
	uint8_t head[SP_HEAD + SP_ID];
	struct frame q;
	uint64_t state = 42;

	frame_put_text(b, VH_F_ALG, "EdDSA");
	frame_put_text(b, VH_F_HEADER, "{\"x\":[1,2]}");
	frame_put_text(b, VH_F_DATA, "payload");
	frame_close(b, 0);
	sp_head(head, b->len, 1);
	buf_put(all, slice_of(head, sizeof head));
	buf_put(all, buf_slice(b));
	for (int i = 0; i < 2000; i++) {
		struct client *c = client_new(w, 0);
		AUTO(buf_free) struct buf *bad = buf_new(10000);

		buf_put(bad, buf_slice(all));
		for (int k = 0; k < 3; k++) {
			state = state * 6364136223846793005u + 1;
			bad->p[(state >> 33) % bad->len] =
			    (uint8_t)(state >> 24);
		}
		client_send_raw(c, buf_slice(bad));
		loop_round(w->front, 0);
		loop_round(w->front, 0);
		while (vault_next(w, &q))
			vault_answer(w, q.id, q.op, VH_OK);
		loop_round(w->front, 0);
		client_free(c);
		loop_round(w->front, 0);
	}
	client_sign(good, 5, "x");
	world_turn(w);
	cr_assert(vault_next(w, &q));
	vault_answer(w, q.id, q.op, VH_OK);
	world_turn(w);
	cr_assert(client_read(good));
	cr_expect_eq(good->f.err, VH_OK);
	world_turn(w);
	cr_expect_eq(w->front->conns.count, 1);
	cr_expect_eq(pendings_count(w->front->pendings), 0);
	cr_expect_eq(w->front->work, 0);
	client_free(good);
	world_free(w);
}
