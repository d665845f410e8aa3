#include "base/crowd.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/urgent.h"

static const struct mono_ns start = { 1000000000 };

static uint64_t
slice(void)
{
	/* struct sched_attr, whose header does not go with sched.h. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		uint32_t nice, priority;
		uint64_t runtime, deadline, period;
	} attr;

	cr_assert_eq(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0), 0);
	return attr.runtime;
}

static int
cpus(void)
{
	cpu_set_t set;

	cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
	return CPU_COUNT(&set);
}

Test(crowd, few_requests_change_nothing)
{
	struct crowd c = { .here = false };
	int all = cpus();

	urgent_thread();
	uint64_t urgent = slice();

	crowd_note(&c, CROWD_MANY - 1, start);
	cr_expect_eq(slice(), urgent);
	cr_expect_eq(cpus(), all);
	cr_expect_eq(crowd_wait_ms(&c, start), -1);
}

Test(crowd, the_thread_is_patient_and_keeps_to_one_cpu_until_it_is_quiet)
{
	struct crowd c = { .here = false };
	int all = cpus();
	uint64_t patient = slice();
	int one = all <= TOGETHER_CPUS_MAX ? 1 : all;

	urgent_thread();
	uint64_t urgent = slice();

	crowd_note(&c, CROWD_MANY, start);
	cr_expect_eq(slice(), patient);
	cr_expect_eq(cpus(), one);
	cr_expect_eq(crowd_wait_ms(&c, start), CROWD_QUIET_MS);
	crowd_note(&c, 0, mono_after_ms(start, CROWD_QUIET_MS - 1));
	cr_expect_eq(cpus(), one, "a crowd comes and goes in bursts");
	crowd_note(&c, CROWD_MANY, mono_after_ms(start, CROWD_QUIET_MS - 1));
	crowd_note(&c, 0, mono_after_ms(start, CROWD_QUIET_MS));
	cr_expect_eq(cpus(), one, "it was there a millisecond ago");
	crowd_note(&c, 0, mono_after_ms(start, 2 * CROWD_QUIET_MS));
	cr_expect_eq(slice(), urgent);
	cr_expect_eq(cpus(), all);
}
