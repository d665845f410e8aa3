#include <criterion/criterion.h>
#include <stdio.h>

#include "front/batch.h"
#include "stage.h"

static void
put_sign_of(struct buf *b, uint64_t id, const char *alg, struct slice payload)
{
	size_t item = frame_nest(b, VH_F_ITEM);
	size_t frame = frame_request(b, VH_OP_SIGN, id, 0);

	frame_put_text(b, VH_F_ALG, alg);
	frame_put(b, VH_F_DATA, payload);
	frame_close(b, frame);
	frame_nest_close(b, item);
}

static void
put_sign(struct buf *b, uint64_t id, const char *alg)
{
	put_sign_of(b, id, alg, slice_text("x"));
}

static void
put_status(struct buf *b, uint64_t id)
{
	size_t item = frame_nest(b, VH_F_ITEM);

	frame_close(b, frame_request(b, VH_OP_STATUS, id, 0));
	frame_nest_close(b, item);
}

/* Sends a batch of count signatures with ids from 1. */
static void
send_signs(struct stage *s, size_t count)
{
	struct buf *b = client_ask(VH_OP_BATCH, 7, 0);

	for (size_t i = 1; i <= count; i++)
		put_sign(b, i, "EdDSA");
	client_send(s->c, 1, b);
	world_turn(s->w);
}

/* Answers the vault's next request; false when there is none. */
static bool
vault_turn(struct stage *s, enum vh_err err)
{
	struct frame q;

	if (!vault_next(s->w, &q))
		return false;
	vault_answer(s->w, q.id, q.op, err);
	return true;
}

/* Of the answer that was read: how the one with this id went. */
static enum vh_err
item_error(struct stage *s, uint64_t id)
{
	struct slice rest = s->c->f.f.body, value;
	struct frame item;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		cr_assert_eq(tag, VH_F_ITEM);
		cr_assert_eq(frame_parse(value, &item), VH_OK);
		cr_assert(item.answer);
		if (item.id == id)
			return item.err;
	}
	cr_assert_fail("no answer has id %u", (unsigned)id);
	return VH_EINTERNAL;
}

Test(batch, all_are_handed_on_together_and_answered_together)
{
	struct stage s = stage_new(key_directory(), NULL);

	send_signs(&s, 3);
	cr_assert(vault_turn(&s, VH_OK));
	cr_assert(vault_turn(&s, VH_OK));
	world_turn(s.w);
	cr_expect_not(client_read(s.c), "one is still missing");
	cr_assert(vault_turn(&s, VH_OK));
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.op, VH_OP_BATCH);
	cr_expect_eq(s.c->f.id, 7);
	cr_expect_eq(s.c->f.err, VH_OK);
	for (uint64_t id = 1; id <= 3; id++)
		cr_expect_eq(item_error(&s, id), VH_OK);
	stage_end(&s);
}

Test(batch, each_has_its_own_outcome)
{
	struct stage s = stage_new(key_directory(), NULL);
	struct buf *b = client_ask(VH_OP_BATCH, 7, 0);

	put_sign(b, 10, "EdDSA");
	put_sign(b, 11, "none");
	put_status(b, 12);
	put_sign(b, 13, "EdDSA");
	client_send(s.c, 1, b);
	world_turn(s.w);
	cr_assert(vault_turn(&s, VH_OK));
	cr_assert(vault_turn(&s, VH_EDEADLINE));
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(item_error(&s, 10), VH_OK);
	cr_expect_neq(item_error(&s, 11), VH_OK);
	cr_expect_eq(item_error(&s, 12), VH_EOP, "only work goes in batches");
	cr_expect_eq(item_error(&s, 13), VH_EDEADLINE);
	stage_end(&s);
}

Test(batch, one_in_which_all_are_refused_is_answered_at_once)
{
	struct stage s = stage_new(key_directory(), NULL);
	struct buf *b = client_ask(VH_OP_BATCH, 7, 0);

	put_status(b, 1);
	put_status(b, 2);
	client_send(s.c, 1, b);
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(item_error(&s, 1), VH_EOP);
	cr_expect_eq(item_error(&s, 2), VH_EOP);
	stage_end(&s);
}

