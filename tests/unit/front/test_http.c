/* The HTTP module whole, over loopback: what a client sees on the socket. */
#include "http_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

Test(http, the_set_comes_with_its_headers)
{
	struct server s;

	server_start(&s, 8, 10);
	const char *a = ask(&s, GET(JWKS, ""));

	cr_expect_eq(status_of(a), 200);
	cr_expect(has_header(a, "Content-Type: application/jwk-set+json"));
	cr_expect(has_header(a, "Cache-Control: public, max-age=600"));
	cr_expect(has_header(a, "X-Content-Type-Options: nosniff"));
	cr_expect(has_header(a, "Content-Length: 11"));
	cr_expect_str_eq(body_of(a), SET);
	server_stop(&s);
}

Test(http, head_is_get_without_the_body)
{
	struct server s;

	server_start(&s, 8, 10);
	const char *a = ask(&s,
	    "HEAD " JWKS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	cr_expect_eq(status_of(a), 200);
	cr_expect(has_header(a, "Content-Type: application/jwk-set+json"));
	cr_expect(has_header(a, "Content-Length: 11"));
	cr_expect_str_eq(body_of(a), "");
	server_stop(&s);
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

	server_start(&s, 8, 10);
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
	server_stop(&s);
}

Test(http, a_query_changes_nothing)
{
	struct server s;

	server_start(&s, 8, 10);
	cr_expect_str_eq(body_of(ask(&s, GET(JWKS "?a=1&b&=%00&c=%zz", ""))),
	    SET);
	cr_expect_eq(status_of(ask(&s, GET("/healthz?", ""))), 200);
	cr_expect_eq(status_of(ask(&s, GET("/healthz%3f", ""))), 404);
	cr_expect_eq(status_of(ask(&s, GET("/healthz%00x", ""))), 404);
	server_stop(&s);
}

Test(http, readiness_follows_the_node)
{
	struct server s;

	server_start(&s, 8, 10);
	cr_expect_str_eq(body_of(ask(&s, GET("/readyz", ""))), "ready\n");
	s.shared->draining = true;
	const char *a = ask(&s, GET("/readyz", ""));

	cr_expect_eq(status_of(a), 503);
	cr_expect_str_eq(body_of(a), "not ready: draining\n");
	cr_expect_str_eq(body_of(ask(&s, GET("/healthz", ""))), "ok\n");
	server_stop(&s);
}

Test(http, metrics_are_prometheus_text)
{
	struct server s;

	server_start(&s, 8, 10);
	(void)ask(&s, GET("/nowhere", ""));
	const char *a = ask(&s, GET("/metrics", ""));

	cr_expect_eq(status_of(a), 200);
	cr_expect(has_header(a,
	    "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
	cr_expect_not_null(strstr(a, "\nvhsmd_ready 1\n"));
	cr_expect_not_null(strstr(a,
	    "\nvhsmd_http_requests_total{route=\"other\",code=\"404\"} 1\n"));
	server_stop(&s);
}

Test(http, what_is_not_served_is_said_so)
{
	struct server s;

	server_start(&s, 8, 10);
	cr_expect_eq(status_of(ask(&s, GET("/", ""))), 404);
	cr_expect_eq(status_of(ask(&s, GET("/healthz/../metrics", ""))), 404);
	const char *a = ask(&s,
	    "DELETE " JWKS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	cr_expect_eq(status_of(a), 405);
	cr_expect(has_header(a, "Allow: GET, HEAD, OPTIONS"));
	server_stop(&s);
}

Test(http, a_body_is_not_read_and_ends_the_connection)
{
	struct server s;

	server_start(&s, 8, 10);
	/* No body follows: only who does not wait for it can answer. */
	cr_expect_eq(status_of(ask(&s, "GET /healthz HTTP/1.1\r\nHost: a\r\n"
				       "Content-Length: 1000000000\r\n\r\n")),
	    413);
	cr_expect_eq(status_of(ask(&s, "GET /healthz HTTP/1.1\r\nHost: a\r\n"
				       "Transfer-Encoding: chunked\r\n\r\n")),
	    413);
	/* Whoever counts the last length would see one request here. */
	cr_expect_eq(status_of(ask(&s, "GET /healthz HTTP/1.1\r\nHost: a\r\n"
				       "Content-Length: 0\r\n"
				       "Content-Length: 37\r\n\r\n"
				       "GET /readyz HTTP/1.1\r\nHost: a\r\n"
				       "X: 1\r\n\r\n")),
	    413);
	cr_expect_eq(status_of(ask(&s,
			 "POST " JWKS " HTTP/1.1\r\nHost: a\r\n"
			 "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")),
	    405);
	server_stop(&s);
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

	server_start(&s, 8, 1);
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		int fd = dial(&s);

		cr_expect(put(fd, garbage[i]));
		cr_expect_eq(shutdown(fd, SHUT_WR), 0);
		(void)read_to_end(fd, answer);
		cr_expect_neq(status_of(answer), 200, "%zu: %s", i, answer);
		cr_expect_eq(close(fd), 0);
	}
	cr_expect_eq(status_of(ask(&s, GET("/healthz", ""))), 200);
	server_stop(&s);
}

Test(http, oversized_requests_are_refused)
{
	size_t size = 100000;
	char *request = malloc(size + 200);
	struct server s;

	server_start(&s, 8, 10);
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
	server_stop(&s);
}

Test(http, one_connection_takes_many_requests)
{
	static const char request[] =
	    "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
	char answer[ANSWER_MAX];
	struct server s;

	server_start(&s, 8, 10);
	int fd = dial(&s);

	cr_expect(put(fd, request));
	cr_expect(put(fd, request)); /* pipelined */
	cr_expect(put(fd, GET("/readyz", "")));
	(void)read_to_end(fd, answer);
	const char *second = strstr(answer + 1, "HTTP/1.1 200");

	cr_assert_not_null(second);
	cr_expect_not_null(strstr(second + 1, "HTTP/1.1 200"));
	cr_expect_eq(close(fd), 0);
	server_stop(&s);
}
