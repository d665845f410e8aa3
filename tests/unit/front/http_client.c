#include "http_client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int
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

void
server_start(struct server *s, uint32_t connections, uint32_t timeout)
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

void
server_stop(struct server *s)
{
	http_stop(s->http);
	shared_free(s->shared);
	settings_free(s->settings);
}

int
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

bool
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

size_t
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

char *
ask(const struct server *s, const char *request)
{
	static char answer[ANSWER_MAX]; /* the test's last answer */
	int fd = dial(s);

	(void)put(fd, request); /* a refusal may come before the end */
	(void)read_to_end(fd, answer);
	(void)close(fd); /* a socket we are done with */
	return answer;
}

unsigned
status_of(const char *answer)
{
	unsigned status = 0;

	(void)sscanf(answer, "HTTP/1.1 %3u ", &status);
	return status;
}

bool
has_header(const char *answer, const char *line)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *at = strcasestr(answer, line);

	return end != NULL && at != NULL && at < end && at[-1] == '\n' &&
	       at[strlen(line)] == '\r';
}

const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	return end == NULL ? "" : end + 4;
}
