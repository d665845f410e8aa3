#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Standard error of one event; NUL-terminated. */
static char text[8192];
static int saved;
static int ends[2];

static void
begin(void)
{
	cr_assert_eq(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
	(void)close(ends[1]); /* dup2 made another of it */
}

static const char *
end(void)
{
	cr_assert_geq(dup2(saved, STDERR_FILENO), 0);
	(void)close(saved); /* dup2 made another of it */
	ssize_t n = read(ends[0], text, sizeof text - 1);

	(void)close(ends[0]); /* only read */
	cr_assert_geq(n, 0);
	text[n] = '\0';
	return text;
}

/* The line after its time. */
static const char *
event(const char *line)
{
	const char *at = strstr(line, "level");

	cr_assert_not_null(at, "%s", line);
	return at;
}

static void
say_until_full(void)
{
	for (int i = 0; i < 100; i++)
		LOG(NOTICE, "said", KV("i", i));
}

/* What there is to read, in text; how many lines. */
static unsigned
lines_of(int fd)
{
	ssize_t n = read(fd, text, sizeof text - 1);
	unsigned lines = 0;

	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_assert_eq(text[n - 1], '\n', "whole lines");
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	return lines;
}

static void
expect_loss_is_told(int reader, int writer)
{
	char expected[256];

	log_init("vault", LOG_LOGFMT, LOG_NOTICE);
	cr_assert_geq(dup2(writer, STDERR_FILENO), 0);
	log_unblock();
	say_until_full();
	unsigned taken = lines_of(reader);

	cr_assert_lt(taken, 100);
	errno = ENOENT;
	LOG(NOTICE, "after");
	cr_expect_eq(errno, ENOENT);
	cr_expect_eq(lines_of(reader), 2);
	(void)snprintf(expected, sizeof expected,
	    "level=error process=vault event=log-lines-lost count=%u\n",
	    100 - taken);
	cr_expect_eq(strncmp(event(text), expected, strlen(expected)), 0);
	cr_expect_str_eq(event(strchr(text, '\n')),
	    "level=notice process=vault event=after\n");
}

Test(log, a_pipe_that_nobody_reads_stops_nobody, .timeout = 30)
{
	int pair[2];

	cr_assert_eq(pipe(pair), 0);
	cr_assert_geq(fcntl(pair[1], F_SETPIPE_SZ, 4096), 4096);
	expect_loss_is_told(pair[0], pair[1]);
	cr_expect_eq(fcntl(pair[1], F_GETFL) & O_NONBLOCK, 0,
	    "others who have it wait as before");
}

Test(log, nor_does_a_socket, .timeout = 30)
{
	int pair[2], small = 1;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small,
			 sizeof small),
	    0);
	expect_loss_is_told(pair[0], pair[1]);
}

static void *
count_lines(void *fd)
{
	static unsigned lines;
	char some[512];
	ssize_t n;

	while ((n = read(*(int *)fd, some, sizeof some)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += some[i] == '\n';
	return &lines;
}

Test(log, who_reads_slowly_loses_nothing, .timeout = 30)
{
	enum { ROUNDS = 100 };
	int pair[2];
	pthread_t reader;
	void *lines;

	log_init("vault", LOG_LOGFMT, LOG_NOTICE);
	cr_assert_eq(pipe(pair), 0);
	cr_assert_geq(fcntl(pair[1], F_SETPIPE_SZ, 4096), 4096);
	cr_assert_geq(dup2(pair[1], STDERR_FILENO), 0);
	log_unblock();
	cr_assert_eq(pthread_create(&reader, NULL, count_lines, &pair[0]), 0);
	for (int i = 0; i < ROUNDS; i++)
		say_until_full();
	(void)close(pair[1]);       /* dup2 and log_unblock made others */
	(void)close(STDERR_FILENO); /* the last one */
	cr_assert_eq(pthread_join(reader, &lines), 0);
	cr_expect_eq(*(unsigned *)lines, ROUNDS * 100u);
}

/* To a compiler older than C23's bool the bare words are ints. */
static const bool yes = true, no = false;

Test(log, an_event_is_one_line_of_typed_fields)
{
	log_init("vault", LOG_LOGFMT, LOG_NOTICE);
	begin();
	LOG(NOTICE, "refused", KV("kid", "abc"), KV("count", -3),
	    KV("size", (size_t)7), KV("local", yes), KV_ERR(VH_ENOKEY),
	    KV_ERRNO(ENOENT));
	cr_expect_str_eq(event(end()),
	    "level=notice process=vault event=refused kid=abc count=-3 size=7 "
	    "local=true error=ENOKEY errno=ENOENT\n");
	cr_expect_eq(strncmp(text, "time=2", 6), 0);
	cr_expect_eq(text[strcspn(text, " ") - 1], 'Z');
}

Test(log, an_event_may_have_no_fields)
{
	log_init("front", LOG_JSON, LOG_NOTICE);
	begin();
	LOG(ERROR, "gone");
	cr_expect_str_eq(event(end()),
	    "level\":\"error\",\"process\":\"front\",\"event\":\"gone\"}\n");
}

Test(log, no_value_ends_a_line_or_forges_a_field)
{
	log_init("p", LOG_LOGFMT, LOG_NOTICE);
	begin();
	LOG(NOTICE, "e", KV("a", "x y"), KV("b", ""), KV("c", "q\"\\="),
	    KV("d", "1\n2\x7f\xff"), KV("n", (const char *)NULL));
	cr_expect_str_eq(event(end()),
	    "level=notice process=p event=e a=\"x y\" b=\"\" "
	    "c=\"q\\\"\\\\=\" d=\"1\\u000a2\\u007f\\u00ff\" n=\"\"\n");
}

Test(log, json_quotes_every_text)
{
	log_init("p", LOG_JSON, LOG_NOTICE);
	begin();
	LOG(NOTICE, "e", KV("a", "x"), KV("b", "\"}\n"), KV("c", 1u),
	    KV("d", no));
	cr_expect_str_eq(event(end()),
	    "level\":\"notice\",\"process\":\"p\",\"event\":\"e\",\"a\":\"x\","
	    "\"b\":\"\\\"}\\u000a\",\"c\":1,\"d\":false}\n");
}

Test(log, a_field_without_room_is_left_out_whole)
{
	static char wide[600];

	memset(wide, '\n', sizeof wide - 1);
	log_init("p", LOG_JSON, LOG_NOTICE);
	begin();
	LOG(NOTICE, "e", KV("wide", wide), KV("after", 1));
	cr_expect_str_eq(event(end()),
	    "level\":\"notice\",\"process\":\"p\",\"event\":\"e\","
	    "\"after\":1}\n");
}

Test(log, a_long_text_is_cut)
{
	static char wide[4000];

	memset(wide, 'x', sizeof wide - 1);
	log_init("p", LOG_LOGFMT, LOG_NOTICE);
	begin();
	LOG(NOTICE, "e", KV("wide", wide), KV("after", 1));
	const char *line = end();

	cr_expect_lt(strlen(line), 700);
	cr_expect_not_null(strstr(line, "x\" after=1\n"));
}

Test(log, a_level_below_is_silent)
{
	log_init("p", LOG_LOGFMT, LOG_ERROR);
	begin();
	LOG(NOTICE, "e");
	LOG(DEBUG, "e");
	cr_expect_str_eq(end(), "");
}

Test(log, unknown_errno_has_a_name)
{
	cr_expect_str_eq(strerrorname_or(EACCES), "EACCES");
	cr_expect_str_eq(strerrorname_or(99999), "unknown");
}
