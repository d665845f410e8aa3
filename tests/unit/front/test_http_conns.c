#include "front/http_conns.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_MS 1000

static struct mono_ns
at(uint64_t ms)
{
	return mono_after_ms((struct mono_ns){ 0 }, ms);
}

static void
make_pair(int pair[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
}

static bool
is_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

Test(http_conns, only_the_slow_are_ended)
{
	AUTO(http_conns_free) struct http_conns *c = http_conns_new();
	int slow[2], quick[2];

	make_pair(slow);
	make_pair(quick);
	struct http_conn *a = http_conns_add(c, slow[0], at(0));
	struct http_conn *b = http_conns_add(c, quick[0], at(0));

	http_conns_finish(c, b, at(500));
	cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(999)), 0);
	cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(1000)), 1);
	cr_expect(is_ended(slow[1]));
	cr_expect_not(is_ended(quick[1]));
	http_conns_remove(c, a);
	http_conns_remove(c, b);
	for (size_t i = 0; i < 2; i++) {
		cr_expect_eq(close(slow[i]), 0);
		cr_expect_eq(close(quick[i]), 0);
	}
}

Test(http_conns, a_finished_request_starts_the_time_anew)
{
	AUTO(http_conns_free) struct http_conns *c = http_conns_new();
	int pair[2];

	make_pair(pair);
	struct http_conn *a = http_conns_add(c, pair[0], at(0));

	for (uint64_t ms = 900; ms < 9000; ms += 900) {
		cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(ms)), 0);
		http_conns_finish(c, a, at(ms));
	}
	cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(9999)), 1);
	cr_expect_eq(close(pair[0]) + close(pair[1]), 0);
}

Test(http_conns, each_is_ended_once_and_counted_until_removed)
{
	AUTO(http_conns_free) struct http_conns *c = http_conns_new();
	int pair[2];

	make_pair(pair);
	struct http_conn *a = http_conns_add(c, pair[0], at(0));

	cr_expect_eq(http_conns_count(c), 1);
	cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(5000)), 1);
	http_conns_finish(c, a, at(5000));
	cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(9000)), 0);
	cr_expect_eq(http_conns_count(c), 1);
	http_conns_remove(c, a);
	cr_expect_eq(http_conns_count(c), 0);
	cr_expect_eq(http_conns_sweep(c, LIMIT_MS, at(9000)), 0);
	cr_expect_eq(close(pair[0]) + close(pair[1]), 0);
}
