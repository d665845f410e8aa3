#include "front/nodes.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct mono_ns now = { UINT64_C(1000000000000) };

Test(nodes, a_node_is_there_as_long_as_somebody_refers_to_it)
{
	AUTO(nodes_free) struct nodes *t = nodes_new();
	struct node *n = node_use(t, slice_text("b"));

	cr_assert_not_null(n);
	cr_expect_str_eq(n->name, "b");
	cr_expect_eq(node_use(t, slice_text("b")), n);
	cr_expect_eq(node_find(t, slice_text("b")), n);
	node_end(t, n);
	cr_expect_eq(node_again(n), n);
	node_end(t, n);
	cr_expect_eq(nodes_count(t), 1);
	node_end(t, n);
	cr_expect_eq(nodes_count(t), 0);
	cr_expect_null(node_find(t, slice_text("b")));
	node_end(t, NULL);
}

Test(nodes, names_that_lists_cannot_hold_are_none)
{
	AUTO(nodes_free) struct nodes *t = nodes_new();
	char long_name[NODE_NAME_SIZE + 2];

	memset(long_name, 'x', sizeof long_name);
	long_name[NODE_NAME_SIZE + 1] = '\0';
	cr_expect_null(node_use(t, slice_text("")));
	cr_expect_null(node_use(t, slice_text("a,b")));
	cr_expect_null(node_use(t, slice_text("a/b")));
	cr_expect_null(node_use(t, slice_of("a\0b", 3)));
	cr_expect_null(node_use(t, slice_text(long_name)));
	cr_expect_null(node_find(t, slice_text(long_name)));
	cr_expect_eq(nodes_count(t), 0);
}

Test(nodes, they_are_bounded)
{
	AUTO(nodes_free) struct nodes *t = nodes_new();
	char name[16];

	for (int i = 0; i < NODES_MAX; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		cr_assert_not_null(node_use(t, slice_text(name)));
	}
	cr_expect_null(node_use(t, slice_text("one-more")));
	cr_expect_not_null(node_use(t, slice_text("n0")));
}

Test(nodes, after_a_failure_a_node_is_avoided_until_it_answers)
{
	AUTO(nodes_free) struct nodes *t = nodes_new();
	struct node *n = node_use(t, slice_text("b"));

	cr_expect_not(node_is_avoided(n, now));
	node_failed(n, now);
	cr_expect(node_is_avoided(n, now));
	cr_expect(node_is_avoided(n, mono_after_ms(now, NODE_AVOID_MS - 1)));
	cr_expect_not(node_is_avoided(n, mono_after_ms(now, NODE_AVOID_MS)));
	node_answered(n, now);
	cr_expect_not(node_is_avoided(n, now));
	cr_expect_eq(n->heard.ns, now.ns);
	node_end(t, n);
}
