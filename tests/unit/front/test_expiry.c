#include "front/expiry.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static uint64_t
expiry(const char *text)
{
	uint64_t exp = 0;

	return expiry_of(slice_text(text), &exp) ? exp : 0;
}

Test(expiry, the_claim_is_found_wherever_it_stands)
{
	cr_expect_eq(expiry("{\"exp\":17}"), 17);
	cr_expect_eq(expiry(" {\"iss\":\"a\", \"exp\" : 1700000000 , \"x\":1}"),
	    1700000000);
	cr_expect_eq(expiry("{\"a\":{\"exp\":1},\"b\":[\"exp\"],\"exp\":2}"),
	    2);
	cr_expect_eq(expiry("{\"a\":\"{\\\"exp\\\":1\",\"exp\":3}"), 3);
}

Test(expiry, what_has_none_has_none)
{
	cr_expect_eq(expiry(""), 0);
	cr_expect_eq(expiry("exp"), 0);
	cr_expect_eq(expiry("[{\"exp\":1}]"), 0);
	cr_expect_eq(expiry("{\"a\":{\"exp\":1}}"), 0);
	cr_expect_eq(expiry("{\"a\":\"exp\"}"), 0);
	cr_expect_eq(expiry("{\"exp\":\"1\"}"), 0);
	cr_expect_eq(expiry("{\"exp\""), 0);
	cr_expect_eq(expiry("{\"exp\":"), 0);
	cr_expect_eq(expiry("{\"a\":\"\\"), 0);
}

Test(expiry, every_prefix_is_read_within_its_bounds)
{
	static const char text[] = "{\"a\":\"\\u0041\",\"exp\": 12345}";

	for (size_t n = 0; n < sizeof text; n++) {
		char *copy = strndup(text, n);
		uint64_t exp = 0;

		cr_expect(!expiry_of(slice_of(copy, n), &exp) || exp <= 12345,
		    "%zu", n);
		free(copy);
	}
}
