#include "front/policy.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct policy *
policy_of(const char *text)
{
	struct policy *p = NULL;

	cr_assert_eq(policy_parse(text, &p), VH_OK, "%s", text);
	return p;
}

static bool
allows(const struct policy *p, uint32_t uid, uint32_t gid, const char *allow)
{
	const struct caller c = { .uid = uid, .gid = gid };

	const struct asker a = { .policy = p, .caller = &c };

	return policy_allows(&a, slice_text(allow), true);
}

Test(policy, an_empty_allow_lets_everyone_in)
{
	AUTO(policy_free) struct policy *p = policy_of("");

	cr_expect(allows(p, 7, 7, ""));
	cr_expect(allows(p, 7, 7, NULL));
}

Test(policy, a_uid_is_a_principal_by_itself)
{
	AUTO(policy_free) struct policy *p = policy_of("");

	cr_expect(allows(p, 1001, 1, "uid:1001"));
	cr_expect(allows(p, 1001, 1, "app,uid:1001"));
	cr_expect(allows(p, 0, 1, "uid:0"));
	cr_expect_not(allows(p, 1002, 1001, "uid:1001"));
	cr_expect_not(allows(p, 100, 1, "uid:1001"));
	cr_expect_not(allows(p, 1001, 1, "uid:01001"));
	cr_expect_not(allows(p, 1001, 1, "uid:1001 "));
	cr_expect_not(allows(p, 1001, 1, "uid:"));
	cr_expect_not(allows(p, 1001, 1, "1001"));
}

Test(policy, root_is_no_exception)
{
	AUTO(policy_free) struct policy *p = policy_of("app=uid:1001");

	cr_expect_not(allows(p, 0, 0, "app"));
}

Test(policy, a_group_counts_only_by_name)
{
	AUTO(policy_free) struct policy *p = policy_of("web=gid:33");

	cr_expect(allows(p, 5, 33, "web"));
	cr_expect_not(allows(p, 5, 33, "gid:33"));
	cr_expect_not(allows(p, 33, 5, "web"));
}

Test(policy, a_name_has_all_its_members)
{
	AUTO(policy_free)
	struct policy *p =
	    policy_of("app=uid:1001+gid:33;batch=uid:1002;none=;app2=uid:3");

	cr_expect(allows(p, 1001, 1, "app"));
	cr_expect(allows(p, 9, 33, "app"));
	cr_expect(allows(p, 1002, 1, "app,batch"));
	cr_expect_not(allows(p, 1002, 1, "app"));
	cr_expect_not(allows(p, 1001, 33, "none"));
	cr_expect_not(allows(p, 3, 1, "app"));
	cr_expect_not(allows(p, 1001, 1, "ap"));
	cr_expect_not(allows(p, 1001, 1, ","));
}

Test(policy, supplementary_groups_count)
{
	AUTO(policy_free) struct policy *p = policy_of("web=gid:33");
	struct caller c = { .uid = 5,
		.gid = 5,
		.group_count = 2,
		.groups = { 20, 33 } };

	const struct asker a = { .policy = p, .caller = &c };

	cr_expect(policy_allows(&a, slice_text("web"), true));
	c.group_count = 1;
	cr_expect_not(policy_allows(&a, slice_text("web"), true));
}

Test(policy, anything_else_is_refused)
{
	static const char *const bad[] = { "app", "=uid:1",
		"app=uid:", "app=uid:x", "app=uid:-1", "app=uid:4294967295",
		"app=uid:99999999999", "app=uid:1,uid:2", "app=1", "app=uid:1 ",
		"app=uid:1;b", ";app=uid:1+x", "app=uid:01" };
	struct policy *p = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cr_expect_eq(policy_parse(bad[i], &p), VH_EPARSE, "%s", bad[i]);
		cr_expect_null(p);
	}
}

Test(policy, members_are_bounded)
{
	size_t room = (POLICY_MEMBERS + 1) * 8 + 16;
	char *text = calloc(1, room);
	struct policy *p = NULL;

	cr_assert_not_null(text);
	memcpy(text, "a=", 2);
	for (size_t i = 0; i < POLICY_MEMBERS + 1; i++)
		memcpy(text + 2 + i * 6, "uid:1+", 6);
	cr_expect_eq(policy_parse(text, &p), VH_ETOOBIG);
	cr_expect_null(p);
	free(text);
}

/* --- clusters ------------------------------------------------------------- */

/* A caller of node "b" that has these principals there. */
static bool
lets_in(const struct policy *p, const char *principals, const char *allow)
{
	const struct asker a = { .policy = p,
		.node = slice_text("b"),
		.principals = slice_text(principals) };

	/* Whatever is said about uids: they are not of this node. */
	cr_expect_eq(policy_allows(&a, slice_text(allow), true),
	    policy_allows(&a, slice_text(allow), false));
	return policy_allows(&a, slice_text(allow), true);
}

