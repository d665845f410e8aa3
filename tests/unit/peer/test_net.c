#include "peer/net.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "test_net_pki.h"

#define ASKED_MAX 128

/* One end, which notes what happens. */
struct end {
	struct net *net;
	uint32_t pipe; /* the last that came up */
	size_t ups, downs, asked, answered;
	enum vh_err down, answer, ask; /* the last */
	char why[64], from[64]; /* of down: the reason, the other's address */
	bool wary;              /* trusts nobody */
	struct {
		uint32_t pipe;
		uint64_t id;
	} asks[ASKED_MAX];
	size_t size; /* of the last question's DATA, or answer's */
	bool reply;  /* at once */
};

static struct buf *
frame_of(uint64_t id, bool is_answer, const void *bytes, size_t size)
{
	struct buf *b = buf_new(NET_FRAME_MAX * 2);
	size_t start = is_answer ? frame_answer(b, VH_OP_NRELAY, id, VH_OK)
				 : frame_request(b, VH_OP_NRELAY, id, 0);

	frame_put(b, VH_F_REQUEST, slice_of(bytes, size));
	frame_close(b, start);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

static void
answer(struct end *e, uint32_t pipe, uint64_t id)
{
	AUTO(buf_free) struct buf *b = frame_of(id, true, "answer", 6);

	net_answer(e->net, pipe, buf_slice(b));
}

static void
up(void *context, uint32_t pipe, bool came_in)
{
	struct end *e = context;

	(void)came_in;
	e->pipe = pipe;
	e->ups++;
	if (!e->wary)
		net_trust(e->net, pipe);
}

static void
down(void *context, uint32_t pipe, enum vh_err err, const char *why)
{
	struct end *e = context;

	e->down = err;
	e->downs++;
	(void)snprintf(e->why, sizeof e->why, "%s", why);
	net_pipe_address(e->net, pipe, e->from, sizeof e->from);
}

static void
asked(void *context, uint32_t pipe, enum vh_err err, const struct frame *q)
{
	struct end *e = context;

	e->ask = err;
	e->asks[e->asked % ASKED_MAX].pipe = pipe;
	e->asks[e->asked++ % ASKED_MAX].id = q->id;
	e->size = q->f.at[VH_F_REQUEST].len;
	if (e->reply)
		answer(e, pipe, q->id);
}

static void
answered(void *context, uint32_t pipe, uint64_t id, enum vh_err err,
    const struct frame *a)
{
	struct end *e = context;

	(void)pipe;
	(void)id;
	e->answer = err;
	e->answered++;
	e->size = a == NULL ? 0 : a->f.at[VH_F_REQUEST].len;
}

static void
end_open(struct end *e, struct pki *p, const char *name)
{
	const struct net_hooks hooks = { e, up, down, asked, answered };

	*e = (struct end){ 0 };
	cr_assert_eq(net_new(&hooks, &e->net), VH_OK);
	cr_assert_eq(net_set_tls(e->net,
			 pki_tls(p, &(struct pki_terms){ .names = name }, p)),
	    VH_OK);
}

/* Runs both until *count has come to want; fails after 20 s. */
static void
until(struct end *a, struct end *b, const size_t *count, size_t want)
{
	struct mono_ns end = mono_after_ms(clock_mono(), 20000);

	while (*count < want) {
		struct pollfd fds[] = { { net_fd(a->net), POLLIN, 0 },
			{ net_fd(b->net), POLLIN, 0 } };

		cr_assert(!mono_passed(end, clock_mono()), "nothing happens");
		(void)poll(fds, 2, 20);
		net_run(a->net, clock_mono());
		net_run(b->net, clock_mono());
	}
}

/* a has dialled b, which is open. */
static void
join_to(struct end *a, struct end *b, struct pki *p)
{
	uint32_t pipe;

	end_open(a, p, "a");
	cr_assert_eq(net_listen(b->net, "127.0.0.1:0"), VH_OK);
	cr_assert_eq(net_dial(a->net, net_address(b->net), "b", &pipe), VH_OK);
	until(a, b, &a->ups, 1);
	until(a, b, &b->ups, 1);
	cr_assert_eq(a->pipe, pipe);
}

static void
join(struct end *a, struct end *b, struct pki *p)
{
	end_open(b, p, "b");
	join_to(a, b, p);
}

static void
part(struct end *a, struct end *b)
{
	net_free(a->net);
	net_free(b->net);
}

static enum vh_err
ask(struct end *e, uint64_t id, uint32_t ms, size_t size)
{
	uint8_t *bytes = calloc(1, size == 0 ? 1 : size);
	AUTO(buf_free) struct buf *b = frame_of(id, false, bytes, size);

	free(bytes);
	return net_ask(e->net, e->pipe, id, ms, buf_slice(b));
}

Test(net, a_question_is_answered)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	b.reply = true;
	cr_assert_eq(ask(&a, 7, 5000, 100), VH_OK);
	until(&a, &b, &a.answered, 1);
	cr_expect_eq(a.answer, VH_OK);
	cr_expect_eq(a.size, 6);
	cr_expect_eq(b.asks[0].id, 7);
	part(&a, &b);
}

