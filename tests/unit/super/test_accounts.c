#include "super/accounts.h"

#include <criterion/criterion.h>

#define NOBODY "no-such-account-here"

Test(accounts, root_has_number_zero_and_numbers_stand_for_themselves)
{
	unsigned id = 1;

	cr_assert_eq(account_uid("root", &id), VH_OK);
	cr_expect_eq(id, 0);
	cr_assert_eq(account_uid("61700", &id), VH_OK);
	cr_expect_eq(id, 61700);
	cr_assert_eq(account_gid("61701", &id), VH_OK);
	cr_expect_eq(id, 61701);
}

Test(accounts, a_name_nobody_has_is_refused)
{
	unsigned id;

	cr_expect_eq(account_uid(NOBODY, &id), VH_ECONFIG);
	cr_expect_eq(account_gid(NOBODY, &id), VH_ECONFIG);
}

Test(accounts, a_child_without_a_user_gets_its_fixed_number)
{
	struct user user;

	cr_assert_eq(account_user(NOBODY, 61739, &user), VH_OK);
	cr_expect_eq(user.uid, 61739);
	cr_expect_eq(user.gid, 61739);
}

Test(accounts, a_fixed_number_that_somebody_has_is_refused)
{
	struct user user;

	cr_expect_eq(account_user(NOBODY, 0, &user), VH_ECONFIG);
	cr_expect_eq(account_user(NOBODY, 1, &user), VH_ECONFIG);
}

Test(accounts, a_child_never_becomes_root)
{
	struct user user;

	cr_expect_eq(account_user("root", 61739, &user), VH_ECONFIG);
	cr_expect_eq(account_user("0", 61739, &user), VH_ECONFIG);
}

Test(accounts, a_number_without_an_account_is_user_and_group)
{
	struct user user;

	cr_assert_eq(account_user("61738", 1, &user), VH_OK);
	cr_expect_eq(user.uid, 61738);
	cr_expect_eq(user.gid, 61738);
}

Test(accounts, users_are_told_apart_by_their_number)
{
	const struct user users[] = { { 1, 7 }, { 2, 7 } };
	const struct user again = { 2, 9 }, other = { 3, 7 };

	cr_expect(account_is_among(&again, users, 2));
	cr_expect_not(account_is_among(&again, users, 1));
	cr_expect_not(account_is_among(&other, users, 2));
	cr_expect_not(account_is_among(&other, NULL, 0));
}
