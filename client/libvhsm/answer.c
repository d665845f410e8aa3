#include "client/libvhsm/answer.h"

#include <stdlib.h>

/* The answer, and behind it the bytes it points to. */
struct block {
	struct vhsm_answer answer;
	size_t used, size;
	char bytes[];
};

static const struct text_member {
	enum vh_tag tag;
	size_t offset;
} texts[] = {
	{ VH_F_WHY, offsetof(struct vhsm_answer, why) },
	{ VH_F_TOKEN, offsetof(struct vhsm_answer, token) },
	{ VH_F_KID, offsetof(struct vhsm_answer, kid) },
	{ VH_F_ALG, offsetof(struct vhsm_answer, alg) },
	{ VH_F_JWK, offsetof(struct vhsm_answer, jwk) },
	{ VH_F_HEADER, offsetof(struct vhsm_answer, header) },
	{ VH_F_JWKS, offsetof(struct vhsm_answer, jwks) },
	{ VH_F_JSON, offsetof(struct vhsm_answer, json) },
	{ VH_F_DATA, offsetof(struct vhsm_answer, data) },
};

/* What callers may rely on when all went well. */
static const struct promise {
	enum vhsm_op op;
	enum vh_tag tag;
} promises[] = {
	{ VHSM_SIGN, VH_F_TOKEN },
	{ VHSM_DECRYPT, VH_F_DATA },
	{ VHSM_VERIFY, VH_F_DATA },
	{ VHSM_ENCRYPT, VH_F_TOKEN },
	{ VHSM_KEYS, VH_F_JWKS },
	{ VHSM_STATUS, VH_F_JSON },
	{ VHSM_CLUSTER, VH_F_JSON },
	{ VHSM_DRAIN, VH_F_JSON },
	{ VHSM_REVOKE, VH_F_JSON },
};

static struct block *
block_new(size_t size)
{
	struct block *b = calloc(1, sizeof *b + size);

	if (b == NULL)
		return NULL;
	b->size = size;
	b->answer.why = "";
	return b;
}

/* A copy in the block, which has room, with a NUL behind it. */
static const char *
block_add(struct block *b, struct slice s)
{
	char *copy = b->bytes + b->used;

	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	b->used += s.len + 1;
	return copy;
}

static bool
keeps_promise(const struct frame *f, enum vhsm_op op)
{
	for (size_t i = 0; i < ARRAY_LEN(promises); i++)
		if (promises[i].op == op)
			return fields_have(&f->f, promises[i].tag);
	return true;
}

static struct block *
block_of_frame(const struct frame *f)
{
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (fields_have(&f->f, texts[i].tag))
			size += f->f.at[texts[i].tag].len + 1;
	struct block *b = block_new(size);

	for (size_t i = 0; b != NULL && i < ARRAY_LEN(texts); i++) {
		if (!fields_have(&f->f, texts[i].tag))
			continue;
		const char *copy = block_add(b, f->f.at[texts[i].tag]);

		memcpy((char *)&b->answer + texts[i].offset, &copy,
		    sizeof copy);
	}
	return b;
}

enum vh_err
answer_parse(struct slice frame, enum vhsm_op op, uint64_t id,
    struct vhsm_answer **out)
{
	struct frame f;

	TRY(frame_parse(frame, &f));
	if (!f.answer || f.id != id)
		return VH_EPARSE;
	/* A daemon that does not know the op may not repeat it. */
	if (f.err == VH_OK && (f.op != (unsigned)op || !keeps_promise(&f, op)))
		return VH_EPARSE;
	struct block *b = block_of_frame(&f);

	if (b == NULL)
		return VH_ENOMEM;
	b->answer.error = (enum vhsm_error)f.err;
	b->answer.data_len = f.f.at[VH_F_DATA].len;
	b->answer.token_len = f.f.at[VH_F_TOKEN].len;
	*out = &b->answer;
	return VH_OK;
}

/* One of many goes to its place. */
static enum vh_err
place_item(struct slice item, const struct vhsm_request *q, size_t count,
    struct vhsm_answer **answers)
{
	struct frame f;

	TRY(frame_parse(item, &f));
	if (f.id == 0 || f.id > count || answers[f.id - 1] != NULL)
		return VH_EPARSE;
	return answer_parse(item, q[f.id - 1].op, f.id, &answers[f.id - 1]);
}

enum vh_err
answer_parse_many(const struct frame *f, const struct vhsm_request *q,
    size_t count, struct vhsm_answer **answers)
{
	struct slice rest = f->f.body, value;
	size_t found = 0;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_ITEM)
			continue;
		TRY(place_item(value, q, count, answers));
		found++;
	}
	return found == count ? VH_OK : VH_EPARSE;
}

struct vhsm_answer *
answer_of_error(enum vh_err err, const char *why)
{
	struct slice text = slice_text(why);
	struct block *b = block_new(text.len + 1);

	if (b == NULL)
		return NULL;
	b->answer.why = block_add(b, text);
	b->answer.error = (enum vhsm_error)err;
	return &b->answer;
}

void
vhsm_answer_free(struct vhsm_answer *answer)
{
	struct block *b = (struct block *)answer;

	if (b == NULL)
		return;
	explicit_bzero(b, sizeof *b + b->size);
	free(b);
}
