#include "base/spin.h"

#include <criterion/criterion.h>

/* Finds something at the look that left counts down to. */
struct source {
	int left, looks;
};

static int
look(void *arg)
{
	struct source *s = arg;

	s->looks++;
	return s->left > 0 && --s->left == 0 ? 7 : 0;
}

static struct spin
eager(void)
{
	struct spin s = spin_new();

	s.may = true; /* also where the test has one CPU */
	return s;
}

Test(spin, what_a_look_finds_is_returned)
{
	struct spin s = eager();
	struct source at_once = { .left = 1 }, later = { .left = 3 };

	cr_expect_eq(spin_look(&s, look, &at_once), 7);
	cr_expect_eq(at_once.looks, 1);
	cr_expect_eq(spin_look(&s, look, &later), 7);
	cr_expect_eq(later.looks, 3);
}

Test(spin, with_a_single_cpu_nobody_looks)
{
	struct spin s = eager();
	struct source source = { .left = 1 };

	s.may = false;
	cr_expect_eq(spin_look(&s, look, &source), 0);
	cr_expect_eq(source.looks, 0);
}

/* Waits until the one that looks. */
static unsigned
waits_without_look(struct spin *s)
{
	struct source never = { 0 };
	unsigned waits = 0;

	while (spin_look(s, look, &never) == 0 && never.looks == 0)
		waits++;
	return waits;
}

Test(spin, vain_looks_become_rare_until_one_finds_something)
{
	struct spin s = eager();
	struct source found = { .left = 1 };

	cr_expect_eq(waits_without_look(&s), 0);
	cr_expect_eq(waits_without_look(&s), 2);
	cr_expect_eq(waits_without_look(&s), 4);
	for (int i = 0; i < 10; i++)
		(void)waits_without_look(&s);
	cr_expect_eq(waits_without_look(&s), 1024);
	cr_expect_eq(waits_without_look(&s), 1024, "no rarer than that");
	s.skip = 0;
	cr_expect_eq(spin_look(&s, look, &found), 7);
	cr_expect_eq(waits_without_look(&s), 0);
	cr_expect_eq(waits_without_look(&s), 2);
}

Test(spin, a_vain_look_ends)
{
	struct spin s = eager();
	struct source never = { 0 };
	struct mono_ns start = clock_mono();

	cr_expect_eq(spin_look(&s, look, &never), 0);
	cr_expect_geq(clock_mono().ns - start.ns, SPIN_US * 1000u);
	cr_expect_gt(never.looks, 1);
}

Test(spin, a_hushed_one_does_not_look_for_a_while)
{
	struct spin s = eager();

	spin_hush(&s);
	cr_expect_eq(waits_without_look(&s), 64);
}
