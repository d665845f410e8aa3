/* The queue of the audit trail: who is admitted, what is refused, what is lost,
 * and the order of what is written. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "test_audit_rig.h"
#include "test_cluster_help.h"
#include "test_crypto_rig.h"

TestSuite(audit, .init = trail_begin, .timeout = 60);

#define THREADS 4
#define EACH    500

/* A long name, so that a few thousand uses fill the queue. */
static char who[TRAIL_WHO_MAX + 1];

static struct use
long_use(const char *op)
{
	memset(who, 'w', TRAIL_WHO_MAX);
	return (struct use){ .op = slice_text(op),
		.who = slice_text(who),
		.kid = slice_text("k") };
}

/* Bytes of it in the queue. */
static size_t
size_of(const struct use *u)
{
	return sizeof *u + u->op.len + u->who.len + u->kid.len;
}

static unsigned
kid_of(struct slice line)
{
	struct slice kid = audit_member(line, "kid");
	unsigned n = 0;

	for (size_t i = 0; i < kid.len; i++)
		n = 10 * n + (kid.p[i] - '0');
	return n;
}

static uint64_t
reported(enum vh_tag tag)
{
	AUTO(buf_free) struct buf *keep = buf_new(4096);
	struct fields f;

	cr_assert(trail_report(keep, &f));
	return fields_u64(&f, tag);
}

/* Ends the trail; file then has so many signatures, and all is sound. */
static void
expect_signatures(int file, unsigned n)
{
	struct audit_reader r = { .torn = 0 };

	audit_stop(trail_audit(), 30000);
	trail_read(&r, file);
	cr_expect_eq(trail_count(file, "sign"), n, "%u",
	    trail_count(file, "sign"));
	cr_expect_eq(trail_count(file, "stop"), 1);
}

Test(audit, without_a_trail_all_pass)
{
	struct use u = long_use("sign");

	cr_expect_eq(audit_admit(NULL), VH_OK);
	cr_expect_eq(audit_note(NULL, &u), VH_OK);
	audit_note_done(NULL, &u);
	audit_stop(NULL, 1000);
}

Test(audit, without_a_file_all_pass_and_nothing_is_told)
{
	AUTO(buf_free) struct buf *keep = buf_new(4096);
	struct fields f;

	cr_expect_eq(audit_admit(trail_audit()), VH_OK);
	cr_expect_eq(trail_note(1), VH_OK);
	cr_expect_not(trail_report(keep, &f));
}

Test(audit, the_first_file_needs_a_descriptor_and_a_node)
{
	int file = trail_file();

	cr_expect_eq(trail_open(-1, 0, 1000, NULL), VH_EFIELD);
	cr_expect_eq(trail_next(file), VH_EFIELD);
	cr_expect_eq(trail_open(file, 0, 1000, NULL), VH_OK);
}

Test(audit, lines_are_in_the_order_of_the_uses)
{
	int file = trail_file();
	struct slice line;
	unsigned next = 0;

	cr_assert_eq(trail_open(file, 0, UINT64_MAX, NULL), VH_OK);
	for (unsigned i = 0; i < EACH; i++)
		cr_assert_eq(trail_note(i), VH_OK);
	expect_signatures(file, EACH);
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text);

	cr_assert(trail_line(&rest, &line));
	cr_expect(slice_is(audit_member(line, "op"), "start"));
	for (; next < EACH && trail_line(&rest, &line); next++)
		cr_assert_eq(kid_of(line), next);
	cr_assert(trail_line(&rest, &line));
	cr_expect(slice_is(audit_member(line, "op"), "stop"));
}

/* Notes uses of kids that are its own. */
static void *
note_each(void *first)
{
	for (unsigned i = 0; i < EACH; i++)
		cr_assert_eq(trail_note(*(unsigned *)first + i), VH_OK);
	return NULL;
}

Test(audit, each_threads_uses_are_all_there_and_in_order)
{
	unsigned first[THREADS], next[THREADS] = { 0 };
	pthread_t thread[THREADS];
	int file = trail_file();
	struct slice line;

	cr_assert_eq(trail_open(file, 0, UINT64_MAX, NULL), VH_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		first[i] = i * EACH;
		cr_assert_eq(pthread_create(&thread[i], NULL, note_each,
				 &first[i]),
		    0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	expect_signatures(file, THREADS * EACH);
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text);

	while (trail_line(&rest, &line)) {
		unsigned kid = kid_of(line);

		if (slice_is(audit_member(line, "op"), "sign"))
			cr_assert_eq(kid % EACH, next[kid / EACH]++);
	}
}

Test(audit, the_last_eighth_is_for_what_was_admitted)
{
	struct use u = long_use("sign");
	size_t one = size_of(&u), kept = AUDIT_QUEUE_MAX / 8;
	unsigned admitted = 0, late = 0;
	int file = trail_file();

	cr_assert_eq(trail_open_held(file, 0), VH_OK);
	while (audit_admit(trail_audit()) == VH_OK) {
		cr_assert_eq(audit_note(trail_audit(), &u), VH_OK);
		admitted++;
	}
	cr_expect_eq(admitted, (AUDIT_QUEUE_MAX - kept) / one + 1);
	/* They were admitted before, and are done by now. */
	while (audit_note(trail_audit(), &u) == VH_OK)
		late++;
	cr_expect_eq(admitted + late, AUDIT_QUEUE_MAX / one);
	cr_expect_eq(audit_admit(trail_audit()), VH_EAUDIT);
	cr_expect_eq(reported(VH_F_BUSY), 3, "each refusal is counted");
	trail_release();
	WAIT_UNTIL(audit_admit(trail_audit()) == VH_OK);
	expect_signatures(file, admitted + late);
	cr_expect_eq(trail_count(file, "lost"), 0);
}

Test(audit, an_act_that_finds_no_room_is_counted_by_a_later_line)
{
	struct use u = long_use("sign"), act = long_use("drain");
	unsigned noted = 0;
	int file = trail_file();

	cr_assert_eq(trail_open_held(file, 0), VH_OK);
	while (audit_note(trail_audit(), &u) == VH_OK)
		noted++;
	act.act = true;
	audit_note_done(trail_audit(), &act);
	audit_note_done(trail_audit(), &act);
	trail_release();
	expect_signatures(file, noted);
	cr_expect_eq(trail_count(file, "drain"), 0);
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text), line;

	while (trail_line(&rest, &line))
		if (slice_is(audit_member(line, "op"), "lost"))
			cr_expect(slice_is(audit_member(line, "count"), "2"));
	cr_expect_eq(trail_count(file, "lost"), 1);
	cr_expect_eq(reported(VH_F_FAILS), 2);
}

