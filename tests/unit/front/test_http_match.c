#include "front/http_match.h"

#include <criterion/criterion.h>

static bool
names(const char *list)
{
	return http_match(slice_text(list), slice_text("\"abc\""));
}

Test(http_match, a_tag_names_itself)
{
	cr_expect(names("\"abc\""));
	cr_expect(names("  \"abc\"\t "));
}

Test(http_match, a_weak_tag_names_the_same)
{
	cr_expect(names("W/\"abc\""));
	cr_expect(names("\"x\", W/\"abc\""));
}

Test(http_match, a_star_names_any_tag_but_only_alone)
{
	cr_expect(names("*"));
	cr_expect(names(" * "));
	cr_expect_not(names("*, \"x\""));
	cr_expect_not(names("\"x\", *"));
	cr_expect_not(names("**"));
}

Test(http_match, a_list_names_each_of_its_tags)
{
	cr_expect(names("\"x\",\"abc\",\"y\""));
	cr_expect(names("\"x\" ,\t\"y\" , \"abc\""));
	cr_expect(names(",, ,\"abc\","));
	cr_expect_not(names("\"x\",\"y\""));
}

Test(http_match, a_comma_may_stand_inside_a_tag)
{
	cr_expect_not(names("\"x,\"abc\"\""));
	cr_expect(names("\"x,y\",\"abc\""));
	cr_expect_not(names("\"x,\\\",\"abc"));
}

Test(http_match, other_tags_are_not_named)
{
	static const char *const others[] = { "", " ", ",", "abc", "'abc'",
		"\"abd\"", "\"ab\"", "\"abcd\"", "\"ABC\"", "\"\"", "w/\"abc\"",
		"W\"abc\"", "W/W/\"abc\"", "W/", "W", "\"", "\"\x7f\",\"abc\"",
		"\"a bc\"", "\"x\" \"abc\"" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		cr_expect_not(names(others[i]), "%s", others[i]);
}

Test(http_match, no_prefix_of_a_list_is_read_past_its_end)
{
	static const char list[] = "W/\"x\", \"abc\"";

	for (size_t n = 0; n < sizeof list - 1; n++)
		cr_expect_not(http_match(slice_of(list, n),
				  slice_text("\"abc\"")),
		    "%zu", n);
	cr_expect(names(list));
}
