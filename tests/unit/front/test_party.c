#include "front/party.h"

#include <criterion/criterion.h>

#define F(name) VH_TAG_BIT(VH_F_##name)
#define MAY     (F(KID) | F(ALG) | F(HEADER))

/* The fields of a request, in b: those of the first, and a PARTY of body. */
static struct fields
request(struct buf *b, struct slice body)
{
	struct fields in;

	frame_put_text(b, VH_F_DATA, "data");
	frame_put_text(b, VH_F_ALG, "ES256");
	frame_put(b, VH_F_PARTY, body);
	cr_assert_eq(fields_parse(buf_slice(b), &in), VH_OK);
	return in;
}

static enum vh_err
parse_one(struct slice body, struct parties *out, struct buf *why)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	struct fields in = request(b, body);

	return parties_parse(&in, MAY, out, why);
}

static struct buf *
sample(void)
{
	struct buf *b = buf_new(1000);

	frame_put_text(b, VH_F_HEADER, "{\"x\":1}");
	return b;
}

Test(party, the_fields_of_a_request_are_the_firsts)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	struct parties all;
	struct fields in;

	frame_put_text(b, VH_F_DATA, "data");
	frame_put_text(b, VH_F_ALG, "ES256");
	cr_assert_eq(fields_parse(buf_slice(b), &in), VH_OK);
	cr_assert_eq(parties_parse(&in, MAY, &all, NULL), VH_OK);
	cr_expect_eq(all.count, 1);
	cr_expect(slice_is(all.at[0].at[VH_F_ALG], "ES256"));
	cr_expect(slice_is(all.at[0].at[VH_F_DATA], "data"));
}

Test(party, each_has_its_own)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(buf_free) struct buf *body = sample();
	struct parties all;
	struct fields in = request(b, buf_slice(body));

	frame_put(b, VH_F_PARTY, slice_of(NULL, 0));
	cr_assert_eq(fields_parse(buf_slice(b), &in), VH_OK);
	cr_assert_eq(parties_parse(&in, MAY, &all, NULL), VH_OK);
	cr_assert_eq(all.count, 3);
	cr_expect(slice_is(all.at[1].at[VH_F_HEADER], "{\"x\":1}"));
	cr_expect_not(fields_have(&all.at[1], VH_F_ALG));
	cr_expect_eq(all.at[2].present, 0);
}

Test(party, every_prefix_is_refused)
{
	AUTO(buf_free) struct buf *body = sample();
	struct parties all;

	for (size_t n = 1; n < body->len; n++)
		cr_expect_eq(parse_one(slice_of(body->p, n), &all, NULL),
		    VH_EPARSE, "%zu", n);
	cr_expect_eq(parse_one(buf_slice(body), &all, NULL), VH_OK);
}

Test(party, one_byte_more_is_refused)
{
	AUTO(buf_free) struct buf *body = sample();
	struct parties all;

	buf_put_u8(body, 0);
	cr_expect_eq(parse_one(buf_slice(body), &all, NULL), VH_EPARSE);
}

Test(party, every_flipped_bit_is_refused_or_leaves_what_one_may_have)
{
	AUTO(buf_free) struct buf *body = sample();
	size_t parsed = 0;

	for (size_t i = 0; i < 8 * body->len; i++) {
		struct parties all;

		body->p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (parse_one(buf_slice(body), &all, NULL) == VH_OK) {
			parsed++;
			cr_expect_eq(all.count, 2);
			cr_expect((all.at[1].present & ~MAY) == 0, "%zu", i);
		}
		body->p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	cr_expect_gt(parsed, 10);
}

Test(party, has_no_other_fields)
{
	static const enum vh_tag others[] = { VH_F_DATA, VH_F_FORMAT,
		VH_F_TOKEN, VH_F_PARTY, VH_F_JWK };

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		AUTO(buf_free) struct buf *body = buf_new(1000);
		AUTO(buf_free) struct buf *why = buf_new(1000);
		struct parties all;

		frame_put(body, others[i], slice_of(NULL, 0));
		cr_expect_eq(parse_one(buf_slice(body), &all, why), VH_EFIELD,
		    "%u", others[i]);
		cr_expect_gt(why->len, 0);
	}
}

Test(party, there_are_at_most_sixteen)
{
	AUTO(buf_free) struct buf *b = buf_new(10000);
	AUTO(buf_free) struct buf *why = buf_new(1000);
	struct parties all;
	struct fields in = request(b, slice_of(NULL, 0));

	for (size_t n = 2; n <= FORM_PARTIES + 1; n++) {
		cr_assert_eq(fields_parse(buf_slice(b), &in), VH_OK);
		cr_expect_eq(parties_parse(&in, MAY, &all, why),
		    n <= FORM_PARTIES ? VH_OK : VH_ETOOBIG, "%zu", n);
		frame_put(b, VH_F_PARTY, slice_of(NULL, 0));
	}
	cr_expect(
	    slice_is(buf_slice(why), "more than 16 signers or recipients"));
}

Test(party, several_need_the_general_form)
{
	static const struct {
		const char *format;
		size_t count;
		enum vh_err want;
		enum form form;
	} rows[] = {
		{ "", 1, VH_OK, FORM_COMPACT },
		{ "compact", 1, VH_OK, FORM_COMPACT },
		{ "flattened", 1, VH_OK, FORM_FLATTENED },
		{ "general", 1, VH_OK, FORM_GENERAL },
		{ "general", 16, VH_OK, FORM_GENERAL },
		{ "", 2, VH_EFIELD, FORM_COMPACT },
		{ "compact", 2, VH_EFIELD, FORM_COMPACT },
		{ "flattened", 2, VH_EFIELD, FORM_FLATTENED },
		{ "odd", 1, VH_EFIELD, FORM_COMPACT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free) struct buf *b = buf_new(1000);
		AUTO(buf_free) struct buf *why = buf_new(1000);
		struct fields in;
		enum form form;

		if (rows[i].format[0] != '\0')
			frame_put_text(b, VH_F_FORMAT, rows[i].format);
		cr_assert_eq(fields_parse(buf_slice(b), &in), VH_OK);
		enum vh_err err = parties_form(&in, rows[i].count, &form, why);

		cr_expect_eq(err, rows[i].want, "%zu", i);
		cr_expect_eq(form, rows[i].form, "%zu", i);
		cr_expect_eq(err == VH_OK, why->len == 0, "%zu", i);
	}
}

Test(party, is_put_with_the_fields_that_are_asked_for)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	AUTO(buf_free) struct buf *out = buf_new(1000);
	struct fields in = request(b, slice_of(NULL, 0)), again;

	party_put(out, &in, F(ALG) | F(KID));
	cr_assert_eq(fields_parse(buf_slice(out), &again), VH_OK);
	cr_expect(again.present == F(ALG));
	cr_expect(slice_is(again.at[VH_F_ALG], "ES256"));
}
