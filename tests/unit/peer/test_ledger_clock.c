#include "peer/ledger_clock.h"

#include <criterion/criterion.h>

#define T      UINT64_C(1800000000000)
#define MINUTE UINT64_C(60000)

static struct moment
at(uint64_t wall, uint64_t mono)
{
	return (struct moment){ { wall }, { mono * 1000000 } };
}

Test(ledger_clock, follows_the_wall_clock_in_small_steps)
{
	struct ledger_clock c;

	ledger_clock_start(&c, at(T, 0));
	ledger_clock_see(&c, at(T + 9 * MINUTE, MINUTE));
	cr_expect_eq(ledger_clock_earliest(&c), T + 9 * MINUTE);
	cr_expect_eq(ledger_clock_latest(&c), T + 9 * MINUTE);
	ledger_clock_see(&c, at(T, 2 * MINUTE));
	cr_expect_eq(ledger_clock_latest(&c), T);
}

Test(ledger_clock, goes_on_by_itself_when_the_wall_clock_leaps)
{
	struct ledger_clock c;

	ledger_clock_start(&c, at(T, 0));
	ledger_clock_see(&c, at(T + 100 * MINUTE, MINUTE));
	cr_expect_eq(ledger_clock_earliest(&c), T + MINUTE);
	cr_expect_eq(ledger_clock_latest(&c), T + 100 * MINUTE);
	ledger_clock_see(&c, at(T - 100 * MINUTE, 2 * MINUTE));
	cr_expect_eq(ledger_clock_earliest(&c), T - 100 * MINUTE);
	cr_expect_eq(ledger_clock_latest(&c), T + 2 * MINUTE);
}

Test(ledger_clock, believes_a_leap_that_lasts_an_hour)
{
	struct ledger_clock c;

	ledger_clock_start(&c, at(T, 0));
	ledger_clock_see(&c, at(T + 1000 * MINUTE, 0));
	ledger_clock_see(&c, at(T + 1059 * MINUTE, 59 * MINUTE));
	cr_expect_eq(ledger_clock_earliest(&c), T + 59 * MINUTE);
	ledger_clock_see(&c, at(T + 1060 * MINUTE, 60 * MINUTE));
	cr_expect_eq(ledger_clock_earliest(&c), T + 1060 * MINUTE);
}

Test(ledger_clock, loses_no_time_however_often_it_looks)
{
	struct ledger_clock c;

	ledger_clock_start(&c, at(T, 0));
	for (uint64_t us = 0; us <= 1000000; us += 100)
		ledger_clock_see(&c,
		    (struct moment){ { T + 1000 * MINUTE }, { us * 1000 } });
	cr_expect_eq(ledger_clock_earliest(&c), T + 1000);
}
