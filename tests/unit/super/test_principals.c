#include "super/principals.h"

#include <criterion/criterion.h>

/* What the principals of a configuration become; NULL when refused. */
static enum vh_err
put(const char *yaml, struct buf *out, struct buf *why)
{
	const struct reading r = { "test.yaml", why };
	AUTO(config_free) struct config *config = NULL;

	cr_assert_eq(config_parse(&r, slice_text(yaml), &config), VH_OK);
	return principals_put(&r, &config->principals, out);
}

Test(principals, names_become_numbers)
{
	AUTO(buf_free) struct buf *out = buf_new(8192);
	AUTO(buf_free) struct buf *why = buf_new(8192);

	cr_assert_eq(put("principals:\n"
			 "  app: {uids: [root, 7], gids: [9]}\n"
			 "  batch: {gids: [root]}\n",
			 out, why),
	    VH_OK);
	cr_expect_str_eq((const char *)buf_slice(out).p,
	    "app=uid:0+uid:7+gid:9;batch=gid:0");
}

Test(principals, limits_stand_behind_the_members)
{
	AUTO(buf_free) struct buf *out = buf_new(8192);
	AUTO(buf_free) struct buf *why = buf_new(8192);

	cr_assert_eq(put("principals:\n"
			 "  app: {uids: [7], rate: 500, in_flight: 32}\n"
			 "  batch: {gids: [9], in_flight: 1}\n",
			 out, why),
	    VH_OK);
	cr_expect_str_eq((const char *)buf_slice(out).p,
	    "app=uid:7+rate:500+in_flight:32;batch=gid:9+in_flight:1");
}

Test(principals, none_are_an_empty_text)
{
	AUTO(buf_free) struct buf *out = buf_new(8192);
	AUTO(buf_free) struct buf *why = buf_new(8192);

	cr_assert_eq(put("", out, why), VH_OK);
	cr_expect_str_eq((const char *)buf_slice(out).p, "");
}

Test(principals, a_name_the_machine_does_not_know_is_refused)
{
	AUTO(buf_free) struct buf *out = buf_new(8192);
	AUTO(buf_free) struct buf *why = buf_new(8192);

	cr_expect_eq(put("principals: {app: {uids: [no-such-user-here]}}", out,
			 why),
	    VH_ECONFIG);
	buf_put_u8(why, 0);
	cr_expect_not_null(
	    strstr((const char *)buf_slice(why).p, "no-such-user-here"));
	cr_expect_not_null(
	    strstr((const char *)buf_slice(why).p, "test.yaml:1:"));
}

/* So that no configuration is refused for being long. */
Test(principals, the_longest_configuration_fits)
{
	AUTO(buf_free) struct buf *out = buf_new(2 * PRINCIPALS_TEXT_MAX);
	AUTO(buf_free) struct buf *why = buf_new(8192);
	AUTO(buf_free) struct buf *yaml = buf_new(1u << 20);

	/* As many members each as all may have together, half of them groups.
	 */
	const unsigned half = CONFIG_MEMBERS_MAX / CONFIG_PRINCIPALS_MAX / 2;

	buf_put_text(yaml, "principals:\n");
	for (unsigned i = 0; i < CONFIG_PRINCIPALS_MAX; i++) {
		buf_format(yaml, "  p%063u: {uids: [1", i);
		for (unsigned k = 1; k < half; k++)
			buf_format(yaml, ",%u", 4294967000u + k);
		buf_put_text(yaml, "], gids: [1");
		for (unsigned k = 1; k < half; k++)
			buf_format(yaml, ",%u", 4294967000u + k);
		buf_put_text(yaml, "], rate: 1000000, in_flight: 65536}\n");
	}
	buf_put_u8(yaml, 0);
	cr_expect_eq(put((const char *)buf_slice(yaml).p, out, why), VH_OK);
	cr_expect_gt(buf_slice(out).len, 80000);
}
