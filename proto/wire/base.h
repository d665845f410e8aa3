/* What every layer shares: borrowed bytes, scoped ownership, one way to fail.
 */
#ifndef WIRE_BASE_H
#define WIRE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK [[nodiscard]]

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* AUTO(x_free) struct x *p = NULL;  frees p when it goes out of scope.  The
 * shim comes from AUTO_FREE(struct x, x_free), once, beside x_free. */
#define AUTO_FREE(type, fn)                                                    \
	static inline void fn##_auto(type **p)                                 \
	{                                                                      \
		fn(*p);                                                        \
	}
/* To be held until the end of its scope is use enough of a variable (clang). */
#define AUTO(fn) __attribute__((unused, cleanup(fn##_auto)))
#define TAKE(p)                                                                \
	({                                                                     \
		__auto_type take_ = (p);                                       \
		(p) = NULL;                                                    \
		take_;                                                         \
	})

/* Leaves the function with the error of e; only where all owners are AUTO. */
#define TRY(e)                                                                 \
	do {                                                                   \
		enum vh_err try_ = (e);                                        \
		if (try_ != VH_OK)                                             \
			return try_;                                           \
	} while (0)

#include "wire/err.h"

/* Bytes somebody else owns.  Valid as long as their owner leaves them. */
struct slice {
	const uint8_t *p;
	size_t len;
};

/* The bytes of a C string, without its NUL; NULL gives the empty slice. */
static inline struct slice
slice_text(const char *text)
{
	return (struct slice){ (const uint8_t *)text,
		text == NULL ? 0 : strlen(text) };
}

static inline struct slice
slice_of(const void *p, size_t len)
{
	return (struct slice){ p, len };
}

/* Equality of public bytes; secrets are compared by sodium_memcmp. */
static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
slice_is(struct slice a, const char *text)
{
	return slice_eq(a, slice_text(text));
}

/* Cuts the next item off a comma-separated list: *rest moves past it.  False
 * when nothing is left.  Empty items are returned as empty slices. */
bool slice_next_item(struct slice *rest, struct slice *item);

#endif
