#include "client/cli/latency.h"

#define STEPS (UINT64_C(1) << LATENCY_BITS)

/* Values below twice STEPS have a bucket each; above, the top LATENCY_BITS + 1
 * bits choose it, and shift says how many were dropped. */
static size_t
bucket_of(uint64_t v)
{
	if (v < STEPS)
		return (size_t)v;
	unsigned shift = 63 - (unsigned)__builtin_clzll(v) - LATENCY_BITS;

	return (size_t)(shift * STEPS + (v >> shift));
}

static uint64_t
middle_of(size_t bucket)
{
	if (bucket < 2 * STEPS)
		return bucket;
	uint64_t shift = bucket / STEPS - 1;

	return ((bucket - shift * STEPS) << shift) + (UINT64_C(1) << shift) / 2;
}

void
latency_add(struct latency *l, uint64_t ns)
{
	l->bucket[bucket_of(ns)]++;
	l->count++;
}

void
latency_merge(struct latency *into, const struct latency *from)
{
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->count += from->count;
}

uint64_t
latency_quantile(const struct latency *l, double q)
{
	uint64_t seen = 0, rank = (uint64_t)(q * (double)l->count);

	/* The share is reached by the value that makes it whole. */
	if ((double)rank < q * (double)l->count || rank == 0)
		rank++;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen >= rank)
			return middle_of(i);
	}
	return 0;
}
