/* A frame that parses is written again from its fields to the same bytes. */
#include "check.h"
#include "wire/pub.h"

static void
check_key(const struct fields *f)
{
	char kid[VH_KID_SIZE + 1];
	struct pub pub;

	if (pub_of_fields(f, &pub) != VH_OK)
		return;
	CHECK(pub_check(&pub) == VH_OK);
	CHECK(pub_thumbprint(&pub, kid) == VH_OK);
	CHECK(strlen(kid) == VH_KID_SIZE);
}

static void
check_fields(const struct fields *f)
{
	AUTO(buf_free) struct buf *again = buf_new(FRAME_BODY_MAX);
	struct slice rest = f->body, value;
	struct fields inner;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		const struct field_row *row = field_row(tag);

		frame_put(again, (enum vh_tag)tag, value);
		if (row == NULL)
			continue;
		CHECK(value.len <= row->max);
		CHECK(fields_have(f, (enum vh_tag)tag));
		if (row->type == VH_NEST &&
		    fields_parse(value, &inner) == VH_OK)
			check_key(&inner);
	}
	CHECK(rest.len == 0);
	CHECK(slice_eq(buf_slice(again), f->body));
}

static void
check_rights(const struct frame *f)
{
	static const enum vh_who all[] = { VH_WHO_CALLER, VH_WHO_OPERATOR,
		VH_WHO_FRONT, VH_WHO_SUPER };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (frame_check(f, all[i]) != VH_OK)
			continue;
		CHECK(!f->answer && op_row(f->op) != NULL);
		CHECK((op_row(f->op)->who & all[i]) != 0);
		CHECK((f->f.present & op_row(f->op)->needs) ==
		      op_row(f->op)->needs);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct frame f;
	size_t whole;

	if (frame_size(data, size, FRAME_BODY_MAX, &whole) != VH_OK)
		CHECK(frame_parse(input, &f) != VH_OK);
	if (frame_parse(input, &f) != VH_OK)
		return 0;
	CHECK(whole == size);
	CHECK(err_name(f.err) != NULL);
	check_fields(&f.f);
	check_key(&f.f);
	check_rights(&f);
	return 0;
}
