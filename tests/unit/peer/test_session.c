#include "peer/session.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_net_rig.h"

static struct rig *
node(struct pki *p, const char *name)
{
	char names[128];

	(void)snprintf(names, sizeof names, "%s,localhost,127.0.0.1", name);
	return rig_new(name,
	    pki_tls(p, &(struct pki_terms){ .names = names, .serial = 2 }, p));
}

Test(session, two_nodes_ask_each_other_by_name)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };
	const struct rig_answer *r =
	    rig_talk(all, a, "b", net_address(b->net), "one");

	cr_expect_eq(r->err, VH_OK, "%s", err_name(r->err));
	cr_expect_str_eq(r->text, "b:one");
	cr_expect_str_eq(r->node, "b");
	cr_expect_str_eq(b->asker, "a");
	r = rig_talk(all, b, "a", net_address(a->net), "two");
	cr_expect_str_eq(r->text, "a:two");
	cr_expect_str_eq(a->asker, "b");
}

Test(session, a_seed_is_asked_without_knowing_its_name)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };
	const struct rig_answer *r =
	    rig_talk(all, a, "", net_address(b->net), "hello");

	cr_expect_eq(r->err, VH_OK, "%s", err_name(r->err));
	cr_expect_str_eq(r->node, "b");
	cr_expect_eq(sessions_counts(a->sessions)->opened, 1);
}

Test(session, many_questions_share_a_connection)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };
	uint64_t ids[SESSION_WAITING_MAX];

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = rig_ask(a, "b", net_address(b->net), "x", 5000);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		cr_expect_eq(rig_answer(all, a, ids[i])->err, VH_OK);
	cr_expect_eq(sessions_counts(a->sessions)->opened, 1);
}

Test(session, more_questions_than_may_wait_are_refused_at_once)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	struct rig *all[] = { a, NULL };
	AUTO(buf_free) struct buf *b = buf_new(1024);

	for (size_t i = 0; i < SESSION_WAITING_MAX; i++)
		(void)rig_ask(a, "b", "127.0.0.1:1", "x", 50);
	frame_close(b, frame_request(b, VH_OP_NPULL, 9999, 0));
	cr_expect_eq(session_ask(a->sessions, a->now, "b", "127.0.0.1:1", 9999,
			 50, buf_slice(b)),
	    VH_EBUSY);
	rig_round(all, 0);
}

Test(session, nobody_there_is_a_deadline_for_those_who_wait)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	struct rig *all[] = { a, NULL };
	uint64_t id = rig_ask(a, "b", "127.0.0.1:1", "x", 300);

	cr_expect_eq(rig_answer(all, a, id)->err, VH_EDEADLINE);
}

Test(session, a_silent_node_is_a_deadline)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };

	b->silent = true;
	uint64_t id = rig_ask(a, "b", net_address(b->net), "x", 700);

	cr_expect_eq(rig_answer(all, a, id)->err, VH_EDEADLINE);
	cr_expect_eq(b->asked, 1);
}

Test(session, a_listener_that_comes_back_is_found_again)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };
	char address[128];

	(void)snprintf(address, sizeof address, "%s", net_address(b->net));
	cr_expect_eq(rig_talk(all, a, "b", address, "x")->err, VH_OK);
	/* The same listener with new certificates. */
	cr_assert_eq(net_set_tls(b->net,
			 pki_tls(p, &(struct pki_terms){ .names = "b" }, p)),
	    VH_OK);
	cr_expect_str_eq(net_address(b->net), address);
	enum vh_err err = VH_EINTERNAL;

	for (int i = 0; i < 20 && err != VH_OK; i++)
		err = rig_talk(all, a, "b", address, "y")->err;
	cr_expect_eq(err, VH_OK);
	cr_expect_geq(sessions_counts(a->sessions)->opened, 2);
	rig_free(b);
}

Test(session, what_was_under_way_when_a_pipe_ends_is_lost_and_not_repeated)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };

	cr_expect_eq(rig_talk(all, a, "b", net_address(b->net), "x")->err,
	    VH_OK);
	b->silent = true;
	size_t before = b->asked;
	uint64_t id = rig_ask(a, "b", net_address(b->net), "y", 10000);

	while (b->asked == before)
		rig_round(all, 10);
	session_forget(a->sessions, a->now, "b");
	cr_expect_eq(rig_answer(all, a, id)->err, VH_ELOST);
	b->silent = false;
	cr_expect_eq(rig_talk(all, a, "b", net_address(b->net), "z")->err,
	    VH_OK);
	cr_expect_eq(b->asked, before + 2, "one lost, one answered");
}

