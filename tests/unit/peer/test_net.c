#include "peer/net.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>

#include "test_net_pki.h"

/* The next event of n, within 20 s. */
static struct net_event
next(struct net *n)
{
	struct net_event e;
	struct pollfd fd = { net_fd(n), POLLIN, 0 };
	struct mono_ns end = mono_after_ms(clock_mono(), 20000);

	while (!net_next(n, &e)) {
		cr_assert(!mono_passed(end, clock_mono()), "no event");
		(void)poll(&fd, 1, 100);
	}
	return e;
}

static struct net *
open_net(struct pki *p, const char *name)
{
	struct net *n = NULL;

	cr_assert_eq(net_new(&n), VH_OK);
	cr_assert_eq(net_set_tls(n,
			 pki_tls(p, &(struct pki_terms){ .names = name }, p)),
	    VH_OK);
	return n;
}

/* Connected, the UP events taken. */
static uint32_t
join(struct net *from, struct net *to, const char *name)
{
	uint32_t dial;

	if (net_address(to)[0] == '\0')
		cr_assert_eq(net_listen(to, "127.0.0.1:0"), VH_OK);
	cr_assert_eq(net_dial(from, net_address(to), name, &dial), VH_OK);
	struct net_event e = next(from);

	cr_assert_eq(e.kind, NET_UP);
	cr_assert_eq(e.dial, dial);
	e = next(to);
	cr_assert_eq(e.kind, NET_UP);
	cr_assert_eq(e.dial, 0);
	return dial;
}

Test(net, a_question_is_answered)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = join(a, b, "b");

	cr_assert_eq(net_ask(a, dial, 7, 5000, slice_text("question")), VH_OK);
	struct net_event e = next(b);

	cr_assert_eq(e.kind, NET_ASKED);
	cr_expect(slice_is(e.message, "question"));
	net_reply(b, e.id, slice_text("answer"));
	e = next(a);
	cr_assert_eq(e.kind, NET_ANSWERED);
	cr_expect_eq(e.id, 7);
	cr_expect_eq(e.err, VH_OK);
	cr_expect_eq(e.dial, dial);
	cr_expect(slice_is(e.message, "answer"));
}

Test(net, a_question_given_up_is_a_deadline_for_its_asker)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = join(a, b, "b");

	cr_assert_eq(net_ask(a, dial, 7, 300, slice_text("question")), VH_OK);
	struct net_event e = next(b);

	net_drop(b, e.id);
	net_reply(b, e.id, slice_text("too late"));
	e = next(a);
	cr_expect_eq(e.kind, NET_ANSWERED);
	cr_expect_eq(e.err, VH_EDEADLINE);
}

Test(net, no_more_questions_than_a_dial_has_places)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = join(a, b, "b");

	for (uint64_t i = 0; i < NET_ASKS_MAX; i++)
		cr_assert_eq(net_ask(a, dial, i, 5000, slice_text("q")), VH_OK);
	cr_expect_eq(net_ask(a, dial, 99, 5000, slice_text("q")), VH_EBUSY);
	for (size_t i = 0; i < NET_ASKS_MAX; i++)
		net_reply(b, next(b).id, slice_text("a"));
	for (size_t i = 0; i < NET_ASKS_MAX; i++)
		cr_expect_eq(next(a).err, VH_OK);
	cr_expect_eq(net_ask(a, dial, 99, 5000, slice_text("q")), VH_OK);
}

Test(net, a_message_that_is_too_long_ends_its_pipe_and_nothing_else)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = join(a, b, "b");
	size_t size = NET_MESSAGE_MAX + 1;
	uint8_t *much = calloc(1, size);

	cr_assert_eq(net_ask(a, dial, 7, 10000, slice_of(much, size)), VH_OK);
	free(much);
	struct net_event e = next(b);

	cr_expect_eq(e.kind, NET_DOWN);
	bool lost = false, down = false;

	while (!lost || !down) {
		e = next(a);
		lost = lost || (e.kind == NET_ANSWERED && e.err == VH_ELOST);
		down = down || e.kind == NET_DOWN;
		cr_assert(e.kind != NET_ANSWERED || e.err == VH_ELOST, "%s",
		    err_name(e.err));
	}
	e = next(a);
	cr_expect_eq(e.kind, NET_UP, "nng has connected again");
	cr_assert_eq(net_ask(a, dial, 8, 10000, slice_text("short")), VH_OK);
	do
		e = next(b);
	while (e.kind != NET_ASKED);
	cr_expect(slice_is(e.message, "short"));
}

Test(net, the_longest_message_gets_through)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = join(a, b, "b");
	size_t size = NET_MESSAGE_MAX - 64; /* nng's own header */
	uint8_t *much = calloc(1, size);

	cr_assert_eq(net_ask(a, dial, 7, 20000, slice_of(much, size)), VH_OK);
	free(much);
	struct net_event e = next(b);

	cr_expect_eq(e.kind, NET_ASKED);
	cr_expect_eq(e.message.len, size);
}

Test(net, hanging_up_loses_what_was_under_way)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = join(a, b, "b");

	cr_assert_eq(net_ask(a, dial, 7, 20000, slice_text("q")), VH_OK);
	(void)next(b);
	net_hang_up(a, dial);
	struct net_event e = next(a);

	if (e.kind == NET_DOWN)
		e = next(a);
	cr_expect_eq(e.kind, NET_ANSWERED);
	cr_expect_eq(e.err, VH_ELOST);
	cr_expect_eq(net_ask(a, dial, 8, 100, slice_text("q")), VH_ELOST);
}

Test(net, a_closed_pipe_is_made_again)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	AUTO(net_free) struct net *b = open_net(p, "b");
	uint32_t dial = 0;

	cr_assert_eq(net_listen(b, "127.0.0.1:0"), VH_OK);
	cr_assert_eq(net_dial(a, net_address(b), "b", &dial), VH_OK);
	struct net_event e = next(b);

	cr_assert_eq(e.kind, NET_UP);
	net_close_pipe(b, e.pipe);
	cr_expect_eq(next(b).kind, NET_DOWN);
	cr_expect_eq(next(b).kind, NET_UP);
}

Test(net, dials_are_bounded)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(net_free) struct net *a = open_net(p, "a");
	uint32_t dial;

	for (size_t i = 0; i < NET_DIALS_MAX; i++)
		cr_assert_eq(net_dial(a, "127.0.0.1:1", "b", &dial), VH_OK);
	cr_expect_eq(net_dial(a, "127.0.0.1:1", "b", &dial), VH_EBUSY);
}

Test(net, files_that_do_not_belong_together_are_refused)
{
	AUTO(pki_free) struct pki *p = pki_new();
	const struct pki_terms terms = { .names = "a" };
	AUTO(net_tls_free) struct net_tls *one = pki_tls(p, &terms, p);
	AUTO(net_tls_free) struct net_tls *two = pki_tls(p, &terms, p);
	AUTO(net_tls_free) struct net_tls *bad = NULL;

	cr_expect_eq(net_tls_new(one->cert, two->key, one->ca, NULL, &bad),
	    VH_ECONFIG);
	cr_expect_eq(net_tls_new("", one->key, one->ca, NULL, &bad),
	    VH_ECONFIG);
	cr_expect_eq(net_tls_new(one->cert, one->key, "no CA", NULL, &bad),
	    VH_ECONFIG);
	cr_expect_eq(net_tls_new(one->cert, one->key, one->ca, "x", &bad),
	    VH_ECONFIG);
	cr_expect_null(bad);
}
