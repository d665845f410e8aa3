#include "front/quota.h"

#include <criterion/criterion.h>

Test(quota, a_uid_has_one_row_for_all_its_connections)
{
	AUTO(quotas_free) struct quotas *q = quotas_new(2);
	struct quota *a = quota_get(q, 7), *b = quota_get(q, 7);

	cr_expect_eq(a, b);
	cr_expect_neq(a, quota_get(q, 8));
	cr_expect_eq(quotas_count(q), 2);
}

Test(quota, a_uid_takes_no_more_than_its_share)
{
	AUTO(quotas_free) struct quotas *q = quotas_new(2);
	struct quota *a = quota_get(q, 7), *other = quota_get(q, 8);

	cr_expect(quota_take(q, a));
	cr_expect(quota_take(q, a));
	cr_expect_not(quota_take(q, a));
	cr_expect(quota_take(q, other));
	quota_give(q, a);
	cr_expect(quota_take(q, a));
}

Test(quota, hanging_up_gives_no_place_back)
{
	AUTO(quotas_free) struct quotas *q = quotas_new(1);
	struct quota *a = quota_get(q, 7);

	cr_expect(quota_take(q, a));
	quota_end(q, a);
	cr_expect_eq(quotas_count(q), 1, "work is still under way");
	struct quota *again = quota_get(q, 7);

	cr_expect_not(quota_take(q, again));
	quota_give(q, a);
	cr_expect(quota_take(q, again));
	quota_give(q, again);
	quota_end(q, again);
	cr_expect_eq(quotas_count(q), 0);
}
