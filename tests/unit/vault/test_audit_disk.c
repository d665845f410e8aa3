/* The audit trail on a disk that cannot keep what was written, and in files
 * that are full. */
#include <criterion/criterion.h>

#include "test_audit_rig.h"

TestSuite(audit_disk, .init = trail_begin, .timeout = 60);

#define ASKS_AGAIN_MS 5000 /* for the next file, when none has come */

static bool
is_blocked(void)
{
	return audit_admit(trail_audit()) == VH_EAUDIT;
}

static uint64_t
number(struct slice line, const char *name)
{
	struct slice text = audit_member(line, name);
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n = 10 * n + (text.p[i] - '0');
	return n;
}

/* Whether a file begins with lines that come again, and the first of them. */
static uint64_t
comes_again_from(int file)
{
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text), line;

	cr_assert(trail_line(&rest, &line));
	cr_assert(slice_is(audit_member(line, "op"), "again"), "%.*s",
	    (int)line.len, (const char *)line.p);
	cr_expect(slice_is(audit_member(line, "error"), "EIO"));
	return number(line, "from");
}

/* Both files are sound, one behind the other; how many lines came twice. */
static uint64_t
read_both(int first, int second)
{
	struct audit_reader r = { .torn = 0 };

	trail_read(&r, first);
	trail_read(&r, second);
	cr_expect_eq(audit_end(&r), AUDIT_SOUND);
	return r.repeated;
}

Test(audit_disk, what_was_not_kept_comes_again_in_the_next_file)
{
	int first = trail_file(), second = trail_file();

	cr_assert_eq(trail_open(first, 0, UINT64_MAX, NULL), VH_OK);
	WAIT_UNTIL(disk.calls == 1); /* the start has been kept */
	disk.fails = 1;
	cr_assert_eq(trail_note(1), VH_OK);
	WAIT_UNTIL(is_blocked());
	cr_expect_eq(trail_note(2), VH_OK, "it was admitted before");
	cr_assert_eq(trail_next(second), VH_OK);
	WAIT_UNTIL(!is_blocked());
	cr_assert_eq(trail_note(3), VH_OK);
	audit_stop(trail_audit(), 30000);
	cr_expect_eq(comes_again_from(second), 2);
	cr_expect_eq(trail_count(first, "sign"), 1, "nothing more goes there");
	cr_expect_eq(trail_count(second, "sign"), 3);
	cr_expect_eq(read_both(first, second), 1);
}

Test(audit_disk, the_next_file_is_asked_for_once)
{
	struct mono_ns start = clock_mono();
	int first = trail_file();

	disk.fails = 1;
	cr_assert_eq(trail_open(first, 0, UINT64_MAX, NULL), VH_OK);
	WAIT_UNTIL(trail_asked > 0);
	for (unsigned i = 0; i < 100; i++) {
		cr_assert(is_blocked());
		(void)trail_pause(0);
	}
	cr_assert_eq(trail_next(trail_file()), VH_OK);
	WAIT_UNTIL(!is_blocked());
	/* A machine that stood still for so long is asked again. */
	uint64_t took = (clock_mono().ns - start.ns) / 1000000;

	cr_expect_leq(trail_asked, 1 + took / ASKS_AGAIN_MS);
	cr_expect_eq(disk.calls, 2, "what has failed is not asked once more");
}

Test(audit_disk, a_next_file_that_fails_as_well_is_left_too)
{
	int first = trail_file(), second = trail_file(), third = trail_file();

	disk.fails = 2;
	cr_assert_eq(trail_open(first, 0, UINT64_MAX, NULL), VH_OK);
	WAIT_UNTIL(trail_asked == 1);
	cr_assert_eq(trail_next(second), VH_OK);
	WAIT_UNTIL(trail_asked == 2);
	cr_expect(is_blocked(), "it is tried before keys are used again");
	cr_assert_eq(trail_next(third), VH_OK);
	WAIT_UNTIL(!is_blocked());
	audit_stop(trail_audit(), 30000);
	cr_expect_eq(comes_again_from(second), 1);
	cr_expect_eq(comes_again_from(third), 1);
	cr_expect_eq(read_both(first, third), 1);
}

Test(audit_disk, told_to_continue_keys_are_used_all_the_same)
{
	int first = trail_file(), second = trail_file();

	disk.fails = 1;
	cr_assert_eq(trail_open(first, VH_AUDIT_CONTINUE, UINT64_MAX, NULL),
	    VH_OK);
	WAIT_UNTIL(trail_asked == 1);
	for (unsigned i = 0; i < 10; i++) {
		cr_assert_eq(audit_admit(trail_audit()), VH_OK);
		cr_assert_eq(trail_note(i), VH_OK);
	}
	cr_assert_eq(trail_next(second), VH_OK);
	audit_stop(trail_audit(), 30000);
	cr_expect_eq(trail_count(second, "sign"), 10);
	cr_expect_eq(read_both(first, second), 1);
}

Test(audit_disk, a_full_file_asks_for_the_next_one_once)
{
	int first = trail_file(), second = trail_file();

	cr_assert_eq(trail_open(first, 0, 1, NULL), VH_OK);
	WAIT_UNTIL(trail_asked == 1);
	cr_assert_eq(trail_note(1), VH_OK);
	WAIT_UNTIL(trail_count(first, "sign") == 1);
	cr_expect_eq(trail_asked, 1, "it goes on until the next one is there");
	cr_assert_eq(trail_next(second), VH_OK);
	WAIT_UNTIL(trail_count(second, "open") == 1);
	cr_expect_eq(trail_count(first, "rotate"), 1);
	cr_assert_eq(trail_note(2), VH_OK);
	audit_stop(trail_audit(), 30000);
	cr_expect_eq(trail_count(second, "sign"), 1);
	cr_expect_eq(read_both(first, second), 0);
}

Test(audit_disk, a_full_file_that_fails_when_it_is_left_comes_again)
{
	int first = trail_file(), second = trail_file();

	cr_assert_eq(trail_open(first, 0, 1, NULL), VH_OK);
	WAIT_UNTIL(disk.calls == 1 && trail_asked == 1);
	disk.fails = 1;
	cr_assert_eq(trail_note(1), VH_OK);
	cr_assert_eq(trail_next(second), VH_OK);
	WAIT_UNTIL(trail_count(second, "again") == 1);
	audit_stop(trail_audit(), 30000);
	cr_expect_eq(comes_again_from(second), 2);
	cr_expect_eq(trail_count(second, "sign"), 1);
	cr_expect_gt(read_both(first, second), 0);
}
