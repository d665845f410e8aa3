#include "reading.h"

static enum vh_err
parse(const char *text, struct node **root, struct buf *why)
{
	struct reading r = { "f.yaml", why };

	return node_parse(&r, slice_text(text), root);
}

static void
expect_refused(const char *text, const char *line)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(node_free) struct node *root = NULL;

	cr_expect_eq(parse(text, &root, why), VH_ECONFIG, "%s", text);
	cr_expect_null(root);
	cr_expect(slice_is(buf_slice(why), line), "%s: %.*s", text,
	    (int)why->len, (const char *)why->p);
}

Test(yaml, every_node_knows_its_kind_text_and_place)
{
	AUTO(node_free) struct node *root = NULL;

	cr_assert_eq(parse("a: 1\nb:\n  - x\n  - {c: 'null'}\nd:\n", &root,
			 NULL),
	    VH_OK);
	const struct node *a = node_get(root, "a");
	const struct node *b = node_get(root, "b");
	const struct node *d = node_get(root, "d");

	cr_assert(a != NULL && b != NULL && d != NULL);
	cr_expect_eq(root->kind, NODE_MAPPING);
	cr_expect_eq(root->count, 3);
	cr_expect_eq(a->kind, NODE_SCALAR);
	cr_expect_str_eq(a->text, "1");
	cr_expect(a->key_at.line == 1 && a->key_at.column == 1);
	cr_expect(a->at.line == 1 && a->at.column == 4);
	cr_expect_eq(b->kind, NODE_SEQUENCE);
	cr_expect_eq(b->count, 2);
	cr_expect_str_eq(b->first->text, "x");
	cr_expect(b->first->at.line == 3 && b->first->at.column == 5);
	cr_expect_eq(node_get(b->first->next, "c")->kind, NODE_SCALAR);
	cr_expect_eq(d->kind, NODE_NOTHING);
	cr_expect_null(node_get(root, "c"));
}

Test(yaml, a_file_without_a_document_is_an_empty_mapping)
{
	static const char *const texts[] = { "", "\n", "# only this\n", "---\n",
		"---\n...\n", "%YAML 1.1\n---\n", "null\n", "\xef\xbb\xbf" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(node_free) struct node *root = NULL;

		cr_expect_eq(parse(texts[i], &root, NULL), VH_OK, "%zu", i);
		cr_assert_not_null(root, "%zu", i);
		cr_expect(root->kind == NODE_MAPPING && root->count == 0 &&
			      root->at.line > 0,
		    "%zu", i);
	}
}

Test(yaml, what_is_outside_the_subset_is_refused)
{
	expect_refused("a: &x 1\n",
	    "f.yaml:1:4: an anchor or alias, expected the value itself");
	expect_refused("a: *x\n",
	    "f.yaml:1:4: an anchor or alias, expected the value itself");
	expect_refused("*x : 1\n",
	    "f.yaml:1:1: an anchor or alias, expected the value itself");
	expect_refused("a: !!str 1\n",
	    "f.yaml:1:4: a tag, expected a value without one");
	expect_refused("a: !x [1]\n",
	    "f.yaml:1:4: a tag, expected a value without one");
	expect_refused("!x\na: 1\n",
	    "f.yaml:1:1: a tag, expected a value without one");
	expect_refused("a: 1\nb: {c: 1, d: 2, c: 3}\n",
	    "f.yaml:2:17: key \"c\" given twice, expected it only at line 2");
	expect_refused("a: 1\n'a': 1\n",
	    "f.yaml:2:1: key \"a\" given twice, expected it only at line 1");
	expect_refused("a: 1\n---\na: 1\n",
	    "f.yaml:2:1: a second document, expected one in a file");
	expect_refused("{a: 1}: 1\n", "f.yaml:1:1: a key that is not a word, "
				      "expected a word and a colon");
	expect_refused("? \n: 1\n", "f.yaml:1:2: a key that is not a word, "
				    "expected a word and a colon");
}

Test(yaml, characters_that_mislead_are_refused)
{
	static const char *const escapes[] = { "\\0", "\\n", "\\t", "\\e",
		"\\x7f", "\\x80", "\\x9f", "\\u200e", "\\u200f", "\\u2028",
		"\\u202e", "\\u2066", "\\u2069", "\\ufeff", "\\uffff" };

	for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "a: \"x%s\"\n", escapes[i]);
		expect_refused(text,
		    "f.yaml:1:4: a control character in a text, expected "
		    "printable characters only");
		(void)snprintf(text, sizeof text, "\"x%s\": a\n", escapes[i]);
		expect_refused(text,
		    "f.yaml:1:1: a control character in a text, expected "
		    "printable characters only");
	}
}

