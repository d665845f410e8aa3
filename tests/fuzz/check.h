/* For fuzz harnesses: what must hold, and bytes to hold it over. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "wire/buf.h"

/* The one entry of a harness; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert, not to be compiled away. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			    #condition);                                       \
			abort();                                               \
		}                                                              \
	} while (0)

/* An error has one line of printable ASCII; success has none. */
static inline void
check_why(enum vh_err err, const struct buf *why)
{
	struct slice line = buf_slice(why);

	CHECK((err == VH_OK) == (line.len == 0));
	for (size_t i = 0; i < line.len; i++)
		CHECK(line.p[i] >= 0x20 && line.p[i] <= 0x7e);
}

#endif
