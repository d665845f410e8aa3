/* A log-linear histogram of durations: every value is kept to within 0.4 %,
 * in fixed memory, at the cost of an increment. */
#ifndef CLI_LATENCY_H
#define CLI_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_BITS    7 /* 128 steps from one power of two to the next */
#define LATENCY_BUCKETS ((64 - LATENCY_BITS + 1) << LATENCY_BITS)

struct latency {
	uint64_t count;
	uint64_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, uint64_t ns);
void latency_merge(struct latency *into, const struct latency *from);
/* The value (ns) that the share q of all values does not pass; 0 if empty. */
uint64_t latency_quantile(const struct latency *l, double q);

#endif
