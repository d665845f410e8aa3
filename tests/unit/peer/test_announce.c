#include "peer/announce.h"

#include <criterion/criterion.h>
#include <string.h>

#include "wire/pub.h"

TestSuite(announce, .timeout = 60);

#define KID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct mono_ns
at(uint64_t ms)
{
	return (struct mono_ns){ (1000 + ms) * 1000000 };
}

/* The record (1, seq) at a time, with kids that do not sign yet. */
static enum vh_err
show(struct announce *a, uint64_t ms, uint64_t seq, const char *kid,
    const char *other)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct fields f;

	frame_put_u64(b, VH_F_EPOCH, 1);
	if (kid != NULL)
		frame_put_text(b, VH_F_ANNOUNCED, kid);
	if (other != NULL)
		frame_put_text(b, VH_F_ANNOUNCED, other);
	cr_assert_eq(fields_parse(buf_slice(b), &f), VH_OK);
	return announce_shown(a, at(ms), 1, seq, &f);
}

/* One key in record (1, 5), at time 0. */
static struct announce *
shown(void)
{
	struct announce *a = announce_new();

	cr_assert_not_null(a);
	cr_assert_eq(show(a, 0, 5, KID_A, NULL), VH_OK);
	return a;
}

Test(announce, nothing_is_waited_for_at_first)
{
	AUTO(announce_free) struct announce *a = announce_new();
	uint64_t epoch, seq;

	cr_expect_not(announce_waits(a, &epoch, &seq));
	cr_expect_not(announce_push_is_due(a, at(0)));
	cr_expect_not(announce_holds(a, KID_A));
	cr_expect_eq(announce_look(a, at(999999), 0, 0), ANNOUNCE_WAITS);
}

Test(announce, a_node_that_is_alone_waits_for_its_disk_only)
{
	AUTO(announce_free) struct announce *a = shown();

	cr_expect_eq(announce_look(a, at(0), 0, 0), ANNOUNCE_WAITS);
	announce_saved(a, 1, 4);
	cr_expect_eq(announce_look(a, at(0), 0, 0), ANNOUNCE_WAITS);
	announce_saved(a, 1, 5);
	cr_expect_eq(announce_look(a, at(0), 0, 0), ANNOUNCE_SAFE);
}

Test(announce, with_others_it_is_safe_once_all_have_it)
{
	AUTO(announce_free) struct announce *a = shown();

	announce_saved(a, 1, 5);
	cr_expect_eq(announce_look(a, at(1), 2, 0), ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(1), 2, 1), ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(1), 2, 2), ANNOUNCE_SAFE);
}

Test(announce, one_that_has_it_is_enough_after_a_while)
{
	AUTO(announce_free) struct announce *a = shown();

	announce_saved(a, 1, 5);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_SLOW_MS - 1), 2, 1),
	    ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_SLOW_MS), 2, 1),
	    ANNOUNCE_SLOW);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_SLOW_MS), 2, 0),
	    ANNOUNCE_WAITS);
}

Test(announce, silence_of_all_others_ends)
{
	AUTO(announce_free) struct announce *a = shown();

	announce_saved(a, 1, 5);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_LAST_MS - 1), 2, 0),
	    ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_LAST_MS), 2, 0),
	    ANNOUNCE_ALONE);
}

Test(announce, neither_disk_nor_node_is_never_safe)
{
	AUTO(announce_free) struct announce *a = shown();

	cr_expect_eq(announce_look(a, at(1000000), 2, 0), ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(1000000), 0, 0), ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_LAST_MS - 1), 2, 2),
	    ANNOUNCE_WAITS);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_LAST_MS), 2, 1),
	    ANNOUNCE_UNSAVED);
}

Test(announce, only_who_has_this_record_or_a_later_one_counts)
{
	AUTO(announce_free) struct announce *a = shown();

	announce_taken(a, "b", 1, 4);
	announce_taken(a, "b", 0, 9);
	cr_expect_not(announce_has_taken(a, "b"));
	announce_taken(a, "b", 1, 5);
	announce_taken(a, "b", 1, 5);
	cr_expect(announce_has_taken(a, "b"));
	announce_taken(a, "c", 2, 1);
	cr_expect(announce_has_taken(a, "c"));
	cr_expect_not(announce_has_taken(a, "d"));
}

Test(announce, a_newer_record_is_asked_for_anew_and_the_wait_goes_on)
{
	AUTO(announce_free) struct announce *a = shown();
	uint64_t epoch, seq;

	announce_taken(a, "b", 1, 5);
	announce_saved(a, 1, 5);
	cr_assert_eq(show(a, 400, 6, KID_B, KID_A), VH_OK);
	cr_expect(announce_waits(a, &epoch, &seq));
	cr_expect_eq(seq, 6);
	cr_expect_not(announce_has_taken(a, "b"));
	cr_expect_not(announce_is_saved(a));
	cr_expect(announce_holds(a, KID_A) && announce_holds(a, KID_B));
	announce_saved(a, 1, 6);
	cr_expect_eq(announce_look(a, at(ANNOUNCE_SLOW_MS), 2, 1),
	    ANNOUNCE_SLOW);
}

Test(announce, a_record_that_announces_nothing_ends_it)
{
	AUTO(announce_free) struct announce *a = shown();
	uint64_t epoch, seq;

	cr_expect(announce_holds(a, KID_A));
	cr_assert_eq(show(a, 10, 6, NULL, NULL), VH_OK);
	cr_expect_not(announce_waits(a, &epoch, &seq));
	cr_expect_not(announce_holds(a, KID_A));
	announce_taken(a, "b", 9, 9);
	cr_expect_not(announce_has_taken(a, "b"));
}

Test(announce, it_is_pushed_now_and_then)
{
	AUTO(announce_free) struct announce *a = shown();

	cr_expect(announce_push_is_due(a, at(0)));
	cr_expect_not(announce_push_is_due(a, at(ANNOUNCE_EACH_MS - 1)));
	cr_expect(announce_push_is_due(a, at(ANNOUNCE_EACH_MS)));
}

Test(announce, a_kid_that_is_none_changes_nothing)
{
	AUTO(announce_free) struct announce *a = shown();

	cr_expect_eq(show(a, 5, 6, "short", NULL), VH_EFIELD);
	cr_expect(announce_holds(a, KID_A));
}

Test(announce, what_is_only_shown_is_pushed_until_it_is_taken)
{
	AUTO(announce_free) struct announce *a = announce_new();
	uint64_t epoch, seq;

	announce_show(a, true);
	cr_assert_eq(show(a, 0, 3, NULL, NULL), VH_OK);
	cr_expect_not(announce_waits(a, &epoch, &seq));
	cr_expect(announce_push_is_due(a, at(0)));
	cr_expect_not(announce_push_is_due(a, at(1)));
	cr_expect(announce_push_is_due(a, at(ANNOUNCE_EACH_MS)));
	announce_taken(a, "b", 1, 2);
	cr_expect_not(announce_has_taken(a, "b"));
	announce_taken(a, "b", 1, 3);
	cr_expect(announce_has_taken(a, "b"));
	announce_show(a, false);
	cr_expect_not(announce_push_is_due(a, at(2 * ANNOUNCE_EACH_MS)));
}
