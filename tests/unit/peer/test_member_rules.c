#include <criterion/criterion.h>

#include <stdio.h>

#include "peer/member.h"
#include "peer/member_wire.h"

/* One core, and others played by hand: what it believes of what it hears. */

struct played {
	struct member *m;
	uint64_t ms;
	uint64_t last_ask;
	unsigned asks, replies;
};

static struct mono_ns
now(const struct played *p)
{
	return (struct mono_ns){ 1000000000 + p->ms * 1000000 };
}

static struct played
self_alone(void)
{
	struct member_config c = { .name = "self",
		.address = "self:1",
		.instance = 100,
		.incarnation = 1000,
		.seed = 1 };
	struct played p = { 0 };

	p.m = member_new(&c, now(&p));
	cr_assert_not_null(p.m);
	return p;
}

static struct update
entry(const char *name, unsigned state, uint64_t incarnation)
{
	/* Every name has its address and instance. */
	static char addresses[4][MEMBER_ADDRESS_MAX];
	static unsigned turn;
	char *address = addresses[turn++ % 4];

	(void)snprintf(address, sizeof addresses[0], "%s:1", name);
	return (struct update){ .state = state,
		.instance = 200 + (uint8_t)name[0],
		.incarnation = incarnation,
		.name = slice_text(name),
		.address = slice_text(address),
		.version = slice_text("1") };
}

static struct buf *
said(enum message_kind kind, const struct update *by, const struct update *of)
{
	struct buf *b = buf_new(MEMBER_MESSAGE_MAX);
	size_t at = message_open(b, kind, 100,
	    of == NULL ? slice_text("nobody") : of->name);

	message_put(b, by);
	if (of != NULL)
		message_put(b, of);
	message_close(b, at, of == NULL ? 1 : 2);
	return b;
}

/* `by` asks us, and tells us of `of`. */
static enum vh_err
hear(struct played *p, struct update by, const struct update *of)
{
	AUTO(buf_free) struct buf *b = said(MESSAGE_PING, &by, of);

	return member_asked(p->m, now(p), 1, by.name, buf_slice(b));
}

/* The next question to that address; 0: none.  All others fail. */
static uint64_t
ask_to(struct played *p, const char *address)
{
	struct member_action a;
	uint64_t found = 0;

	while (member_next(p->m, now(p), &a)) {
		if (a.kind == MEMBER_REPLY)
			continue;
		if (found == 0 && strcmp(a.address, address) == 0)
			found = a.id;
		else
			member_failed(p->m, now(p), a.id, VH_EDEADLINE);
	}
	return found;
}

static void
pass(struct played *p, uint64_t ms)
{
	for (uint64_t end = p->ms + ms; p->ms < end; p->ms += 50) {
		member_tick(p->m, now(p));
		(void)ask_to(p, "");
	}
}

static struct member_node
view(const struct played *p, const char *name)
{
	struct member_node n = { 0 };

	(void)member_find(p->m, slice_text(name), &n);
	return n;
}

static struct member_stats
stats(const struct played *p)
{
	struct member_stats s;

	member_stats(p->m, &s);
	return s;
}

static bool
event_of(struct played *p, enum member_event_kind kind)
{
	struct member_event e;
	bool found = false;

	while (member_next_event(p->m, &e))
		found |= e.kind == kind;
	return found;
}

Test(member_rules, who_speaks_is_alive)
{
	struct played p = self_alone();

	cr_expect_eq(hear(&p, entry("a", MEMBER_ALIVE, 5), NULL), VH_OK);
	cr_expect_eq(view(&p, "a").state, MEMBER_ALIVE);
	cr_expect_eq(view(&p, "a").incarnation, 5);
	cr_expect(event_of(&p, MEMBER_IS_JOINED));
	member_free(p.m);
}

Test(member_rules, nobody_speaks_as_somebody_else)
{
	struct played p = self_alone();
	struct update a = entry("a", MEMBER_ALIVE, 5);
	AUTO(buf_free) struct buf *b = said(MESSAGE_PING, &a, NULL);

	cr_expect_eq(member_asked(p.m, now(&p), 1, slice_text("b"),
			 buf_slice(b)),
	    VH_EFORBIDDEN);
	cr_expect_eq(view(&p, "a").state, 0);
	cr_expect_eq(stats(&p).refused, 1);
	member_free(p.m);
}

Test(member_rules, an_answer_is_not_a_question)
{
	struct played p = self_alone();
	struct update a = entry("a", MEMBER_ALIVE, 5);
	AUTO(buf_free) struct buf *b = said(MESSAGE_ACK, &a, NULL);

	cr_expect_eq(member_asked(p.m, now(&p), 1, a.name, buf_slice(b)),
	    VH_EOP);
	member_free(p.m);
}

