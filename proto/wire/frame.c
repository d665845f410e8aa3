#include "wire/frame.h"

#include <endian.h>

#define MAGIC      0x5648
#define FIELD_HEAD 6

/* A reader over bytes it does not own; reading past the end gives zeros and
 * sets bad. */
struct rd {
	const uint8_t *p, *end;
	bool bad;
};

/* NULL + 0 is undefined in C, so an empty slice gets no sum. */
static struct rd
rd_over(struct slice s)
{
	return (struct rd){ s.p, s.len == 0 ? s.p : s.p + s.len, false };
}

static inline void
rd_bytes(struct rd *r, void *to, size_t n)
{
	if ((size_t)(r->end - r->p) < n) {
		r->bad = true;
		return;
	}
	memcpy(to, r->p, n);
	r->p += n;
}

static inline uint8_t
rd_u8(struct rd *r)
{
	uint8_t v = 0;

	rd_bytes(r, &v, sizeof v);
	return v;
}

static inline uint16_t
rd_u16(struct rd *r)
{
	uint16_t v = 0;

	rd_bytes(r, &v, sizeof v);
	return be16toh(v);
}

static inline uint32_t
rd_u32(struct rd *r)
{
	uint32_t v = 0;

	rd_bytes(r, &v, sizeof v);
	return be32toh(v);
}

static inline uint64_t
rd_u64(struct rd *r)
{
	uint64_t v = 0;

	rd_bytes(r, &v, sizeof v);
	return be64toh(v);
}

static struct slice
rd_slice(struct rd *r, size_t len)
{
	if (r->bad || (size_t)(r->end - r->p) < len) {
		r->bad = true;
		return slice_of(NULL, 0);
	}
	struct slice s = slice_of(r->p, len);

	r->p += len;
	return s;
}

struct head {
	uint16_t magic;
	uint8_t version, flags;
	uint16_t op, err;
	uint32_t size;
	uint64_t id;
	uint32_t deadline;
};

static struct head
rd_head(struct rd *r)
{
	struct head h;

	h.magic = rd_u16(r);
	h.version = rd_u8(r);
	h.flags = rd_u8(r);
	h.op = rd_u16(r);
	h.err = rd_u16(r);
	h.size = rd_u32(r);
	h.id = rd_u64(r);
	h.deadline = rd_u32(r);
	return h;
}

enum vh_err
frame_size(const uint8_t *p, size_t len, size_t max, size_t *size)
{
	if (len < FRAME_HEAD) {
		*size = 0;
		return VH_OK;
	}
	struct rd r = { p, p + FRAME_HEAD, false };
	struct head h = rd_head(&r);

	if (h.magic != MAGIC)
		return VH_EPARSE;
	if (h.version != FRAME_VERSION)
		return VH_EVERSION;
	if (h.size > FRAME_BODY_MAX || FRAME_HEAD + h.size > max)
		return VH_ETOOBIG;
	*size = FRAME_HEAD + h.size;
	return VH_OK;
}

static enum vh_err
field_check(const struct field_row *row, struct slice value)
{
	if (value.len > row->max)
		return VH_EFIELD;
	if ((row->type == VH_U32 || row->type == VH_U64) &&
	    value.len != row->max)
		return VH_EFIELD;
	if (row->type == VH_TEXT && value.len > 0 &&
	    memchr(value.p, '\0', value.len) != NULL)
		return VH_EFIELD;
	return VH_OK;
}

bool
fields_next(struct slice *rest, unsigned *tag, struct slice *value)
{
	if (rest->len == 0)
		return false;
	struct rd r = rd_over(*rest);

	*tag = rd_u16(&r);
	size_t len = rd_u32(&r);

	*value = rd_slice(&r, len);
	*rest = slice_of(r.p, (size_t)(r.end - r.p));
	return !r.bad;
}

enum vh_err
fields_parse(struct slice body, struct fields *out)
{
	struct slice rest = body, value;
	unsigned tag;

	memset(out, 0, sizeof *out);
	while (rest.len > 0) {
		if (!fields_next(&rest, &tag, &value))
			return VH_EPARSE;
		const struct field_row *row = field_row(tag);

		if (row == NULL)
			continue;
		TRY(field_check(row, value));
		if (!fields_have(out, tag))
			out->at[tag] = value;
		else if (!row->rep)
			return VH_EFIELD;
		out->present |= VH_TAG_BIT(tag);
	}
	out->body = body;
	return VH_OK;
}

static enum vh_err
read_head(struct slice message, struct frame *out, struct slice *body)
{
	struct rd r = rd_over(message);
	struct head h = rd_head(&r);

	if (r.bad || h.magic != MAGIC)
		return VH_EPARSE;
	out->op = h.op;
	out->id = h.id;
	if (h.version != FRAME_VERSION)
		return VH_EVERSION;
	*body = rd_slice(&r, h.size);
	out->answer = (h.flags & FRAME_ANSWER) != 0;
	out->err = err_of_wire(h.err);
	out->deadline_ms = h.deadline;
	return r.bad || r.p != r.end ? VH_EPARSE : VH_OK;
}

enum vh_err
frame_head(struct slice message, struct frame *out)
{
	struct slice body;

	return read_head(message, out, &body);
}