Test(net, a_question_not_answered_is_a_deadline)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	cr_assert_eq(ask(&a, 7, 200, 1), VH_OK);
	until(&a, &b, &a.answered, 1);
	cr_expect_eq(a.answer, VH_EDEADLINE);
	answer(&b, b.asks[0].pipe, 7);
	b.reply = true;
	cr_assert_eq(ask(&a, 8, 5000, 1), VH_OK);
	until(&a, &b, &a.answered, 2);
	cr_expect_eq(a.answer, VH_OK, "and a late answer is nobody's");
	part(&a, &b);
}

Test(net, answers_come_in_any_order)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	for (uint64_t id = 1; id <= 3; id++)
		cr_assert_eq(ask(&a, id, 5000, 1), VH_OK);
	until(&a, &b, &b.asked, 3);
	for (uint64_t id = 3; id >= 1; id--)
		answer(&b, b.asks[0].pipe, id);
	until(&a, &b, &a.answered, 3);
	cr_expect_eq(a.answer, VH_OK);
	part(&a, &b);
}

Test(net, no_more_questions_than_a_pipe_has_places)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	for (uint64_t i = 0; i < NET_ASKS_MAX; i++)
		cr_assert_eq(ask(&a, i, 5000, 1), VH_OK);
	cr_expect_eq(ask(&a, 99, 5000, 1), VH_EBUSY);
	until(&a, &b, &b.asked, NET_ASKS_MAX);
	answer(&b, b.asks[0].pipe, 0);
	until(&a, &b, &a.answered, 1);
	cr_expect_eq(ask(&a, 99, 5000, 1), VH_OK);
	part(&a, &b);
}

Test(net, the_longest_frame_gets_through)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	b.reply = true;
	cr_assert_eq(ask(&a, 7, 20000, VH_TOKEN_MAX), VH_OK);
	until(&a, &b, &a.answered, 1);
	cr_expect_eq(a.answer, VH_OK);
	cr_expect_eq(b.size, VH_TOKEN_MAX);
	part(&a, &b);
}

Test(net, a_frame_that_is_too_long_ends_its_pipe)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	cr_assert_eq(ask(&a, 7, 10000, NET_FRAME_MAX), VH_OK);
	until(&a, &b, &b.downs, 1);
	cr_expect_eq(b.down, VH_ETOOBIG);
	until(&a, &b, &a.downs, 1);
	cr_expect_eq(a.answer, VH_ELOST);
	cr_expect_eq(b.asked, 0);
	part(&a, &b);
}

Test(net, what_is_no_frame_ends_its_pipe)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	net_answer(a.net, a.pipe, slice_text("GET / HTTP/1.1\r\n\r\n      "));
	until(&a, &b, &b.downs, 1);
	cr_expect_eq(b.down, VH_EPARSE);
	part(&a, &b);
}

