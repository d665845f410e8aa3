#include "base/metrics.h"

static const uint64_t bounds_us[HISTOGRAM_BOUNDS] = { 10, 20, 50, 100, 200, 500,
	1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000,
	2000000, 5000000, 10000000 };

uint64_t
histogram_bound_us(size_t i)
{
	return bounds_us[i];
}

void
histogram_observe_ns(struct histogram *h, uint64_t ns)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && ns > bounds_us[i] * 1000)
		i++;
	atomic_fetch_add_explicit(&h->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_us, ns / 1000, memory_order_relaxed);
}

void
histogram_put(struct buf *b, const struct histogram *h)
{
	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
		buf_put_u64(b, atomic_load(&h->bucket[i]));
	buf_put_u64(b, atomic_load(&h->sum_us));
}

enum vh_err
histogram_parse(struct slice bytes, struct histogram *out)
{
	if (bytes.len != HISTOGRAM_BYTES)
		return VH_EPARSE;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS + 2; i++) {
		uint64_t v = 0;

		for (size_t k = 0; k < 8; k++)
			v = v << 8 | bytes.p[8 * i + k];
		if (i <= HISTOGRAM_BOUNDS)
			out->bucket[i] = v;
		else
			out->sum_us = v;
	}
	return VH_OK;
}

uint64_t
histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
		n += h->bucket[i];
	return n;
}

uint64_t
histogram_quantile_us(const struct histogram *h, double q)
{
	uint64_t n = histogram_count(h), seen = 0;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		seen += h->bucket[i];
		if ((double)seen >= q * (double)n)
			return bounds_us[i];
	}
	return bounds_us[HISTOGRAM_BOUNDS - 1];
}
