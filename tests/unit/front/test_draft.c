#include "front/draft.h"

#include <criterion/criterion.h>

#include "jose/why.h"

static struct draft
draft_with(const char *typ, const char *header, const char *payload)
{
	return (struct draft){ .typ = slice_text(typ),
		.extra = slice_text(header),
		.payload = slice_text(payload) };
}

Test(draft, typ_is_the_field_or_the_headers_member)
{
	static const struct {
		const char *typ, *header, *want;
		enum vh_err err;
	} rows[] = {
		{ NULL, NULL, "", VH_OK },
		{ "JWT", NULL, "JWT", VH_OK },
		{ "", "{\"typ\":\"at+jwt\"}", "at+jwt", VH_OK },
		{ NULL, "{\"t\\u0079p\":\"J\\u0057T\"}", "JWT", VH_OK },
		{ NULL, "{\"cty\":\"JWT\"}", "", VH_OK },
		{ NULL, "{\"typ\":\"\"}", "", VH_EHEADER },
		{ NULL, "{\"typ\":null}", "", VH_EHEADER },
		{ NULL, "{\"typ\":\"a\",\"typ\":\"a\"}", "", VH_EJSON },
		{ NULL, "[]", "", VH_EJSON },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(draft_end)
		struct draft d = draft_with(rows[i].typ, rows[i].header, "");
		struct slice typ;

		cr_expect_eq(draft_typ(&d, &typ, NULL), rows[i].err, "%zu", i);
		if (rows[i].err == VH_OK)
			cr_expect(slice_is(typ, rows[i].want), "%zu", i);
	}
}

Test(draft, the_payload_is_read_once)
{
	AUTO(draft_end) struct draft d = draft_with(NULL, NULL, "{\"a\":1}");
	const json_t *one = NULL, *two = NULL;

	cr_assert_eq(draft_claims(&d, &one, NULL), VH_OK);
	d.payload = slice_text("{");
	cr_assert_eq(draft_claims(&d, &two, NULL), VH_OK);
	cr_expect_eq(one, two);
	cr_expect_eq(json_integer_value(json_object_get(one, "a")), 1);
}

Test(draft, what_was_wrong_is_said_each_time)
{
	AUTO(draft_end) struct draft d = draft_with(NULL, NULL, "[1]");
	const json_t *claims = NULL;

	for (int i = 0; i < 2; i++) {
		AUTO(buf_free) struct buf *why = buf_new(100);

		cr_expect_eq(draft_claims(&d, &claims, why), VH_EJSON);
		cr_expect(slice_is(buf_slice(why), "JSON: not an object"));
		cr_expect_null(claims);
	}
}
