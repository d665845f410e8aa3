#include "client/libvhsm/request.h"

#include "wire/sp.h"

/* Where the text of a field stands in a request. */
static const struct text_member {
	enum vh_tag tag;
	size_t offset;
} texts[] = {
	{ VH_F_KID, offsetof(struct vhsm_request, key.kid) },
	{ VH_F_NAME, offsetof(struct vhsm_request, key.name) },
	{ VH_F_ALG, offsetof(struct vhsm_request, key.alg) },
	{ VH_F_KTY, offsetof(struct vhsm_request, key.kty) },
	{ VH_F_CRV, offsetof(struct vhsm_request, key.crv) },
	{ VH_F_USE, offsetof(struct vhsm_request, key.use) },
	{ VH_F_HEADER, offsetof(struct vhsm_request, header) },
	{ VH_F_TYP, offsetof(struct vhsm_request, typ) },
	{ VH_F_ENC, offsetof(struct vhsm_request, enc) },
	{ VH_F_JWK, offsetof(struct vhsm_request, jwk) },
	{ VH_F_JWKS, offsetof(struct vhsm_request, jwks) },
	{ VH_F_UNPROTECTED, offsetof(struct vhsm_request, unprotected) },
	{ VH_F_ZIP, offsetof(struct vhsm_request, zip) },
};

static const struct flag_member {
	enum vh_tag tag;
	size_t offset;
} flags[] = {
	{ VH_F_OFF, offsetof(struct vhsm_request, off) },
	{ VH_F_NOW, offsetof(struct vhsm_request, now) },
	{ VH_F_DETACHED, offsetof(struct vhsm_request, detached) },
	{ VH_F_UNENCODED, offsetof(struct vhsm_request, unencoded) },
	{ VH_F_ALL, offsetof(struct vhsm_request, all) },
	{ VH_F_FLAGS, offsetof(struct vhsm_request, mine) },
	{ VH_F_PREHASHED, offsetof(struct vhsm_request, prehashed) },
};

/* Where the text of a field stands in a party. */
static const struct text_member party_texts[] = {
	{ VH_F_KID, offsetof(struct vhsm_party, key.kid) },
	{ VH_F_NAME, offsetof(struct vhsm_party, key.name) },
	{ VH_F_ALG, offsetof(struct vhsm_party, key.alg) },
	{ VH_F_KTY, offsetof(struct vhsm_party, key.kty) },
	{ VH_F_CRV, offsetof(struct vhsm_party, key.crv) },
	{ VH_F_USE, offsetof(struct vhsm_party, key.use) },
	{ VH_F_HEADER, offsetof(struct vhsm_party, header) },
	{ VH_F_TYP, offsetof(struct vhsm_party, typ) },
	{ VH_F_UNPROTECTED, offsetof(struct vhsm_party, unprotected) },
	{ VH_F_JWK, offsetof(struct vhsm_party, jwk) },
};

#define MEMBERS       (ARRAY_LEN(texts) + ARRAY_LEN(flags) + 8)
#define PARTY_MEMBERS (ARRAY_LEN(party_texts) + 2)
_Static_assert(VHSM_PARTIES_MAX == VH_PARTIES, "vhsm.h: parties");
_Static_assert(VH_KEYS_MINE == 1, "flags are 1 when they are set");

struct member {
	enum vh_tag tag;
	bool present, broken;
	struct slice value;
};

static struct member
text_member(const void *q, const struct text_member *t)
{
	const char *text;

	memcpy(&text, (const char *)q + t->offset, sizeof text);
	return (struct member){ t->tag, text != NULL, false, slice_text(text) };
}

static struct member
bytes_member(enum vh_tag tag, bool always, const void *p, size_t len)
{
	return (struct member){ tag, always || p != NULL || len > 0,
		p == NULL && len > 0, slice_of(p, len) };
}

