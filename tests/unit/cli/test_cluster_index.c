#include <criterion/criterion.h>
#include <stdio.h>

#include "client/cli/cluster_index.h"

#define LINE_A "01ff tls a 2027-01-31T12:00:00Z -\n"
#define LINE_B "02 record a 2027-01-31T12:00:00Z 2026-02-28T23:59:59Z\n"
#define LINE_C "03 tls b 2027-01-31T12:00:00Z -\n"
#define GOOD   LINE_A LINE_B LINE_C
#define NOW    1800000000

static enum vh_err
parse(struct slice text, struct cert_index **out)
{
	size_t line;

	return index_parse(text, out, &line);
}

static void
expect_text(const struct cert_index *x, const char *text)
{
	AUTO(buf_free) struct buf *b = buf_new(INDEX_FILE_MAX);

	index_put(b, x);
	cr_expect_eq(buf_end(b), VH_OK);
	cr_expect(slice_is(buf_slice(b), text), "%.*s", (int)b->len,
	    (const char *)b->p);
}

Test(cluster_index, what_was_written_is_read)
{
	AUTO(index_free) struct cert_index *x = NULL;

	cr_assert_eq(parse(slice_text(GOOD), &x), VH_OK);
	expect_text(x, GOOD);
	cr_expect_str_eq(index_at(x, 0)->serial, "01ff");
	cr_expect_eq(index_at(x, 1)->kind, CERT_RECORD);
	cr_expect_eq(index_at(x, 1)->revoked, 1772323199);
	cr_expect_null(index_at(x, 3));
	cr_expect_eq(index_find(x, "03"), index_at(x, 2));
	cr_expect_null(index_find(x, "04"));
}

Test(cluster_index, an_empty_file_is_an_empty_index)
{
	AUTO(index_free) struct cert_index *x = NULL;

	cr_assert_eq(parse(slice_of(NULL, 0), &x), VH_OK);
	cr_expect_null(index_at(x, 0));
	expect_text(x, "");
}

/* What is cut off at the end of a line cannot be told from a shorter file, but
 * a file is replaced whole or not at all. */
Test(cluster_index, every_prefix_that_cuts_a_line_is_refused)
{
	for (size_t n = 1; n < strlen(LINE_A LINE_B); n++) {
		AUTO(index_free) struct cert_index *x = NULL;

		if (n == strlen(LINE_A))
			continue;
		cr_expect_eq(parse(slice_of(LINE_A LINE_B, n), &x), VH_EPARSE,
		    "%zu", n);
		cr_expect_null(x);
	}
}

Test(cluster_index, the_damaged_line_is_named)
{
	static const char *const bad[] = {
		LINE_A "\n",
		LINE_A " \n",
		LINE_A "02  record a 2027-01-31T12:00:00Z -\n",
		LINE_A "02 record a 2027-01-31T12:00:00Z - \n",
		LINE_A "02 record a 2027-01-31T12:00:00Z\n",
		LINE_A "0G record a 2027-01-31T12:00:00Z -\n",
		LINE_A "0F record a 2027-01-31T12:00:00Z -\n",
		LINE_A " record a 2027-01-31T12:00:00Z -\n",
		LINE_A "00000000000000000000000000000000000000000 record a "
		       "2027-01-31T12:00:00Z -\n",
		LINE_A "02 other a 2027-01-31T12:00:00Z -\n",
		LINE_A "02 record a/b 2027-01-31T12:00:00Z -\n",
		LINE_A "02 record a 2027-02-31T12:00:00Z -\n",
		LINE_A "02 record a 2027-1-31T12:00:00Z -\n",
		LINE_A "02 record a 2027-01-31T12:00:00 -\n",
		LINE_A "02 record a 2027-01-31T12:00:00Z 0\n",
		LINE_A "02 record a 1970-01-01T00:00:00Z -\n",
		LINE_A LINE_A,
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(index_free) struct cert_index *x = NULL;
		size_t line = 0;

		cr_expect_eq(index_parse(slice_text(bad[i]), &x, &line),
		    VH_EPARSE, "%s", bad[i]);
		cr_expect_eq(line, 2, "%s", bad[i]);
	}
}

Test(cluster_index, revoking_keeps_the_first_time)
{
	AUTO(index_free) struct cert_index *x = NULL;

	cr_assert_eq(parse(slice_text(GOOD), &x), VH_OK);
	cr_expect_eq(index_revoke_name(x, "a", NOW), 2);
	cr_expect_eq(index_at(x, 0)->revoked, NOW);
	cr_expect_eq(index_at(x, 1)->revoked, 1772323199);
	cr_expect_eq(index_at(x, 2)->revoked, 0);
	cr_expect_eq(index_revoke_name(x, "A", NOW), 0);
	cr_expect_eq(index_revoke_serial(x, "03", NOW), 1);
	cr_expect_eq(index_revoke_serial(x, "03", NOW + 1), 1);
	cr_expect_eq(index_revoke_serial(x, "3", NOW), 0);
	cr_expect_eq(index_at(x, 2)->revoked, NOW);
}

Test(cluster_index, a_serial_stands_once)
{
	AUTO(index_free) struct cert_index *x = NULL;
	struct issued row = { "03", CERT_TLS, "c", NOW, 0 };

	cr_assert_eq(parse(slice_text(GOOD), &x), VH_OK);
	cr_expect_eq(index_add(x, &row), VH_EDUPLICATE);
	for (int i = 4; i < 200; i++) {
		(void)snprintf(row.serial, sizeof row.serial, "%02x", i);
		cr_expect_eq(index_add(x, &row), VH_OK);
	}
	cr_expect_str_eq(index_at(x, 198)->serial, "c7");
}

Test(cluster_index, times_are_utc)
{
	char text[TIME_TEXT_SIZE];

	time_text(0, text);
	cr_expect_str_eq(text, "1970-01-01T00:00:00Z");
	time_text(INT64_C(253402300799), text);
	cr_expect_str_eq(text, "9999-12-31T23:59:59Z");
	time_text(INT64_C(253402300800), text);
	cr_expect_str_eq(text, "");
	time_text(-1, text);
	cr_expect_str_eq(text, "");
}
