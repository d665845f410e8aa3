#include "wire/buf.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct buf *
buf_new(size_t max)
{
	struct buf *b = calloc(1, sizeof *b);

	if (b != NULL)
		b->max = max;
	return b;
}

struct buf *
buf_new_wiping(size_t max)
{
	struct buf *b = buf_new(max);

	if (b != NULL)
		b->wipes = true;
	return b;
}

/* Whatever stands from there on. */
static void
wipe(struct buf *b, size_t from, size_t to)
{
	if (b->wipes && from < to)
		explicit_bzero(b->p + from, to - from);
}

void
buf_release(struct buf *b)
{
	if (b == NULL)
		return;
	wipe(b, 0, b->cap);
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
	b->err = VH_OK;
}

void
buf_free(struct buf *b)
{
	buf_release(b);
	free(b);
}

/* realloc leaves a copy where it moves from. */
static uint8_t *
move(struct buf *b, size_t size)
{
	if (!b->wipes)
		return realloc(b->p, size);
	uint8_t *p = malloc(size);

	if (p == NULL)
		return NULL;
	if (b->len > 0)
		memcpy(p, b->p, b->len);
	wipe(b, 0, b->cap);
	free(b->p);
	return p;
}

bool
buf_reserve(struct buf *b, size_t n)
{
	if (b == NULL || b->err != VH_OK)
		return false;
	if (n <= b->cap - b->len)
		return true;
	if (n > b->max - b->len) {
		b->err = VH_ETOOBIG;
		return false;
	}
	size_t cap = b->cap < 256 ? 256 : b->cap * 2;

	if (cap < b->len + n)
		cap = b->len + n;
	if (cap > b->max)
		cap = b->max;
	/* One byte more than cap says, for the NUL that text functions of
	 * others write after what they put. */
	uint8_t *p = move(b, cap + 1);

	if (p == NULL) {
		b->err = VH_ENOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *
buf_extend(struct buf *b, size_t n)
{
	if (!buf_reserve(b, n))
		return NULL;
	b->len += n;
	return b->p == NULL ? NULL : b->p + b->len - n;
}

static inline void
put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_extend(b, n);

	if (to != NULL)
		memcpy(to, p, n);
}

void
buf_put(struct buf *b, struct slice bytes)
{
	if (bytes.len > 0)
		put(b, bytes.p, bytes.len);
}

void
buf_put_text(struct buf *b, const char *text)
{
	buf_put(b, slice_text(text));
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	put(b, &v, sizeof v);
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	v = htobe16(v);
	put(b, &v, sizeof v);
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	v = htobe32(v);
	put(b, &v, sizeof v);
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	v = htobe64(v);
	put(b, &v, sizeof v);
}

void
buf_format(struct buf *b, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);

	if (n > 0 && buf_reserve(b, (size_t)n)) {
		(void)vsnprintf((char *)b->p + b->len, (size_t)n + 1, format,
		    again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

void
buf_trim(struct buf *b, size_t len)
{
	if (b == NULL || len >= b->len)
		return;
	wipe(b, len, b->len);
	b->len = len;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (b == NULL || n == 0)
		return;
	if (n > b->len)
		n = b->len;
	memmove(b->p, b->p + n, b->len - n);
	wipe(b, b->len - n, b->len);
	b->len -= n;
}

void
buf_clear(struct buf *b)
{
	if (b == NULL)
		return;
	wipe(b, 0, b->len);
	b->len = 0;
	b->err = VH_OK;
}

struct slice
buf_slice(const struct buf *b)
{
	return b == NULL ? slice_of(NULL, 0) : slice_of(b->p, b->len);
}

enum vh_err
buf_end(const struct buf *b)
{
	return b == NULL ? VH_ENOMEM : b->err;
}
