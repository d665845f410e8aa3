#include "base/together.h"

#include <criterion/criterion.h>
#include <sched.h>

Test(together, one_of_a_few_cpus_is_left)
{
	cpu_set_t before, noted, after, both;

	cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
	bool together = together_on_one_cpu(&noted);

	cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
	CPU_AND(&both, &before, &after);
	cr_expect(CPU_EQUAL(&both, &after), "one that it might use before");
	cr_expect(CPU_EQUAL(&noted, &before));
	cr_expect_eq(together,
	    CPU_COUNT(&before) > 1 && CPU_COUNT(&before) <= TOGETHER_CPUS_MAX);
	if (together)
		cr_expect_eq(CPU_COUNT(&after), 1);
	else
		cr_expect(CPU_EQUAL(&before, &after));
	together_no_more(&noted);
	cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
	cr_expect(CPU_EQUAL(&before, &after));
}
