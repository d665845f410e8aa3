#include "base/together.h"

#include <criterion/criterion.h>
#include <sched.h>

static cpu_set_t
used(void)
{
	cpu_set_t set;

	cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
	return set;
}

static int
cpus(void)
{
	cpu_set_t set = used();

	return CPU_COUNT(&set);
}

Test(together, one_of_a_few_cpus_is_left_until_it_is_over)
{
	struct together t = { .on = false };
	cpu_set_t before = used(), after, both;

	together_on_one_cpu(&t);
	after = used();
	CPU_AND(&both, &before, &after);
	cr_expect(CPU_EQUAL(&both, &after), "one that it might use before");
	cr_expect_eq(t.on,
	    CPU_COUNT(&before) > 1 && CPU_COUNT(&before) <= TOGETHER_CPUS_MAX);
	if (t.on)
		cr_expect_eq(CPU_COUNT(&after), 1);
	else
		cr_expect(CPU_EQUAL(&before, &after));
	together_no_more(&t);
	after = used();
	cr_expect(CPU_EQUAL(&before, &after));
	cr_expect_not(t.on);
}

Test(together, what_somebody_else_said_meanwhile_holds)
{
	struct together t = { .on = false };
	cpu_set_t all = used();

	together_on_one_cpu(&t);
	if (!t.on)
		cr_skip_test("needs two to four CPUs");
	cr_assert_eq(sched_setaffinity(0, sizeof all, &all), 0);
	t.before = t.one; /* what it would bring back */
	together_no_more(&t);
	cr_expect_eq(cpus(), CPU_COUNT(&all));
}

Test(together, a_thread_that_was_told_one_cpu_stays_there)
{
	struct together t = { .on = false };
	cpu_set_t all = used(), one;
	int cpu = 0;

	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
	together_on_one_cpu(&t);
	cr_expect_not(t.on);
	cr_expect_eq(cpus(), 1);
	together_no_more(&t);
	cr_expect_eq(cpus(), 1);
}