Test(net, closing_loses_what_is_under_way)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	cr_assert_eq(ask(&a, 7, 20000, 1), VH_OK);
	until(&a, &b, &b.asked, 1);
	net_close(a.net, a.pipe);
	until(&a, &b, &a.downs, 1);
	until(&a, &b, &b.downs, 1);
	cr_expect_eq(a.answered, 1);
	cr_expect_eq(a.answer, VH_ELOST);
	cr_expect_eq(ask(&a, 8, 100, 1), VH_ELOST);
	part(&a, &b);
}

Test(net, pipes_that_end_with_answers_under_way_are_freed)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;
	uint32_t pipe;

	join(&a, &b, p);
	b.reply = true;
	for (size_t round = 1; round <= 40; round++) {
		for (uint64_t i = 0; i < 20; i++)
			cr_assert_eq(ask(&a, i, 5000, 3000), VH_OK);
		until(&a, &b, &b.asked, b.asked + 1);
		net_close(a.net, a.pipe);
		until(&a, &b, &b.downs, round);
		until(&a, &b, &a.downs, round);
		cr_assert_eq(net_dial(a.net, net_address(b.net), "b", &pipe),
		    VH_OK);
		until(&a, &b, &a.ups, round + 1);
		until(&a, &b, &b.ups, round + 1);
	}
	part(&a, &b);
}

Test(net, frames_of_one_round_share_a_write)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	for (uint64_t id = 1; id <= 10; id++)
		cr_assert_eq(ask(&a, id, 5000, 20), VH_OK);
	cr_expect_eq(net_counts(a.net)->writes, 0);
	net_flush(a.net);
	cr_expect_eq(net_counts(a.net)->writes, 1);
	until(&a, &b, &b.asked, 10);
	part(&a, &b);
}

Test(net, a_frame_may_come_in_pieces)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	AUTO(buf_free) struct buf *f = frame_of(5, false, "question", 8);
	struct slice all = buf_slice(f);

	for (size_t cut = 1; cut < all.len; cut++) {
		net_answer(a.net, a.pipe, slice_of(all.p, cut));
		net_flush(a.net);
		net_answer(a.net, a.pipe, slice_of(all.p + cut, all.len - cut));
		until(&a, &b, &b.asked, cut);
		cr_expect_eq(b.size, 8);
	}
	cr_expect_eq(b.downs, 0);
	part(&a, &b);
}

Test(net, what_cannot_be_parsed_is_asked_with_its_error)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	join(&a, &b, p);
	AUTO(buf_free) struct buf *f = frame_of(5, false, "question", 8);

	f->p[FRAME_HEAD + 5]++; /* the field is longer than the frame */
	net_answer(a.net, a.pipe, buf_slice(f));
	until(&a, &b, &b.asked, 1);
	cr_expect_eq(b.ask, VH_EPARSE);
	cr_expect_eq(b.asks[0].id, 5);
	cr_expect_eq(b.downs, 0, "whoever is behind it hears why");
	part(&a, &b);
}

Test(net, a_stranger_may_not_send_long_frames)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	end_open(&b, p, "b");
	b.wary = true;
	join_to(&a, &b, p);
	cr_assert_eq(ask(&a, 7, 10000, NET_STRANGER_MAX), VH_OK);
	until(&a, &b, &b.downs, 1);
	cr_expect_eq(b.down, VH_ETOOBIG);
	cr_expect_eq(b.asked, 0);
	part(&a, &b);
}

Test(net, pipes_are_counted_while_they_live)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;

	end_open(&b, p, "b");
	b.wary = true;
	join_to(&a, &b, p);
	cr_expect_eq(net_counts(a.net)->out, 1);
	cr_expect_eq(net_counts(b.net)->in, 1);
	cr_expect_eq(net_counts(b.net)->strangers, 1);
	net_trust(b.net, b.pipe);
	cr_expect_eq(net_counts(b.net)->strangers, 0);
	net_close(a.net, a.pipe);
	until(&a, &b, &a.downs, 1);
	until(&a, &b, &b.downs, 1);
	cr_expect_eq(net_counts(a.net)->out, 0);
	cr_expect_eq(net_counts(b.net)->in, 0);
	part(&a, &b);
}

