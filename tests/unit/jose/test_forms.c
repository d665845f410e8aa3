#include "jose/forms.h"

#include "tokens.h"

static json_t *
read_json(const char *text)
{
	json_t *json = NULL;

	cr_assert_eq(json_read_object(slice_text(text), 10000, &json, NULL),
	    VH_OK, "%s", text);
	return json;
}

Test(forms, have_three_names_and_a_default)
{
	static const struct {
		const char *name;
		enum vh_err want;
		enum form form;
	} rows[] = {
		{ "", VH_OK, FORM_COMPACT },
		{ "compact", VH_OK, FORM_COMPACT },
		{ "flattened", VH_OK, FORM_FLATTENED },
		{ "general", VH_OK, FORM_GENERAL },
		{ "General", VH_EFIELD, FORM_COMPACT },
		{ "genera", VH_EFIELD, FORM_COMPACT },
		{ "generals", VH_EFIELD, FORM_COMPACT },
		{ "json\n", VH_EFIELD, FORM_COMPACT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free) struct buf *why = buf_new(1000);
		enum form form = FORM_GENERAL;

		EXPECT_ERR(form_by_name(slice_text(rows[i].name), &form, why),
		    rows[i].want, why);
		cr_expect_eq(form, rows[i].form, "%s", rows[i].name);
		cr_expect_eq(rows[i].want != VH_OK,
		    why_has(why, "compact, flattened or general"));
	}
}

Test(forms, a_member_is_text_that_is_not_empty_or_absent)
{
	AUTO(json_decref)
	json_t *json = read_json("{\"a\":\"x\",\"b\":\"\",\"c\":1,\"d\":null}");
	struct slice text;

	cr_expect_eq(form_text(json, "a", &text, NULL), VH_OK);
	cr_expect(slice_is(text, "x"));
	cr_expect_eq(form_text(json, "e", &text, NULL), VH_OK);
	cr_expect_eq(text.len, 0);
	cr_expect_eq(form_text(json, "b", &text, NULL), VH_ETOKEN);
	cr_expect_eq(form_text(json, "c", &text, NULL), VH_ETOKEN);
	cr_expect_eq(form_text(json, "d", &text, NULL), VH_ETOKEN);
}

Test(forms, a_member_is_an_object_or_absent)
{
	AUTO(json_decref)
	json_t *json = read_json("{\"a\":{},\"b\":[],\"c\":null}");
	const json_t *object;

	cr_expect_eq(form_object(json, "a", &object, NULL), VH_OK);
	cr_expect_not_null(object);
	cr_expect_eq(form_object(json, "d", &object, NULL), VH_OK);
	cr_expect_null(object);
	cr_expect_eq(form_object(json, "b", &object, NULL), VH_ETOKEN);
	cr_expect_eq(form_object(json, "c", &object, NULL), VH_ETOKEN);
}

Test(forms, an_array_of_parties_has_objects_and_stands_alone)
{
	static const struct {
		const char *text;
		enum vh_err want;
		bool found;
	} rows[] = {
		{ "{}", VH_OK, false },
		{ "{\"own\":1}", VH_OK, false },
		{ "{\"list\":[{}]}", VH_OK, true },
		{ "{\"list\":[{},{}],\"x\":1}", VH_OK, true },
		{ "{\"list\":[]}", VH_ETOKEN, false },
		{ "{\"list\":{}}", VH_ETOKEN, false },
		{ "{\"list\":null}", VH_ETOKEN, false },
		{ "{\"list\":\"x\"}", VH_ETOKEN, false },
		{ "{\"list\":[{},1]}", VH_ETOKEN, false },
		{ "{\"list\":[{}],\"own\":1}", VH_ETOKEN, false },
		{ "{\"list\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},"
		  "{}]}",
		    VH_ETOOBIG, false },
	};
	static const char *const own[] = { "mine", "own", NULL };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decref) json_t *json = read_json(rows[i].text);
		AUTO(buf_free) struct buf *why = buf_new(1000);
		const json_t *list;
		enum vh_err err = form_parties(json, "list", own, &list, why);

		cr_expect_eq(err, rows[i].want, "%s", rows[i].text);
		cr_expect_eq(err == VH_OK, why->len == 0, "%s", rows[i].text);
		if (err == VH_OK)
			cr_expect_eq(list != NULL, rows[i].found, "%s",
			    rows[i].text);
	}
}

Test(forms, members_stand_apart_by_commas_and_empty_ones_not_at_all)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	const struct slice none = slice_of(NULL, 0);

	buf_put_text(b, "before{");
	size_t from = b->len - 1;

	form_put_text(b, from, "none", none);
	form_put_object(b, from, "none", none);
	form_put_text(b, from, "a", slice_text("x"));
	form_put_object(b, from, "b", slice_text("{}"));
	form_put_bytes(b, from, "c", slice_text("x"));
	form_put_bytes(b, from, "d", none);
	buf_put_text(b, "}");
	cr_expect(slice_is(buf_slice(b),
	    "before{\"a\":\"x\",\"b\":{},\"c\":\"eA\",\"d\":\"\"}"));
}

Test(forms, an_object_is_written_as_it_was_read)
{
	AUTO(json_decref)
	json_t *json = read_json("{ \"b\" : [1, 2.5], \"a\": \"\\u00e4\" }");
	AUTO(buf_free) struct buf *b = buf_new(1000);
	AUTO(buf_free) struct buf *small = buf_new(5);

	cr_expect_eq(form_dump(NULL, b), VH_OK);
	cr_expect_eq(b->len, 0);
	cr_expect_eq(form_dump(json, b), VH_OK);
	cr_expect(slice_is(buf_slice(b), "{\"b\":[1,2.5],\"a\":\"\xc3\xa4\"}"));
	cr_expect_neq(form_dump(json, small), VH_OK);
}
