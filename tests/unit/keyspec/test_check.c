#include "reading.h"

static enum vh_err
check(const char *text, struct buf *normal, struct buf *why)
{
	struct reading r = { "f.yaml", why };

	return check_text(&r, slice_text(text), normal);
}

static enum text_kind
kind_of(const char *text)
{
	AUTO(node_free) struct node *root = NULL;
	struct reading r = { "f", NULL };

	cr_assert_eq(node_parse(&r, slice_text(text), &root), VH_OK, "%s",
	    text);
	return text_kind(root);
}

Test(check, a_text_is_told_by_its_keys)
{
	cr_expect_eq(kind_of("version: 1\n"), TEXT_KEYSPEC);
	cr_expect_eq(kind_of("defaults: {}\n"), TEXT_KEYSPEC);
	cr_expect_eq(kind_of("keys: []\n"), TEXT_KEYSPEC);
	cr_expect_eq(kind_of("keys: a.yaml\n"), TEXT_CONFIG);
	cr_expect_eq(kind_of("node: {name: a}\n"), TEXT_CONFIG);
	cr_expect_eq(kind_of(""), TEXT_CONFIG);
	cr_expect_eq(kind_of("[version, keys]\n"), TEXT_CONFIG);
	cr_expect_eq(kind_of("version\n"), TEXT_CONFIG);
}

Test(check, the_normal_form_is_that_of_the_kind)
{
	AUTO(buf_free) struct buf *normal = buf_new(NODE_TEXT_MAX);

	cr_assert_eq(check("log: {level: debug}\n", normal, NULL), VH_OK);
	cr_expect_not_null(memmem(normal->p, normal->len, "level: debug", 12));
	buf_clear(normal);
	cr_assert_eq(check(keyspec_default_text(), normal, NULL), VH_OK);
	cr_expect_eq(memcmp(normal->p, "version: 1\ndefaults:\n", 21), 0);
}

Test(check, what_is_wrong_is_said_in_one_line)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(buf_free) struct buf *normal = buf_new(NODE_TEXT_MAX);

	cr_expect_eq(check("keys: []\n", normal, why), VH_ECONFIG);
	cr_expect(slice_is(buf_slice(why),
	    "f.yaml:1:7: keys: found 0 entries, expected 1 to 1024"));
	cr_expect_eq(normal->len, 0);
	cr_expect_eq(check("[\n", normal, why), VH_ECONFIG);
}

Test(check, a_normal_form_that_does_not_fit_is_an_error)
{
	AUTO(buf_free) struct buf *normal = buf_new(16);

	cr_expect_eq(check("", normal, NULL), VH_ETOOBIG);
}

Test(check, every_shipped_example_is_good)
{
	static const char *const files[] = {
		"deploy/examples/vhsmd.yaml",
		"deploy/examples/keyspec.yaml",
		"keyspec/examples/default.yaml",
		"keyspec/examples/load.yaml",
		"keyspec/examples/sign-and-decrypt.yaml",
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_free) struct buf *text = tree_file(files[i]);
		AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
		AUTO(buf_free) struct buf *normal = buf_new(NODE_TEXT_MAX);
		struct reading r = { files[i], why };

		cr_expect_eq(check_text(&r, buf_slice(text), normal), VH_OK,
		    "%.*s", (int)why->len, (const char *)why->p);
	}
}

Test(check, the_shipped_default_is_the_one_inside)
{
	AUTO(buf_free)
	struct buf *text = tree_file("keyspec/examples/default.yaml");
	AUTO(buf_free) struct buf *shipped = buf_new(NODE_TEXT_MAX);
	AUTO(buf_free) struct buf *inside = buf_new(NODE_TEXT_MAX);
	struct reading r = { "f", NULL };

	cr_expect_eq(check_text(&r, buf_slice(text), shipped), VH_OK);
	cr_expect_eq(check(keyspec_default_text(), inside, NULL), VH_OK);
	cr_expect(slice_eq(buf_slice(shipped), buf_slice(inside)));
}
