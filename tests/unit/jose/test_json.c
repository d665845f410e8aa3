#include "jose/json.h"

#include "tokens.h"

static const struct {
	const char *text;
	enum vh_err want;
	const char *why;
} texts[] = {
	{ "{}", VH_OK, NULL },
	{ " {\"a\": [1, 2.5, true, null, \"\\u00e4\"]}\n", VH_OK, NULL },
	{ "", VH_EJSON, "empty" },
	{ " ", VH_EJSON, "JSON" },
	{ "[]", VH_EJSON, "not an object" },
	{ "1", VH_EJSON, "JSON" },
	{ "\"a\"", VH_EJSON, "JSON" },
	{ "{\"a\":1,\"a\":1}", VH_EJSON, "member given twice" },
	{ "{\"a\":1,\"\\u0061\":2}", VH_EJSON, "member given twice" },
	{ "{\"x\":{\"a\":1,\"a\":1}}", VH_EJSON, "member given twice" },
	{ "{} {}", VH_EJSON, "text after the end" },
	{ "{}x", VH_EJSON, "text after the end" },
	{ "{\"a\":1", VH_EJSON, "ends too early" },
	{ "{\"a\":1,}", VH_EJSON, "syntax" },
	{ "{'a':1}", VH_EJSON, "syntax" },
	{ "{\"a\":NaN}", VH_EJSON, "syntax" },
	{ "{\"a\":01}", VH_EJSON, "syntax" },
	{ "/**/{}", VH_EJSON, "JSON" },
	{ "{\"a\":\"\\u0000\"}", VH_EJSON, "NUL" },
	{ "{\"\\u0000\":1}", VH_EJSON, "NUL" },
	{ "{\"a\":\"\x01\"}", VH_EJSON, "syntax" },
	{ "{\"a\":\"\xff\"}", VH_EJSON, "UTF-8" },
	{ "{\"a\":\"\xc0\xaf\"}", VH_EJSON, "UTF-8" },
	{ "{\"a\":\"\xed\xa0\x80\"}", VH_EJSON, "UTF-8" },
	{ "{\"a\":\"\\ud800\"}", VH_EJSON, "JSON" },
	{ "\xef\xbb\xbf{}", VH_EJSON, "JSON" },
	{ "{\"a\":1e999}", VH_EJSON, "out of range" },
	{ "{\"a\":99999999999999999999}", VH_EJSON, "out of range" },
};

Test(json, one_object_and_nothing_more_is_loaded)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(json_decref) json_t *json = NULL;
		AUTO(buf_free) struct buf *why = buf_new(1000);
		enum vh_err err = json_read_object(slice_text(texts[i].text),
		    1000, &json, why);

		cr_expect_eq(err, texts[i].want, "%s: %s", texts[i].text,
		    err_name(err));
		cr_expect_eq(json != NULL, err == VH_OK, "%s", texts[i].text);
		if (texts[i].why == NULL)
			cr_expect_eq(buf_slice(why).len, 0);
		else
			cr_expect(why_has(why, texts[i].why), "%s: %.*s",
			    texts[i].text, (int)why->len, (char *)why->p);
	}
}

Test(json, why_may_be_null)
{
	AUTO(json_decref) json_t *json = NULL;

	cr_expect_eq(json_read_object(slice_text("{"), 9, &json, NULL),
	    VH_EJSON);
}

Test(json, a_nul_byte_is_refused_wherever_it_stands)
{
	const char text[] = "{\"a\":\"b\"} ";

	for (size_t i = 0; i < sizeof text - 1; i++) {
		AUTO(json_decref) json_t *json = NULL;
		char copy[sizeof text];

		memcpy(copy, text, sizeof text);
		copy[i] = '\0';
		cr_expect_eq(json_read_object(slice_of(copy, sizeof copy - 1),
				 99, &json, NULL),
		    VH_EJSON, "%zu", i);
	}
}

static enum vh_err
read_nested(size_t depth, char open, char shut)
{
	AUTO(json_decref) json_t *json = NULL;
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);

	buf_put_text(b, "{\"a\":");
	for (size_t i = 1; i < depth; i++)
		buf_put_text(b, open == '[' ? "[" : "{\"a\":");
	buf_put_text(b, "1");
	for (size_t i = 1; i < depth; i++)
		buf_put_u8(b, (uint8_t)shut);
	buf_put_text(b, "}");
	return json_read_object(buf_slice(b), 1u << 20, &json, NULL);
}

Test(json, depth_is_bounded)
{
	cr_expect_eq(read_nested(JSON_DEPTH_MAX, '[', ']'), VH_OK);
	cr_expect_eq(read_nested(JSON_DEPTH_MAX, '{', '}'), VH_OK);
	cr_expect_eq(read_nested(JSON_DEPTH_MAX + 1, '[', ']'), VH_ETOOBIG);
	cr_expect_eq(read_nested(JSON_DEPTH_MAX + 1, '{', '}'), VH_ETOOBIG);
	cr_expect_eq(read_nested(100000, '[', ']'), VH_ETOOBIG);
}