/* --- who gets nowhere ------------------------------------------------------
 */

static void
expect_nowhere(struct rig *a, struct rig *b, const char *as)
{
	struct rig *all[] = { a, b, NULL };
	uint64_t id = rig_ask(a, as, net_address(b->net), "x", 1500);

	cr_expect_neq(rig_answer(all, a, id)->err, VH_OK);
	cr_expect_eq(b->asked, 0);
	cr_expect_eq(sessions_counts(b->sessions)->bound, 0);
}

/* As that, before any hello, and counted. */
static void
expect_no_handshake(struct rig *a, struct rig *b, const char *as)
{
	expect_nowhere(a, b, as);
	cr_expect_eq(sessions_counts(b->sessions)->refused, 0);
	cr_expect_gt(net_counts(a->net)->failed_out +
			 net_counts(b->net)->failed_in,
	    0);
}

static struct rig *
with(struct pki *p, struct pki *trusts, const struct pki_terms *terms)
{
	return rig_new("a", pki_tls(p, terms, trusts));
}

Test(session, a_node_of_another_ca_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(pki_free) struct pki *other = pki_new();
	AUTO(rig_free)
	struct rig *a = with(other, p, &(struct pki_terms){ .names = "a" });
	AUTO(rig_free) struct rig *b = node(p, "b");

	expect_no_handshake(a, b, "b");
}

Test(session, a_listener_of_another_ca_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(pki_free) struct pki *other = pki_new();
	AUTO(rig_free)
	struct rig *a = with(p, p, &(struct pki_terms){ .names = "a" });
	AUTO(rig_free)
	struct rig *b = rig_new("b",
	    pki_tls(other, &(struct pki_terms){ .names = "b" }, p));

	expect_no_handshake(a, b, "b");
}

static bool
has_failures(void *context)
{
	struct rig *r = context;

	return net_counts(r->net)->failed_in > 0;
}

/* As nng connects when it is given a CA and nothing more. */
static nng_dialer
dial_without_certificate(struct pki *p, const char *address, nng_socket s)
{
	char *ca = pki_ca(p), url[128];
	nng_tls_config *config;
	nng_dialer d;

	(void)snprintf(url, sizeof url, "tls+tcp://%s", address);
	cr_assert_eq(nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT), 0);
	cr_assert_eq(nng_tls_config_ca_chain(config, ca, NULL), 0);
	cr_assert_eq(nng_dialer_create(&d, s, url), 0);
	cr_assert_eq(nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, config), 0);
	cr_assert_eq(nng_dialer_start(d, NNG_FLAG_NONBLOCK), 0);
	nng_tls_config_free(config);
	free(ca);
	return d;
}

Test(session, without_a_certificate_nobody_gets_anywhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { b, NULL };
	nng_socket s;

	cr_assert_eq(nng_req0_open(&s), 0);
	(void)dial_without_certificate(p, net_address(b->net), s);
	cr_expect(rig_until(all, has_failures, b, 10000), "is counted");
	cr_expect_eq(b->asked, 0);
	(void)nng_close(s);
}

Test(session, a_certificate_for_another_name_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free)
	struct rig *a = with(p, p, &(struct pki_terms){ .names = "a" });
	AUTO(rig_free) struct rig *b = node(p, "b");

	expect_no_handshake(a, b, "c");
}

Test(session, a_seed_whose_certificate_does_not_have_its_name_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free)
	struct rig *a = with(p, p, &(struct pki_terms){ .names = "a" });
	AUTO(rig_free)
	struct rig *b =
	    rig_new("b", pki_tls(p, &(struct pki_terms){ .names = "b" }, p));

	expect_no_handshake(a, b, "");
}

Test(session, an_expired_certificate_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free)
	struct rig *a = with(p, p,
	    &(struct pki_terms){ .names = "a",
		.from_days = -3,
		.until_days = -1 });
	AUTO(rig_free) struct rig *b = node(p, "b");

	expect_no_handshake(a, b, "b");
}

