#include "base/together.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

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

static void
forbid_to_set_cpus(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	cr_assert_not_null(filter);
	cr_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
			 SCMP_SYS(sched_setaffinity), 0),
	    0);
	cr_assert_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
}

Test(together, that_it_is_not_allowed_is_said_once)
{
	struct together t = { .on = false };
	cpu_set_t all = used();
	FILE *log = tmpfile();
	char line[256];
	int lines = 0;

	if (CPU_COUNT(&all) < 2 || CPU_COUNT(&all) > TOGETHER_CPUS_MAX)
		cr_skip_test("needs two to four CPUs");
	cr_assert_not_null(log);
	log_init("front", LOG_LOGFMT, LOG_NOTICE);
	cr_assert_geq(dup2(fileno(log), STDERR_FILENO), 0);
	forbid_to_set_cpus();
	for (int i = 0; i < 3; i++) {
		together_on_one_cpu(&t);
		together_no_more(&t);
	}
	rewind(log);
	while (fgets(line, sizeof line, log) != NULL) {
		lines++;
		cr_expect_not_null(strstr(line,
				       "event=cpus-unchanged errno=EPERM"),
		    "%s", line);
	}
	cr_expect_eq(lines, 1);
	(void)fclose(log); /* only read */
}
