#include "super/limits.h"

#include <criterion/criterion.h>

static const struct limits_conns usual = { 1024, 256 };

Test(limits, connections_are_as_configured_where_there_are_descriptors)
{
	const struct limits_conns many = { 16384, 256 };
	struct limits_conns got = limits_fit(many, limits_files_of(many));

	cr_expect_eq(limits_files_of(many), 16384 + 256 + 256);
	cr_expect_eq(got.callers, 16384);
	cr_expect_eq(got.http, 256);
}

Test(limits, with_one_descriptor_less_a_caller_has_to_go)
{
	const struct limits_conns many = { 16384, 256 };
	struct limits_conns got = limits_fit(many, limits_files_of(many) - 1);

	cr_expect_eq(got.callers, 16383);
	cr_expect_eq(got.http, 256);
}

Test(limits, what_few_descriptors_allow_always_fits_them)
{
	for (uint64_t files = 4; files < 2000; files++) {
		struct limits_conns got = limits_fit(usual, files);

		cr_expect_lt(got.callers + got.http, files, "%zu",
		    (size_t)files);
		cr_expect_geq(got.callers, got.http < 256 ? got.http : 1, "%zu",
		    (size_t)files);
		cr_expect_gt(got.http, 0, "%zu", (size_t)files);
	}
}

Test(limits, half_of_few_descriptors_stay_free)
{
	struct limits_conns got = limits_fit(usual, 60);

	cr_expect_eq(got.callers, 15);
	cr_expect_eq(got.http, 15);
}

Test(limits, without_http_callers_have_all_that_is_not_spared)
{
	const struct limits_conns callers = { 1024, 0 };
	struct limits_conns got = limits_fit(callers, 1024);

	cr_expect_eq(got.callers, 768);
	cr_expect_eq(got.http, 0);
}
