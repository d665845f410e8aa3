#include <criterion/criterion.h>
#include <stdlib.h>

#include "client/cli/latency.h"

static struct latency *
made(void)
{
	struct latency *l = calloc(1, sizeof *l);

	cr_assert_not_null(l);
	return l;
}

Test(latency, is_empty_at_first)
{
	struct latency *l = made();

	cr_expect_eq(latency_quantile(l, 0.5), 0);
	free(l);
}

Test(latency, keeps_every_value_within_half_a_percent)
{
	for (uint64_t v = 0; v < UINT64_MAX / 3; v += v / 3 + 1) {
		struct latency *l = made();

		latency_add(l, v);
		uint64_t got = latency_quantile(l, 1);
		uint64_t off = got > v ? got - v : v - got;

		cr_expect_leq(off, v / 200, "%lu %lu", (unsigned long)v,
		    (unsigned long)got);
		free(l);
	}
}

Test(latency, takes_the_largest_value)
{
	struct latency *l = made();

	latency_add(l, UINT64_MAX);
	cr_expect_gt(latency_quantile(l, 0.5), UINT64_MAX - UINT64_MAX / 200);
	free(l);
}

Test(latency, gives_quantiles_of_a_known_set)
{
	struct latency *l = made(), *sum = made();

	for (uint64_t i = 1; i <= 10000; i++)
		latency_add(l, i * 1000);
	latency_merge(sum, l);
	latency_merge(sum, l);
	cr_expect_eq(sum->count, 20000);
	for (double q = 0.001; q < 1; q += 0.017) {
		double want = q * 1e7, got = (double)latency_quantile(sum, q);

		cr_expect(got > want * 0.99 && got < want * 1.01 + 1000,
		    "%f: %f", q, got);
	}
	free(l);
	free(sum);
}
