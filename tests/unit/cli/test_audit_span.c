#include <criterion/criterion.h>
#include <stdio.h>

#include "client/cli/audit_span.h"

/* A line of that minute since midnight. */
static const char *
add(struct audit_span *s, unsigned minute, const char *who)
{
	char line[128];

	(void)snprintf(line, sizeof line,
	    "{\"seq\":1,\"time\":\"2026-11-30T%02u:%02u:07.000Z\","
	    "\"node\":\"a\",\"who\":\"%s\",\"op\":\"sign\"}",
	    minute / 60 % 24, minute % 60, who);
	return audit_span_add(s, slice_text(line));
}

static void
check(struct audit_span *s, unsigned minute)
{
	char line[128];

	(void)snprintf(line, sizeof line,
	    "{\"seq\":1,\"time\":\"2026-11-30T%02u:%02u:07.000Z\"}",
	    minute / 60 % 24, minute % 60);
	audit_span_end(s, slice_text(line));
}

Test(audit_span, lines_are_counted_from_checkpoint_to_checkpoint)
{
	struct audit_span s = { 0 };

	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < AUDIT_SPAN_LINES; i++)
			cr_assert_null(add(&s, 5, "uid:1"), "%u", i);
		if (round == 0)
			check(&s, 5);
	}
	const char *wrong = add(&s, 5, "uid:1");

	cr_assert_not_null(wrong);
	cr_expect_not_null(strstr(wrong, "more than 70000 lines"));
}

Test(audit_span, minutes_with_a_use_are_counted)
{
	struct audit_span s = { 0 };

	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < AUDIT_SPAN_MINUTES; i++) {
			cr_assert_null(add(&s, 1 + i, "uid:1"), "%u", i);
			cr_assert_null(add(&s, 1 + i, "uid:1"), "%u", i);
		}
		if (round == 0)
			check(&s, 0);
	}
	const char *wrong = add(&s, 1 + AUDIT_SPAN_MINUTES, "uid:1");

	cr_assert_not_null(wrong);
	cr_expect_not_null(strstr(wrong, "more than 10 minutes"));
}

Test(audit_span, a_node_may_rest_or_be_started_again_and_again)
{
	struct audit_span s = { 0 };

	cr_expect_null(add(&s, 1, "uid:1"));
	cr_expect_null(add(&s, 1000, "uid:1"));
	for (unsigned i = 0; i < 100; i++)
		cr_expect_null(add(&s, 1001 + i, "vault"), "%u", i);
}

Test(audit_span, what_waited_for_the_disk_is_no_later_than_its_checkpoint)
{
	struct audit_span s = { 0 };

	check(&s, 700);
	for (unsigned i = 0; i <= 700; i++)
		cr_expect_null(add(&s, i, "uid:1"), "%u", i);
}

Test(audit_span, a_line_without_a_time_is_only_counted)
{
	struct audit_span s = { 0 };

	for (unsigned i = 0; i < 100; i++)
		cr_expect_null(audit_span_add(&s, slice_text("{\"seq\":1}")));
	cr_expect_eq(s.lines, 100);
	cr_expect_eq(s.minutes, 0);
}