static struct member
flag_member(const struct vhsm_request *q, const struct flag_member *t)
{
	static const uint8_t on[4] = { 0, 0, 0, 1 };
	int flag;

	memcpy(&flag, (const char *)q + t->offset, sizeof flag);
	return bytes_member(t->tag, false, flag != 0 ? on : NULL,
	    flag != 0 ? sizeof on : 0);
}

static struct member
format_member(const struct vhsm_request *q)
{
	static const char *const names[] = { NULL, "flattened", "general" };
	bool known = (unsigned)q->format < ARRAY_LEN(names);
	const char *name = known ? names[q->format] : NULL;

	return (struct member){ VH_F_FORMAT, name != NULL || !known, !known,
		slice_text(name) };
}

static void
members_of_party(const struct vhsm_party *p,
    struct member m[static PARTY_MEMBERS])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(party_texts); i++)
		m[n++] = text_member(p, &party_texts[i]);
	m[n++] = bytes_member(VH_F_APU, false, p->apu, p->apu_len);
	m[n++] = bytes_member(VH_F_APV, false, p->apv, p->apv_len);
}

/* Any is 0 on the wire, where 0 of vhsm.h is none. */
static struct member
state_member(enum vhsm_key_state state)
{
	static const uint8_t wire[][4] = { { 0, 0, 0, 0 }, { 0, 0, 0, 1 },
		{ 0, 0, 0, 2 }, { 0, 0, 0, 3 } };
	size_t i = (size_t)state - VHSM_STATE_ANY;

	if (state == 0 || i >= ARRAY_LEN(wire))
		return bytes_member(VH_F_STATE, false, NULL, 0);
	return bytes_member(VH_F_STATE, false, wire[i], sizeof wire[i]);
}

/* All members, in the order of the message: data last, it is the longest. */
static void
members_of(const struct vhsm_request *q, const struct op_row *row,
    struct member m[static MEMBERS])
{
	bool token = (row->needs & VH_TAG_BIT(VH_F_TOKEN)) != 0;
	bool data = (row->needs & VH_TAG_BIT(VH_F_DATA)) != 0;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		m[n++] = text_member(q, &texts[i]);
	m[n++] = bytes_member(VH_F_APU, false, q->apu, q->apu_len);
	m[n++] = bytes_member(VH_F_APV, false, q->apv, q->apv_len);
	m[n++] = bytes_member(VH_F_AAD, false, q->aad, q->aad_len);
	m[n++] = bytes_member(VH_F_LABEL, false, q->label, q->label_len);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		m[n++] = flag_member(q, &flags[i]);
	m[n++] = format_member(q);
	/* Elsewhere DATA is data, and this is as foreign as ALL. */
	m[n++] = bytes_member(token ? VH_F_DATA : VH_F_ALL, false, q->payload,
	    q->payload_len);
	m[n++] = state_member(q->state);
	m[n++] = bytes_member(token ? VH_F_TOKEN : VH_F_DATA, token || data,
	    q->data, q->data_len);
}

/* The row of an operation that applications may ask for, or NULL. */
static const struct op_row *
op_of(const struct vhsm_request *q)
{
	const struct op_row *row =
	    (int)q->op < 0 ? NULL : op_row((unsigned)q->op);

	if (row == NULL || (row->who & (VH_WHO_CALLER | VH_WHO_OPERATOR)) == 0)
		return NULL;
	return row;
}

static enum vh_err
member_check(const struct member *m, const struct op_row *row)
{
	bool fits = ((row->needs | row->may) & VH_TAG_BIT(m->tag)) != 0;
	bool needed = (row->needs & VH_TAG_BIT(m->tag)) != 0;

	if (m->broken || (m->present ? !fits : needed))
		return VH_EFIELD;
	return m->value.len > field_row(m->tag)->max ? VH_ETOOBIG : VH_OK;
}

