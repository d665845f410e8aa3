#include "client/libvhsm/answer.h"

#include <stdlib.h>

/* The answer, and behind it the bytes it points to. */
struct block {
	struct vhsm_answer answer;
	struct vhsm_signature signatures[VHSM_PARTIES_MAX];
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
	{ VH_F_SIGNATURE, offsetof(struct vhsm_answer, data) },
	{ VH_F_UNPROTECTED, offsetof(struct vhsm_answer, unprotected) },
	{ VH_F_AAD, offsetof(struct vhsm_answer, aad) },
};

/* The same for a PARTY of it. */
static const struct text_member party_texts[] = {
	{ VH_F_KID, offsetof(struct vhsm_signature, kid) },
	{ VH_F_ALG, offsetof(struct vhsm_signature, alg) },
	{ VH_F_JWK, offsetof(struct vhsm_signature, jwk) },
	{ VH_F_HEADER, offsetof(struct vhsm_signature, header) },
	{ VH_F_UNPROTECTED, offsetof(struct vhsm_signature, unprotected) },
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
	{ VHSM_RAW_SIGN, VH_F_SIGNATURE },
	{ VHSM_RAW_DECRYPT, VH_F_DATA },
	{ VHSM_RAW_DERIVE, VH_F_DATA },
	{ VHSM_DRAIN, VH_F_JSON },
	{ VHSM_REVOKE, VH_F_JSON },
	{ VHSM_ROTATE, VH_F_JSON },
	{ VHSM_RETIRE, VH_F_JSON },
	{ VHSM_DESTROY, VH_F_JSON },
	{ VHSM_RELOAD, VH_F_JSON },
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

static size_t
size_of(const struct fields *f, const struct text_member *rows, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		if (fields_have(f, rows[i].tag))
			size += f->at[rows[i].tag].len + 1;
	return size;
}

/* Copies the texts that are there into the block, and points to them. */
static void
copy_texts(struct block *b, const struct fields *f,
    const struct text_member *rows, size_t count, void *to)
{
	for (size_t i = 0; i < count; i++) {
		if (!fields_have(f, rows[i].tag))
			continue;
		const char *copy = block_add(b, f->at[rows[i].tag]);

		memcpy((char *)to + rows[i].offset, &copy, sizeof copy);
	}
}

/* The next PARTY; false when there is none, or it makes no sense. */
static bool
next_party(struct slice *rest, struct fields *out)
{
	struct slice value;
	unsigned tag;

	while (fields_next(rest, &tag, &value))
		if (tag == VH_F_PARTY)
			return fields_parse(value, out) == VH_OK;
	return false;
}

static void
copy_parties(struct block *b, struct slice body)
{
	size_t count = 0;
	struct fields f;

	while (count < VHSM_PARTIES_MAX && next_party(&body, &f)) {
		struct vhsm_signature *to = &b->signatures[count++];

		to->error = (enum vhsm_error)err_of_wire(
		    (uint16_t)fields_u32(&f, VH_F_OUTCOME));
		copy_texts(b, &f, party_texts, ARRAY_LEN(party_texts), to);
	}
	b->answer.signatures = count == 0 ? NULL : b->signatures;
	b->answer.signature_count = count;
}

static struct block *
block_of_frame(const struct frame *f)
{
	size_t size = size_of(&f->f, texts, ARRAY_LEN(texts));
	struct slice rest = f->f.body;
	struct fields party;

	for (size_t i = 0; i < VHSM_PARTIES_MAX && next_party(&rest, &party);
	     i++)
		size += size_of(&party, party_texts, ARRAY_LEN(party_texts));
	struct block *b = block_new(size);

	if (b == NULL)
		return NULL;
	copy_texts(b, &f->f, texts, ARRAY_LEN(texts), &b->answer);
	copy_parties(b, f->f.body);
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
	b->answer.data_len =
	    f.f.at[fields_have(&f.f, VH_F_SIGNATURE) ? VH_F_SIGNATURE
						     : VH_F_DATA]
		.len;
	b->answer.token_len = f.f.at[VH_F_TOKEN].len;
	b->answer.aad_len = f.f.at[VH_F_AAD].len;
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
