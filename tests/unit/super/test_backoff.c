#include "super/backoff.h"

#include <criterion/criterion.h>

Test(backoff, doubles_from_the_first_pause_to_the_longest)
{
	const uint32_t pauses[] = { 100, 200, 400, 800, 1600, 3200, 5000,
		5000 };
	uint32_t pause = 0;

	for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		pause = backoff_next(pause, 0);
		cr_expect_eq(pause, pauses[i], "%zu: %u", i, pause);
	}
}

Test(backoff, is_none_after_a_long_life)
{
	cr_expect_eq(backoff_next(5000, BACKOFF_CALM_MS), 0);
	cr_expect_eq(backoff_next(0, BACKOFF_CALM_MS - 1), BACKOFF_FIRST_MS);
}
