#include "wire/frame.h"

#include <criterion/criterion.h>

/* A SIGN request with a KID, a DATA and a field of an unknown tag. */
static struct buf *
sample(void)
{
	struct buf *b = buf_new(1000);
	size_t start = frame_request(b, VH_OP_SIGN, 0x0102030405060708, 1500);

	frame_put_text(b, VH_F_KID, "k1");
	frame_put_head(b, (enum vh_tag)4711, 3);
	buf_put_text(b, "new");
	frame_put(b, VH_F_DATA, slice_of("p\0q", 3));
	frame_close(b, start);
	return b;
}

static const uint8_t golden[] = { 'V', 'H', 1, 0, 0, 1, 0, 0, 0, 0, 0, 26, 1, 2,
	3, 4, 5, 6, 7, 8, 0, 0, 0x05, 0xdc, 0, 1, 0, 0, 0, 2, 'k', '1', 0x12,
	0x67, 0, 0, 0, 3, 'n', 'e', 'w', 0, 3, 0, 0, 0, 3, 'p', 0, 'q' };

Test(frame, a_request_has_the_documented_bytes)
{
	AUTO(buf_free) struct buf *b = sample();

	cr_assert_eq(buf_end(b), VH_OK);
	cr_expect_eq(buf_slice(b).len, sizeof golden);
	cr_expect(slice_eq(buf_slice(b), slice_of(golden, sizeof golden)));
}

Test(frame, a_request_is_parsed)
{
	struct frame f;

	cr_assert_eq(frame_parse(slice_of(golden, sizeof golden), &f), VH_OK);
	cr_expect_eq(f.op, VH_OP_SIGN);
	cr_expect_eq(f.id, 0x0102030405060708);
	cr_expect_eq(f.deadline_ms, 1500);
	cr_expect_not(f.answer);
	cr_expect_eq(f.err, VH_OK);
	cr_expect_eq(f.f.present, VH_TAG_BIT(VH_F_KID) | UINT64_C(1)
							     << VH_F_DATA);
	cr_expect(slice_is(f.f.at[VH_F_KID], "k1"));
	cr_expect_eq(f.f.at[VH_F_DATA].len, 3);
	cr_expect_eq(frame_check(&f, VH_WHO_CALLER), VH_OK);
}

Test(frame, every_prefix_is_refused)
{
	struct frame f;

	for (size_t n = 0; n < sizeof golden; n++)
		cr_expect_eq(frame_parse(slice_of(golden, n), &f), VH_EPARSE,
		    "%zu", n);
}

Test(frame, one_byte_more_is_refused)
{
	uint8_t more[sizeof golden + 1] = { 0 };
	struct frame f;

	memcpy(more, golden, sizeof golden);
	cr_expect_eq(frame_parse(slice_of(more, sizeof more), &f), VH_EPARSE);
}

/* Every known field lies inside the message, and walking them all spends the
 * body exactly. */
static void
expect_consistent(struct slice message, const struct frame *f)
{
	struct slice rest = f->f.body, value;
	size_t spent = 0;
	unsigned tag;

	cr_assert_eq(f->f.body.p, message.p + FRAME_HEAD);
	cr_assert_eq(f->f.body.len, message.len - FRAME_HEAD);
	while (fields_next(&rest, &tag, &value)) {
		spent += 6 + value.len;
		if (field_row(tag) == NULL)
			continue;
		cr_assert(fields_have(&f->f, tag));
		cr_assert_leq(value.len, field_row(tag)->max);
	}
	cr_assert_eq(spent, f->f.body.len);
	cr_assert_eq(rest.len, 0);
}

Test(frame, every_flipped_bit_is_refused_or_makes_a_sound_frame)
{
	uint8_t copy[sizeof golden];
	struct slice message = slice_of(copy, sizeof copy);
	struct frame f;
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * sizeof golden; i++) {
		memcpy(copy, golden, sizeof copy);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		if (frame_parse(message, &f) != VH_OK)
			continue;
		parsed++;
		expect_consistent(message, &f);
	}
	cr_expect(parsed > 100, "%zu", parsed);
}

