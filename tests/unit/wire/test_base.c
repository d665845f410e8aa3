#include "wire/base.h"

#include <criterion/criterion.h>

Test(base, a_list_is_cut_at_its_commas)
{
	const char *const want[] = { "a", "", "bc", "" };
	struct slice rest = slice_text("a,,bc,"), item;

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		cr_assert(slice_next_item(&rest, &item));
		cr_expect(slice_is(item, want[i]), "%zu", i);
	}
	cr_expect_not(slice_next_item(&rest, &item));
}

Test(base, an_empty_text_is_one_empty_item)
{
	struct slice rest = slice_text(""), item;

	cr_assert(slice_next_item(&rest, &item));
	cr_expect_eq(item.len, 0);
	cr_expect_not(slice_next_item(&rest, &item));
}

Test(base, slices_are_equal_by_content)
{
	cr_expect(slice_eq(slice_of("ab", 2), slice_text("ab")));
	cr_expect_not(slice_eq(slice_text("ab"), slice_text("abc")));
	cr_expect_not(slice_is(slice_text("ab"), "ac"));
	cr_expect(slice_eq(slice_of(NULL, 0), slice_text("")));
	cr_expect(slice_is(slice_text(NULL), ""));
}

static unsigned freed;

static void
thing_free(int *thing)
{
	freed += thing != NULL;
}
AUTO_FREE(int, thing_free)

Test(base, what_was_taken_is_not_freed)
{
	int a = 0, b = 0;
	{
		AUTO(thing_free) int *kept = &a;
		AUTO(thing_free) int *given = &b;

		cr_expect_eq(TAKE(given), &b);
		cr_expect_null(given);
		cr_expect_not_null(kept);
	}
	cr_expect_eq(freed, 1);
}

Test(err, unknown_numbers_are_internal_errors)
{
	cr_expect_eq(err_of_wire(60000), VH_EINTERNAL);
	cr_expect_str_eq(err_name((enum vh_err)60000), "EINTERNAL");
	cr_expect_str_eq(err_name(VH_ENOKEY), "ENOKEY");
	cr_expect_str_eq(err_text(VH_ENOKEY), "key not found");
	cr_expect_eq(err_http(VH_EBUSY), 503);
}

Test(err, every_number_maps_to_itself)
{
	for (uint16_t i = 0; i <= VH_EINACTIVE; i++)
		cr_expect_eq(err_of_wire(i), i);
}

/* Numbers are given out in ranges, so the table has gaps. */
Test(err, a_number_without_a_row_is_an_internal_error)
{
	for (unsigned i = 0; i < 300; i++) {
		enum vh_err err = err_of_wire((uint16_t)i);

		cr_expect_not_null(err_name(err), "%u", i);
		cr_expect(err == (enum vh_err)i || err == VH_EINTERNAL);
		cr_expect_not_null(err_name((enum vh_err)i), "%u", i);
		cr_expect_not_null(err_text((enum vh_err)i), "%u", i);
	}
}
