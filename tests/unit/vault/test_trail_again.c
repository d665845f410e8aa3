/* Lines that come again, written by trail_again and read by audit_read. */
#include <criterion/criterion.h>

#include "vault/trail.h"

static struct trail *trail;
static struct buf *first, *second; /* files */
static struct audit_chain kept;    /* what the disk surely has of the first */
static struct trail_now now_ = { { 1000000000 }, { 1700000000000 } };

static void
say(const char *op, bool anchor)
{
	cr_assert_eq(trail_say(trail, op, anchor, slice_of(NULL, 0), now_),
	    VH_OK);
}

static void
move_to(struct buf *file)
{
	buf_put(file, buf_slice(trail->out));
	buf_clear(trail->out);
}

/* Two lines that are kept, two that may not be; then the next file. */
static void
begin(void)
{
	trail = trail_new(slice_text("a"), 0);
	first = buf_new(1u << 20);
	second = buf_new(1u << 20);
	say("start", true);
	say("sign", false);
	move_to(first);
	kept = trail->chain;
	say("sign", false);
	say("sign", false);
	buf_put(first, buf_slice(trail->out));
	cr_assert_eq(trail_again(trail, &kept, "EIO", now_), VH_OK);
	say("sign", false);
	move_to(second);
}

static void
end(void)
{
	trail_free(trail);
	buf_free(first);
	buf_free(second);
}

TestSuite(trail_again, .init = begin, .fini = end);

/* Reads whole lines until one is not sound. */
static enum audit_fault
read_file(struct audit_reader *r, struct slice all)
{
	enum audit_fault fault = AUDIT_SOUND;

	while (all.len > 0 && fault == AUDIT_SOUND) {
		const uint8_t *at = memchr(all.p, '\n', all.len);
		size_t len = at == NULL ? all.len : (size_t)(at - all.p);

		fault = audit_read(r, slice_of(all.p, len));
		all = slice_of(all.p + len + (at != NULL),
		    all.len - len - (at != NULL));
	}
	return fault;
}

/* Of a file, its first n lines. */
static struct slice
lines(const struct buf *file, size_t n)
{
	size_t len = 0;

	while (n-- > 0)
		len = (size_t)((uint8_t *)memchr(file->p + len, '\n',
				   file->len - len) -
			       file->p) +
		      1;
	return slice_of(file->p, len);
}

static enum audit_fault
read_both(size_t of_first)
{
	struct audit_reader r = { .torn = 0 };
	enum audit_fault fault = read_file(&r, lines(first, of_first));

	if (fault == AUDIT_SOUND)
		fault = read_file(&r, buf_slice(second));
	return fault == AUDIT_SOUND ? audit_end(&r) : fault;
}

Test(trail_again, what_comes_again_may_have_been_there_or_not)
{
	for (size_t n = 2; n <= 4; n++)
		cr_expect_eq(read_both(n), AUDIT_SOUND, "%zu", n);
	cr_expect_eq(read_both(1), AUDIT_MISSING);
}

Test(trail_again, the_second_file_stands_alone)
{
	struct audit_reader r = { .torn = 0 };

	cr_expect_eq(read_file(&r, buf_slice(second)), AUDIT_SOUND);
	cr_expect_eq(audit_end(&r), AUDIT_SOUND);
	cr_expect_eq(r.first, 3);
	cr_expect_eq(r.chain.seq, 7);
	cr_expect_eq(r.repeated, 0);
}

Test(trail_again, lines_that_came_twice_are_counted)
{
	struct audit_reader r = { .torn = 0 };

	cr_expect_eq(read_file(&r, buf_slice(first)), AUDIT_SOUND);
	cr_expect_eq(read_file(&r, buf_slice(second)), AUDIT_SOUND);
	cr_expect_eq(r.repeated, 2);
}