Test(frame, an_unsound_head_is_refused_by_its_size)
{
	uint8_t copy[sizeof golden];
	size_t size = 1;

	memcpy(copy, golden, sizeof copy);
	for (size_t n = 0; n < FRAME_HEAD; n++) {
		cr_expect_eq(frame_size(copy, n, 100, &size), VH_OK);
		cr_expect_eq(size, 0);
	}
	cr_expect_eq(frame_size(copy, FRAME_HEAD, sizeof golden, &size), VH_OK);
	cr_expect_eq(size, sizeof golden);
	cr_expect_eq(frame_size(copy, FRAME_HEAD, sizeof golden - 1, &size),
	    VH_ETOOBIG);
	memset(copy + 8, 0xff, 4);
	cr_expect_eq(frame_size(copy, FRAME_HEAD, SIZE_MAX, &size), VH_ETOOBIG);
	copy[2] = 2;
	cr_expect_eq(frame_size(copy, FRAME_HEAD, 100, &size), VH_EVERSION);
	copy[0] = 'v';
	cr_expect_eq(frame_size(copy, FRAME_HEAD, 100, &size), VH_EPARSE);
}

Test(frame, a_head_says_what_its_frame_says_but_for_the_fields)
{
	uint8_t copy[sizeof golden + 1] = { 0 };
	struct frame f = { .f.present = 7 }, whole;

	memcpy(copy, golden, sizeof golden);
	cr_assert_eq(frame_parse(slice_of(golden, sizeof golden), &whole),
	    VH_OK);
	memset(copy + FRAME_HEAD, 0xff, sizeof golden - FRAME_HEAD);
	cr_assert_eq(frame_head(slice_of(copy, sizeof golden), &f), VH_OK);
	cr_expect_eq(f.f.present, 7);
	cr_expect_eq(f.op, whole.op);
	cr_expect_eq(f.id, whole.id);
	cr_expect_eq(f.deadline_ms, whole.deadline_ms);
	cr_expect_eq(f.err, VH_OK);
	cr_expect_not(f.answer);
	cr_expect_eq(frame_head(slice_of(copy, sizeof copy), &f), VH_EPARSE);
	for (size_t n = 0; n < sizeof golden; n++)
		cr_expect_eq(frame_head(slice_of(copy, n), &f), VH_EPARSE);
	copy[3] = FRAME_ANSWER;
	cr_assert_eq(frame_head(slice_of(copy, sizeof golden), &f), VH_OK);
	cr_expect(f.answer);
	copy[2] = 9;
	cr_expect_eq(frame_head(slice_of(copy, sizeof golden), &f),
	    VH_EVERSION);
	copy[0] = 'v';
	cr_expect_eq(frame_head(slice_of(copy, sizeof golden), &f), VH_EPARSE);
}

Test(frame, a_newer_version_is_refused_but_can_be_answered)
{
	uint8_t copy[sizeof golden];
	struct frame f = { 0 };

	memcpy(copy, golden, sizeof copy);
	copy[2] = 9;
	cr_expect_eq(frame_parse(slice_of(copy, sizeof copy), &f), VH_EVERSION);
	cr_expect_eq(f.id, 0x0102030405060708);
	cr_expect_eq(f.op, VH_OP_SIGN);
}

static enum vh_err
parse_field(enum vh_tag tag, struct slice value, unsigned times)
{
	AUTO(buf_free) struct buf *b = buf_new(100000);
	struct frame f;
	size_t start = frame_request(b, VH_OP_SIGN, 1, 0);

	for (unsigned i = 0; i < times; i++)
		frame_put(b, tag, value);
	frame_close(b, start);
	TRY(buf_end(b));
	return frame_parse(buf_slice(b), &f);
}

