#include "vault/turns.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>

static _Atomic unsigned offers;

/* In place of libc's, for this program alone. */
int
sched_yield(void)
{
	offers++;
	return 0;
}

/* Computes until so many offers were made, or for ns nanoseconds. */
static void
compute(unsigned until, int64_t ns)
{
	struct timespec from, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	do
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	while (offers < until && (now.tv_sec - from.tv_sec) * 1000000000 +
					 now.tv_nsec - from.tv_nsec <
				     ns);
}

Test(turns, whoever_computes_offers_the_processor_again_and_again)
{
	struct turns t;

	turns_init(&t, 200);
	cr_assert_neq(t.us, 0);
	turns_begin(&t, 1);
	compute(3, 10000000000);
	turns_end(&t);
	cr_expect_geq(offers, 3);
}

Test(turns, before_and_after_it_does_not)
{
	struct turns t;

	turns_init(&t, 200);
	compute(1, 5000000);
	cr_expect_eq(offers, 0);
	turns_begin(&t, 1);
	compute(1, 10000000000);
	turns_end(&t);
	unsigned made = offers;

	cr_expect_geq(made, 1);
	compute(made + 1, 5000000);
	cr_expect_eq(offers, made);
}

Test(turns, without_turns_it_never_does)
{
	struct turns t;

	turns_init(&t, 0);
	turns_begin(&t, 1);
	compute(1, 1000000);
	turns_end(&t);
	cr_expect_eq(offers, 0);
}

Test(turns, nor_when_nobody_has_come_for_a_while)
{
	struct turns t;

	turns_init(&t, 200);
	turns_begin(&t, 7);
	turns_end(&t);
	offers = 0;
	compute(1, (TURNS_QUIET_MS + 1) * 1000000);
	turns_begin(&t, 7);
	compute(1, 5000000);
	turns_end(&t);
	cr_expect_eq(offers, 0);
	turns_begin(&t, 8);
	compute(1, 10000000000);
	turns_end(&t);
	cr_expect_geq(offers, 1);
}
