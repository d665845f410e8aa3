#include "base/clock.h"

#include <criterion/criterion.h>

Test(clock, never_goes_back)
{
	struct mono_ns before = clock_mono();

	for (size_t i = 0; i < 1000; i++) {
		struct mono_ns now = clock_mono();

		cr_assert_geq(now.ns, before.ns);
		before = now;
	}
}

Test(clock, wall_time_is_after_this_was_written)
{
	cr_expect_gt(clock_wall().ms, UINT64_C(1700000000000));
}

Test(clock, a_deadline_has_passed_from_its_instant_on)
{
	struct mono_ns t = { 5000000 }, end = mono_after_ms(t, 3);

	cr_expect_eq(end.ns, 8000000);
	cr_expect_not(mono_passed(end, t));
	cr_expect_not(mono_passed(end, (struct mono_ns){ 7999999 }));
	cr_expect(mono_passed(end, end));
}

Test(clock, what_is_left_is_rounded_up_and_bounded)
{
	struct mono_ns end = { 8000000 };

	cr_expect_eq(mono_left_ms(end, (struct mono_ns){ 8000000 }), 0);
	cr_expect_eq(mono_left_ms(end, (struct mono_ns){ 9000000 }), 0);
	cr_expect_eq(mono_left_ms(end, (struct mono_ns){ 7999999 }), 1);
	cr_expect_eq(mono_left_ms(end, (struct mono_ns){ 5000000 }), 3);
	cr_expect_eq(mono_left_ms((struct mono_ns){ UINT64_MAX },
			 (struct mono_ns){ 0 }),
	    UINT32_MAX);
}