static void
expect_only_suspect(unsigned claim)
{
	struct played p = self_alone();
	struct update b = entry("b", claim, 5);

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	cr_expect_eq(hear(&p, entry("a", MEMBER_ALIVE, 1), &b), VH_OK);
	cr_expect_eq(view(&p, "b").state, MEMBER_SUSPECT);
	(void)hear(&p, entry("b", MEMBER_ALIVE, 6), NULL);
	cr_expect_eq(view(&p, "b").state, MEMBER_ALIVE);
	member_free(p.m);
}

Test(member_rules, hearsay_makes_suspect_and_no_more)
{
	expect_only_suspect(MEMBER_SUSPECT);
	expect_only_suspect(MEMBER_DEAD);
	expect_only_suspect(MEMBER_LEFT);
}

Test(member_rules, accusations_however_many_leave_time_to_refute)
{
	struct played p = self_alone();
	char name[16];

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	for (unsigned i = 0; i < 50; i++) {
		struct update b = entry("b", MEMBER_DEAD, 5);

		(void)snprintf(name, sizeof name, "a%u", i);
		b.by = slice_text(name);
		(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
	}
	pass(&p, 1500);
	cr_expect_eq(view(&p, "b").state, MEMBER_SUSPECT);
	member_free(p.m);
}

Test(member_rules, a_goodbye_is_believed_from_its_owner)
{
	struct played p = self_alone();

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	(void)hear(&p, entry("b", MEMBER_LEFT, 6), NULL);
	cr_expect_eq(view(&p, "b").state, MEMBER_LEFT);
	member_free(p.m);
}

Test(member_rules, an_accusation_of_ourselves_is_refuted)
{
	struct played p = self_alone();
	struct update me = entry("self", MEMBER_DEAD, 1000);

	me.instance = 100;
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &me);
	cr_expect_eq(view(&p, "self").incarnation, 1001);
	cr_expect_eq(stats(&p).refutations, 1);
	cr_expect_eq(stats(&p).health, 1);
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &me);
	cr_expect_eq(view(&p, "self").incarnation, 1001);
	member_free(p.m);
}

Test(member_rules, hearsay_cannot_push_an_incarnation_out_of_reach)
{
	struct played p = self_alone();
	struct update me =
	    entry("self", MEMBER_SUSPECT, MEMBER_INCARNATION_MAX);
	struct update b = entry("b", MEMBER_SUSPECT, MEMBER_INCARNATION_MAX);

	me.instance = 100;
	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &me);
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
	cr_expect_eq(view(&p, "self").incarnation, 1000);
	cr_expect_eq(view(&p, "b").incarnation, 5);
	cr_expect_eq(view(&p, "b").state, MEMBER_ALIVE);
	cr_expect_eq(stats(&p).implausible, 2);
	member_free(p.m);
}

/* Runs until we ask at that address, and answers as u. */
static void
answer_as(struct played *p, const char *address, struct update u)
{
	AUTO(buf_free) struct buf *b = said(MESSAGE_ACK, &u, NULL);

	for (unsigned i = 0; i < 1000; i++) {
		p->ms += 10;
		member_tick(p->m, now(p));
		uint64_t id = ask_to(p, address);

		if (id != 0 && member_answered(p->m, now(p), id, u.name,
				   buf_slice(b)) == VH_OK)
			return;
	}
	cr_assert(false, "nobody asked %s", address);
}

Test(member_rules, an_answer_in_person_settles_what_hearsay_spoilt)
{
	struct played p = self_alone();
	struct update b = entry("b", MEMBER_ALIVE, MEMBER_INCARNATION_MAX);

	b.digest.seq = UINT64_MAX;
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
	cr_expect_eq(view(&p, "b").incarnation, MEMBER_INCARNATION_MAX);
	answer_as(&p, "b:1", entry("b", MEMBER_ALIVE, 5));
	cr_expect_eq(view(&p, "b").incarnation, 5);
	cr_expect_eq(view(&p, "b").digest.seq, 0);
	member_free(p.m);
}

Test(member_rules, an_answer_of_somebody_else_is_a_failure)
{
	struct played p = self_alone();
	struct update a = entry("a", MEMBER_ALIVE, 5);
	AUTO(buf_free) struct buf *b = said(MESSAGE_ACK, &a, NULL);
	uint64_t id = 0;

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	while (id == 0) {
		p.ms += 10;
		member_tick(p.m, now(&p));
		id = ask_to(&p, "b:1");
	}
	cr_expect_eq(member_answered(p.m, now(&p), id, a.name, buf_slice(b)),
	    VH_EFORBIDDEN);
	/* And only once. */
	cr_expect_eq(member_answered(p.m, now(&p), id, a.name, buf_slice(b)),
	    VH_OK);
	cr_expect_eq(view(&p, "a").state, 0);
	member_free(p.m);
}

