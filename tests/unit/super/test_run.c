/* A node of fakes, watched by run_super in the process of the test. */
#include "super/run.h"

#include "fake.h"

/* Three of them, and a pipe for what they say. */
struct small_node {
	struct super *super;
	int ear, mouth;
};

static struct small_node
node_new(bool clustered, void (*front)(const struct fake *me),
    void (*peer)(const struct fake *me))
{
	struct small_node n = { .super = fake_super(clustered) };
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	n.ear = ends[0];
	n.mouth = ends[1];
	cr_assert_eq(run_block_signals(), VH_OK);
	fake_start(n.super, PROC_VAULT, 'V', n.mouth, fake_obey);
	fake_start(n.super, PROC_FRONT, 'F', n.mouth, front);
	if (clustered)
		fake_start(n.super, PROC_PEER, 'P', n.mouth, peer);
	return n;
}

/* Ends the node, and expects what its children have said. */
static void
expect_said(struct small_node *n, const char *wanted)
{
	char text[256];

	super_free(n->super);
	(void)close(n->mouth);
	fake_heard(n->ear, text, sizeof text);
	(void)close(n->ear);
	cr_expect_str_eq(text, wanted);
}

Test(run, a_node_alone_stops_front_then_the_vault)
{
	struct small_node n = node_new(false, fake_obey, NULL);

	cr_assert_eq(kill(getpid(), SIGTERM), 0);
	cr_expect_eq(run_super(n.super), EXIT_SUCCESS);
	expect_said(&n, "Ffv");
}

Test(run, peer_says_first_that_it_will_leave_and_leaves_when_front_is_done)
{
	struct small_node n = node_new(true, fake_obey, fake_obey);

	cr_assert_eq(kill(getpid(), SIGINT), 0);
	cr_expect_eq(run_super(n.super), EXIT_SUCCESS);
	expect_said(&n, "PFfPpv");
}

/* Ends with the answer, instead of serving on. */
static void
answer_and_end(const struct fake *me)
{
	struct frame q;

	if (link_wait(me->link, -1, &q) == VH_OK) {
		fake_say(me, me->letter);
		fake_answer(me, &q, VH_OK);
	}
}

Test(run, a_peer_that_ends_at_once_is_as_well)
{
	struct small_node n = node_new(true, fake_obey, answer_and_end);

	cr_assert_eq(kill(getpid(), SIGTERM), 0);
	cr_expect_eq(run_super(n.super), EXIT_SUCCESS);
	expect_said(&n, "PFfv");
}

/* Hears nothing, and ends with its link. */
static void
ignore_all(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, -1, &q) == VH_OK)
		continue;
	fake_say(me, (char)(me->letter + ('a' - 'A')));
}

Test(run, a_peer_that_cannot_leave_does_not_keep_the_node, .timeout = 60)
{
	struct small_node n = node_new(true, fake_obey, ignore_all);

	cr_assert_eq(kill(getpid(), SIGTERM), 0);
	cr_expect_eq(run_super(n.super), EXIT_SUCCESS);
	expect_said(&n, "Ffpv");
}

/* Asks for a second signal instead of answering. */
static void
hurry(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, -1, &q) == VH_OK)
		(void)kill(getppid(), SIGTERM);
}

Test(run, asked_twice_there_is_no_more_grace)
{
	struct small_node n = node_new(true, hurry, hurry);
	struct mono_ns before = clock_mono();

	cr_assert_eq(kill(getpid(), SIGTERM), 0);
	cr_expect_eq(run_super(n.super), EXIT_FAILURE);
	cr_expect_lt(clock_mono().ns - before.ns, UINT64_C(1900000000));
	expect_said(&n, "v");
}

static void
die_at_once(const struct fake *me)
{
	(void)me;
}

Test(run, the_node_ends_with_the_vault)
{
	struct super *s = fake_super(false);

	cr_assert_eq(run_block_signals(), VH_OK);
	fake_start(s, PROC_VAULT, 'V', -1, die_at_once);
	fake_start(s, PROC_FRONT, 'F', -1, ignore_all);
	cr_expect_eq(run_super(s), EXIT_FAILURE);
	super_free(s);
}

/* Saves, asks a name, then has the node stop once it knows it. */
static void
save_and_ask(const struct fake *me)
{
	struct frame q;

	fake_ask(me, VH_OP_PSAVE, 7, VH_F_DATA, "saved");
	fake_ask(me, VH_OP_PRESOLVE, 8, VH_F_NAMES, "192.0.2.1:7600");
	while (link_wait(me->link, -1, &q) == VH_OK) {
		if (q.answer)
			continue;
		fake_answer(me, &q, VH_OK);
		if (q.op != VH_OP_PSEEDS ||
		    !slice_is(q.f.at[VH_F_NAMES], "192.0.2.1:7600"))
			continue;
		fake_say(me, 'N');
		(void)kill(getppid(), SIGTERM);
	}
}

Test(run, what_peer_asks_is_done_and_told)
{
	AUTO(temp_drop) char *folder = temp_new();
	struct super *s = fake_super(true);
	struct small_node n = { .super = s };
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	n.ear = ends[0];
	n.mouth = ends[1];
	cr_assert_eq(state_new(folder, &s->state), VH_OK);
	cr_assert_eq(run_block_signals(), VH_OK);
	fake_start(s, PROC_VAULT, 'V', n.mouth, fake_obey);
	fake_start(s, PROC_FRONT, 'F', n.mouth, fake_obey);
	fake_start(s, PROC_PEER, 'P', n.mouth, save_and_ask);
	cr_expect_eq(run_super(s), EXIT_SUCCESS);
	expect_said(&n, "NFfv");
	cr_expect(temp_has(folder, STATE_FILE));
}

/* Asks what is not peer's to ask; then whatever happens to it is the
 * supervisor's doing. */
static void
misbehave(const struct fake *me)
{
	struct frame q;

	fake_ask(me, VH_OP_VREVOKE, 7, VH_F_KID, "x");
	while (link_wait(me->link, -1, &q) == VH_OK)
		continue;
	for (;;)
		(void)pause();
}

/* Stops the node when somebody has died. */
static void
stop_after(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, 300, &q) == VH_EDEADLINE)
		(void)kill(getppid(), SIGTERM);
	fake_say(me, me->letter);
	fake_answer(me, &q, VH_OK);
}

/* There is no program to start another one from: that fails, again and again,
 * and the vault hears of it. */
Test(run, a_peer_that_misbehaves_is_killed_and_the_node_goes_on)
{
	AUTO(temp_drop) char *folder = temp_new();
	struct small_node n = node_new(true, stop_after, misbehave);
	pid_t peer = n.super->child[PROC_PEER].pid;
	char text[256];

	cr_assert_eq(state_new(folder, &n.super->state), VH_OK);
	cr_expect_eq(run_super(n.super), EXIT_SUCCESS);
	cr_expect_neq(kill(peer, 0), 0);
	super_free(n.super);
	(void)close(n.mouth);
	fake_heard(n.ear, text, sizeof text);
	(void)close(n.ear);
	cr_expect_not_null(strchr(text, 'F'));
	cr_expect_null(strchr(text, 'p'));
}
