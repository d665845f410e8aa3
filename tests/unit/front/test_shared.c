#include "front/shared.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "wire/ops.h"

Test(shared, a_set_has_a_strong_tag_of_its_text)
{
	AUTO(published_free)
	struct published *a = published_new(slice_text("{\"keys\":[]}"));
	AUTO(published_free)
	struct published *b = published_new(slice_text("{\"keys\":[]}"));
	AUTO(published_free)
	struct published *c = published_new(slice_text(""));

	cr_expect_str_eq(a->etag, b->etag);
	cr_expect_str_neq(a->etag, c->etag);
	cr_expect_eq(strlen(a->etag), 45);
	cr_expect_eq(a->etag[0], '"');
	cr_expect_eq(a->etag[44], '"');
	cr_expect_str_eq(a->text, "{\"keys\":[]}");
}

Test(shared, a_set_in_use_outlives_the_next)
{
	AUTO(shared_free) struct shared *s = shared_new();

	cr_expect_null(shared_published_get(s));
	shared_published_set(s, published_new(slice_text("one")));
	AUTO(published_free) struct published *one = shared_published_get(s);

	shared_published_set(s, published_new(slice_text("two")));
	AUTO(published_free) struct published *two = shared_published_get(s);

	cr_expect_str_eq(one->text, "one");
	cr_expect_str_eq(two->text, "two");
}

Test(shared, ready_is_serving_and_not_draining)
{
	AUTO(shared_free) struct shared *s = shared_new();

	cr_expect_not(shared_is_ready(s));
	s->serving = true;
	cr_expect(shared_is_ready(s));
	s->draining = true;
	cr_expect_not(shared_is_ready(s));
}

Test(shared, operations_have_rows_and_the_rest_shares_one)
{
	cr_expect_str_eq(shared_op_label(shared_op_row(VH_OP_SIGN)), "SIGN");
	cr_expect_str_eq(shared_op_label(shared_op_row(VH_OP_DRAIN)), "DRAIN");
	cr_expect_str_eq(shared_op_label(shared_op_row(VH_OP_VSIGN)), "other");
	cr_expect_str_eq(shared_op_label(shared_op_row(65535)), "other");
	cr_expect_eq(outcome_of(VH_OK), OUTCOME_OK);
	cr_expect_eq(outcome_of(VH_EBUSY), OUTCOME_BUSY);
	cr_expect_eq(outcome_of(VH_EDEADLINE), OUTCOME_EXPIRED);
	cr_expect_eq(outcome_of(VH_ENOKEY), OUTCOME_REFUSED);
}

/* What the loop does when it is woken. */
static void *
answer(void *arg)
{
	struct shared *s = arg;
	struct pollfd p = { .fd = shared_stats_fd(s), .events = POLLIN };
	struct vault_stats *stats = calloc(1, sizeof *stats);

	if (poll(&p, 1, 5000) == 1) {
		shared_stats_noted(s);
		stats->keys = 42;
		stats->taken = clock_mono();
		shared_stats_set(s, stats);
	}
	free(stats);
	return NULL;
}

Test(shared, who_asks_for_statistics_waits_for_new_ones)
{
	AUTO(shared_free) struct shared *s = shared_new();
	struct vault_stats *out = calloc(1, sizeof *out);
	pthread_t thread;

	cr_expect_not(shared_stats_peek(s, out));
	cr_assert_eq(pthread_create(&thread, NULL, answer, s), 0);
	cr_expect_eq(shared_stats_get(s, out), VH_OK);
	cr_expect_eq(out->keys, 42);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* Fresh: nobody is woken. */
	struct pollfd p = { .fd = shared_stats_fd(s), .events = POLLIN };

	cr_expect_eq(shared_stats_get(s, out), VH_OK);
	cr_expect_eq(poll(&p, 1, 0), 0);
	free(out);
}

Test(shared, who_asks_a_loop_that_does_not_answer_gets_what_there_is)
{
	AUTO(shared_free) struct shared *s = shared_new();
	struct vault_stats *out = calloc(1, sizeof *out);

	cr_expect_eq(shared_stats_get(s, out), VH_EDEADLINE);
	cr_expect_eq(out->keys, 0);
	free(out);
}
