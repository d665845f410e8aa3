#include "front/rules.h"

#include <criterion/criterion.h>

#define NOW_S 1800000000ll

/* What the rules say of a token, and why. */
static enum vh_err
check(const char *typs, const char *claims, const char *header,
    const char *payload, struct buf *why)
{
	AUTO(draft_end)
	struct draft d = { .extra = slice_text(header),
		.payload = slice_text(payload),
		.now = { NOW_S * 1000 + 999 } };
	struct rules *r = NULL;

	cr_assert_eq(rules_new(slice_text(typs), slice_text(claims), &r),
	    VH_OK);
	enum vh_err err = rules_check(r, &d, why);

	rules_free(r);
	return err;
}

struct row {
	const char *header, *payload;
	enum vh_err err;
	const char *why;
};

static void
try_all(const char *typs, const char *claims, const struct row *rows,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO(buf_free) struct buf *why = buf_new(4096);
		enum vh_err err =
		    check(typs, claims, rows[i].header, rows[i].payload, why);

		buf_put_u8(why, 0);
		cr_expect_eq(err, rows[i].err, "%zu: %s", i,
		    (const char *)why->p);
		if (rows[i].why != NULL)
			cr_expect_str_eq((const char *)why->p, rows[i].why);
	}
}

Test(rules, nothing_said_is_nothing_asked)
{
	struct rules *r = NULL;

	cr_assert_eq(rules_new(slice_text(""), slice_text(NULL), &r), VH_OK);
	cr_expect_null(r);
	cr_expect_eq(rules_check(NULL, NULL, NULL), VH_OK);
}

Test(rules, what_is_not_understood_is_refused)
{
	static const char *const bad[] = { "max_lifetime=", "max_lifetime=x",
		"max_lifetime=999", "max_lifetime=99999999999999999",
		"iss=", "aud=x", "max_lifetime=1000;aud=x", ";" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct rules *r = NULL;

		cr_expect_eq(rules_new(slice_text(""), slice_text(bad[i]), &r),
		    VH_EFIELD, "%s", bad[i]);
		cr_expect_null(r);
	}
}

Test(rules, typ_is_one_of_the_list)
{
	static const struct row rows[] = {
		{ "{\"typ\":\"JWT\"}", "", VH_OK, "" },
		{ "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", "", VH_OK, "" },
		{ "{\"alg\":\"ES256\"}", "", VH_EPOLICY,
		    "the key signs tokens of typ \"JWT,at+jwt\", found none" },
		{ "{\"typ\":\"jwt\"}", "", VH_EPOLICY,
		    "the key signs tokens of typ \"JWT,at+jwt\", found "
		    "\"jwt\"" },
		{ "{\"typ\":\"JWT,at+jwt\"}", "", VH_EPOLICY, NULL },
		{ "{\"typ\":7}", "", VH_EHEADER, NULL },
	};

	try_all("JWT,at+jwt", "", rows, ARRAY_LEN(rows));
}

/* Now is 1800000000.999. */
Test(rules, a_lifetime_is_measured_from_now_and_from_iat)
{
	static const struct row rows[] = {
		{ "{}", "{\"exp\":1800003600}", VH_OK, "" },
		{ "{}", "{\"exp\":1800003601}", VH_EPOLICY,
		    "the key signs JWTs that live for at most 3600 s, found "
		    "3601 s from now" },
		{ "{}", "{\"exp\":1800003600,\"iat\":1800000000}", VH_OK, "" },
		{ "{}", "{\"exp\":1800003600,\"iat\":1799999999}", VH_EPOLICY,
		    "the key signs JWTs that live for at most 3600 s, found "
		    "3600 s from now and 3601 s from iat" },
		{ "{}", "{\"exp\":1900000000,\"iat\":1899999999}", VH_EPOLICY,
		    NULL },
		{ "{}", "{\"exp\":5}", VH_OK, "" },
		{ "{}", "{}", VH_EPOLICY,
		    "the key signs JWTs whose exp is a whole number" },
		{ "{}", "{\"exp\":1800000001.5}", VH_EPOLICY, NULL },
		{ "{}", "{\"exp\":\"1800000001\"}", VH_EPOLICY, NULL },
		{ "{}", "{\"exp\":-1}", VH_EPOLICY, NULL },
		{ "{}", "{\"exp\":9223372036854775807}", VH_EPOLICY, NULL },
		{ "{}", "{\"exp\":1800000001,\"iat\":null}", VH_EPOLICY,
		    "the key signs JWTs whose iat is a whole number" },
		{ "{}", "{\"exp\":1800000001,\"exp\":1800000002}", VH_EPOLICY,
		    NULL },
		{ "{}", "[1]", VH_EPOLICY, NULL },
		{ "{}", "payload", VH_EPOLICY, NULL },
		{ "{}", "", VH_EPOLICY, NULL },
	};

	try_all("", "max_lifetime=3600000", rows, ARRAY_LEN(rows));
}

Test(rules, a_jwt_is_never_unencoded)
{
	AUTO(draft_end)
	struct draft d = { .payload = slice_text("{\"iss\":\"a\"}"),
		.unencoded = true };
	AUTO(buf_free) struct buf *why = buf_new(4096);
	struct rules *r = NULL;

	cr_assert_eq(rules_new(slice_text(""), slice_text("iss=a"), &r), VH_OK);
	cr_expect_eq(rules_check(r, &d, why), VH_EPOLICY);
	d.unencoded = false;
	cr_expect_eq(rules_check(r, &d, why), VH_OK);
	rules_free(r);
}

Test(rules, the_issuer_is_the_one_that_is_named)
{
	static const struct row rows[] = {
		{ "{}", "{\"iss\":\"https://a.example/x;y=1\"}", VH_OK, "" },
		{ "{}", "{\"iss\":\"https:\\/\\/a.example/x;y=1\"}", VH_OK,
		    "" },
		{ "{}", "{\"iss\":\"https://a.example\"}", VH_EPOLICY,
		    "the key signs JWTs of iss \"https://a.example/x;y=1\", "
		    "found another" },
		{ "{}", "{\"sub\":\"x\"}", VH_EPOLICY,
		    "the key signs JWTs of iss \"https://a.example/x;y=1\", "
		    "found none" },
		{ "{}", "{\"iss\":[\"https://a.example/x;y=1\"]}", VH_EPOLICY,
		    NULL },
	};

	try_all("", "iss=https://a.example/x;y=1", rows, ARRAY_LEN(rows));
}

Test(rules, all_rules_hold_together)
{
	static const struct row rows[] = {
		{ "{\"typ\":\"JWT\"}", "{\"exp\":1800000060,\"iss\":\"me\"}",
		    VH_OK, "" },
		{ "{\"typ\":\"JWT\"}", "{\"exp\":1800000061,\"iss\":\"me\"}",
		    VH_EPOLICY, NULL },
		{ "{\"typ\":\"JWT\"}", "{\"exp\":1800000060,\"iss\":\"you\"}",
		    VH_EPOLICY, NULL },
		{ "{\"typ\":\"X\"}", "{\"exp\":1800000060,\"iss\":\"me\"}",
		    VH_EPOLICY, NULL },
	};

	try_all("JWT", "max_lifetime=60000;iss=me", rows, ARRAY_LEN(rows));
}
