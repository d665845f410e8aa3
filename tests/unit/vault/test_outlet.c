#include "vault/outlet.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct slice answer = { (const uint8_t *)"answer", 6 };

/* An outlet, and the other end of its link in *fd. */
static struct outlet *
outlet(int *fd)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	*fd = pair[1];
	struct outlet *o = outlet_new(pair[0], 1024, VH_WHO_FRONT, 1);

	cr_assert_not_null(o);
	return o;
}

/* How many answers have come. */
static size_t
came(int fd)
{
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	return n < 0 ? 0 : (size_t)n / answer.len;
}

static void
jobs_wait(struct outlet *o, size_t n)
{
	while (n-- > 0)
		outlet_job_waits(o);
}

static void
do_job(struct outlet *o)
{
	outlet_job_begins(o);
	cr_assert_not(outlet_send_soon(o, answer));
}

Test(outlet, an_answer_for_which_nobody_follows_leaves_at_once)
{
	int fd;
	AUTO(outlet_free) struct outlet *o = outlet(&fd);

	jobs_wait(o, 1);
	do_job(o);
	cr_expect_eq(came(fd), 1);
	jobs_wait(o, 2);
	do_job(o);
	cr_expect_eq(came(fd), 1, "one that waits is not worth waiting for");
	(void)close(fd);
}

Test(outlet, answers_leave_together_while_many_wait_and_none_stays)
{
	int fd;
	size_t all = 0, sends = 0, jobs = 60;
	AUTO(outlet_free) struct outlet *o = outlet(&fd);

	jobs_wait(o, jobs);
	for (size_t i = 0; i < jobs; i++) {
		do_job(o);
		size_t n = came(fd);

		all += n;
		sends += n > 0;
	}
	cr_expect_eq(all, jobs);
	cr_expect_lt(sends, 20);
	(void)close(fd);
}

Test(outlet, however_many_wait_an_answer_is_not_kept_long)
{
	int fd;
	size_t kept = 0;
	AUTO(outlet_free) struct outlet *o = outlet(&fd);

	jobs_wait(o, 1000);
	do
		do_job(o);
	while (came(fd) == 0 && ++kept < 1000);
	cr_expect_lt(kept, 64);
	(void)close(fd);
}

Test(outlet, jobs_of_another_outlet_keep_nothing)
{
	int fd, other_fd;
	AUTO(outlet_free) struct outlet *o = outlet(&fd);
	AUTO(outlet_free) struct outlet *other = outlet(&other_fd);

	jobs_wait(other, 100);
	jobs_wait(o, 1);
	do_job(o);
	cr_expect_eq(came(fd), 1, "they would not come by");
	(void)close(fd);
	(void)close(other_fd);
}

Test(outlet, what_cannot_wait_takes_along_what_was_kept)
{
	int fd;
	AUTO(outlet_free) struct outlet *o = outlet(&fd);

	jobs_wait(o, 10);
	do_job(o);
	cr_expect_eq(came(fd), 0);
	cr_assert_not(outlet_send(o, answer));
	cr_expect_eq(came(fd), 2);
	(void)close(fd);
}

Test(outlet, nothing_is_sent_once_it_is_shut)
{
	int fd;
	AUTO(outlet_free) struct outlet *o = outlet(&fd);

	jobs_wait(o, 10);
	do_job(o);
	outlet_shut(o);
	do_job(o);
	cr_assert_not(outlet_send(o, answer));
	cr_expect_eq(came(fd), 0);
	(void)close(fd);
}
