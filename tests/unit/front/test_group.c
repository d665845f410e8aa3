/* Requests that are made of several: a JWS with a signature of each of some
 * keys. */
#include <criterion/criterion.h>

#include "stage.h"

static void
put_party(struct buf *b, const char *name)
{
	size_t nest = frame_nest(b, VH_F_PARTY);

	frame_put_text(b, VH_F_NAME, name);
	frame_nest_close(b, nest);
}

/* Asks for signatures by keys of these names. */
static void
sign(struct stage *s, const char *const *names, size_t count)
{
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put_text(b, VH_F_FORMAT, "general");
	frame_put_text(b, VH_F_DATA, "x");
	frame_put_text(b, VH_F_NAME, names[0]);
	for (size_t i = 1; i < count; i++)
		put_party(b, names[i]);
	client_send(s->c, 1, b);
	world_turn(s->w);
}

static bool
has_text(struct slice in, const char *text)
{
	return memmem(in.p, in.len, text, strlen(text)) != NULL;
}

static void
answer(struct stage *s, enum vh_err err)
{
	vault_answer(s->w, s->q.id, VH_OP_VSIGN, err);
	world_turn(s->w);
}

static const char *const names[] = { "ed25519", "p256", "rsa", "p256" };

Test(group, several_questions_make_one_reply_in_the_order_asked)
{
	struct stage s = stage_new(key_directory(), stage_few_each);
	struct frame first;

	sign(&s, names, 2);
	cr_assert(vault_next(s.w, &first));
	uint64_t id = first.id;

	cr_expect(slice_is(first.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	cr_assert(vault_next(s.w, &s.q));
	cr_expect(slice_is(s.q.f.at[VH_F_KID], key_kid(KEY_P256)));
	answer(&s, VH_OK);
	cr_expect_not(client_read(s.c), "one answer is not enough");
	s.q.id = id;
	answer(&s, VH_OK);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_OK);
	cr_expect(slice_is(s.c->f.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	cr_expect(has_text(s.c->f.f.at[VH_F_TOKEN],
	    "{\"payload\":\"eA\",\"signatures\":[{\"protected\":\""));
	cr_expect_not(client_read(s.c), "one reply");
	stage_end(&s);
}

Test(group, the_first_failure_is_the_reply_and_says_whose)
{
	struct stage s = stage_new(key_directory(), stage_few_each);
	struct frame first;

	sign(&s, names, 2);
	cr_assert(vault_next(s.w, &first));
	uint64_t id = first.id;

	cr_assert(vault_next(s.w, &s.q));
	answer(&s, VH_EBUSY);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_EBUSY);
	cr_expect(has_text(s.c->f.f.at[VH_F_WHY], "part 2 of 2"));
	cr_expect_eq(pendings_count(s.w->front->pendings), 1,
	    "the other part ends on its own");
	s.q.id = id;
	answer(&s, VH_OK);
	cr_expect_not(client_read(s.c), "unheard");
	stage_end(&s);
}

Test(group, one_that_cannot_begin_refuses_all)
{
	static const char *const odd[] = { "ed25519", "nobody" };
	struct stage s = stage_new(key_directory(), stage_few_each);

	sign(&s, odd, 2);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_ENOKEY);
	cr_expect(has_text(s.c->f.f.at[VH_F_WHY], "signer 2 of 2"));
	/* The first was asked already. */
	cr_assert(vault_next(s.w, &s.q));
	answer(&s, VH_OK);
	cr_expect_not(client_read(s.c));
	stage_end(&s);
}

Test(group, parts_alone_count_against_the_caller)
{
	struct stage s = stage_new(key_directory(), stage_few_each);

	for (int round = 0; round < 3; round++) {
		sign(&s, names, 3);
		for (size_t i = 0; i < 3; i++) {
			cr_assert(vault_next(s.w, &s.q));
			answer(&s, VH_OK);
		}
		cr_assert(client_read(s.c));
		cr_expect_eq(s.c->f.err, VH_OK, "round %d", round);
	}
	sign(&s, names, 4);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_ETOOBIG);
	cr_expect_not(vault_next(s.w, &s.q), "nothing was begun");
	stage_end(&s);
}

Test(group, a_caller_who_has_gone_leaves_nothing)
{
	struct stage s = stage_new(key_directory(), stage_few_each);

	sign(&s, names, 2);
	client_free(s.c);
	world_turn(s.w);
	for (size_t i = 0; i < 2; i++) {
		cr_assert(vault_next(s.w, &s.q));
		answer(&s, i == 0 ? VH_OK : VH_EBUSY);
	}
	s.c = client_new(s.w, 0);
	world_turn(s.w);
	sign(&s, names, 1);
	cr_assert(vault_next(s.w, &s.q), "the bound is free again");
	answer(&s, VH_OK);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_OK);
	stage_end(&s);
}
