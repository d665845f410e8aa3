/* What HTTP does to slow, many and vanishing clients, and what it may do. */
#include "http_client.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sandbox.h"

Test(http_limits, an_idle_connection_is_closed)
{
	char answer[ANSWER_MAX];
	struct server s;

	server_start(&s, 8, 1);
	int fd = dial(&s);

	cr_expect_eq(read_to_end(fd, answer), 0);
	cr_expect_eq(close(fd), 0);
	server_stop(&s);
}

/* Sends one byte of an endless header every 200 ms; milliseconds until the
 * other end closes. */
static uint64_t
dribble(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct mono_ns start = clock_mono();

	while (poll(&p, 1, 200) == 0) {
		uint64_t ms = (clock_mono().ns - start.ns) / 1000000;

		if (ms > PATIENCE_MS || !put(fd, "a"))
			return ms;
	}
	return (clock_mono().ns - start.ns) / 1000000;
}

Test(http_limits, a_client_that_dribbles_is_cut_off)
{
	struct server s;

	server_start(&s, 8, 1);
	int fd = dial(&s);

	cr_expect(put(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\nX: "));
	uint64_t ms = dribble(fd);

	/* Not by the idle timeout of a second: it always had a byte. */
	cr_expect_gt(ms, 1500);
	cr_expect_lt(ms, 10000);
	cr_expect_eq(close(fd), 0);
	cr_expect_not_null(
	    strstr(ask(&s, GET("/metrics", "")), "\nvhsmd_http_cut_total 1\n"));
	server_stop(&s);
}

Test(http_limits, a_client_that_finishes_its_requests_may_stay)
{
	struct mono_ns start = clock_mono();
	struct server s;

	server_start(&s, 8, 1);
	int fd = dial(&s);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* Past twice the timeout, after which a slow one is cut off. */
	while (!mono_passed(mono_after_ms(start, 3000), clock_mono())) {
		char answer[512] = "";

		cr_assert(put(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
		cr_assert_eq(poll(&p, 1, PATIENCE_MS), 1);
		cr_assert_gt(read(fd, answer, sizeof answer - 1), 0);
		cr_assert_eq(status_of(answer), 200);
		cr_assert_eq(poll(&p, 1, 250), 0, "closed");
	}
	cr_expect_eq(close(fd), 0);
	server_stop(&s);
}

Test(http_limits, past_the_limit_a_client_waits_until_an_idle_one_is_gone)
{
	int idle[4];
	struct server s;

	server_start(&s, ARRAY_LEN(idle), 1);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = dial(&s);
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		cr_expect_eq(close(idle[i]), 0);
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	server_stop(&s);
}

Test(http_limits, when_half_full_no_connection_is_kept)
{
	char answer[ANSWER_MAX];
	int idle[2];
	struct server s;

	server_start(&s, 4, 10);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = dial(&s);
	int fd = dial(&s);

	cr_expect(put(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
	(void)read_to_end(fd, answer);
	cr_expect(has_header(answer, "Connection: close"));
	cr_expect_eq(close(fd) + close(idle[0]) + close(idle[1]), 0);
	server_stop(&s);
}

#define LARGE (4u << 20) /* more than the socket buffers take */

/* A set of that size, published; another reference, the caller's. */
static struct published *
publish_large(struct server *s)
{
	char *text = malloc(LARGE);

	cr_assert_not_null(text);
	memset(text, ' ', LARGE);
	shared_published_set(s->shared, published_new(slice_of(text, LARGE)));
	free(text);
	return shared_published_get(s->shared);
}

Test(http_limits, a_large_set_is_sent_whole_even_when_replaced_meanwhile)
{
	static char part[ANSWER_MAX]; /* large for a stack */
	struct server s;
	size_t len = 0;
	ssize_t n;

	server_start(&s, 4, 10);
	struct published *large = publish_large(&s);
	int fd = dial(&s);

	cr_expect(put(fd, GET(JWKS, "")));
	while ((n = read(fd, part, sizeof part)) > 0) {
		if (len == 0)
			shared_published_set(s.shared,
			    published_new(slice_text(SET)));
		len += (size_t)n;
	}
	cr_expect_gt(len, LARGE);
	cr_expect_lt(len, LARGE + 1000);
	cr_expect_eq(close(fd), 0);
	server_stop(&s);
	cr_expect_eq(large->refs, 1);
	published_free(large);
}

Test(http_limits, a_client_that_leaves_holds_no_set)
{
	char byte;
	struct server s;

	server_start(&s, 4, 10);
	struct published *large = publish_large(&s);

	for (size_t i = 0; i < 8; i++) {
		int fd = dial(&s);

		cr_expect(put(fd, GET(JWKS, "")));
		cr_expect_eq(read(fd, &byte, 1), 1);
		cr_expect_eq(close(fd), 0);
	}
	server_stop(&s);
	cr_expect_eq(large->refs, 1);
	published_free(large);
}

Test(http_limits, a_client_that_reads_too_slowly_is_given_up)
{
	struct mono_ns start = clock_mono();
	char some[2048];
	struct server s;
	int small = 4096;

	server_start(&s, 4, 1);
	struct published *large = publish_large(&s);
	int fd = dial(&s);

	cr_expect_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small,
			 sizeof small),
	    0);
	cr_expect(put(fd, GET(JWKS, "")));
	/* A little five times a second, until only who asks is connected. */
	do {
		(void)poll(NULL, 0, 200);
		cr_expect_gt(read(fd, some, sizeof some), 0);
	} while (strstr(ask(&s, GET("/metrics", "")),
		     "\nvhsmd_http_connections 1\n") == NULL &&
		 !mono_passed(mono_after_ms(start, 10000), clock_mono()));
	cr_expect_not(mono_passed(mono_after_ms(start, 10000), clock_mono()));
	cr_expect_eq(close(fd), 0);
	server_stop(&s);
	cr_expect_eq(large->refs, 1);
	published_free(large);
}

Test(http_limits, its_thread_yields_to_all_others)
{
	struct server s;
	size_t nice_ones = 0;
	struct dirent *task;

	if (getpriority(PRIO_PROCESS, 0) >= 10)
		cr_skip_test("all threads of this run are that nice");
	server_start(&s, 4, 10);
	DIR *tasks = opendir("/proc/self/task");

	cr_assert_not_null(tasks);
	while ((task = readdir(tasks)) != NULL) {
		id_t tid = (id_t)strtoul(task->d_name, NULL, 10);

		if (tid > 0 && getpriority(PRIO_PROCESS, tid) >= 10)
			nice_ones++;
	}
	cr_expect_eq(closedir(tasks), 0);
	cr_expect_eq(nice_ones, 1);
	cr_expect_lt(getpriority(PRIO_PROCESS, 0), 10);
	server_stop(&s);
}

Test(http_limits, stopping_ends_what_is_open)
{
	char answer[ANSWER_MAX];
	struct server s;

	server_start(&s, 4, 10);
	int fd = dial(&s);

	cr_expect(put(fd, "GET /healthz HT"));
	server_stop(&s);
	cr_expect_eq(read_to_end(fd, answer), 0);
	cr_expect_eq(close(fd), 0);
}

/* A process of its own, sandboxed as front is; ends when told or orphaned. */
static pid_t
serve_in_sandbox(struct server *s, int fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (http_start(fd, s->settings, s->shared, &s->http) != VH_OK ||
	    sandbox_enter(SANDBOX_NET) != VH_OK)
		_exit(1);
	for (;;)
		(void)poll(NULL, 0, -1);
}

Test(http_limits, it_lives_in_the_sandbox_of_front)
{
	char answer[ANSWER_MAX];
	struct server s = { .settings = settings_new(),
		.shared = shared_new() };
	int state;

	cr_assert(s.settings != NULL && s.shared != NULL);
	s.settings->http_connections = 4;
	s.settings->http_timeout = 1;
	s.shared->serving = true;
	shared_published_set(s.shared, published_new(slice_text(SET)));
	int fd = listen_anywhere(&s.port);
	pid_t pid = serve_in_sandbox(&s, fd);

	cr_assert_gt(pid, 0);
	cr_expect_eq(close(fd), 0);
	cr_expect_str_eq(body_of(ask(&s, GET(JWKS, ""))), SET);
	cr_expect_eq(status_of(ask(&s, GET("/metrics", ""))), 200);
	cr_expect_eq(status_of(ask(&s, GET("/nowhere", ""))), 404);
	int slow = dial(&s), idle[4];

	cr_expect(put(slow, "GET / HTTP/1.1\r\nX: "));
	cr_expect_lt(dribble(slow), 10000);
	cr_expect_eq(close(slow), 0);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = dial(&s);
	cr_expect_eq(status_of(ask(&s, GET("/readyz", ""))), 200);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		cr_expect_eq(read_to_end(idle[i], answer), 0);
	cr_expect_eq(waitpid(pid, &state, WNOHANG), 0, "it died");
	cr_expect_eq(kill(pid, SIGKILL), 0);
	cr_expect_eq(waitpid(pid, &state, 0), pid);
	shared_free(s.shared);
	settings_free(s.settings);
}
