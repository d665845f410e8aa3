#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/vhsm.h"
#include "fake.h"

static struct vhsm *
open_fake(const struct fake *f)
{
	struct vhsm *h;

	cr_assert_eq(vhsm_open(fake_url(f), &h), VHSM_OK);
	return h;
}

static struct vhsm_batch *
open_batch(struct vhsm *h)
{
	struct vhsm_batch *b;

	cr_assert_eq(vhsm_batch_open(h, &b), VHSM_OK);
	return b;
}

static uint32_t
submit_text(struct vhsm_batch *b, const char *text)
{
	struct vhsm_request q = { .op = VHSM_SIGN,
		.data = text,
		.data_len = strlen(text) };
	uint32_t ticket;

	cr_assert_eq(vhsm_submit(b, &q, &ticket), VHSM_OK);
	cr_assert_neq(ticket, VHSM_ANY);
	return ticket;
}

/* Waits for the ticket, checks its outcome and that the token is text. */
static void
expect_over(struct vhsm_batch *b, uint32_t ticket, enum vhsm_error error,
    const char *text)
{
	struct vhsm_answer *a;
	uint32_t got = ticket;

	cr_assert_eq(vhsm_wait(b, &got, 10000, &a), VHSM_OK);
	cr_expect_eq(got, ticket);
	cr_expect_eq(a->error, error, "%s", vhsm_strerror(a->error));
	if (text != NULL && a->error == VHSM_OK)
		cr_expect_str_eq(a->token, text);
	vhsm_answer_free(a);
}

Test(batch, sixty_four_are_in_flight_and_one_more_is_busy)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	struct vhsm_request q = { .op = VHSM_STATUS };
	uint32_t tickets[VHSM_BATCH_MAX], one_more;
	char text[32];

	for (int i = 0; i < VHSM_BATCH_MAX; i++) {
		snprintf(text, sizeof text, "number %d", i);
		tickets[i] = submit_text(b, text);
	}
	cr_expect_eq(vhsm_submit(b, &q, &one_more), VHSM_EBUSY);
	for (int i = VHSM_BATCH_MAX - 1; i >= 0; i--) {
		snprintf(text, sizeof text, "number %d", i);
		expect_over(b, tickets[i], VHSM_OK, text);
	}
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, any_gives_each_ticket_once)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	struct vhsm_answer *a;
	uint32_t sum = 0, ticket;

	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 10; i++)
			sum += submit_text(b, "x");
		for (int i = 0; i < 10; i++) {
			ticket = VHSM_ANY;
			cr_assert_eq(vhsm_wait(b, &ticket, -1, &a), VHSM_OK);
			sum -= ticket;
			vhsm_answer_free(a);
		}
	}
	cr_expect_eq(sum, 0);
	ticket = VHSM_ANY;
	cr_expect_eq(vhsm_wait(b, &ticket, 0, &a), VHSM_EFIELD);
	ticket = 77777;
	cr_expect_eq(vhsm_wait(b, &ticket, 0, &a), VHSM_EFIELD);
	cr_expect_null(a);
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

/* Collects eight requests and answers them last first. */
static void
answer_backwards(int fd, void *arg)
{
	struct buf *in = buf_new(1 << 20), *out = buf_new(1 << 20);
	struct frame q[8];
	uint32_t id[8];
	bool going = fake_hello(fd);

	(void)arg;
	for (int i = 0; i < 8 && going; i++)
		going = fake_read(fd, in, &id[i], &q[i]);
	for (int i = 7; i >= 0 && going; i--) {
		char text[16];

		snprintf(text, sizeof text, "%d", i);
		fake_put(out, id[i], &q[i], VH_OK, VH_F_TOKEN,
		    slice_text(text));
	}
	(void)fake_send(fd, buf_slice(out));
	buf_free(in);
	buf_free(out);
	(void)recv(fd, &(char){ 0 }, 1, 0);
}

