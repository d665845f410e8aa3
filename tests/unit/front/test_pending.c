#include "front/pending.h"

#include <criterion/criterion.h>
#include <utlist.h>

static const struct origin nobody = { .op = 1 };

static struct pending *
begin(struct pendings *t, uint64_t now_ms, uint64_t deadline_ms)
{
	return pending_begin(t, &nobody, (struct mono_ns){ now_ms * 1000000 },
	    (struct mono_ns){ deadline_ms * 1000000 });
}

static struct mono_ns
at_ms(uint64_t ms)
{
	return (struct mono_ns){ ms * 1000000 };
}

Test(pending, an_id_finds_its_slot_until_it_ends)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(4, 1000);
	struct pending *p = begin(t, 0, 10), *q = begin(t, 0, 10);
	uint64_t id = pending_id(t, p);

	cr_expect_neq(id, pending_id(t, q));
	cr_expect_eq(pending_find(t, id), p);
	pending_end(t, p);
	cr_expect_null(pending_find(t, id));
	struct pending *again = begin(t, 0, 10);

	cr_expect_eq(again, p, "the slot is used again");
	cr_expect_null(pending_find(t, id), "but not under its old id");
	cr_expect_eq(pending_find(t, pending_id(t, again)), again);
}

Test(pending, ids_nobody_gave_find_nothing)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(2, 1000);
	struct pending *p = begin(t, 0, 10);
	uint64_t id = pending_id(t, p);

	cr_expect_null(pending_find(t, 0));
	cr_expect_null(pending_find(t, UINT64_MAX));
	for (int bit = 0; bit < 64; bit++)
		cr_expect_null(pending_find(t, id ^ UINT64_C(1) << bit));
}

Test(pending, the_table_is_bounded)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(3, 1000);
	struct pending *last = NULL;

	for (int i = 0; i < 3; i++) {
		cr_expect_eq(pendings_left(t), 3 - (size_t)i);
		last = begin(t, 0, 10);
		cr_expect_not_null(last);
	}
	cr_expect_eq(pendings_left(t), 0);
	cr_expect_null(begin(t, 0, 10));
	pending_end(t, last);
	cr_expect_eq(pendings_count(t), 2);
	cr_expect_not_null(begin(t, 0, 10));
	cr_expect_null(pendings_new(PENDING_MAX + 1, 1000));
}

Test(pending, what_waits_expires_at_its_deadline)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(4, 1000);

	cr_expect_eq(pendings_wait_ms(t, at_ms(0)), -1);
	struct pending *late = begin(t, 0, 500), *soon = begin(t, 0, 20);

	cr_expect_eq(pendings_wait_ms(t, at_ms(5)), 15);
	cr_expect_null(pendings_expired(t, at_ms(19)));
	cr_expect_eq(pendings_expired(t, at_ms(20)), soon);
	pending_end(t, soon);
	cr_expect_null(pendings_expired(t, at_ms(20)));
	cr_expect_eq(pendings_wait_ms(t, at_ms(20)), 480);
	cr_expect_eq(pendings_expired(t, at_ms(501)), late);
	pending_end(t, late);
	cr_expect_eq(pendings_wait_ms(t, at_ms(501)), -1);
}

Test(pending, the_wait_is_never_longer_than_the_next_deadline)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(64, 1000);
	uint64_t state = 1;

	for (uint64_t now = 0; now < 2000; now++) {
		uint64_t soonest = UINT64_MAX;
		struct pending *p;

		state = state * 6364136223846793005u + 1442695040888963407u;
		if (state >> 63)
			(void)begin(t, now, now + 1 + (state >> 40) % 100);
		else if (pendings_first(t) != NULL)
			pending_end(t, pendings_first(t));
		while ((p = pendings_expired(t, at_ms(now))) != NULL)
			pending_end(t, p);
		DL_FOREACH(pendings_first(t), p)
		soonest = p->deadline.ns < soonest ? p->deadline.ns : soonest;
		if (pendings_count(t) == 0)
			continue;
		cr_assert_gt(soonest, at_ms(now).ns);
		cr_assert_leq((uint64_t)pendings_wait_ms(t, at_ms(now)),
		    (soonest - at_ms(now).ns) / 1000000);
	}
}

Test(pending, kept_bytes_are_counted_and_forgotten)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(2, 100000);
	struct pending *p = begin(t, 0, 10);
	static const uint8_t bytes[50000];

	buf_put(p->kept, slice_of(bytes, sizeof bytes));
	pending_weigh(t, p);
	cr_expect_geq(pendings_weight(t), sizeof bytes);
	pending_end(t, p);
	cr_expect_eq(pendings_weight(t), 0);
	p = begin(t, 0, 10);
	cr_expect_eq(p->kept->len, 0);
	buf_put(p->kept, slice_of(bytes, 10));
	pending_weigh(t, p);
	pending_end(t, p);
	cr_expect_eq(pendings_weight(t), 0);
}

Test(pending, a_closed_connection_orphans_its_own)
{
	AUTO(pendings_free) struct pendings *t = pendings_new(4, 1000);
	struct pending *list = NULL, *p[3];

	for (int i = 0; i < 3; i++) {
		p[i] = begin(t, 0, 10);
		p[i]->to.conn = (struct conn *)(uintptr_t)8;
		if (i != 1)
			DL_APPEND2(list, p[i], conn_prev, conn_next);
	}
	pendings_orphan(list);
	cr_expect_null(p[0]->to.conn);
	cr_expect_not_null(p[1]->to.conn);
	cr_expect_null(p[2]->to.conn);
	cr_expect_eq(pendings_count(t), 3, "their work goes on");
}