Test(member_rules, a_hearsay_address_does_not_replace_the_owners)
{
	struct played p = self_alone();
	struct update b = entry("b", MEMBER_ALIVE, 6);

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	b.address = slice_text("evil:1");
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
	cr_expect_str_eq(view(&p, "b").address, "b:1");
	cr_expect_eq(view(&p, "b").incarnation, 6);
	member_free(p.m);
}

Test(member_rules, who_is_revived_by_hearsay_alone_is_soon_only_asked)
{
	struct played p = self_alone();
	struct update b = entry("b", MEMBER_ALIVE, 6);
	unsigned revived = 0;

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	/* b is silent; a keeps saying that it lives. */
	for (unsigned i = 0; i < 600; i++) {
		bool was_dead = view(&p, "b").state == MEMBER_DEAD;

		b.incarnation++;
		(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
		revived += was_dead && view(&p, "b").state == MEMBER_ALIVE;
		pass(&p, 500);
	}
	cr_expect_leq(revived, 6, "%u", revived);
	cr_expect_gt(stats(&p).implausible, 0);
	member_free(p.m);
}

Test(member_rules, invented_names_do_not_keep_out_the_living)
{
	struct played p = self_alone();
	char name[16];

	for (unsigned i = 0; i < MEMBER_MAX + 100; i++) {
		(void)snprintf(name, sizeof name, "fake%u", i);
		struct update u = entry(name, MEMBER_DEAD, 1);

		(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &u);
		while (ask_to(&p, "") != 0)
			;
	}
	(void)hear(&p, entry("b", MEMBER_ALIVE, 1), NULL);
	cr_expect_eq(view(&p, "a").state, MEMBER_ALIVE);
	cr_expect_eq(view(&p, "b").state, MEMBER_ALIVE);
	cr_expect_leq(stats(&p).dead + stats(&p).alive, MEMBER_MAX);
	member_free(p.m);
}

Test(member_rules, a_table_full_of_the_living_is_full)
{
	struct played p = self_alone();
	char name[16];
	struct member_node n;

	for (unsigned i = 0; i < MEMBER_MAX + 10; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		(void)hear(&p, entry(name, MEMBER_ALIVE, 1), NULL);
		while (ask_to(&p, "") != 0)
			;
	}
	cr_expect(member_at(p.m, MEMBER_MAX - 1, &n));
	cr_expect_not(member_at(p.m, MEMBER_MAX, &n));
	cr_expect_eq(stats(&p).table_full, 11);
	member_free(p.m);
}

Test(member_rules, nobody_makes_us_dial_an_unknown_node)
{
	struct played p = self_alone();
	struct update a = entry("a", MEMBER_ALIVE, 1);
	AUTO(buf_free) struct buf *b = said(MESSAGE_PING_REQ, &a, NULL);
	struct member_action out;
	struct message reply;

	cr_expect_eq(member_asked(p.m, now(&p), 9, a.name, buf_slice(b)),
	    VH_OK);
	cr_assert(member_next(p.m, now(&p), &out));
	cr_expect_eq(out.kind, MEMBER_REPLY);
	cr_expect_eq(out.id, 9);
	cr_assert_eq(message_parse(out.bytes, &reply), VH_OK);
	cr_expect_eq(reply.kind, MESSAGE_NACK);
	member_free(p.m);
}

Test(member_rules, a_helper_asks_the_target_and_says_what_came_of_it)
{
	struct played p = self_alone();
	struct update a = entry("a", MEMBER_ALIVE, 1);
	struct update t = entry("t", MEMBER_ALIVE, 1);
	AUTO(buf_free) struct buf *question = said(MESSAGE_PING_REQ, &a, &t);
	AUTO(buf_free) struct buf *answer = said(MESSAGE_ACK, &t, NULL);
	struct member_action out;
	struct message reply;

	cr_expect_eq(member_asked(p.m, now(&p), 9, a.name, buf_slice(question)),
	    VH_OK);
	cr_assert(member_next(p.m, now(&p), &out));
	cr_assert_eq(out.kind, MEMBER_ASK);
	cr_expect_str_eq(out.address, "t:1");
	cr_expect_eq(out.timeout_ms, 100);
	cr_expect_eq(member_answered(p.m, now(&p), out.id, t.name,
			 buf_slice(answer)),
	    VH_OK);
	cr_assert(member_next(p.m, now(&p), &out));
	cr_expect_eq(out.kind, MEMBER_REPLY);
	cr_assert_eq(message_parse(out.bytes, &reply), VH_OK);
	cr_expect_eq(reply.kind, MESSAGE_ACK);
	member_free(p.m);
}

Test(member_rules, the_suspect_is_told_so)
{
	struct played p = self_alone();
	struct update b = entry("b", MEMBER_SUSPECT, 5);
	AUTO(buf_free) struct buf *q = NULL;
	struct member_action out;
	struct message reply;
	struct update u;

	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
	(void)ask_to(&p, "");
	b = entry("b", MEMBER_ALIVE, 5);
	q = said(MESSAGE_PING, &b, NULL);
	(void)member_asked(p.m, now(&p), 1, b.name, buf_slice(q));
	cr_assert(member_next(p.m, now(&p), &out));
	cr_assert_eq(message_parse(out.bytes, &reply), VH_OK);
	cr_assert(message_next(&reply.rest, &u));
	cr_expect(slice_is(u.name, "b"));
	cr_expect_eq(u.state, MEMBER_SUSPECT);
	member_free(p.m);
}

Test(member_rules, more_questions_than_replies_are_busy)
{
	struct played p = self_alone();

	for (unsigned i = 0; i < MEMBER_REPLIES_MAX; i++)
		cr_assert_eq(hear(&p, entry("a", MEMBER_ALIVE, 1), NULL),
		    VH_OK);
	cr_expect_eq(hear(&p, entry("b", MEMBER_ALIVE, 1), NULL), VH_EBUSY);
	cr_expect_eq(view(&p, "b").state, 0);
	member_free(p.m);
}

Test(member_rules, a_node_too_busy_to_answer_is_alive)
{
	struct played p = self_alone();
	struct member_action out;

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	for (unsigned i = 0; i < 600; i++) {
		p.ms += 50;
		member_tick(p.m, now(&p));
		while (member_next(p.m, now(&p), &out))
			if (out.kind == MEMBER_ASK)
				member_failed(p.m, now(&p), out.id, VH_EBUSY);
	}
	cr_expect_eq(view(&p, "b").state, MEMBER_ALIVE);
	member_free(p.m);
}

Test(member_rules, a_shell_that_never_reports_is_a_network_that_is_silent)
{
	struct played p = self_alone();
	struct member_action out;

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	for (unsigned i = 0; i < 600; i++) {
		p.ms += 50;
		member_tick(p.m, now(&p));
		while (member_next(p.m, now(&p), &out))
			;
	}
	cr_expect_eq(view(&p, "b").state, MEMBER_DEAD);
	member_free(p.m);
}

Test(member_rules, hearsay_of_another_instance_does_not_hijack_a_name)
{
	struct played p = self_alone();
	struct update b = entry("b", MEMBER_ALIVE, 99);

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	b.instance = 666;
	b.address = slice_text("evil:1");
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &b);
	answer_as(&p, "b:1", entry("b", MEMBER_ALIVE, 5));
	pass(&p, 1000);
	cr_expect_str_eq(view(&p, "b").address, "b:1");
	cr_expect_neq(view(&p, "b").instance, 666);
	cr_expect_not(event_of(&p, MEMBER_IS_RESTARTED));
	member_free(p.m);
}