Test(session, a_certificate_not_yet_valid_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free)
	struct rig *a = with(p, p,
	    &(struct pki_terms){ .names = "a",
		.from_days = 1,
		.until_days = 3 });
	AUTO(rig_free) struct rig *b = node(p, "b");

	expect_no_handshake(a, b, "b");
}

Test(session, a_revoked_certificate_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();

	AUTO(rig_free)
	struct rig *a =
	    with(p, p, &(struct pki_terms){ .names = "a", .serial = 66 });

	pki_revoke(p, 66);
	AUTO(rig_free) struct rig *b = node(p, "b");

	expect_no_handshake(a, b, "b");
}

Test(session, a_node_revoked_while_connected_loses_its_connection)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free)
	struct rig *a =
	    with(p, p, &(struct pki_terms){ .names = "a", .serial = 66 });
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };

	cr_expect_eq(rig_talk(all, a, "b", net_address(b->net), "x")->err,
	    VH_OK);
	pki_revoke(p, 66);
	cr_assert_eq(net_set_tls(b->net,
			 pki_tls(p, &(struct pki_terms){ .names = "b" }, p)),
	    VH_OK);
	size_t before = b->asked;

	cr_expect_neq(rig_talk(all, a, "b", net_address(b->net), "y")->err,
	    VH_OK);
	cr_expect_eq(b->asked, before);
}

Test(session, a_hello_in_anothers_name_gets_nowhere)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");

	a->forge = true;
	expect_nowhere(a, b, "b");
	cr_expect_eq(sessions_counts(b->sessions)->refused, 1);
}

Test(session, a_listener_that_cannot_prove_itself_hears_no_question)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");

	b->forge = true;
	expect_nowhere(a, b, "b");
	cr_expect_eq(sessions_counts(a->sessions)->refused, 1);
}

Test(session, a_node_that_meets_itself_says_so_and_nothing_more)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	struct rig *all[] = { a, NULL };

	cr_expect_eq(rig_talk(all, a, "", net_address(a->net), "x")->err,
	    VH_EDUPLICATE);
	cr_expect_eq(a->namesakes, 0);
}

Test(session, another_node_of_our_name_is_noticed_by_both)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "a");
	struct rig *all[] = { a, b, NULL };

	cr_expect_eq(rig_talk(all, a, "", net_address(b->net), "x")->err,
	    VH_EDUPLICATE);
	cr_expect_eq(a->namesakes, 1);
	cr_expect_eq(b->namesakes, 1);
}

/* --- bounds -----------------------------------------------------------------
 */

static bool
went_silent(void *context)
{
	struct rig *r = context;

	return sessions_counts(r->sessions)->silent > 0;
}

Test(session, a_pipe_without_a_hello_ends)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };
	uint32_t pipe;

	/* a's sessions know nothing of it, so nothing is said. */
	cr_assert_eq(net_dial(a->net, net_address(b->net), "b", &pipe), VH_OK);
	cr_expect(rig_until(all, went_silent, b, SESSION_HELLO_MS + 5000));
}

/* Somebody with a certificate who speaks as he likes. */
struct speaker {
	struct net *net;
	uint32_t pipe;
	bool up, down;
	enum vh_err answer; /* of the last */
	size_t answers;
};

static void
speaker_up(void *context, uint32_t pipe, bool came_in)
{
	struct speaker *s = context;

	(void)pipe;
	(void)came_in;
	s->up = true;
}

static void
speaker_down(void *context, uint32_t pipe, enum vh_err err, const char *why)
{
	struct speaker *s = context;

	(void)pipe;
	(void)err;
	(void)why;
	s->down = true;
}

static void
speaker_asked(void *context, uint32_t pipe, enum vh_err err,
    const struct frame *q)
{
	(void)context;
	(void)pipe;
	(void)err;
	(void)q;
}

static void
speaker_answered(void *context, uint32_t pipe, uint64_t id, enum vh_err err,
    const struct frame *a)
{
	struct speaker *s = context;

	(void)pipe;
	(void)id;
	(void)a;
	s->answer = err;
	s->answers++;
}

static void
speaker_open(struct speaker *s, struct pki *p, struct rig *to)
{
	const struct net_hooks hooks = { s, speaker_up, speaker_down,
		speaker_asked, speaker_answered };

	cr_assert_eq(net_new(&hooks, &s->net), VH_OK);
	cr_assert_eq(net_set_tls(s->net,
			 pki_tls(p, &(struct pki_terms){ .names = "m" }, p)),
	    VH_OK);
	cr_assert_eq(net_dial(s->net, net_address(to->net), to->node, &s->pipe),
	    VH_OK);
	while (!s->up) {
		rig_round((struct rig *[]){ to, NULL }, 5);
		net_run(s->net, clock_mono());
	}
}

