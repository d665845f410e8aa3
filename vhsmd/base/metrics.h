/* Histograms of durations, cheap enough for every request. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>

#include "wire/buf.h"

/* Upper bounds in microseconds: 10 20 50 ... 10,000,000; the last bucket has
 * none. */
#define HISTOGRAM_BOUNDS 19
#define HISTOGRAM_BYTES  (8 * (HISTOGRAM_BOUNDS + 2))

/* Written by any thread without a lock; a reader may see one observation half
 * recorded, never a torn number. */
struct histogram {
	_Atomic uint64_t bucket[HISTOGRAM_BOUNDS + 1]; /* not cumulative */
	_Atomic uint64_t sum_us;
};

/* Bound i in microseconds, i below HISTOGRAM_BOUNDS. */
uint64_t histogram_bound_us(size_t i);
void histogram_observe_ns(struct histogram *h, uint64_t ns);

/* HISTOGRAM_BYTES big-endian bytes: buckets, then sum. */
void histogram_put(struct buf *b, const struct histogram *h);
/* VH_EPARSE for another size. */
enum vh_err histogram_parse(struct slice bytes, struct histogram *out);

/* Number of observations. */
uint64_t histogram_count(const struct histogram *h);
/* The upper bound (us) of the bucket that holds the q-quantile; 0 if empty. */
uint64_t histogram_quantile_us(const struct histogram *h, double q);

#endif
