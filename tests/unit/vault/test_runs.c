#include "vault/runs.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define PAGES 1000

Test(runs, all_pages_are_there_and_no_more)
{
	AUTO(runs_free) struct runs *r = runs_new(PAGES);

	cr_expect_eq(runs_unused(r), PAGES);
	cr_expect_eq(runs_take(r, PAGES + 1), RUNS_NONE);
	cr_expect_eq(runs_take(r, PAGES), 0);
	cr_expect_eq(runs_unused(r), 0);
	cr_expect_eq(runs_take(r, 1), RUNS_NONE);
	runs_give(r, 0, PAGES);
	cr_expect_eq(runs_take(r, PAGES), 0);
}

Test(runs, neighbours_join_in_whatever_order_they_come_back)
{
	static const uint8_t order[][3] = { { 0, 1, 2 }, { 0, 2, 1 },
		{ 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		AUTO(runs_free) struct runs *r = runs_new(300);
		size_t at[3];

		for (size_t k = 0; k < 3; k++) {
			at[k] = runs_take(r, 100);
			cr_assert_neq(at[k], RUNS_NONE);
		}
		for (size_t k = 0; k < 3; k++)
			runs_give(r, at[order[i][k]], 100);
		cr_expect_eq(runs_take(r, 300), 0, "%zu", i);
	}
}

Test(runs, a_run_too_short_for_its_list_is_passed_over)
{
	AUTO(runs_free) struct runs *r = runs_new(64 + 1 + 100);
	size_t first = runs_take(r, 64), wall = runs_take(r, 1);

	cr_assert_eq(wall, 64);
	runs_give(r, first, 64);
	/* 64 and 100 are in one list. */
	cr_expect_eq(runs_take(r, 90), 65);
	cr_expect_eq(runs_take(r, 64), 0);
	cr_expect_eq(runs_take(r, 11), RUNS_NONE);
	cr_expect_eq(runs_unused(r), 10);
}

/* What is taken, page by page, beside what r says. */
struct model {
	struct runs *r;
	uint8_t used[PAGES];
	struct {
		size_t first, pages;
	} run[PAGES];
	size_t runs, unused;
};

static void
model_take(struct model *m, size_t pages)
{
	size_t first = runs_take(m->r, pages);

	if (first == RUNS_NONE) {
		/* Then there is no such gap. */
		for (size_t i = 0, gap = 0; i < PAGES; i++) {
			gap = m->used[i] ? 0 : gap + 1;
			cr_assert_lt(gap, pages);
		}
		return;
	}
	cr_assert_leq(first + pages, PAGES);
	for (size_t i = first; i < first + pages; i++) {
		cr_assert_not(m->used[i], "%zu is given out twice", i);
		m->used[i] = 1;
	}
	m->run[m->runs].first = first;
	m->run[m->runs++].pages = pages;
	m->unused -= pages;
}

static void
model_give(struct model *m, size_t which)
{
	size_t first = m->run[which].first, pages = m->run[which].pages;

	runs_give(m->r, first, pages);
	memset(m->used + first, 0, pages);
	m->run[which] = m->run[--m->runs];
	m->unused += pages;
}

Test(runs, no_page_is_given_out_twice_and_none_is_lost)
{
	static struct model m = { .unused = PAGES };

	m.r = runs_new(PAGES);
	cr_assert_not_null(m.r);
	srandom(7);
	for (size_t i = 0; i < 20000; i++) {
		size_t n = (size_t)random();

		if (n % 2 == 0 || m.runs == 0)
			model_take(&m, 1 + n / 2 % (n % 16 == 0 ? 150 : 5));
		else
			model_give(&m, n / 2 % m.runs);
		cr_assert_eq(runs_unused(m.r), m.unused);
	}
	while (m.runs > 0)
		model_give(&m, 0);
	cr_expect_eq(runs_take(m.r, PAGES), 0);
	runs_free(m.r);
}