Test(frame, fields_have_their_types_sizes_and_repetitions)
{
	char long_kid[257];

	memset(long_kid, 'k', sizeof long_kid);
	struct slice kid = slice_of(long_kid, 256);

	cr_expect_eq(parse_field(VH_F_KID, kid, 1), VH_OK);
	kid.len++;
	cr_expect_eq(parse_field(VH_F_KID, kid, 1), VH_EFIELD);
	cr_expect_eq(parse_field(VH_F_KID, slice_of("a\0", 2), 1), VH_EFIELD);
	cr_expect_eq(parse_field(VH_F_KID, slice_text(""), 1), VH_OK);
	cr_expect_eq(parse_field(VH_F_DATA, slice_of("a\0", 2), 1), VH_OK);
	cr_expect_eq(parse_field(VH_F_DATA, slice_text("a"), 2), VH_EFIELD);
	cr_expect_eq(parse_field(VH_F_KEY, slice_text(""), 3), VH_OK);
	cr_expect_eq(parse_field(VH_F_ALG_ID, slice_text("abcd"), 1), VH_OK);
	cr_expect_eq(parse_field(VH_F_ALG_ID, slice_text("abc"), 1), VH_EFIELD);
	cr_expect_eq(parse_field(VH_F_ARENA, slice_text("abcd"), 1), VH_EFIELD);
}

Test(frame, numbers_and_nested_fields_come_back)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	struct frame f;
	struct fields key;
	size_t start = frame_answer(b, VH_OP_VLIST, 7, VH_EBUSY);

	frame_put_u64(b, VH_F_ARENA, 0x123456789abcdef0);
	for (uint32_t i = 1; i <= 3; i++) {
		size_t nest = frame_nest(b, VH_F_KEY);

		frame_put_u32(b, VH_F_ALG_ID, i);
		frame_nest_close(b, nest);
	}
	frame_close(b, start);
	cr_assert_eq(frame_parse(buf_slice(b), &f), VH_OK);
	cr_expect(f.answer);
	cr_expect_eq(f.err, VH_EBUSY);
	cr_expect_eq(fields_u64(&f.f, VH_F_ARENA), 0x123456789abcdef0);
	cr_expect_eq(fields_u32(&f.f, VH_F_COUNT), 0);

	struct slice rest = f.f.body, value;
	uint32_t seen = 0;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_KEY)
			continue;
		cr_assert_eq(fields_parse(value, &key), VH_OK);
		cr_expect_eq(fields_u32(&key, VH_F_ALG_ID), ++seen);
	}
	cr_expect_eq(seen, 3);
}

Test(frame, an_error_answer_carries_its_reason)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	struct frame f;

	frame_put_error(b, VH_OP_SIGN, 9, VH_ENOKEY, "no such key");
	cr_assert_eq(frame_parse(buf_slice(b), &f), VH_OK);
	cr_expect_eq(f.err, VH_ENOKEY);
	cr_expect(slice_is(f.f.at[VH_F_WHY], "no such key"));
}

static enum vh_err
check(unsigned op, vh_tags present, bool answer, enum vh_who who)
{
	struct frame f = { .op = (uint16_t)op, .answer = answer };

	f.f.present = present;
	return frame_check(&f, who);
}

#define BIT(tag) (UINT64_C(1) << VH_F_##tag)

Test(frame, requests_are_checked_against_the_table)
{
	uint64_t data = BIT(DATA);

	cr_expect_eq(check(VH_OP_SIGN, data, false, VH_WHO_CALLER), VH_OK);
	cr_expect_eq(check(VH_OP_SIGN, 0, false, VH_WHO_CALLER), VH_EFIELD);
	cr_expect_eq(check(VH_OP_SIGN, data | BIT(TOKEN), false, VH_WHO_CALLER),
	    VH_EFIELD);
	cr_expect_eq(check(VH_OP_SIGN, data, true, VH_WHO_CALLER), VH_EOP);
	cr_expect_eq(check(VH_OP_SIGN, data, false, VH_WHO_SUPER),
	    VH_EFORBIDDEN);
	cr_expect_eq(check(VH_OP_DRAIN, 0, false, VH_WHO_CALLER),
	    VH_EFORBIDDEN);
	cr_expect_eq(check(VH_OP_DRAIN, 0, false, VH_WHO_OPERATOR), VH_OK);
	cr_expect_eq(check(0, 0, false, VH_WHO_CALLER), VH_EOP);
	cr_expect_eq(check(60000, 0, false, VH_WHO_CALLER), VH_EOP);
}

Test(frame, an_applications_link_reaches_no_inner_operation)
{
	for (unsigned op = 0; op < 70; op++) {
		const struct op_row *row = op_row(op);

		if (row != NULL && op >= 16)
			cr_expect_eq(row->who & VH_WHO_CALLER, 0, "%s",
			    row->name);
	}
}
