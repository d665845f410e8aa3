/* The HTTP module whole, over loopback: what a client sees on the socket. */
#include "front/http.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sandbox.h"

#define JWKS        "/.well-known/jwks.json"
#define SET         "{\"keys\":[]}"
#define ANSWER_MAX  65536
#define PATIENCE_MS 20000

struct server {
	struct settings *settings;
	struct shared *shared;
	struct http *http;
	in_port_t port;
};

static int
listen_anywhere(in_port_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	cr_assert_eq(listen(fd, 64), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = a.sin_port;
	return fd;
}

static void
set_up(struct server *s, uint32_t connections, uint32_t timeout)
{
	s->settings = settings_new();
	s->shared = shared_new();
	cr_assert(s->settings != NULL && s->shared != NULL);
	s->settings->http_connections = connections;
	s->settings->http_timeout = timeout;
	s->shared->serving = true;
	shared_published_set(s->shared, published_new(slice_text(SET)));
	int fd = listen_anywhere(&s->port);

	cr_assert_eq(http_start(fd, s->settings, s->shared, &s->http), VH_OK);
}

static void
tear_down(struct server *s)
{
	http_stop(s->http);
	shared_free(s->shared);
	settings_free(s->settings);
}

static int
dial(const struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = s->port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

/* False when the other end has gone: it may answer before it has read all. */
static bool
put(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* Everything until the other end closes, NUL-terminated; its length.  Fails the
 * test when that takes too long. */
static size_t
read_to_end(int fd, char answer[static ANSWER_MAX])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	do {
		cr_assert_eq(poll(&p, 1, PATIENCE_MS), 1, "no end");
		n = read(fd, answer + len, ANSWER_MAX - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	answer[len] = '\0';
	return len;
}

/* One connection, one request, the whole answer. */
static char *
ask(const struct server *s, const char *request)
{
	static char answer[ANSWER_MAX]; /* the test's last answer */
	int fd = dial(s);

	(void)put(fd, request); /* a refusal may come before the end */
	(void)read_to_end(fd, answer);
	(void)close(fd); /* a socket we are done with */
	return answer;
}

static unsigned
status_of(const char *answer)
{
	unsigned status = 0;

	(void)sscanf(answer, "HTTP/1.1 %3u ", &status);
	return status;
}

static bool
has_header(const char *answer, const char *line)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *at = strcasestr(answer, line);

	return end != NULL && at != NULL && at < end && at[-1] == '\n' &&
	       at[strlen(line)] == '\r';
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end == NULL ? "" : end + 4;
}

#define GET(path, more)                                                        \
	"GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" more "\r"  \
	"\n"

Test(http, the_set_comes_with_its_headers)
{
	struct server s;

	set_up(&s, 8, 10);
	const char *a = ask(&s, GET(JWKS, ""));

	cr_expect_eq(status_of(a), 200);
	cr_expect(has_header(a, "Content-Type: application/jwk-set+json"));
	cr_expect(has_header(a, "Cache-Control: public, max-age=600"));
	cr_expect(has_header(a, "X-Content-Type-Options: nosniff"));
	cr_expect(has_header(a, "Content-Length: 11"));
	cr_expect_str_eq(body_of(a), SET);
	tear_down(&s);
}

Test(http, head_is_get_without_the_body)
{
	struct server s;

	set_up(&s, 8, 10);
	const char *a = ask(&s,
	    "HEAD " JWKS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	cr_expect_eq(status_of(a), 200);
	cr_expect(has_header(a, "Content-Type: application/jwk-set+json"));
	cr_expect(has_header(a, "Content-Length: 11"));
	cr_expect_str_eq(body_of(a), "");
	tear_down(&s);
}

Test(http, a_set_the_client_has_is_not_sent_again)
{
	static const struct {
		const char *before;
		bool star;
	} forms[] = { { "If-None-Match: ", false },
		{ "If-None-Match: W/", false },
		{ "if-none-match: \"x\", ", false },
		{ "If-None-Match: \"x\"\r\nIf-None-Match: ", false },
		{ "If-None-Match: ", true } };
	struct server s;
	char etag[64], line[160], tag_line[80], request[512];

	set_up(&s, 8, 10);
	const char *tag = strcasestr(ask(&s, GET(JWKS, "")), "\nETag: ");

	cr_assert_not_null(tag);
	cr_assert_eq(sscanf(tag + 7, "%63s", etag), 1);
	cr_expect_eq(strlen(etag), 45);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		(void)snprintf(line, sizeof line, "%s%s\r\n", forms[i].before,
		    forms[i].star ? "*" : etag);
		(void)snprintf(request, sizeof request,
		    "GET " JWKS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		    "%s\r\n",
		    line);
		const char *a = ask(&s, request);

		cr_expect_eq(status_of(a), 304, "%s", line);
		(void)snprintf(tag_line, sizeof tag_line, "ETag: %s", etag);
		cr_expect(has_header(a, tag_line));
		cr_expect(has_header(a, "Cache-Control: public, max-age=600"));
		/* RFC 9110, 8.6: the length of a 200, or none at all. */
		cr_expect_not(has_header(a, "Content-Length: 0"));
		cr_expect_str_eq(body_of(a), "");
	}
	cr_expect_eq(status_of(ask(&s, GET(JWKS, "If-None-Match: \"x\"\r\n"))),
	    200);
	tear_down(&s);
}

Test(http, a_query_changes_nothing)
{
	struct server s;

	set_up(&s, 8, 10);
	cr_expect_str_eq(body_of(ask(&s, GET(JWKS "?a=1&b&=%00&c=%zz", ""))),
	    SET);
	cr_expect_eq(status_of(ask(&s, GET("/healthz?", ""))), 200);
	cr_expect_eq(status_of(ask(&s, GET("/healthz%3f", ""))), 404);
	cr_expect_eq(status_of(ask(&s, GET("/healthz%00x", ""))), 404);
	tear_down(&s);
}

Test(http, readiness_follows_the_node)
{
	struct server s;

	set_up(&s, 8, 10);
	cr_expect_str_eq(body_of(ask(&s, GET("/readyz", ""))), "ready\n");
	s.shared->draining = true;
	const char *a = ask(&s, GET("/readyz", ""));

	cr_expect_eq(status_of(a), 503);
	cr_expect_str_eq(body_of(a), "not ready: draining\n");
	cr_expect_str_eq(body_of(ask(&s, GET("/healthz", ""))), "ok\n");
	tear_down(&s);
}

Test(http, metrics_are_prometheus_text)
{
	struct server s;

	set_up(&s, 8, 10);
	(void)ask(&s, GET("/nowhere", ""));
	const char *a = ask(&s, GET("/metrics", ""));

	cr_expect_eq(status_of(a), 200);
	cr_expect(has_header(a,
	    "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
	cr_expect_not_null(strstr(a, "\nvhsmd_ready 1\n"));
	cr_expect_not_null(strstr(a,
	    "\nvhsmd_http_requests_total{route=\"other\",code=\"404\"} 1\n"));
	tear_down(&s);
}

Test(http, what_is_not_served_is_said_so)
{
	struct server s;

	set_up(&s, 8, 10);
	cr_expect_eq(status_of(ask(&s, GET("/", ""))), 404);
	cr_expect_eq(status_of(ask(&s, GET("/healthz/../metrics", ""))), 404);
	const char *a = ask(&s,
	    "DELETE " JWKS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	cr_expect_eq(status_of(a), 405);
	cr_expect(has_header(a, "Allow: GET, HEAD"));
	tear_down(&s);
}

Test(http, a_body_is_not_read_and_ends_the_connection)
{
	struct server s;

	set_up(&s, 8, 10);
	/* No body follows: only who does not wait for it can answer. */
	cr_expect_eq(status_of(ask(&s, "GET /healthz HTTP/1.1\r\nHost: a\r\n"
				       "Content-Length: 1000000000\r\n\r\n")),
	    413);
	cr_expect_eq(status_of(ask(&s, "GET /healthz HTTP/1.1\r\nHost: a\r\n"
				       "Transfer-Encoding: chunked\r\n\r\n")),
	    413);
	cr_expect_eq(status_of(ask(&s,
			 "POST " JWKS " HTTP/1.1\r\nHost: a\r\n"
			 "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")),
	    405);
	tear_down(&s);
}

Test(http, what_is_no_http_is_refused_and_the_server_lives)
{
	static const char *const garbage[] = { "\r\n\r\n\r\n\r\n\r\n",
		"GET\r\n\r\n", "GET /\r\n\r\n", " / HTTP/1.1\r\n\r\n",
		"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n\r\n",
		GET("/healthz", "Content-Length: -1\r\n"),
		GET("/healthz", "no colon\r\n"),
		"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n" };
	struct server s;
	char answer[ANSWER_MAX];

	set_up(&s, 8, 1);
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		int fd = dial(&s);

		cr_expect(put(fd, garbage[i]));
		cr_expect_eq(shutdown(fd, SHUT_WR), 0);
		(void)read_to_end(fd, answer);
		cr_expect_neq(status_of(answer), 200, "%zu: %s", i, answer);
		cr_expect_eq(close(fd), 0);
	}
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	tear_down(&s);
}

Test(http, oversized_requests_are_refused)
{
	size_t size = 100000;
	char *request = malloc(size + 200);
	struct server s;

	set_up(&s, 8, 10);
	cr_assert_not_null(request);
	int head = snprintf(request, 200, "GET /healthz?");

	memset(request + head, 'a', size);
	(void)snprintf(request + head + size, 100,
	    " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	unsigned status = status_of(ask(&s, request));

	/* 0: reset, as our bytes were never read. */
	cr_expect(status == 414 || status == 431 || status == 0, "%u", status);
	head =
	    snprintf(request, 200, "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ");
	memset(request + head, 'a', size);
	(void)snprintf(request + head + size, 100,
	    "\r\nConnection: close\r\n\r\n");
	status = status_of(ask(&s, request));
	cr_expect(status == 431 || status == 0, "%u", status);
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	free(request);
	tear_down(&s);
}

Test(http, one_connection_takes_many_requests)
{
	static const char request[] =
	    "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
	char answer[ANSWER_MAX];
	struct server s;

	set_up(&s, 8, 10);
	int fd = dial(&s);

	cr_expect(put(fd, request));
	cr_expect(put(fd, request)); /* pipelined */
	cr_expect(put(fd, GET("/readyz", "")));
	(void)read_to_end(fd, answer);
	const char *second = strstr(answer + 1, "HTTP/1.1 200");

	cr_assert_not_null(second);
	cr_expect_not_null(strstr(second + 1, "HTTP/1.1 200"));
	cr_expect_eq(close(fd), 0);
	tear_down(&s);
}

Test(http, an_idle_connection_is_closed)
{
	char answer[ANSWER_MAX];
	struct server s;

	set_up(&s, 8, 1);
	int fd = dial(&s);

	cr_expect_eq(read_to_end(fd, answer), 0);
	cr_expect_eq(close(fd), 0);
	tear_down(&s);
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

Test(http, a_client_that_dribbles_is_cut_off)
{
	struct server s;

	set_up(&s, 8, 1);
	int fd = dial(&s);

	cr_expect(put(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\nX: "));
	uint64_t ms = dribble(fd);

	/* Not by the idle timeout of a second: it always had a byte. */
	cr_expect_gt(ms, 1500);
	cr_expect_lt(ms, 10000);
	cr_expect_eq(close(fd), 0);
	cr_expect_not_null(
	    strstr(ask(&s, GET("/metrics", "")), "\nvhsmd_http_cut_total 1\n"));
	tear_down(&s);
}

Test(http, a_client_that_finishes_its_requests_may_stay)
{
	struct mono_ns start = clock_mono();
	struct server s;

	set_up(&s, 8, 1);
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
	tear_down(&s);
}

Test(http, past_the_limit_a_client_waits_until_an_idle_one_is_gone)
{
	int idle[4];
	struct server s;

	set_up(&s, ARRAY_LEN(idle), 1);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = dial(&s);
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		cr_expect_eq(close(idle[i]), 0);
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	tear_down(&s);
}

Test(http, when_half_full_no_connection_is_kept)
{
	char answer[ANSWER_MAX];
	int idle[2];
	struct server s;

	set_up(&s, 4, 10);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = dial(&s);
	int fd = dial(&s);

	cr_expect(put(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
	(void)read_to_end(fd, answer);
	cr_expect(has_header(answer, "Connection: close"));
	cr_expect_eq(close(fd) + close(idle[0]) + close(idle[1]), 0);
	tear_down(&s);
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

Test(http, a_large_set_is_sent_whole_even_when_replaced_meanwhile)
{
	static char part[ANSWER_MAX]; /* large for a stack */
	struct server s;
	size_t len = 0;
	ssize_t n;

	set_up(&s, 4, 10);
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
	tear_down(&s);
	cr_expect_eq(large->refs, 1);
	published_free(large);
}

Test(http, a_client_that_leaves_holds_no_set)
{
	char byte;
	struct server s;

	set_up(&s, 4, 10);
	struct published *large = publish_large(&s);

	for (size_t i = 0; i < 8; i++) {
		int fd = dial(&s);

		cr_expect(put(fd, GET(JWKS, "")));
		cr_expect_eq(read(fd, &byte, 1), 1);
		cr_expect_eq(close(fd), 0);
	}
	tear_down(&s);
	cr_expect_eq(large->refs, 1);
	published_free(large);
}

Test(http, a_client_that_reads_too_slowly_is_given_up)
{
	struct mono_ns start = clock_mono();
	char some[2048];
	struct server s;
	int small = 4096;

	set_up(&s, 4, 1);
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
	tear_down(&s);
	cr_expect_eq(large->refs, 1);
	published_free(large);
}

Test(http, its_thread_yields_to_all_others)
{
	struct server s;
	size_t nice_ones = 0;
	struct dirent *task;

	set_up(&s, 4, 10);
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
	tear_down(&s);
}

Test(http, stopping_ends_what_is_open)
{
	char answer[ANSWER_MAX];
	struct server s;

	set_up(&s, 4, 10);
	int fd = dial(&s);

	cr_expect(put(fd, "GET /healthz HT"));
	tear_down(&s);
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

Test(http, it_lives_in_the_sandbox_of_front)
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