/* What a party may hold is the daemon's to say; that it can be sent, ours. */
static enum vh_err
parties_check(const struct vhsm_request *q, const struct op_row *row,
    const char **culprit)
{
	struct member m[PARTY_MEMBERS];

	*culprit = field_row(VH_F_PARTY)->name;
	if (q->more_count > 0 &&
	    ((row->may & VH_TAG_BIT(VH_F_PARTY)) == 0 || q->more == NULL))
		return VH_EFIELD;
	if (q->more_count >= VHSM_PARTIES_MAX)
		return VH_ETOOBIG;
	for (size_t i = 0; i < q->more_count; i++) {
		members_of_party(&q->more[i], m);
		for (size_t j = 0; j < PARTY_MEMBERS; j++) {
			if (m[j].broken)
				return VH_EFIELD;
			if (m[j].value.len > field_row(m[j].tag)->max)
				return VH_ETOOBIG;
		}
	}
	return VH_OK;
}

static void
put_party(struct buf *b, const struct vhsm_party *p)
{
	struct member m[PARTY_MEMBERS];
	size_t nest = frame_nest(b, VH_F_PARTY);

	members_of_party(p, m);
	for (size_t i = 0; i < PARTY_MEMBERS; i++)
		if (m[i].present)
			frame_put(b, m[i].tag, m[i].value);
	frame_nest_close(b, nest);
}

enum vh_err
request_check(const struct vhsm_request *q, const char **culprit)
{
	const struct op_row *row = q == NULL ? NULL : op_of(q);
	struct member m[MEMBERS];

	*culprit = NULL;
	if (row == NULL)
		return VH_EOP;
	members_of(q, row, m);
	for (size_t i = 0; i < MEMBERS; i++) {
		*culprit = field_row(m[i].tag)->name;
		TRY(member_check(&m[i], row));
	}
	TRY(parties_check(q, row, culprit));
	*culprit = NULL;
	return VH_OK;
}

static void
put_frame(struct buf *b, const struct vhsm_request *q, uint32_t id,
    uint32_t deadline_ms)
{
	struct member m[MEMBERS];
	size_t frame = frame_request(b, (enum vh_op)q->op, id, deadline_ms);

	members_of(q, op_of(q), m);
	for (size_t i = 0; i < MEMBERS; i++)
		if (m[i].present)
			frame_put(b, m[i].tag, m[i].value);
	for (size_t i = 0; i < q->more_count; i++)
		put_party(b, &q->more[i]);
	frame_close(b, frame);
}

static void
close_message(struct buf *b, size_t start, uint32_t id)
{
	if (buf_end(b) == VH_OK)
		sp_head(b->p + start, b->len - start - SP_HEAD - SP_ID, id);
}

void
request_put(struct buf *b, const struct vhsm_request *q, uint32_t id,
    uint32_t deadline_ms)
{
	size_t start = buf_slice(b).len;

	if (buf_extend(b, SP_HEAD + SP_ID) == NULL)
		return;
	put_frame(b, q, id, deadline_ms);
	close_message(b, start, id);
}

void
request_put_many(struct buf *b, const struct vhsm_request *q, size_t count,
    uint32_t id, uint32_t deadline_ms)
{
	size_t start = buf_slice(b).len;

	if (buf_extend(b, SP_HEAD + SP_ID) == NULL)
		return;
	size_t frame = frame_request(b, VH_OP_BATCH, id, deadline_ms);

	for (size_t i = 0; i < count; i++) {
		size_t item = frame_nest(b, VH_F_ITEM);

		put_frame(b, &q[i], (uint32_t)i + 1, 0);
		frame_nest_close(b, item);
	}
	frame_close(b, frame);
	close_message(b, start, id);
}

void
request_renumber(uint8_t *message, uint32_t id)
{
	/* The id of SP with its top bit, then the low half of the frame's. */
	uint8_t *sp = message + SP_HEAD, *low = sp + SP_ID + 16;

	for (int i = 0; i < 4; i++)
		low[i] = sp[i] = (uint8_t)(id >> (8 * (3 - i)));
	sp[0] |= 0x80;
}
