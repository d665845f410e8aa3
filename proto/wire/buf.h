/* A growable, bounded byte buffer.  The first failure (bound passed, no
 * memory) sticks: later puts do nothing and buf_end reports it.  Check once.
 * A NULL buffer behaves as one that has failed, so buf_new needs no check. */
#ifndef WIRE_BUF_H
#define WIRE_BUF_H

#include "wire/base.h"

struct buf {
	uint8_t *p; /* NULL, or cap bytes and one more */
	size_t len, cap, max;
	enum vh_err err; /* the first failure */
	bool wipes;      /* what it has held is overwritten when it lets go */
};

/* An empty buffer that never grows past max bytes; the caller frees it. */
struct buf *buf_new(size_t max);
/* The same, for what is secret: all that it no longer holds, memory that it
 * has grown out of included, is overwritten. */
struct buf *buf_new_wiping(size_t max);
/* Empties it and gives its memory back. */
void buf_release(struct buf *b);
void buf_free(struct buf *b);
AUTO_FREE(struct buf, buf_free)

void buf_put(struct buf *b, struct slice bytes);
void buf_put_text(struct buf *b, const char *text);
void buf_put_u8(struct buf *b, uint8_t v);
/* Network byte order. */
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
__attribute__((format(printf, 2, 3))) void buf_format(struct buf *b,
    const char *format, ...);

/* Appends n bytes of unspecified value and returns where to write them; NULL
 * when the buffer has failed.  Valid until the next put. */
uint8_t *buf_extend(struct buf *b, size_t n);
/* Makes room for n more bytes without changing len; false when it cannot. */
bool buf_reserve(struct buf *b, size_t n);
/* Shortens to len bytes; drops n bytes from the front; empties (and forgets a
 * failure). */
void buf_trim(struct buf *b, size_t len);
void buf_drop(struct buf *b, size_t n);
void buf_clear(struct buf *b);

/* The contents, borrowed until the next change. */
struct slice buf_slice(const struct buf *b);
/* VH_OK, VH_ETOOBIG when the bound was passed, VH_ENOMEM. */
enum vh_err buf_end(const struct buf *b);

#endif
