#include "front/refusals.h"

#include <criterion/criterion.h>

#include "base/log.h"

static struct mono_ns
at_ms(uint64_t ms)
{
	return (struct mono_ns){ ms * 1000000 };
}

Test(refusals, so_many_a_second_are_logged)
{
	AUTO(shared_free) struct shared *s = shared_new();
	struct refusals r = { .logged = 0 };
	unsigned logged = 0;

	log_init("front", LOG_LOGFMT, LOG_ERROR);
	for (unsigned i = 0; i < 3 * REFUSALS_PER_SECOND; i++)
		logged += refusals_may_log(&r, at_ms(5000 + i), s);
	cr_expect_eq(logged, REFUSALS_PER_SECOND);
	cr_expect_eq(r.dropped, 2 * REFUSALS_PER_SECOND);
	cr_expect_eq(s->counts[COUNT_LOGS_DROPPED], 2 * REFUSALS_PER_SECOND);
}

Test(refusals, the_next_second_has_its_own)
{
	AUTO(shared_free) struct shared *s = shared_new();
	struct refusals r = { .logged = 0 };

	log_init("front", LOG_LOGFMT, LOG_ERROR);
	for (unsigned i = 0; i < 2 * REFUSALS_PER_SECOND; i++)
		(void)refusals_may_log(&r, at_ms(5000), s);
	cr_expect_not(refusals_may_log(&r, at_ms(5999), s));
	cr_expect(refusals_may_log(&r, at_ms(6000), s));
	cr_expect_eq(r.dropped, 0, "the line before it said how many");
}
