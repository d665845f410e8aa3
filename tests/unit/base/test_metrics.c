#include "base/metrics.h"

#include <criterion/criterion.h>

Test(metrics, bounds_rise_from_ten_microseconds_to_ten_seconds)
{
	cr_expect_eq(histogram_bound_us(0), 10);
	cr_expect_eq(histogram_bound_us(HISTOGRAM_BOUNDS - 1), 10000000);
	for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
		cr_expect_gt(histogram_bound_us(i), histogram_bound_us(i - 1));
}

Test(metrics, a_duration_falls_into_the_bucket_that_holds_it)
{
	struct histogram h = { 0 };

	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		histogram_observe_ns(&h, histogram_bound_us(i) * 1000);
		histogram_observe_ns(&h, histogram_bound_us(i) * 1000 + 1);
	}
	cr_expect_eq(h.bucket[0], 1);
	for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
		cr_expect_eq(h.bucket[i], 2, "%zu", i);
	cr_expect_eq(h.bucket[HISTOGRAM_BOUNDS], 1);
	cr_expect_eq(histogram_count(&h), 2 * HISTOGRAM_BOUNDS);
}

Test(metrics, quantiles_name_the_bucket_that_holds_them)
{
	struct histogram h = { 0 };

	cr_expect_eq(histogram_quantile_us(&h, 0.5), 0);
	for (size_t i = 0; i < 99; i++)
		histogram_observe_ns(&h, 15000);
	histogram_observe_ns(&h, 3000000);
	cr_expect_eq(histogram_quantile_us(&h, 0.5), 20);
	cr_expect_eq(histogram_quantile_us(&h, 0.99), 20);
	cr_expect_eq(histogram_quantile_us(&h, 0.999), 5000);
	histogram_observe_ns(&h, UINT64_C(20000000000));
	cr_expect_eq(histogram_quantile_us(&h, 1), 10000000);
}

Test(metrics, put_and_parse_are_inverse_and_of_one_size)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	struct histogram h = { 0 }, again = { 0 };

	histogram_observe_ns(&h, 15000);
	histogram_observe_ns(&h, UINT64_C(90000000000));
	histogram_put(b, &h);
	cr_assert_eq(b->len, HISTOGRAM_BYTES);
	cr_assert_eq(histogram_parse(buf_slice(b), &again), VH_OK);
	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
		cr_expect_eq(again.bucket[i], h.bucket[i]);
	cr_expect_eq(again.sum_us, 90000015);
	for (size_t n = 0; n < b->len; n++)
		cr_expect_eq(histogram_parse(slice_of(b->p, n), &again),
		    VH_EPARSE);
	buf_put_u8(b, 0);
	cr_expect_eq(histogram_parse(buf_slice(b), &again), VH_EPARSE);
}
