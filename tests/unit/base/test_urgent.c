#include "base/urgent.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct sched_attr
now(void)
{
	struct sched_attr attr = { .size = sizeof attr };

	cr_assert_eq(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0), 0);
	return attr;
}

static bool
kernel_has_slices(void)
{
	struct utsname name;
	unsigned major, minor;

	cr_assert_eq(uname(&name), 0);
	cr_assert_eq(sscanf(name.release, "%u.%u", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 12);
}

Test(urgent, a_thread_gets_shorter_slices_and_nothing_else)
{
	struct sched_attr before = now();

	urgent_thread();
	struct sched_attr after = now();

	cr_expect_eq(after.sched_policy, before.sched_policy);
	cr_expect_eq(after.sched_nice, before.sched_nice);
	if (kernel_has_slices())
		cr_expect_eq(after.sched_runtime, 100000);
	else
		cr_expect_eq(after.sched_runtime, before.sched_runtime);
}

Test(urgent, a_patient_thread_is_as_it_was_before)
{
	struct sched_attr before = now();

	urgent_thread();
	patient_thread();
	cr_expect_eq(now().sched_runtime, before.sched_runtime);
	cr_expect_eq(now().sched_nice, before.sched_nice);
}