Test(yaml, characters_that_do_not_are_kept)
{
	static const char *const kept[] = { "\xc2\xa0", "\xc3\xa9",
		"\xe2\x80\x90", "\xe2\x82\xac", "\xe2\x81\xaa",
		"\xf0\x9f\x94\x91" };

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		AUTO(node_free) struct node *root = NULL;
		char text[64];

		(void)snprintf(text, sizeof text, "a: \"%s\"\n", kept[i]);
		cr_expect_eq(parse(text, &root, NULL), VH_OK, "%zu", i);
		cr_expect_str_eq(node_get(root, "a")->text, kept[i]);
	}
}

static struct buf *
repeated(const char *before, const char *text, size_t times, const char *after)
{
	struct buf *b = buf_new(4 * NODE_TEXT_MAX);

	buf_put_text(b, before);
	for (size_t i = 0; i < times; i++)
		buf_put_text(b, text);
	buf_put_text(b, after);
	return b;
}

static enum vh_err
parse_buf(const struct buf *text)
{
	AUTO(node_free) struct node *root = NULL;
	struct reading r = { "f", NULL };

	return node_parse(&r, buf_slice(text), &root);
}

Test(yaml, size_is_bounded)
{
	AUTO(buf_free) struct buf *most = repeated("", "#", NODE_TEXT_MAX, "");
	AUTO(buf_free)
	struct buf *more = repeated("", "#", NODE_TEXT_MAX, "\n");

	cr_expect_eq(parse_buf(most), VH_OK);
	cr_expect_eq(parse_buf(more), VH_ECONFIG);
}

Test(yaml, depth_is_bounded)
{
	AUTO(buf_free)
	struct buf *most = repeated("a: ", "[", NODE_DEPTH_MAX - 1, "");
	AUTO(buf_free)
	struct buf *more = repeated("a: ", "[", NODE_DEPTH_MAX, "");

	for (size_t i = 0; i < NODE_DEPTH_MAX; i++) {
		if (i > 0)
			buf_put_text(most, "]");
		buf_put_text(more, "]");
	}
	cr_expect_eq(parse_buf(most), VH_OK);
	cr_expect_eq(parse_buf(more), VH_ECONFIG);
}

Test(yaml, entries_are_bounded)
{
	AUTO(buf_free)
	struct buf *most = repeated("[", "a,", NODE_ENTRIES_MAX, "]");
	AUTO(buf_free)
	struct buf *more = repeated("[", "a,", NODE_ENTRIES_MAX + 1, "]");

	cr_expect_eq(parse_buf(most), VH_OK);
	cr_expect_eq(parse_buf(more), VH_ECONFIG);
}

Test(yaml, nodes_are_bounded)
{
	AUTO(buf_free) struct buf *row = repeated("[", "a,", 4095, "],");
	AUTO(buf_free) struct buf *most = buf_new(NODE_TEXT_MAX);
	AUTO(buf_free) struct buf *more = buf_new(NODE_TEXT_MAX);

	buf_put_text(most, "[");
	for (size_t i = 0; i < 15; i++)
		buf_put(most, buf_slice(row));
	buf_put(more, buf_slice(most));
	buf_put(more, buf_slice(row));
	buf_put_text(most, "]");
	buf_put_text(more, "]");
	cr_expect_eq(parse_buf(most), VH_OK);
	cr_expect_eq(parse_buf(more), VH_ECONFIG);
}

Test(yaml, a_message_is_one_line_whatever_the_file_is_called)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(node_free) struct node *root = NULL;
	struct reading r = { "a\nb\x7f", why };

	cr_expect_eq(node_parse(&r, slice_text("["), &root), VH_ECONFIG);
	cr_expect_eq(memcmp(why->p, "a?b?:", 5), 0);
	cr_expect_null(memchr(why->p, '\n', why->len));
}

Test(yaml, a_later_message_replaces_an_earlier_one)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	struct reading r = { "f", why };

	cr_expect_eq(refuse(&r, (struct place){ 1, 2 }, "one"), VH_ECONFIG);
	cr_expect_eq(refuse(&r, (struct place){ 3, 4 }, "two"), VH_ECONFIG);
	cr_expect(slice_is(buf_slice(why), "f:3:4: two"));
}