Test(policy, a_callers_own_node_may_be_named)
{
	AUTO(policy_free) struct policy *p = policy_of("app=uid:1001");
	const struct caller c = { .uid = 1001 };
	const struct asker a = { .policy = p,
		.caller = &c,
		.node = slice_text("a") };

	cr_expect(policy_allows(&a, slice_text("a/app"), true));
	cr_expect(policy_allows(&a, slice_text("a/uid:1001"), true));
	cr_expect(policy_allows(&a, slice_text("a/uid:1001"), false));
	cr_expect_not(policy_allows(&a, slice_text("b/app"), true));
	cr_expect_not(policy_allows(&a, slice_text("a/uid:1002"), true));
	cr_expect_not(policy_allows(&a, slice_text("/app,a/,a"), true));
}

Test(policy, a_plain_uid_of_another_nodes_key_is_nobody_here)
{
	AUTO(policy_free) struct policy *p = policy_of("app=uid:1001");
	const struct caller c = { .uid = 1001 };
	const struct asker a = { .policy = p,
		.caller = &c,
		.node = slice_text("a") };

	cr_expect(policy_allows(&a, slice_text("uid:1001"), true));
	cr_expect_not(policy_allows(&a, slice_text("uid:1001"), false));
	cr_expect(policy_allows(&a, slice_text("uid:1001,app"), false));
}

Test(policy, another_nodes_caller_is_in_by_cluster_wide_names)
{
	AUTO(policy_free) struct policy *p = policy_of("app=uid:1;none=");

	cr_expect(lets_in(p, "uid:7,app", ""));
	cr_expect(lets_in(p, "uid:7,app", "app"));
	cr_expect(lets_in(p, "uid:7,none", "none"), "nobody here, but a name");
	cr_expect_not(lets_in(p, "uid:7", "app"));
	cr_expect_not(lets_in(p, "uid:7,web", "web"), "unknown here");
	cr_expect_not(lets_in(p, "uid:7", "uid:7"), "a uid of this node");
	cr_expect_not(lets_in(p, "gid:7", "gid:7"));
	cr_expect_not(lets_in(p, "", "app"));
	cr_expect_not(lets_in(p, ",", ",app"));
}

Test(policy, another_nodes_caller_is_in_by_node_and_principal)
{
	AUTO(policy_free) struct policy *p = policy_of("app=uid:1");

	cr_expect(lets_in(p, "uid:7", "b/uid:7"));
	cr_expect(lets_in(p, "uid:7,web", "x,b/web"));
	cr_expect_not(lets_in(p, "uid:7", "c/uid:7"));
	cr_expect_not(lets_in(p, "uid:7", "b/uid:8"));
	cr_expect_not(lets_in(p, "b/app,c/app", "c/app"));
	cr_expect_not(lets_in(p, "uid:7", "b/"));
	cr_expect_not(lets_in(p, "uid:7", "/uid:7"));
}

Test(policy, principals_are_listed_once_and_bounded)
{
	AUTO(policy_free)
	struct policy *p = policy_of("app=uid:1+gid:5;web=gid:5;x=uid:2");
	AUTO(buf_free) struct buf *b = buf_new(100);
	const struct caller c = { .uid = 1, .gid = 5 };

	policy_put_principals(b, p, &c, 100);
	cr_expect(slice_is(buf_slice(b), "uid:1,app,web"));
	buf_clear(b);
	policy_put_principals(b, p, &c, 9);
	cr_expect(slice_is(buf_slice(b), "uid:1,app"));
}

Test(policy, a_name_may_have_limits)
{
	AUTO(policy_free)
	struct policy *p = policy_of("free=uid:1;app=uid:1+rate:5+gid:2;"
				     "no=in_flight:3");
	const struct policy_limit *limit = policy_limit(p, 0);

	cr_assert_not_null(limit);
	cr_expect(slice_is(limit->name, "app"));
	cr_expect_eq(limit->rate, 5);
	cr_expect_eq(limit->in_flight, 0);
	cr_expect_eq(policy_limit(p, 1)->in_flight, 3);
	cr_expect_null(policy_limit(p, 2));
	cr_expect(allows(p, 1, 1, "app"));
	cr_expect(allows(p, 9, 2, "app"));
	cr_expect_not(allows(p, 5, 5, "app"), "5 is its rate");
	cr_expect_not(allows(p, 3, 3, "no"));
}

Test(policy, a_limit_is_a_number_above_zero)
{
	static const char *const bad[] = { "a=rate:0", "a=rate:", "a=rate:x",
		"a=rate:01", "a=uid:1+in_flight:0", "a=in_flight:-1",
		"a=rate:99999999999" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct policy *p = NULL;

		cr_expect_eq(policy_parse(bad[i], &p), VH_EPARSE, "%s", bad[i]);
		cr_expect_null(p);
	}
}
