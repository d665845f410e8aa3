#include "base/spin.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* Finds something at the look that left counts down to; a wait that may sleep
 * takes sleep_us. */
struct source {
	int left, looks, sleeps;
	useconds_t sleep_us;
};

static int
look(void *arg, int ms)
{
	struct source *s = arg;

	if (ms == 0) {
		s->looks++;
		return s->left > 0 && --s->left == 0 ? 7 : 0;
	}
	s->sleeps++;
	cr_expect_eq(ms, 5000);
	(void)usleep(s->sleep_us);
	return 8;
}

static int
wait_for(struct spin *s, struct source *source)
{
	return spin_wait(s, look, source, 5000);
}

static struct spin
eager(enum spin_manner manner)
{
	struct spin s = spin_new(manner);

	s.may = true; /* also where the test has one CPU */
	return s;
}

Test(spin, what_a_look_finds_is_returned)
{
	struct spin s = eager(SPIN_STAYS);
	struct source at_once = { .left = 1 }, later;
	int found = 0;

	cr_expect_eq(wait_for(&s, &at_once), 7);
	cr_expect_eq(at_once.looks, 1);
	/* Three looks take some microseconds, unless something comes between
	 * them for longer than it looks. */
	for (int i = 0; i < 1000 && found != 7; i++) {
		later = (struct source){ .left = 3 };
		s.brief = true;
		found = wait_for(&s, &later);
	}
	cr_expect_eq(found, 7);
	cr_expect_eq(later.looks, 3);
	cr_expect_eq(at_once.sleeps + later.sleeps, 0);
}

Test(spin, with_a_single_cpu_nobody_looks)
{
	struct spin s = eager(SPIN_STAYS);
	struct source source = { .left = 1 };

	s.may = false;
	cr_expect_eq(wait_for(&s, &source), 8);
	cr_expect_eq(source.looks, 0);
}

Test(spin, a_vain_look_ends_and_the_thread_sleeps)
{
	struct spin s = eager(SPIN_STAYS);
	struct source never = { 0 };
	struct mono_ns start = clock_mono();

	cr_expect_eq(wait_for(&s, &never), 8);
	cr_expect_geq(clock_mono().ns - start.ns, SPIN_US * 1000u);
	cr_expect_gt(never.looks, 0);
	cr_expect_eq(never.sleeps, 1);
}

Test(spin, who_may_not_wait_looks_once)
{
	struct spin s = eager(SPIN_STAYS);
	struct source never = { 0 };

	cr_expect_eq(spin_wait(&s, look, &never, 0), 0);
	cr_expect_eq(never.looks, 1);
	cr_expect_eq(never.sleeps, 0);
}

Test(spin,
    after_a_long_wait_the_next_is_slept_through_and_after_a_brief_one_not)
{
	struct spin s = eager(SPIN_STAYS);
	struct source late = { .sleep_us = 2 * SPIN_BRIEF_US }, never = { 0 };

	(void)wait_for(&s, &late);
	cr_expect_gt(late.looks, 0, "at first it is awake");
	cr_expect_not(s.brief);
	cr_expect_eq(wait_for(&s, &never), 8);
	cr_expect_eq(never.looks, 0);
	/* That one took next to nothing; but a machine may be slow. */
	s.brief = true;
	(void)wait_for(&s, &never);
	cr_expect_gt(never.looks, 0);
}

/* So many waits, each after one that was brief or not; how often it looked. */
static int
looks_in(struct spin *s, int waits, bool brief)
{
	struct source never = { 0 };

	for (int i = 0; i < waits; i++) {
		s->brief = brief;
		(void)wait_for(s, &never);
	}
	return never.looks;
}

Test(spin, now_and_then_a_wait_is_tried_awake)
{
	struct spin s = eager(SPIN_STAYS);

	cr_expect_eq(looks_in(&s, 1023, false), 0);
	cr_expect_gt(looks_in(&s, 1, false), 0);
}

Test(spin, a_hushed_one_does_not_look_for_a_while)
{
	struct spin s = eager(SPIN_STAYS);

	spin_hush(&s);
	cr_expect_eq(looks_in(&s, 64, true), 0);
	cr_expect_gt(looks_in(&s, 1, true), 0);
}

/* --- somebody else wants the CPU ------------------------------------------ */

static _Atomic bool stop;

static void *
compute(void *arg)
{
	while (!stop)
		;
	return arg;
}

/* A look during which another thread has run on this CPU. */
static int
look_put_off(void *arg, int ms)
{
	struct source *s = arg;
	struct mono_ns start = clock_mono();

	if (ms != 0)
		return 8;
	/* More than a slice of any scheduler. */
	while (s->looks > 0 && clock_mono().ns - start.ns < 20000000)
		;
	s->looks++;
	return 0;
}

static void
keep_to_one_cpu(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	cr_assert_geq(cpu, 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
}

static unsigned
skip_after_contention(enum spin_manner manner)
{
	struct spin s = eager(manner);
	struct source source = { 0 };
	pthread_t other;

	keep_to_one_cpu();
	stop = false;
	cr_assert_eq(pthread_create(&other, NULL, compute, NULL), 0);
	cr_expect_eq(spin_wait(&s, look_put_off, &source, 5000), 8);
	stop = true;
	cr_assert_eq(pthread_join(other, NULL), 0);
	return s.skip;
}

Test(spin, front_gives_way_and_the_vault_stays)
{
	unsigned skip = 0;

	/* Something may come between before it counts. */
	for (int i = 0; i < 10 && skip == 0; i++)
		skip = skip_after_contention(SPIN_GIVES_WAY);
	cr_expect_eq(skip, 511);
	cr_expect_eq(skip_after_contention(SPIN_STAYS), 0);
}