Test(batch, sixty_five_are_too_many_and_none_is_done)
{
	struct stage s = stage_new(key_directory(), NULL);
	struct frame q;

	send_signs(&s, VH_ITEMS_MAX + 1);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_ETOOBIG);
	cr_expect_not(vault_next(s.w, &q));
	stage_end(&s);
}

Test(batch, one_that_cannot_be_read_stops_all)
{
	struct stage s = stage_new(key_directory(), NULL);
	struct buf *b = client_ask(VH_OP_BATCH, 7, 0);
	struct frame q;

	put_sign(b, 1, "EdDSA");
	frame_put_text(b, VH_F_ITEM, "nonsense");
	client_send(s.c, 1, b);
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_EPARSE);
	cr_expect_not(vault_next(s.w, &q));
	stage_end(&s);
}

Test(batch, one_whose_fields_cannot_be_read_fails_alone)
{
	struct stage s = stage_new(key_directory(), NULL);
	struct buf *b = client_ask(VH_OP_BATCH, 7, 0);
	size_t item = frame_nest(b, VH_F_ITEM);
	size_t frame = frame_request(b, VH_OP_SIGN, 1, 0);

	frame_put_head(b, VH_F_DATA, 100); /* and nothing behind it */
	frame_close(b, frame);
	frame_nest_close(b, item);
	put_sign(b, 2, "EdDSA");
	client_send(s.c, 1, b);
	world_turn(s.w);
	cr_assert(vault_turn(&s, VH_OK));
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(item_error(&s, 1), VH_EPARSE);
	cr_expect_eq(item_error(&s, 2), VH_OK);
	stage_end(&s);
}

Test(batch, each_counts_against_the_callers_share)
{
	struct stage s = stage_new(key_directory(), stage_few_each);

	send_signs(&s, 4);
	for (int i = 0; i < 3; i++)
		cr_assert(vault_turn(&s, VH_OK));
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(item_error(&s, 3), VH_OK);
	cr_expect_eq(item_error(&s, 4), VH_EBUSY);
	stage_end(&s);
}

Test(batch, a_caller_that_hangs_up_leaves_nothing_behind)
{
	struct stage s = stage_new(key_directory(), NULL);
	struct frame q[2];

	send_signs(&s, 2);
	cr_assert(vault_next(s.w, &q[0]));
	vault_answer(s.w, q[0].id, q[0].op, VH_OK);
	world_turn(s.w);
	client_free(s.c);
	s.c = client_new(s.w, 0);
	world_turn(s.w);
	cr_assert(vault_next(s.w, &q[1]));
	vault_answer(s.w, q[1].id, q[1].op, VH_OK);
	world_turn(s.w);
	cr_expect_not(client_read(s.c));
	stage_end(&s);
}

/* What one answer takes. */
#define BIG (48u << 10)

Test(batch, answers_that_wait_for_others_are_the_callers_memory)
{
	static const uint8_t payload[BIG];
	struct stage s = stage_new(key_directory(), NULL);
	struct buf *b = client_ask(VH_OP_BATCH, 7, 0);
	const size_t *weight = &s.w->front->conns.weight;

	put_sign_of(b, 1, "EdDSA", slice_of(payload, sizeof payload));
	put_sign(b, 2, "EdDSA");
	client_send(s.c, 1, b);
	world_turn(s.w);
	cr_expect_lt(*weight, BIG, "the payload waits elsewhere");
	cr_assert(vault_turn(&s, VH_OK));
	world_turn(s.w);
	cr_expect_geq(*weight, BIG);
	cr_assert(vault_turn(&s, VH_OK));
	world_turn(s.w);
	cr_assert(client_read(s.c));
	cr_expect_eq(item_error(&s, 1), VH_OK);
	cr_expect_lt(*weight, BIG, "it is gone");
	stage_end(&s);
}