enum vh_err
frame_parse(struct slice message, struct frame *out)
{
	struct slice body;

	TRY(read_head(message, out, &body));
	return fields_parse(body, &out->f);
}

enum vh_err
frame_check(const struct frame *f, enum vh_who who)
{
	const struct op_row *row = op_row(f->op);

	if (row == NULL || f->answer)
		return VH_EOP;
	if ((row->who & who) == 0)
		return VH_EFORBIDDEN;
	if ((f->f.present & row->needs) != row->needs)
		return VH_EFIELD;
	if ((f->f.present & ~(row->needs | row->may)) != 0)
		return VH_EFIELD;
	return VH_OK;
}

/* Of 4 or 8 bytes (field_check); 0 of a field that is not there. */
static uint64_t
number_of(struct slice s)
{
	struct rd r = rd_over(s);

	return s.len == 8 ? rd_u64(&r) : rd_u32(&r);
}

uint32_t
fields_u32(const struct fields *f, enum vh_tag tag)
{
	return (uint32_t)number_of(f->at[tag]);
}

uint64_t
fields_u64(const struct fields *f, enum vh_tag tag)
{
	return number_of(f->at[tag]);
}

static inline uint8_t *
wr_u16(uint8_t *to, uint16_t v)
{
	v = htobe16(v);
	return mempcpy(to, &v, sizeof v);
}

static inline uint8_t *
wr_u32(uint8_t *to, uint32_t v)
{
	v = htobe32(v);
	return mempcpy(to, &v, sizeof v);
}

static inline uint8_t *
wr_u64(uint8_t *to, uint64_t v)
{
	v = htobe64(v);
	return mempcpy(to, &v, sizeof v);
}

static size_t
open_frame(struct buf *b, const struct head *h)
{
	size_t start = buf_slice(b).len;

	uint8_t *to = buf_extend(b, FRAME_HEAD);

	if (to == NULL)
		return start;
	to = wr_u16(to, MAGIC);
	*to++ = FRAME_VERSION;
	*to++ = h->flags;
	to = wr_u16(to, h->op);
	to = wr_u16(to, h->err);
	to = wr_u32(to, 0);
	to = wr_u64(to, h->id);
	(void)wr_u32(to, h->deadline);
	return start;
}

size_t
frame_request(struct buf *b, enum vh_op op, uint64_t id, uint32_t deadline_ms)
{
	return open_frame(b,
	    &(struct head){ .op = op, .id = id, .deadline = deadline_ms });
}

size_t
frame_answer(struct buf *b, uint16_t op, uint64_t id, enum vh_err err)
{
	return open_frame(b, &(struct head){ .flags = FRAME_ANSWER,
				 .op = op,
				 .id = id,
				 .err = err });
}

/* Writes the length of all that follows a 4-byte length at offset at. */
static void
patch_length(struct buf *b, size_t at, size_t from)
{
	if (buf_end(b) != VH_OK)
		return;
	(void)wr_u32(b->p + at, (uint32_t)(b->len - from));
}

void
frame_close(struct buf *b, size_t start)
{
	patch_length(b, start + 8, start + FRAME_HEAD);
}

/* The head of a field of size bytes, and room for as many of them after it;
 * where that begins, or NULL. */
static uint8_t *
put_field(struct buf *b, enum vh_tag tag, size_t size, size_t room)
{
	uint8_t *to = buf_extend(b, FIELD_HEAD + room);

	return to == NULL ? NULL
			  : wr_u32(wr_u16(to, (uint16_t)tag), (uint32_t)size);
}

void
frame_put_head(struct buf *b, enum vh_tag tag, size_t size)
{
	(void)put_field(b, tag, size, 0);
}

void
frame_put(struct buf *b, enum vh_tag tag, struct slice value)
{
	uint8_t *to = put_field(b, tag, value.len, value.len);

	if (to != NULL && value.len > 0)
		memcpy(to, value.p, value.len);
}

void
frame_put_text(struct buf *b, enum vh_tag tag, const char *text)
{
	frame_put(b, tag, slice_text(text));
}

void
frame_put_u32(struct buf *b, enum vh_tag tag, uint32_t v)
{
	uint8_t *to = put_field(b, tag, sizeof v, sizeof v);

	if (to != NULL)
		(void)wr_u32(to, v);
}

void
frame_put_u64(struct buf *b, enum vh_tag tag, uint64_t v)
{
	uint8_t *to = put_field(b, tag, sizeof v, sizeof v);

	if (to != NULL)
		(void)wr_u64(to, v);
}

size_t
frame_nest(struct buf *b, enum vh_tag tag)
{
	size_t start = buf_slice(b).len;

	frame_put_head(b, tag, 0);
	return start;
}

void
frame_nest_close(struct buf *b, size_t start)
{
	patch_length(b, start + 2, start + FIELD_HEAD);
}

void
frame_put_error(struct buf *b, uint16_t op, uint64_t id, enum vh_err err,
    const char *why)
{
	size_t start = frame_answer(b, op, id, err);

	if (why != NULL)
		frame_put_text(b, VH_F_WHY, why);
	frame_close(b, start);
}