Test(member_rules, an_instance_that_answers_at_the_same_place_is_a_restart)
{
	struct played p = self_alone();
	struct update b = entry("b", MEMBER_ALIVE, 5);

	(void)hear(&p, b, NULL);
	(void)event_of(&p, MEMBER_IS_JOINED);
	b.instance = 777;
	b.incarnation = 1; /* its clock was set back */
	answer_as(&p, "b:1", b);
	cr_expect_eq(view(&p, "b").instance, 777);
	cr_expect(event_of(&p, MEMBER_IS_RESTARTED));
	member_free(p.m);
}

Test(member_rules, a_twin_of_ourselves_is_reported_but_not_every_time)
{
	struct played p = self_alone();
	struct update me = entry("self", MEMBER_ALIVE, 1);
	struct member_event e;
	unsigned conflicts = 0;

	for (unsigned i = 0; i < 100; i++) {
		me.instance = 1000 + i;
		(void)hear(&p, me, NULL);
		(void)ask_to(&p, "");
		while (member_next_event(p.m, &e))
			conflicts += e.kind == MEMBER_IS_CONFLICT &&
				     e.node.self &&
				     strcmp(e.other, "self:1") == 0;
	}
	cr_expect_eq(conflicts, 1);
	cr_expect_eq(view(&p, "self").instance, 100);
	member_free(p.m);
}