Test(batch, answers_may_come_in_any_order)
{
	struct fake *f = fake_start(answer_backwards, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	uint32_t tickets[8];

	for (int i = 0; i < 8; i++)
		tickets[i] = submit_text(b, "x");
	for (int i = 0; i < 8; i++) {
		char text[16];

		snprintf(text, sizeof text, "%d", i);
		expect_over(b, tickets[i], VHSM_OK, text);
	}
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, a_wait_ends_in_time_and_the_request_at_its_deadline)
{
	struct fake *f = fake_start(fake_mute, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	struct vhsm_answer *a;

	vhsm_set_timeout_ms(h, 300);
	uint32_t ticket = submit_text(b, "x"), got = ticket;

	cr_expect_eq(vhsm_wait(b, &got, 0, &a), VHSM_EDEADLINE);
	cr_expect_null(a);
	expect_over(b, ticket, VHSM_EDEADLINE, NULL);
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

static void
answer_one_and_close(int fd, void *arg)
{
	struct buf *in = buf_new(1 << 20), *out = buf_new(1 << 20);
	struct frame q;
	uint32_t id;

	(void)arg;
	if (fake_hello(fd) && fake_read(fd, in, &id, &q)) {
		fake_put(out, id, &q, VH_OK, VH_F_TOKEN, slice_text("one"));
		/* The second has been sent too: now its outcome is unknown. */
		if (fake_read(fd, in, &id, &q))
			(void)fake_send(fd, buf_slice(out));
	}
	buf_free(in);
	buf_free(out);
}

Test(batch, what_was_in_flight_is_lost_with_the_connection_and_it_goes_on)
{
	struct fake *f = fake_start(answer_one_and_close, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);

	for (int i = 0; i < 3; i++) {
		uint32_t first = submit_text(b, "1");
		uint32_t second = submit_text(b, "2");

		expect_over(b, second, VHSM_ELOST, NULL);
		expect_over(b, first, VHSM_OK, "one");
	}
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, a_restart_while_idle_goes_unnoticed)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);

	expect_over(b, submit_text(b, "before"), VHSM_OK, "before");
	fake_down(f);
	fake_again(f);
	uint32_t first = submit_text(b, "1"), second = submit_text(b, "2");

	expect_over(b, second, VHSM_OK, "2");
	expect_over(b, first, VHSM_OK, "1");
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, without_a_daemon_requests_end_with_enodaemon)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	struct vhsm_request q = { .op = VHSM_STATUS };
	uint32_t ticket;

	fake_down(f);
	expect_over(b, submit_text(b, "x"), VHSM_ENODAEMON, NULL);
	cr_expect_eq(vhsm_batch_fd(b), -1);
	cr_expect_eq(vhsm_submit(b, &q, &ticket), VHSM_ENODAEMON);
	fake_again(f);
	expect_over(b, submit_text(b, "x"), VHSM_OK, "x");
	fake_down(f);
	vhsm_batch_close(b);
	cr_expect_eq(vhsm_batch_open(h, &b), VHSM_ENODAEMON);
	cr_expect_null(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, megabytes_in_line_do_not_block_each_other)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	size_t len = 3u << 20;
	char *text = malloc(len + 1);
	uint32_t tickets[6];

	memset(text, 'm', len);
	text[len] = '\0';
	for (int i = 0; i < 6; i++)
		tickets[i] = submit_text(b, text);
	for (int i = 0; i < 6; i++)
		expect_over(b, tickets[i], VHSM_OK, text);
	free(text);
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, the_line_is_bounded)
{
	struct fake *f = fake_start(fake_mute, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	size_t len = 15u << 20;
	char *text = calloc(1, len);
	struct vhsm_request q = { .op = VHSM_SIGN,
		.data = text,
		.data_len = len };
	enum vhsm_error err = VHSM_OK;
	uint32_t ticket;
	int n = 0;

	while (n < VHSM_BATCH_MAX && err == VHSM_OK) {
		err = vhsm_submit(b, &q, &ticket);
		n++;
	}
	cr_expect_eq(err, VHSM_EBUSY);
	cr_expect_lt(n, 10);
	free(text);
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, a_child_may_only_close_it)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	uint32_t ticket = submit_text(b, "mine");
	pid_t pid = fork();

	if (pid == 0) {
		struct vhsm_answer *a;
		uint32_t got = ticket;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int bad = vhsm_wait(b, &got, 1000, &a) != VHSM_ELOST;

		bad |= vhsm_batch_fd(b) != -1;
		bad |= vhsm_status(h, NULL) != VHSM_OK;
		vhsm_batch_close(b);
		vhsm_close(h);
		_exit(bad);
	}
	int status = -1;

	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0);
	expect_over(b, ticket, VHSM_OK, "mine");
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}

Test(batch, its_descriptor_tells_when_an_answer_is_there)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_batch *b = open_batch(h);
	uint32_t ticket = submit_text(b, "x"), got = VHSM_ANY;
	struct vhsm_answer *a;
	enum vhsm_error err = vhsm_wait(b, &got, 0, &a);

	if (err == VHSM_EDEADLINE) {
		struct pollfd fd = { vhsm_batch_fd(b), POLLIN, 0 };

		cr_assert_eq(poll(&fd, 1, 10000), 1);
		err = vhsm_wait(b, &got, 0, &a);
	}
	cr_expect_eq(err, VHSM_OK);
	cr_expect_eq(got, ticket);
	vhsm_answer_free(a);
	vhsm_batch_close(b);
	vhsm_close(h);
	fake_stop(f);
}