Test(net, new_certificates_end_all_pipes_and_keep_the_port)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;
	char before[128];
	uint32_t pipe;

	join(&a, &b, p);
	(void)snprintf(before, sizeof before, "%s", net_address(b.net));
	cr_assert_eq(net_set_tls(b.net,
			 pki_tls(p, &(struct pki_terms){ .names = "b" }, p)),
	    VH_OK);
	until(&a, &b, &b.downs, 1);
	until(&a, &b, &a.downs, 1);
	cr_expect_str_eq(net_address(b.net), before);
	cr_assert_eq(net_dial(a.net, before, "b", &pipe), VH_OK);
	until(&a, &b, &a.ups, 2);
	part(&a, &b);
}

/* Who refuses a certificate says so and hangs up, which can overtake it: then
 * the other end has lost a connection, and no more. */
Test(net, a_failed_handshake_says_why_and_from_where)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(pki_free) struct pki *other = pki_new();
	struct end a, b;
	uint32_t pipe;
	size_t tries = 0;

	end_open(&a, other, "a");
	end_open(&b, p, "b");
	cr_assert_eq(net_listen(b.net, "127.0.0.1:0"), VH_OK);
	do {
		cr_assert_lt(tries++, 50);
		cr_assert_eq(net_dial(a.net, net_address(b.net), "b", &pipe),
		    VH_OK);
		until(&a, &b, &a.downs, tries);
		until(&a, &b, &b.downs, tries);
		cr_expect_eq(a.down, VH_EVERIFY);
		cr_expect_neq(a.why[0], '\0');
		cr_expect_str_eq(a.from, net_address(b.net));
	} while (b.down == VH_ELOST);
	cr_expect_eq(b.down, VH_EVERIFY);
	cr_expect_neq(b.why[0], '\0');
	cr_expect_eq(strncmp(b.from, "127.0.0.1:", 10), 0);
	cr_expect_eq(net_counts(a.net)->failed_out, tries);
	cr_expect_eq(net_counts(b.net)->failed_in, 1);
	part(&a, &b);
}

Test(net, a_call_that_nobody_takes_is_down)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;
	uint32_t pipe;

	end_open(&a, p, "a");
	end_open(&b, p, "b");
	cr_assert_eq(net_dial(a.net, "127.0.0.1:1", "b", &pipe), VH_OK);
	until(&a, &b, &a.downs, 1);
	cr_expect_eq(a.down, VH_ELOST);
	cr_expect_eq(a.ups, 0);
	part(&a, &b);
}

Test(net, pipes_are_bounded)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a, b;
	uint32_t pipe;

	end_open(&a, p, "a");
	end_open(&b, p, "b");
	for (size_t i = 0; i < NET_PIPES_MAX; i++)
		cr_assert_eq(net_dial(a.net, "127.0.0.1:1", "b", &pipe), VH_OK);
	cr_expect_eq(net_dial(a.net, "127.0.0.1:1", "b", &pipe), VH_EBUSY);
	until(&a, &b, &a.downs, NET_PIPES_MAX);
	cr_expect_eq(net_dial(a.net, "127.0.0.1:1", "b", &pipe), VH_OK);
	part(&a, &b);
}

Test(net, a_host_name_is_never_given_to_nng)
{
	AUTO(pki_free) struct pki *p = pki_new();
	struct end a;
	static const char *const bad[] = { "localhost:1", "1.2.3:1",
		"127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "[::1:2",
		"::1:2", "[x]:2", "127.0.0.1:1/a", "", ":1" };
	uint32_t pipe;

	end_open(&a, p, "a");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(net_dial(a.net, bad[i], "b", &pipe), VH_EFIELD,
		    "%s", bad[i]);
	net_free(a.net);
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
