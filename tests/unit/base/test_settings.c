#include "base/settings.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(settings, what_is_put_parses_to_the_same)
{
	AUTO(settings_free) struct settings *s = settings_new(), *again = NULL;
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	AUTO(buf_free) struct buf *b2 = buf_new(1u << 20);

	cr_assert_eq(settings_set_text(&s->node, "a b  c"), VH_OK);
	cr_assert_eq(settings_set_text(&s->http, ""), VH_OK);
	s->queue = UINT32_MAX;
	s->deadline = 0;
	settings_put(b, s);
	cr_assert_eq(settings_parse(buf_slice(b), &again), VH_OK);
	cr_expect_str_eq(again->node, "a b  c");
	cr_expect_eq(again->queue, UINT32_MAX);
	cr_expect_eq(again->deadline, 0);
	settings_put(b2, again);
	cr_expect(slice_eq(buf_slice(b), buf_slice(b2)));
}

Test(settings, a_long_text_passes)
{
	AUTO(settings_free) struct settings *s = settings_new(), *again = NULL;
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	static char text[100000];

	memset(text, 'x', sizeof text - 1);
	cr_assert_eq(settings_set_text(&s->principals, text), VH_OK);
	settings_put(b, s);
	cr_assert_eq(settings_parse(buf_slice(b), &again), VH_OK);
	cr_expect_str_eq(again->principals, text);
}

Test(settings, what_is_not_named_keeps_its_default)
{
	AUTO(settings_free) struct settings *s = NULL, *preset = settings_new();

	cr_assert_eq(settings_parse(slice_text("queue 7\n"), &s), VH_OK);
	cr_expect_eq(s->queue, 7);
	cr_expect_eq(s->connections, preset->connections);
	settings_free(TAKE(s));
	cr_assert_eq(settings_parse(slice_of(NULL, 0), &s), VH_OK);
	cr_expect_eq(s->queue, preset->queue);
}

Test(settings, a_text_with_a_line_break_is_refused)
{
	char *text = strdup("old");

	cr_expect_eq(settings_set_text(&text, "a\nqueue 1"), VH_EFIELD);
	cr_expect_str_eq(text, "old");
	free(text);
}

Test(settings, unsound_lines_are_refused)
{
	static const char *const bad[] = { "\n", "queue\n", "queue \n",
		"queue -1\n", "queue +1\n", "queue  1\n", "queue 1x\n",
		"queue 0x1\n", "queue 4294967296\n",
		"queue 99999999999999999999\n", "nonsense 1\n", " queue 1\n",
		"QUEUE 1\n", "queue 1" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct settings *s = NULL;

		cr_expect_eq(settings_parse(slice_text(bad[i]), &s), VH_EPARSE,
		    "%s", bad[i]);
		cr_expect_null(s);
	}
	struct settings *s = NULL;

	cr_expect_eq(settings_parse(slice_of("node a\0b\n", 9), &s), VH_EPARSE);
}