/* Asks, and says how it was answered; VH_ELOST when the pipe ended instead. */
static enum vh_err
speaker_ask(struct speaker *s, struct rig *to, struct slice frame)
{
	size_t before = s->answers;

	cr_assert_eq(net_ask(s->net, s->pipe, 5, 10000, frame), VH_OK);
	while (s->answers == before) {
		rig_round((struct rig *[]){ to, NULL }, 5);
		net_run(s->net, clock_mono());
	}
	return s->answer;
}

Test(session, a_question_before_the_hello_is_forbidden)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *b = node(p, "b");
	AUTO(buf_free) struct buf *q = buf_new(1024);
	struct speaker m = { 0 };

	frame_close(q, frame_request(q, VH_OP_NPULL, 5, 0));
	speaker_open(&m, p, b);
	cr_expect_eq(speaker_ask(&m, b, buf_slice(q)), VH_EFORBIDDEN);
	cr_expect_eq(b->asked, 0);
	net_free(m.net);
}

Test(session, a_stranger_cannot_send_much)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *b = node(p, "b");
	AUTO(buf_free) struct buf *q = buf_new(1u << 20);
	struct speaker m = { 0 };
	size_t start = frame_request(q, VH_OP_NGOSSIP, 5, 0);

	frame_put_head(q, VH_F_GOSSIP, NET_STRANGER_MAX);
	cr_assert_not_null(
	    memset(buf_extend(q, NET_STRANGER_MAX), 'x', NET_STRANGER_MAX));
	frame_close(q, start);
	speaker_open(&m, p, b);
	cr_expect_eq(speaker_ask(&m, b, buf_slice(q)), VH_ELOST);
	net_free(m.net);
}

Test(session, a_hello_over_an_old_nonce_is_refused)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *b = node(p, "b");
	AUTO(buf_free) struct buf *q = buf_new(4096);
	static const uint8_t nonce[32];
	struct speaker m = { 0 };
	size_t start = frame_request(q, VH_OP_NHELLO, 5, 0);

	frame_put_text(q, VH_F_NODE, "m");
	frame_put(q, VH_F_NONCE, slice_of(nonce, sizeof nonce));
	frame_put_text(q, VH_F_HELLO, "m b 00");
	frame_close(q, start);
	speaker_open(&m, p, b);
	cr_expect_eq(speaker_ask(&m, b, buf_slice(q)), VH_EFORBIDDEN);
	cr_expect_eq(sessions_counts(b->sessions)->refused, 1);
	net_free(m.net);
}

/* Begins to; how it ends is the listener's to say. */
static int
connect_silently(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	cr_assert_geq(fd, 0);
	(void)connect(fd, (struct sockaddr *)&to, sizeof to);
	return fd;
}

static bool
is_crowded(void *context)
{
	struct rig *r = context;

	return net_counts(r->net)->crowded > 0;
}

Test(session, nodes_meet_beside_a_flood_of_silent_connections)
{
	AUTO(pki_free) struct pki *p = pki_new();
	AUTO(rig_free) struct rig *a = node(p, "a");
	AUTO(rig_free) struct rig *b = node(p, "b");
	struct rig *all[] = { a, b, NULL };
	int fds[NET_STRANGERS_MAX + 100];

	cr_expect_eq(rig_talk(all, a, "b", net_address(b->net), "x")->err,
	    VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = connect_silently(net_address(b->net));
		rig_round(all, 0);
	}
	cr_assert(rig_until(all, is_crowded, b, 20000));
	cr_expect_eq(rig_talk(all, a, "b", net_address(b->net), "y")->err,
	    VH_OK);
	cr_expect_eq(sessions_counts(a->sessions)->opened, 1,
	    "a member stays what it is");
	cr_expect_eq(rig_talk(all, b, "a", net_address(a->net), "z")->err,
	    VH_OK);
	session_forget(a->sessions, a->now, "b");
	cr_expect_eq(rig_talk(all, a, "b", net_address(b->net), "z")->err,
	    VH_OK, "and who comes anew gets in");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
}
