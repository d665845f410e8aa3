#include "super/alarm.h"

#include <criterion/criterion.h>

Test(alarm, none_never_rings)
{
	struct alarm a = { 0 };

	cr_expect_not(alarm_rings(&a));
	cr_expect_eq(alarm_left_ms(&a), -1);
}

Test(alarm, one_rings_once)
{
	struct alarm a = alarm_in(0);

	cr_expect_eq(alarm_left_ms(&a), 0);
	cr_expect(alarm_rings(&a));
	cr_expect_not(alarm_rings(&a));
	a = alarm_in(1000000);
	cr_expect_not(alarm_rings(&a));
	cr_expect_gt(alarm_left_ms(&a), 900000);
	a = alarm_at((struct mono_ns){ UINT64_MAX });
	cr_expect_gt(alarm_left_ms(&a), 0, "as poll takes it");
}

Test(alarm, the_earlier_one_counts)
{
	const struct alarm none = { 0 }, two = { true, { 2 } };
	struct alarm a = none;

	alarm_earlier(&a, none);
	cr_expect_not(a.set);
	alarm_earlier(&a, two);
	cr_expect_eq(a.at.ns, 2);
	alarm_earlier(&a, (struct alarm){ true, { 3 } });
	cr_expect_eq(a.at.ns, 2);
	alarm_earlier(&a, (struct alarm){ true, { 1 } });
	cr_expect_eq(a.at.ns, 1);
	alarm_earlier(&a, none);
	cr_expect_eq(a.at.ns, 1);
}
