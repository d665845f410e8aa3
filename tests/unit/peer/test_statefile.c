#include "peer/statefile.h"

#include <criterion/criterion.h>

#include "test_ledger_world.h"

/* A ledger with a tombstone, two current records and one of evidence. */
static struct buf *
make_text(struct world *w)
{
	AUTO(test_key_free) struct test_key *k = test_key("Ed25519");
	AUTO(test_key_free) struct test_key *l = test_key("Ed25519");
	struct buf *text = buf_new(1u << 20);
	size_t left_out;

	world_live(w, "abc");
	world_say(w, B, 1, 1, k, NULL);
	world_say(w, B, 2, 1, l, NULL);
	world_say(w, C, 1, 1, l, NULL);
	world_take_tombstone(w, test_tombstone(w->node[A], "kid", T0));
	cr_assert_eq(statefile_put(w->ledger, 1u << 20, text, &left_out),
	    VH_OK);
	cr_assert_eq(left_out, 0);
	return text;
}

static struct statefile_report
load(struct world *w, struct slice text)
{
	struct statefile_report report;

	world_restart(w);
	world_live(w, "abc");
	cr_assert_eq(statefile_load(w->ledger, world_now(w), text, &report),
	    VH_OK);
	world_tick(w);
	return report;
}

Test(statefile, brings_everything_back)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);
	AUTO(buf_free) struct buf *before = world_directory(w.ledger);
	AUTO(buf_free) struct buf *after = NULL, *again = buf_new(1u << 20);
	uint8_t digest[32], other[32];
	size_t left_out;

	ledger_digest(w.ledger, digest);
	struct statefile_report r = load(&w, buf_slice(text));

	cr_expect(!r.damaged && r.taken == 4 && r.malformed == 0);
	after = world_directory(w.ledger);
	cr_expect(slice_eq(buf_slice(before), buf_slice(after)));
	ledger_digest(w.ledger, other);
	cr_expect_arr_eq(digest, other, 32);
	cr_assert_eq(statefile_put(w.ledger, 1u << 20, again, &left_out),
	    VH_OK);
	cr_expect(slice_eq(buf_slice(text), buf_slice(again)), "stable");
	world_free(&w);
}

Test(statefile, of_an_empty_ledger_is_two_lines)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = buf_new(1u << 20);
	size_t left_out;

	cr_assert_eq(statefile_put(w.ledger, 1u << 20, text, &left_out), VH_OK);
	struct statefile_report r = load(&w, buf_slice(text));

	cr_expect(!r.damaged && r.taken == 0);
	r = load(&w, slice_text(""));
	cr_expect(!r.damaged && r.taken == 0);
	world_free(&w);
}

/* Each line stands for itself, so the whole ones count. */
Test(statefile, every_prefix_is_damaged_and_its_lines_count)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);
	size_t most = 0;

	for (size_t n = 1; n < text->len; n += n < text->len - 100 ? 37 : 1) {
		struct statefile_report r = load(&w, slice_of(text->p, n));

		cr_expect(r.damaged, "%zu", n);
		cr_expect_geq(r.taken, most);
		most = r.taken;
	}
	cr_expect_eq(most, 4);
	world_free(&w);
}

Test(statefile, a_flipped_bit_costs_one_line_at_most)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);
	size_t head = 22; /* the first line */

	for (size_t i = head * 8; i < text->len * 8; i += 101) {
		text->p[i / 8] ^= (uint8_t)(1u << i % 8);
		struct statefile_report r = load(&w, buf_slice(text));

		cr_expect(r.damaged, "bit %zu", i);
		/* A line feed that is gone joins two lines. */
		cr_expect_geq(r.taken, 2, "bit %zu", i);
		text->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	world_free(&w);
}

Test(statefile, of_another_version_is_not_read)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);

	text->p[20] = '2';
	struct statefile_report r = load(&w, buf_slice(text));

	cr_expect(r.damaged && r.taken == 0);
	r = load(&w, slice_text("something else"));
	cr_expect(r.damaged && r.taken == 0);
	world_free(&w);
}

/* Whoever can write the state directory can make a checksum, and no more. */
Test(statefile, a_good_checksum_makes_nothing_true)
{
	struct world w = world_new();
	struct world forger = world_new(); /* a CA of its own */
	AUTO(buf_free) struct buf *text = make_text(&forger);
	struct statefile_report r = load(&w, buf_slice(text));
	size_t count;

	cr_expect_not(r.damaged);
	cr_expect_eq(r.taken, 0);
	cr_expect_eq(r.refused[REFUSAL_UNTRUSTED], 4);
	(void)ledger_keys(w.ledger, &count); /* for the count */
	cr_expect_eq(count, 0);
	cr_expect_not(ledger_is_revoked(w.ledger, "kid"));
	world_free(&forger);
	world_free(&w);
}

Test(statefile, certificates_are_judged_at_the_time_of_signing)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *b = cert_issue(w.ca,
	    &(struct cert_want){ .cn = "b", .until = T0 + HOUR });
	AUTO(test_key_free) struct test_key *k = test_key("Ed25519");
	struct test_record says = { 1, 1, T0, KEEP, { k } };
	AUTO(buf_free) struct buf *text = buf_new(1u << 20);
	size_t left_out;

	cr_assert_eq(world_take(&w, test_record(b, &says)), REFUSAL_NONE);
	cr_assert_eq(statefile_put(w.ledger, 1u << 20, text, &left_out), VH_OK);
	world_pass(&w, 2 * HOUR);
	cr_expect_eq(load(&w, buf_slice(text)).taken, 1);
	cr_expect_str_eq(world_state(&w, k), "ACTIVE b");
	world_free(&w);
}

Test(statefile, what_has_ended_is_left_behind)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);

	world_pass(&w, 3 * KEEP);
	world_restart(&w);
	struct statefile_report r;

	cr_assert_eq(statefile_load(w.ledger, world_now(&w), buf_slice(text),
			 &r),
	    VH_OK);
	cr_expect_eq(r.taken, 1, "the tombstone");
	cr_expect_eq(r.refused[REFUSAL_ENDED], 3);
	world_free(&w);
}

/* A node that boots with its clock in the past forgets nothing. */
Test(statefile, is_believed_when_our_clock_is_behind)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);

	w.wall -= 300 * DAY;
	cr_expect_eq(load(&w, buf_slice(text)).taken, 4);
	world_free(&w);
}

Test(statefile, leaves_out_what_has_no_room_tombstones_last)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *text = make_text(&w);
	AUTO(buf_free) struct buf *cut = buf_new(1u << 20);
	size_t left_out;

	cr_assert_gt(text->len, 1200);
	cr_assert_eq(statefile_put(w.ledger, 1200, cut, &left_out), VH_OK);
	cr_expect_leq(cut->len, 1200);
	cr_expect_eq(left_out, 3);
	struct statefile_report r = load(&w, buf_slice(cut));

	cr_expect(!r.damaged && r.taken == 1);
	cr_expect(ledger_is_revoked(w.ledger, "kid"));
	buf_clear(cut);
	cr_expect_eq(statefile_put(w.ledger, 90, cut, &left_out), VH_ETOOBIG);
	world_free(&w);
}