Test(trail_again, every_flipped_bit_is_found)
{
	for (size_t i = 0; i < second->len * 8; i++) {
		second->p[i / 8] ^= (uint8_t)(1u << i % 8);
		cr_expect_neq(read_both(4), AUDIT_SOUND, "bit %zu", i);
		second->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

Test(trail_again, an_end_before_all_have_come_is_found)
{
	for (size_t n = 1; n < 3; n++) {
		struct audit_reader r = { .torn = 0 };

		cr_expect_eq(read_file(&r, lines(second, n)), AUDIT_SOUND);
		cr_expect_eq(audit_end(&r), AUDIT_CUT, "%zu", n);
	}
}

Test(trail_again, lines_made_up_anew_are_not_those_that_were_read)
{
	struct audit_reader r = { .torn = 0 };

	/* Somebody who computes all hashes, from the line that was kept on. */
	trail->chain.seq = kept.seq;
	memcpy(trail->chain.hash, kept.hash, AUDIT_HASH);
	say("other", false);
	say("other", false);
	cr_assert_eq(trail_again(trail, &kept, "EIO", now_), VH_OK);
	cr_expect_eq(read_file(&r, buf_slice(first)), AUDIT_SOUND);
	cr_expect_eq(read_file(&r, buf_slice(trail->out)), AUDIT_CHANGED);
}

Test(trail_again, may_itself_come_again)
{
	struct audit_reader r = { .torn = 0 };

	/* The second file was not kept either: the third has the same. */
	for (size_t n = 0; n <= 5; n++) {
		r = (struct audit_reader){ .torn = 0 };
		cr_expect_eq(read_file(&r, buf_slice(first)), AUDIT_SOUND);
		cr_expect_eq(read_file(&r, lines(second, n)), AUDIT_SOUND);
		cr_expect_eq(read_file(&r, buf_slice(second)), AUDIT_SOUND,
		    "%zu", n);
		cr_expect_eq(audit_end(&r), AUDIT_SOUND, "%zu", n);
	}
	cr_expect_eq(r.chain.seq, trail->chain.seq);
}

Test(trail_again, a_line_is_told_by_whether_it_leaves_a_gap)
{
	struct audit_reader r = { .torn = 0 };
	struct slice line = lines(second, 1);

	line.len--;
	cr_expect_eq(read_file(&r, lines(first, 1)), AUDIT_SOUND);
	cr_expect_not(audit_comes_again(&r, line));
	r = (struct audit_reader){ .torn = 0 };
	cr_expect_eq(read_file(&r, lines(first, 2)), AUDIT_SOUND);
	cr_expect(audit_comes_again(&r, line));
	cr_expect_not(audit_comes_again(&r, slice_text("{}")));
}

Test(trail_again, the_chain_goes_on_from_the_end_of_such_a_file)
{
	struct audit_chain c = { .seq = 0 };
	struct slice torn;

	for (size_t n = 4; n <= 5; n++)
		cr_expect_eq(audit_resume(lines(second, n), true, &c, &torn),
		    VH_OK, "%zu", n);
	cr_expect_eq(c.seq, trail->chain.seq);
	cr_expect_arr_eq(c.hash, trail->chain.hash, AUDIT_HASH);
}

Test(trail_again, a_torn_line_that_is_over_gets_no_line_feed)
{
	buf_clear(trail->out);
	cr_assert_eq(trail_repair(trail, slice_text("{\"seq"), true, now_),
	    VH_OK);
	cr_expect_eq(trail->out->p[0], '{');
}

Test(trail_again, a_file_that_ends_before_they_are_all_there_is_known)
{
	const size_t copies_end = 3, all = 5; /* again, two copies; two more */

	for (size_t n = 0; n <= all; n++) {
		struct slice whole = lines(second, n), torn = whole;

		torn.len += n < all ? 20 : 0;
		cr_expect_eq(audit_is_cut_again(whole, whole),
		    n > 0 && n <= copies_end, "%zu", n);
		cr_expect_eq(audit_is_cut_again(torn, torn),
		    n > 0 && n <= copies_end, "%zu and a torn one", n);
	}
	cr_expect_not(audit_is_cut_again(buf_slice(first), buf_slice(first)));
	cr_expect_not(audit_is_cut_again(slice_text("x\n"), buf_slice(second)));
	cr_expect_not(
	    audit_is_cut_again(buf_slice(second), slice_text("x\ny\n")));
}