Test(member_rules, an_earlier_life_of_ours_is_outdone)
{
	struct played p = self_alone();
	struct update me = entry("self", MEMBER_DEAD, 5000);

	me.instance = 99;
	(void)hear(&p, entry("a", MEMBER_ALIVE, 1), &me);
	cr_expect_eq(view(&p, "self").incarnation, 5001);
	member_free(p.m);
}

Test(member_rules, a_stored_node_is_called_and_not_reported_before_it_answers)
{
	struct played p = self_alone();
	struct member_event e;

	cr_expect_eq(member_know(p.m, now(&p), "b", "b:1"), VH_OK);
	cr_expect_eq(member_know(p.m, now(&p), "b", "b:2"), VH_OK);
	cr_expect_eq(member_know(p.m, now(&p), "b!", "b:2"), VH_EFIELD);
	cr_expect_not(member_next_event(p.m, &e));
	answer_as(&p, "b:1", entry("b", MEMBER_ALIVE, 5));
	cr_assert(member_next_event(p.m, &e));
	cr_expect_eq(e.kind, MEMBER_IS_JOINED);
	member_free(p.m);
}

static unsigned
calls_in(struct played *p, uint64_t ms, const char *address)
{
	unsigned calls = 0;

	for (uint64_t end = p->ms + ms; p->ms < end; p->ms += 50) {
		uint64_t id;

		member_tick(p->m, now(p));
		while ((id = ask_to(p, address)) != 0) {
			calls++;
			member_failed(p->m, now(p), id, VH_ELOST);
		}
	}
	return calls;
}

Test(member_rules, a_seed_is_called_for_ever_with_back_off)
{
	static const char *const seeds[] = { "seed:1" };
	struct played p = self_alone();

	cr_assert_eq(member_seeds(p.m, now(&p), seeds, 1), VH_OK);
	unsigned first = calls_in(&p, 8000, "seed:1");
	unsigned later = calls_in(&p, 3600000, "seed:1");

	cr_expect_geq(first, 3);
	cr_expect_leq(first, 6);
	cr_expect_geq(later, 3600 / 8);
	cr_expect_leq(later, 3600 / 5);
	member_free(p.m);
}

Test(member_rules, a_seed_that_is_met_or_ourselves_is_not_called)
{
	static const char *const seeds[] = { "self:1", "b:1" };
	struct played p = self_alone();
	struct member_action out;

	(void)hear(&p, entry("b", MEMBER_ALIVE, 5), NULL);
	cr_assert_eq(member_seeds(p.m, now(&p), seeds, 2), VH_OK);
	member_tick(p.m, now(&p));
	while (member_next(p.m, now(&p), &out))
		cr_expect(out.kind == MEMBER_REPLY || out.name[0] != '\0');
	cr_expect_eq(calls_in(&p, 20000, "self:1"), 0);
	member_free(p.m);
}

Test(member_rules, a_bad_list_of_seeds_leaves_the_old_one)
{
	static const char *const seeds[] = { "seed:1" };
	static const char *const bad[] = { "other:1", "tcp://x" };
	struct played p = self_alone();

	cr_expect_eq(member_seeds(p.m, now(&p), seeds, 1), VH_OK);
	cr_expect_eq(member_seeds(p.m, now(&p), bad, 2), VH_EFIELD);
	cr_expect_gt(calls_in(&p, 2000, "seed:1"), 0);
	cr_expect_eq(calls_in(&p, 20000, "other:1"), 0);
	member_free(p.m);
}

Test(member_rules, a_configuration_that_is_not_acceptable_gives_no_core)
{
	const struct member_config bad[] = {
		{ .name = "", .address = "a:1", .instance = 1 },
		{ .name = "a/b", .address = "a:1", .instance = 1 },
		{ .name = "a", .address = "a", .instance = 1 },
		{ .name = "a", .address = "a:1", .instance = 0 },
		{ .name = "a",
		    .address = "a:1",
		    .instance = 1,
		    .version = "\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_null(member_new(&bad[i], (struct mono_ns){ 1 }));
}

Test(member_rules, states_and_events_have_names)
{
	cr_expect_str_eq(member_state_name(MEMBER_SUSPECT), "suspect");
	cr_expect_str_eq(member_state_name(0), "unknown");
	cr_expect_str_eq(member_event_name(MEMBER_IS_CONFLICT), "conflict");
	cr_expect_str_eq(member_event_name(99), "unknown");
}
