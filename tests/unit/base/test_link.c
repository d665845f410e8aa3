#include "base/link.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX 4096u

/* Two links of a pair; left and right are freed by the test. */
static void
make_pair(struct link **left, struct link **right)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
	    0);
	*left = link_new(fds[0], MAX);
	*right = link_new(fds[1], MAX);
	cr_assert_not_null(*left);
	cr_assert_not_null(*right);
}

static void
put_request(struct buf *b, uint64_t id, size_t data)
{
	size_t start = frame_request(b, VH_OP_VSIGN, id, 100);

	frame_put_head(b, VH_F_DATA, data);
	uint8_t *to = buf_extend(b, data);

	cr_assert_not_null(to);
	memset(to, 'd', data);
	frame_close(b, start);
}

Test(link, frames_arrive_whole_and_in_order)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	struct frame f;

	make_pair(&left, &right);
	for (uint64_t id = 1; id <= 3; id++)
		put_request(link_out(left), id, 10 * id);
	cr_assert_eq(link_flush(left), VH_OK);
	cr_expect_not(link_is_blocked(left));
	cr_expect_eq(link_unsent(left), 0);
	for (uint64_t id = 1; id <= 3; id++) {
		cr_assert_eq(link_wait(right, 1000, &f), VH_OK);
		cr_expect_eq(f.id, id);
		cr_expect_eq(f.f.at[VH_F_DATA].len, 10 * id);
	}
}

Test(link, a_frame_in_pieces_is_put_together)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	AUTO(buf_free) struct buf *b = buf_new(MAX);
	struct slice message;

	make_pair(&left, &right);
	put_request(b, 9, 20);
	for (size_t i = 0; i < b->len; i++) {
		cr_assert_eq(link_next(right, &message), VH_OK);
		cr_assert_eq(message.len, 0);
		cr_assert_eq(link_send(left, slice_of(b->p + i, 1), -1), VH_OK);
		cr_assert_eq(link_fill(right), VH_OK);
	}
	cr_assert_eq(link_next(right, &message), VH_OK);
	cr_expect(slice_eq(message, buf_slice(b)));
	cr_assert_eq(link_next(right, &message), VH_OK);
	cr_expect_eq(message.len, 0);
}

Test(link, an_idle_socket_is_no_error_and_a_closed_one_is_lost)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	struct frame f;

	make_pair(&left, &right);
	cr_expect_eq(link_fill(right), VH_OK);
	cr_expect_eq(link_wait(right, 0, &f), VH_EDEADLINE);
	cr_expect_eq(link_wait(right, 5, &f), VH_EDEADLINE);
	link_free(TAKE(left));
	cr_expect_eq(link_fill(right), VH_ELOST);
	cr_expect_eq(link_wait(right, 1000, &f), VH_ELOST);
	put_request(link_out(right), 1, 1);
	cr_expect_eq(link_flush(right), VH_ELOST);
	cr_expect_eq(link_send(right, slice_text("x"), -1), VH_ELOST);
}

Test(link, what_is_there_counts_when_no_time_is_left)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	struct frame f;

	make_pair(&left, &right);
	put_request(link_out(left), 5, 1);
	cr_assert_eq(link_flush(left), VH_OK);
	cr_assert_eq(link_wait(right, 0, &f), VH_OK);
	cr_expect_eq(f.id, 5);
}

Test(link, the_last_frame_is_read_after_the_other_end_closed)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	struct frame f;

	make_pair(&left, &right);
	put_request(link_out(left), 5, 1);
	cr_assert_eq(link_flush(left), VH_OK);
	link_free(TAKE(left));
	cr_assert_eq(link_wait(right, -1, &f), VH_OK);
	cr_expect_eq(f.id, 5);
	cr_expect_eq(link_wait(right, -1, &f), VH_ELOST);
}

Test(link, a_frame_past_the_bound_and_garbage_are_refused)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	AUTO(link_free) struct link *other = NULL, *end = NULL;
	struct frame f;
	static const char garbage[FRAME_HEAD + 1] = "no frame at all, is it";

	make_pair(&left, &right);
	put_request(link_out(left), 5, MAX);
	cr_assert_eq(link_flush(left), VH_OK);
	cr_expect_eq(link_wait(right, 1000, &f), VH_ETOOBIG);
	make_pair(&other, &end);
	cr_assert_eq(link_send(other, slice_of(garbage, FRAME_HEAD), -1),
	    VH_OK);
	cr_expect_eq(link_wait(end, 1000, &f), VH_EPARSE);
}

