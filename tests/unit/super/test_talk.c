#include "super/talk.h"

#include "fake.h"

static enum vh_err
call(struct super *s, int ms, struct frame *answer)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t at = talk_open(s, b, VH_OP_PRELOAD, 0);

	frame_close(b, at);
	return talk_call(s, PROC_PEER, buf_slice(b), -1, ms, answer);
}

/* Before it answers it has something saved, and answers an older question. */
static void
ask_first(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, -1, &q) == VH_OK) {
		if (q.answer)
			continue;
		struct frame other = q;

		other.id = q.id + 1000;
		fake_ask(me, VH_OP_PSAVE, 7, VH_F_DATA, "saved");
		fake_answer(me, &other, VH_EKEY);
		fake_answer(me, &q, VH_OK);
	}
}

Test(talk, a_call_attends_to_what_is_asked_meanwhile)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(super_free) struct super *s = fake_super(true);
	struct frame answer;

	cr_assert_eq(state_new(folder, &s->state), VH_OK);
	fake_start(s, PROC_PEER, 'P', -1, ask_first);
	cr_expect_eq(call(s, 10000, &answer), VH_OK);
	cr_expect_eq(answer.id, s->last_id);
	cr_expect(temp_has(folder, STATE_FILE));
}

static void
refuse_all(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, -1, &q) == VH_OK)
		fake_answer(me, &q, VH_EKEY);
}

Test(talk, an_error_is_the_answers_with_its_reason)
{
	AUTO(super_free) struct super *s = fake_super(true);
	struct frame answer;

	fake_start(s, PROC_PEER, 'P', -1, refuse_all);
	cr_expect_eq(call(s, 10000, &answer), VH_EKEY);
	cr_expect(slice_is(answer.f.at[VH_F_WHY], "a test"));
}

static void
stay_silent(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, -1, &q) == VH_OK)
		continue;
}

Test(talk, who_does_not_answer_is_waited_for_no_longer_than_said)
{
	AUTO(super_free) struct super *s = fake_super(true);
	struct frame answer;

	fake_start(s, PROC_PEER, 'P', -1, stay_silent);
	cr_expect_eq(call(s, 50, &answer), VH_EDEADLINE);
	cr_expect_eq(answer.id, 0);
}

static void
ask_for_ever(const struct fake *me)
{
	struct frame q;

	for (;;) {
		fake_ask(me, VH_OP_PRESOLVE, 7, VH_F_NAMES, "192.0.2.1:1");
		if (link_wait(me->link, -1, &q) != VH_OK)
			return;
	}
}

Test(talk, who_asks_for_ever_is_waited_for_no_longer_than_said)
{
	AUTO(super_free) struct super *s = fake_super(true);
	struct frame answer;

	fake_start(s, PROC_PEER, 'P', -1, ask_for_ever);
	cr_expect_eq(call(s, 200, &answer), VH_EDEADLINE);
}

static void
ask_without_listening(const struct fake *me)
{
	for (;;)
		fake_ask(me, VH_OP_PRESOLVE, 7, VH_F_NAMES, "192.0.2.1:1");
}

Test(talk, who_never_listens_holds_nobody)
{
	AUTO(super_free) struct super *s = fake_super(true);
	struct frame answer;

	fake_start(s, PROC_PEER, 'P', -1, ask_without_listening);
	cr_expect_eq(call(s, 60000, &answer), VH_EBUSY);
}

Test(talk, a_child_that_is_not_there_is_lost)
{
	AUTO(super_free) struct super *s = fake_super(true);
	struct frame answer;

	cr_expect_eq(call(s, 1000, &answer), VH_ELOST);
}

/* A request with all that any of these ops needs. */
static enum vh_err
attend(struct super *s, enum proc from, enum vh_op op, enum vh_tag tag)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t at = frame_request(b, op, 1, 0);
	struct frame q;

	frame_put_text(b, tag, "x");
	frame_close(b, at);
	cr_assert_eq(frame_parse(buf_slice(b), &q), VH_OK);
	return talk_attend(s, from, &q);
}

/* Whether the answer to a PSAVE says that it is on the disk: the next thing
 * this child is told after it is told so. */
static void
expect_on_disk(const struct fake *me)
{
	struct frame q;

	for (int i = 0; link_wait(me->link, -1, &q) == VH_OK; i++)
		fake_ask(me, VH_OP_PRESOLVE, 9, VH_F_NAMES,
		    !q.answer                             ? "request"
		    : fields_u32(&q.f, VH_F_ON_DISK) == 1 ? "on-disk"
							  : "not-yet");
}

static void
expect_told(struct super *s, const char *what)
{
	struct frame q;

	cr_assert_eq(attend(s, PROC_PEER, VH_OP_PSAVE, VH_F_DATA), VH_OK);
	cr_assert_eq(link_wait(s->child[PROC_PEER].link, 10000, &q), VH_OK);
	cr_expect(slice_is(q.f.at[VH_F_NAMES], what), "%s", what);
}

Test(talk, peer_hears_whether_what_it_saves_is_on_the_disk)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(super_free) struct super *s = fake_super(true);

	cr_assert_eq(state_new(folder, &s->state), VH_OK);
	fake_start(s, PROC_PEER, 'P', -1, expect_on_disk);
	expect_told(s, "on-disk");
	/* Within STATE_PAUSE_MS of the time before. */
	expect_told(s, "not-yet");
}

static enum vh_err
drains(struct super *s, enum proc from, bool off)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	size_t at = frame_request(b, VH_OP_FDRAINS, 1, 0);
	struct frame q;

	if (off)
		frame_put_u32(b, VH_F_OFF, 1);
	frame_close(b, at);
	cr_assert_eq(frame_parse(buf_slice(b), &q), VH_OK);
	return talk_attend(s, from, &q);
}

Test(talk, that_front_drains_is_noted_and_front_alone_says_so)
{
	AUTO(super_free) struct super *s = fake_super(true);

	cr_expect_not(s->draining);
	cr_expect_eq(drains(s, PROC_PEER, false), VH_EFORBIDDEN);
	cr_expect_not(s->draining);
	cr_expect_eq(drains(s, PROC_FRONT, false), VH_OK);
	cr_expect(s->draining);
	cr_expect_eq(drains(s, PROC_FRONT, true), VH_OK);
	cr_expect_not(s->draining);
}

Test(talk, nobody_asks_but_peer_and_only_what_it_may)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(super_free) struct super *s = fake_super(true);

	cr_assert_eq(state_new(folder, &s->state), VH_OK);
	for (unsigned p = 0; p < PROCS; p++)
		fake_start(s, (enum proc)p, 'X', -1, stay_silent);
	cr_expect_eq(attend(s, PROC_PEER, VH_OP_PSAVE, VH_F_DATA), VH_OK);
	cr_expect_eq(attend(s, PROC_PEER, VH_OP_PRESOLVE, VH_F_NAMES), VH_OK);
	cr_expect_eq(attend(s, PROC_PEER, VH_OP_PSAVE, VH_F_NAMES), VH_EFIELD);
	cr_expect_eq(attend(s, PROC_PEER, VH_OP_VREVOKE, VH_F_KID),
	    VH_EFORBIDDEN);
	cr_expect_eq(attend(s, PROC_FRONT, VH_OP_PSAVE, VH_F_DATA),
	    VH_EFORBIDDEN);
	cr_expect_eq(attend(s, PROC_VAULT, VH_OP_PRESOLVE, VH_F_NAMES),
	    VH_EFORBIDDEN);
}