Test(audit, told_to_continue_it_refuses_nobody_and_counts_what_it_lost)
{
	struct use u = long_use("sign");
	unsigned fit = AUDIT_QUEUE_MAX / (unsigned)size_of(&u);
	int file = trail_file();

	cr_assert_eq(trail_open_held(file, VH_AUDIT_CONTINUE), VH_OK);
	for (unsigned i = 0; i < fit + 7; i++) {
		cr_assert_eq(audit_admit(trail_audit()), VH_OK);
		cr_assert_eq(audit_note(trail_audit(), &u), VH_OK);
	}
	trail_release();
	expect_signatures(file, fit);
	cr_expect_eq(trail_count(file, "lost"), 1);
	cr_expect_eq(reported(VH_F_FAILS), 7);
	cr_expect_eq(reported(VH_F_BUSY), 0);
}

Test(audit, the_end_waits_no_longer_than_it_may)
{
	int file = trail_file();

	cr_assert_eq(trail_open_held(file, 0), VH_OK);
	cr_assert_eq(trail_note(1), VH_OK);
	struct mono_ns start = clock_mono();

	audit_stop(trail_audit(), 1100);
	cr_expect(mono_passed(mono_after_ms(start, 1100), clock_mono()));
	cr_expect(disk.held, "and the thread is where it was");
	cr_expect_eq(trail_count(file, "stop"), 0);
}

Test(audit, the_first_file_is_gone_on_with)
{
	int file = trail_file();
	struct audit_reader r = { .torn = 0 };

	cr_assert_eq(trail_open(file, 0, UINT64_MAX, NULL), VH_OK);
	cr_assert_eq(trail_note(1), VH_OK);
	audit_stop(trail_audit(), 30000);
	trail_renew();
	cr_assert_eq(trail_open(file, 0, UINT64_MAX, NULL), VH_OK);
	audit_stop(trail_audit(), 30000);
	trail_read(&r, file);
	cr_expect_eq(r.chain.seq, 5, "start, sign, stop, start, stop");
}

Test(audit, a_changed_end_is_not_gone_on_with)
{
	AUTO(buf_free) struct buf *why = buf_new(1024);
	int file = trail_file();

	cr_assert_eq(trail_open(file, 0, UINT64_MAX, NULL), VH_OK);
	audit_stop(trail_audit(), 30000);
	off_t end = lseek(file, 0, SEEK_END);

	cr_assert_eq(pwrite(file, "x", 1, end - 10), 1);
	trail_renew();
	cr_expect_eq(trail_open(file, 0, UINT64_MAX, why), VH_EVERIFY);
	cr_expect_gt(why->len, 0);
	cr_expect_eq(lseek(file, 0, SEEK_END), end, "nothing was written");
	/* Another one is. */
	cr_expect_eq(trail_open(trail_file(), 0, UINT64_MAX, why), VH_OK);
}

Test(audit, one_next_file_waits_and_no_other)
{
	int file = trail_file();

	cr_assert_eq(trail_open_held(file, 0), VH_OK);
	cr_expect_eq(trail_next(trail_file()), VH_OK);
	cr_expect_eq(trail_next(trail_file()), VH_EBUSY);
	cr_expect_eq(trail_next(-1), VH_EFIELD);
	trail_release();
}

Test(audit, no_more_lines_than_promised_come_between_two_checkpoints)
{
	struct crypto *c = crypto_new(0);
	AUTO(seat_free) struct seat *seat = seat_new(make_identity(c));
	int file = trail_file();
	unsigned since = 0, checks = 0;

	audit_sign_by(trail_audit(), seat);
	cr_assert_eq(trail_open_held(file, 0), VH_OK);
	for (unsigned i = 0; i < 2 * TRAIL_CHECK_LINES + 1000; i++)
		cr_assert_eq(trail_note(i), VH_OK);
	trail_release();
	expect_signatures(file, 2 * TRAIL_CHECK_LINES + 1000);
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text), line;

	while (trail_line(&rest, &line)) {
		bool check = slice_is(audit_member(line, "op"), "checkpoint");

		since = check ? 0 : since + 1;
		checks += check;
		cr_assert_leq(since, TRAIL_CHECK_LINES);
	}
	cr_expect_eq(checks, 3);
	crypto_free(c);
}
