#include <criterion/criterion.h>

#include "client/vhsm.h"
#include "fake.h"
#include "wire/sp.h"

#define COUNT 3

/* Answers a BATCH in reverse order: each request's payload is its token, and
 * "no" is refused.  arg: how many answers to leave out. */
static void
reversed(int fd, void *arg)
{
	const size_t *leave_out = arg;
	AUTO(buf_free) struct buf *in = buf_new(1u << 20);
	AUTO(buf_free) struct buf *items = buf_new(1u << 20);
	AUTO(buf_free) struct buf *out = buf_new(1u << 20);
	struct slice list[VHSM_MANY_MAX], rest, value;
	struct frame q, item;
	uint32_t sp_id;
	unsigned tag;
	size_t n = 0;

	if (!fake_hello(fd) || !fake_read(fd, in, &sp_id, &q))
		return;
	rest = q.f.body;
	while (fields_next(&rest, &tag, &value))
		list[n++] = value;
	while (n-- > *leave_out) {
		if (frame_parse(list[n], &item) != VH_OK)
			return;
		struct slice data = item.f.at[VH_F_DATA];
		bool no = slice_is(data, "no");
		size_t nest = frame_nest(items, VH_F_ITEM);
		size_t at = frame_answer(items, item.op, item.id,
		    no ? VH_ENOKEY : VH_OK);

		if (!no)
			frame_put(items, VH_F_TOKEN, data);
		frame_close(items, at);
		frame_nest_close(items, nest);
	}
	(void)buf_extend(out, SP_HEAD + SP_ID);
	size_t start = frame_answer(out, q.op, q.id, VH_OK);

	buf_put(out, buf_slice(items));
	frame_close(out, start);
	sp_head(out->p, out->len - SP_HEAD - SP_ID, sp_id);
	(void)fake_send(fd, buf_slice(out));
}

static const struct vhsm_request requests[COUNT] = {
	{ .op = VHSM_SIGN, .data = "first", .data_len = 5 },
	{ .op = VHSM_SIGN, .data = "no", .data_len = 2 },
	{ .op = VHSM_SIGN, .data = "third", .data_len = 5 },
};

static enum vhsm_error
call(size_t leave_out, const struct vhsm_request *q, size_t count,
    struct vhsm_answer **answers)
{
	struct fake *f = fake_start(reversed, &leave_out);
	struct vhsm *h;

	cr_assert_eq(vhsm_open(fake_url(f), &h), VHSM_OK);
	vhsm_set_timeout_ms(h, 10000);
	enum vhsm_error err = vhsm_call_many(h, q, count, answers);

	vhsm_close(h);
	fake_stop(f);
	return err;
}

Test(many, answers_come_to_their_places_in_any_order)
{
	struct vhsm_answer *a[COUNT];

	cr_assert_eq(call(0, requests, COUNT, a), VHSM_OK);
	cr_expect_str_eq(a[0]->token, "first");
	cr_expect_eq(a[1]->error, VHSM_ENOKEY);
	cr_expect_str_eq(a[2]->token, "third");
	for (size_t i = 0; i < COUNT; i++)
		vhsm_answer_free(a[i]);
}

Test(many, an_answer_that_is_missing_makes_all_void)
{
	struct vhsm_answer *a[COUNT];

	cr_expect_eq(call(1, requests, COUNT, a), VHSM_EPARSE);
	for (size_t i = 0; i < COUNT; i++)
		cr_expect_null(a[i]);
}

Test(many, none_or_more_than_sixty_four_are_refused)
{
	struct vhsm_request q[VHSM_MANY_MAX + 1];
	struct vhsm_answer *a[VHSM_MANY_MAX + 1];

	for (size_t i = 0; i <= VHSM_MANY_MAX; i++)
		q[i] = requests[0];
	cr_expect_eq(call(0, q, 0, a), VHSM_EFIELD);
	cr_expect_eq(call(0, q, VHSM_MANY_MAX + 1, a), VHSM_EFIELD);
}

Test(many, one_unsound_request_stops_all)
{
	struct vhsm_request q[2] = { requests[0], { .op = VHSM_STATUS } };
	struct vhsm_answer *a[2];

	q[1].header = "{}";
	cr_expect_eq(call(0, q, 2, a), VHSM_EFIELD);
	cr_expect_null(a[0]);
}
