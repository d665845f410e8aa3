#include "peer/names.h"

#include <criterion/criterion.h>

static const struct mono_ns now = { 1000000000 };

/* "10.0.0.0:1,10.0.0.1:1,...", with a name before each if there is one. */
static struct buf *
list_of(size_t count, const char *name)
{
	struct buf *b = buf_new(1u << 20);

	for (size_t i = 0; i < count; i++)
		buf_format(b, "%s%s%s10.0.%zu.%zu:1", i == 0 ? "" : ",",
		    name == NULL ? "" : name, name == NULL ? "" : "=", i / 256,
		    i % 256);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

Test(names, seeds_replace_those_before)
{
	AUTO(names_free) struct names *n = names_new();
	char name[NAMES_ADDRESS_MAX + 1];

	cr_assert_eq(names_set_seeds(n,
			 slice_text("b.example=10.0.0.2:7600,[::1]:7601")),
	    VH_OK);
	cr_expect_str_eq(names_seed(n, 0), "10.0.0.2:7600");
	cr_expect_str_eq(names_seed(n, 1), "[::1]:7601");
	cr_expect_null(names_seed(n, 2));
	names_seed_name(n, "10.0.0.2:7600", name);
	cr_expect_str_eq(name, "b.example");
	names_seed_name(n, "[::1]:7601", name);
	cr_expect_str_eq(name, "::1");
	cr_assert_eq(names_set_seeds(n, slice_text("")), VH_OK);
	cr_expect_null(names_seed(n, 0));
}

Test(names, what_is_no_address_changes_nothing)
{
	static const char *const bad[] = { "b:7600", "10.0.0.1", "10.0.0.1:0",
		"10.0.0.1:65536", "10.0.0.1:1,,", "=10.0.0.1", "::1:7600",
		"10.0.0.1:1 " };
	AUTO(names_free) struct names *n = names_new();

	cr_assert_eq(names_set_seeds(n, slice_text("10.0.0.9:9")), VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cr_expect_eq(names_set_seeds(n, slice_text(bad[i])), VH_EFIELD,
		    "%s", bad[i]);
		cr_expect_str_eq(names_seed(n, 0), "10.0.0.9:9");
		cr_expect_null(names_seed(n, 1));
	}
}

Test(names, of_too_many_seeds_the_first_count)
{
	AUTO(names_free) struct names *n = names_new();
	AUTO(buf_free) struct buf *most = list_of(NAMES_MAX, NULL);
	AUTO(buf_free) struct buf *more = list_of(NAMES_MAX + 7, NULL);
	size_t over;

	cr_assert_eq(names_set_seeds(n, buf_slice(most)), VH_OK);
	cr_expect_str_eq(names_seed(n, NAMES_MAX - 1), "10.0.1.255:1");
	cr_expect_not(names_left_out(n, &over));
	cr_expect_eq(over, 0);
	cr_assert_eq(names_set_seeds(n, buf_slice(more)), VH_OK);
	cr_expect_str_eq(names_seed(n, NAMES_MAX - 1), "10.0.1.255:1");
	cr_expect_null(names_seed(n, NAMES_MAX));
	cr_expect(names_left_out(n, &over));
	cr_expect_eq(over, 7);
	cr_assert_eq(names_set_seeds(n, buf_slice(more)), VH_OK);
	cr_expect_not(names_left_out(n, &over), "said once");
}

Test(names, a_bad_entry_past_the_last_that_counts_is_seen)
{
	AUTO(names_free) struct names *n = names_new();
	AUTO(buf_free) struct buf *more = list_of(NAMES_MAX, NULL);

	buf_put_text(more, ",nowhere");
	cr_expect_eq(names_set_seeds(n, buf_slice(more)), VH_EFIELD);
	cr_expect_null(names_seed(n, 0));
}

Test(names, addresses_of_one_name_take_turns_also_when_there_are_too_many)
{
	AUTO(names_free) struct names *n = names_new();
	AUTO(buf_free) struct buf *more = list_of(NAMES_MAX + 1, "b.example");
	char first[NAMES_ADDRESS_MAX + 1], later[NAMES_ADDRESS_MAX + 1];
	size_t over;

	cr_expect_eq(names_resolve(n, now, "b.example:1", first), VH_EBUSY);
	cr_expect(names_have_changed(n, now));
	cr_assert_eq(names_set_known(n, buf_slice(more)), VH_OK);
	cr_expect(names_left_out(n, &over));
	cr_expect_eq(over, 1);
	cr_assert_eq(names_resolve(n, now, "b.example:1", first), VH_OK);
	cr_expect_str_eq(first, "10.0.0.0:1");
	for (size_t i = 1; i < NAMES_MAX; i++)
		cr_assert_eq(names_resolve(n, now, "b.example:1", later),
		    VH_OK);
	cr_expect_str_eq(later, "10.0.1.255:1");
	cr_assert_eq(names_resolve(n, now, "b.example:1", later), VH_OK);
	cr_expect_str_eq(later, first);
}