Test(link, descriptors_come_beside_their_frame)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	AUTO(buf_free) struct buf *b = buf_new(MAX);
	struct frame f;
	int fds[2];
	char c = 0;

	make_pair(&left, &right);
	cr_assert_eq(pipe(fds), 0);
	put_request(b, 7, 1);
	cr_assert_eq(link_send(left, buf_slice(b), fds[0]), VH_OK);
	(void)close(fds[0]); /* the other end has its own */
	cr_expect_eq(link_take_fd(right), -1);
	cr_assert_eq(link_wait(right, 1000, &f), VH_OK);
	int fd = link_take_fd(right);

	cr_assert_geq(fd, 0);
	cr_expect_eq(link_take_fd(right), -1);
	cr_expect_neq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	cr_assert_eq(write(fds[1], "x", 1), 1);
	cr_assert_eq(read(fd, &c, 1), 1);
	cr_expect_eq(c, 'x');
	(void)close(fd);     /* a pipe loses nothing */
	(void)close(fds[1]); /* a pipe loses nothing */
}

Test(link, descriptors_past_the_bound_and_left_over_ones_are_closed)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	AUTO(buf_free) struct buf *b = buf_new(MAX);
	int fds[2], next;
	struct frame f;

	make_pair(&left, &right);
	put_request(b, 7, 1);
	cr_assert_eq(pipe(fds), 0);
	for (size_t i = 0; i < 40; i++) {
		cr_assert_eq(link_send(left, buf_slice(b), fds[1]), VH_OK);
		cr_assert_eq(link_wait(right, 1000, &f), VH_OK);
	}
	for (next = 0; link_take_fd(right) >= 0; next++)
		;
	cr_expect_eq(next, 16);
	cr_assert_eq(link_send(left, buf_slice(b), fds[1]), VH_OK);
	cr_assert_eq(link_wait(right, 1000, &f), VH_OK);
	link_free(TAKE(right));
}

Test(link, a_full_socket_blocks_and_goes_on_later)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	struct frame f;
	uint64_t sent = 0, got = 0;

	make_pair(&left, &right);
	while (!link_is_blocked(left)) {
		put_request(link_out(left), ++sent, 1000);
		cr_assert_eq(link_flush(left), VH_OK);
	}
	while (got < sent) {
		cr_assert_eq(link_flush(left), VH_OK);
		cr_assert_eq(link_wait(right, 1000, &f), VH_OK);
		cr_assert_eq(f.id, ++got);
	}
	cr_expect_not(link_is_blocked(left));
}

/* Sends all that stands in left, frame by frame; how often what was left moved.
 */
static unsigned
drain(struct link *left, struct link *right)
{
	struct frame f;
	unsigned moves = 0;
	uint64_t got = 0;

	while (link_unsent(left) > 0) {
		size_t before = link_out(left)->len;

		cr_assert_eq(link_flush(left), VH_OK);
		moves += link_out(left)->len < before;
		cr_assert_eq(link_wait(right, 1000, &f), VH_OK);
		cr_assert_eq(f.id, ++got);
		cr_assert_eq(f.f.at[VH_F_DATA].len, 1000);
	}
	return moves;
}

Test(link, much_that_a_socket_takes_little_by_little_moves_seldom)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;

	make_pair(&left, &right);
	for (uint64_t id = 1; id <= 8192; id++)
		put_request(link_out(left), id, 1000);
	cr_assert_eq(link_flush(left), VH_OK);
	cr_expect(link_is_blocked(left));
	cr_expect_gt(link_unsent(left), 1u << 20);
	cr_expect_leq(drain(left, right), 16);
	cr_expect_eq(link_out(left)->len, 0);
}

Test(link, a_call_returns_the_answer_of_its_id)
{
	AUTO(link_free) struct link *left = NULL, *right = NULL;
	AUTO(buf_free) struct buf *b = buf_new(MAX);
	struct frame f;

	make_pair(&left, &right);
	put_request(b, 7, 1);
	/* The answers are there before the question: no second thread. */
	put_request(link_out(right), 7, 1);
	frame_put_error(link_out(right), VH_OP_VSIGN, 6, VH_OK, NULL);
	frame_put_error(link_out(right), VH_OP_VSIGN, 7, VH_ENOKEY,
	    "no such key");
	cr_assert_eq(link_flush(right), VH_OK);
	cr_expect_eq(link_call(left, buf_slice(b), -1, 1000, &f), VH_ENOKEY);
	cr_expect(slice_is(f.f.at[VH_F_WHY], "no such key"));
	cr_expect_eq(link_call(left, buf_slice(b), -1, 5, &f), VH_EDEADLINE);
}
