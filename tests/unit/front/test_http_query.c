#include "front/http_query.h"

#include <criterion/criterion.h>

static struct http_query
one(const char *name, const char *value)
{
	struct http_query q = { 0 };
	struct slice text = slice_text(value);

	http_query_add(&q, slice_text(name), value == NULL ? NULL : &text);
	return q;
}

Test(http_query, known_values_are_taken)
{
	cr_expect_eq(one("use", "sig").filter.use, VH_USE_SIG);
	cr_expect_eq(one("kty", "OKP").filter.kty, VH_KTY_OKP);
	cr_expect_eq(one("alg", "ES256").filter.alg->id, VH_ALG_ES256);
	cr_expect_null(one("alg", "ES256").wrong);
}

/* As a browser, curl, and a library of forms send it. */
Test(http_query, a_plus_may_come_in_three_ways)
{
	static const char *const ways[] = { "ECDH-ES+A128KW", "ECDH-ES A128KW",
		"ECDH-ES%2BA128KW", "ECDH-ES%2bA128KW" };

	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		cr_expect_eq(one("alg", ways[i]).filter.alg->id,
		    VH_ALG_ECDH_ES_A128KW, "%s", ways[i]);
}

Test(http_query, other_values_are_wrong_and_say_what_was_expected)
{
	static const char *const values[] = { NULL, "", "SIG", "sig%00", "sig%",
		"sig%2", "%zzsig", "none",
		"0123456789012345678901234567890123456789" };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct http_query q = one("use", values[i]);

		cr_assert_not_null(q.wrong, "%zu", i);
		cr_expect_str_eq(q.wrong, "use");
		cr_expect_str_eq(q.expected, "sig or enc, once");
	}
}

Test(http_query, a_second_value_is_wrong)
{
	struct http_query q = one("use", "sig");
	struct slice again = slice_text("sig");

	http_query_add(&q, slice_text("use"), &again);
	cr_expect_str_eq(q.wrong, "use");
}

Test(http_query, unknown_names_count_for_nothing)
{
	cr_expect_null(one("kid", "x").wrong);
	cr_expect_null(one("USE", "x").wrong);
	cr_expect_null(one("", NULL).wrong);
}

Test(http_codings, weights_decide)
{
	static const struct {
		const char *line;
		bool gzip;
	} rows[] = {
		{ "", false },
		{ "gzip", true },
		{ "GZip , br", true },
		{ "x-gzip", true },
		{ "br, deflate", false },
		{ "*", true },
		{ "*;q=0", false },
		{ "gzip;q=0", false },
		{ "gzip;q=0.000, *", false },
		{ "*;q=0, gzip;q=0.001", true },
		{ "gzip ; q=0.5, identity;q=0.4", true },
		{ "gzip;q=0.5, identity", false },
		{ "identity;q=0.5, gzip;Q=0.5", true },
		{ "gzip;q=1.001", false },
		{ "gzip;q=2", false },
		{ "gzip;q=", false },
		{ "gzip;level=9", false },
		{ "gzipped", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_codings c = HTTP_CODINGS;

		http_codings_add(&c, slice_text(rows[i].line));
		cr_expect_eq(http_codings_gzip(&c), rows[i].gzip, "%s",
		    rows[i].line);
	}
}
