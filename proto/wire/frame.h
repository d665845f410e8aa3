/* The one message codec: clients, peers, and the processes of a node.
 *
 *   0  u16  magic 0x5648 ("VH")      12  u64  request id
 *   2  u8   version                  20  u32  deadline: milliseconds left
 *   3  u8   flags                    24  fields: u16 tag, u32 length, bytes
 *   4  u16  op
 *   6  u16  error (answers)
 *   8  u32  bytes of fields
 *
 * All numbers are big-endian.  Decoding allocates nothing: slices point into
 * the message and live as long as it does. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "wire/buf.h"
#include "wire/ops.h"

#define FRAME_HEAD     24
#define FRAME_VERSION  1
#define FRAME_ANSWER   1 /* flag: this answers the request of that id */
#define FRAME_BODY_MAX (32u << 20)

/* The fields of a frame or of a nested field; at[tag] is empty when absent. */
struct fields {
	vh_tags present;
	struct slice at[VH_TAGS];
	struct slice body; /* all of them, for fields_next */
};

struct frame {
	uint16_t op;
	bool answer;
	enum vh_err err; /* VH_OK in a request */
	uint64_t id;
	uint32_t deadline_ms; /* 0: the receiver's default */
	struct fields f;
};

/* How many bytes the frame that starts at p has in all: VH_OK and *size once
 * the head is there, *size 0 while len < FRAME_HEAD.  VH_EPARSE for a wrong
 * magic, VH_EVERSION, VH_ETOOBIG past max bytes (head included). */
enum vh_err frame_size(const uint8_t *p, size_t len, size_t max, size_t *size);

/* Decodes exactly one whole frame.  VH_EPARSE, VH_EVERSION, VH_EFIELD (a known
 * field with a wrong size, type or repetition); on failure only
 * out->op and out->id mean anything: they are set whenever the head is sound
 * (so that an error can be answered).  Unknown tags are skipped. */
enum vh_err frame_parse(struct slice message, struct frame *out);
/* The same of its head alone, whatever its fields are: out->f is left as it
 * was. VH_EPARSE, VH_EVERSION. */
enum vh_err frame_head(struct slice message, struct frame *out);

/* Decodes the fields of a nested field. */
enum vh_err fields_parse(struct slice body, struct fields *out);

/* VH_EOP, VH_EFORBIDDEN, VH_EFIELD: whether a request is one that who (a bit of
 * enum vh_who) may send, with all it needs and nothing it may not carry. */
enum vh_err frame_check(const struct frame *f, enum vh_who who);

/* Walks all fields in order, repeated ones too: start with *rest = f->body.
 * False at the end.  Only for bodies fields_parse has accepted. */
bool fields_next(struct slice *rest, unsigned *tag, struct slice *value);

static inline bool
fields_have(const struct fields *f, enum vh_tag tag)
{
	return (f->present >> tag & 1) != 0;
}

/* Value of a U32 or U64 field; 0 when absent. */
uint32_t fields_u32(const struct fields *f, enum vh_tag tag);
uint64_t fields_u64(const struct fields *f, enum vh_tag tag);

/* Writing.  A frame is opened, filled, closed; several may follow each other
 * in one buffer.  Failures stick to the buffer.
 * frame_open returns the offset that frame_close wants. */
size_t frame_request(struct buf *b, enum vh_op op, uint64_t id,
    uint32_t deadline_ms);
size_t frame_answer(struct buf *b, uint16_t op, uint64_t id, enum vh_err err);
void frame_close(struct buf *b, size_t start);

void frame_put(struct buf *b, enum vh_tag tag, struct slice value);
void frame_put_text(struct buf *b, enum vh_tag tag, const char *text);
void frame_put_u32(struct buf *b, enum vh_tag tag, uint32_t v);
void frame_put_u64(struct buf *b, enum vh_tag tag, uint64_t v);
/* Field head only, for size bytes that the caller puts next. */
void frame_put_head(struct buf *b, enum vh_tag tag, size_t size);
/* A nested field: what is put between the two calls is inside. */
size_t frame_nest(struct buf *b, enum vh_tag tag);
void frame_nest_close(struct buf *b, size_t start);

/* A whole answer that carries only err and, unless NULL, the text why. */
void frame_put_error(struct buf *b, uint16_t op, uint64_t id, enum vh_err err,
    const char *why);

#endif