Test(json, brackets_in_strings_nest_nothing)
{
	AUTO(json_decref) json_t *json = NULL;
	AUTO(buf_free) struct buf *b = buf_new(1000);

	buf_put_text(b, "{\"a\":\"\\\\\\\"");
	for (size_t i = 0; i < 100; i++)
		buf_put_text(b, "[{");
	buf_put_text(b, "\"}");
	cr_expect_eq(json_read_object(buf_slice(b), 1000, &json, NULL), VH_OK);
}

/* A text in which the scan and jansson could disagree about where strings end
 * must not get nesting past the scan. */
Test(json, escapes_do_not_hide_nesting)
{
	AUTO(json_decref) json_t *json = NULL;
	AUTO(buf_free) struct buf *b = buf_new(100000);

	buf_put_text(b, "{\"a\\\\\":");
	for (size_t i = 0; i < 50; i++)
		buf_put_text(b, "[");
	cr_expect_eq(json_read_object(buf_slice(b), 100000, &json, NULL),
	    VH_ETOOBIG);
}

Test(json, size_and_number_of_values_are_bounded)
{
	AUTO(json_decref) json_t *json = NULL;
	AUTO(json_decref) json_t *none = NULL;
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);

	cr_expect_eq(json_read_object(slice_text("{\"a\":1}"), 7, &json, NULL),
	    VH_OK);
	cr_expect_eq(json_read_object(slice_text("{\"a\":1} "), 7, &none, NULL),
	    VH_ETOOBIG);
	buf_put_text(b, "{\"a\":[");
	for (size_t i = 0; i <= JSON_VALUES_MAX; i++)
		buf_put_text(b, "1,");
	buf_put_text(b, "1]}");
	cr_expect_eq(json_read_object(buf_slice(b), 1u << 20, &none, NULL),
	    VH_ETOOBIG);
}

Test(json, text_members_are_bounded_and_plain)
{
	AUTO(json_decref)
	json_t *json =
	    json_pack("{s:s, s:s, s:i, s:s, s:n, s:s}", "good", "abc", "empty",
		"", "number", 1, "control", "a\nb", "null", "del", "\x7f");
	struct slice s;

	cr_assert_not_null(json);
	cr_expect(json_get_text(json, "good", 3, &s) && slice_is(s, "abc"));
	cr_expect_not(json_get_text(json, "good", 2, &s));
	cr_expect_eq(s.len, 0);
	cr_expect(json_get_text(json, "absent", 9, &s) && s.len == 0);
	cr_expect_not(json_get_text(json, "empty", 9, &s));
	cr_expect_not(json_get_text(json, "number", 9, &s));
	cr_expect_not(json_get_text(json, "null", 9, &s));
	cr_expect_not(json_get_text(json, "control", 9, &s));
	cr_expect_not(json_get_text(json, "del", 9, &s));
}

Test(json, plain_text_is_utf8_without_control_characters)
{
	cr_expect(json_is_plain(slice_text("")));
	cr_expect(json_is_plain(slice_text("k \xc3\xa4 \"\\")));
	cr_expect_not(json_is_plain(slice_text("a\tb")));
	cr_expect_not(json_is_plain(slice_text("\xff")));
	cr_expect_not(json_is_plain(slice_of("a\0", 2)));
}

Test(json, what_is_put_is_read_back)
{
	const char *const all[] = { "", "a", "\"", "\\", "a\"b\\c", "\x01\x1f",
		"\n\xc3\xa4/", "\x7f" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		AUTO(json_decref) json_t *json = NULL;
		AUTO(buf_free) struct buf *b = buf_new(100);

		buf_put_text(b, "{\"a\":");
		json_put_text(b, slice_text(all[i]));
		buf_put_text(b, "}");
		cr_assert_eq(json_read_object(buf_slice(b), 99, &json, NULL),
		    VH_OK);
		cr_expect_str_eq(json_string_value(json_object_get(json, "a")),
		    all[i]);
	}
}

Test(why, quotes_hide_what_is_not_printable)
{
	AUTO(buf_free) struct buf *why = buf_new(1000);

	why_quote(why, slice_text("a\"\\\n\x1b\xc3"));
	cr_expect(slice_is(buf_slice(why), "\"a\\\"\\\\\\x0a\\x1b\\xc3\""));
}

Test(why, quotes_are_short)
{
	AUTO(buf_free) struct buf *why = buf_new(1000);
	char text[300];

	memset(text, 'a', sizeof text);
	why_quote(why, slice_of(text, sizeof text));
	cr_expect_lt(buf_slice(why).len, 80);
	cr_expect(why_has(why, "..."));
}
