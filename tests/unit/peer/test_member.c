#include <criterion/criterion.h>

#include "test_member_sim.h"

/* The whole core, many of it, under a virtual clock. */

static struct sim *
settled(size_t count, uint64_t seed)
{
	struct sim *s = sim_new(count, seed);

	sim_start_all(s);
	cr_assert_lt(sim_settle(s, 20000), 20000, "%zu nodes do not meet",
	    count);
	sim_run(s, 5000);
	sim_forget_events(s);
	return s;
}

Test(member, three_nodes_meet_through_one_seed)
{
	AUTO(sim_free) struct sim *s = sim_new(3, 1);

	sim_start_all(s);
	cr_expect_lt(sim_settle(s, 10000), 3000);
	cr_expect_eq(sim_total(s, MEMBER_IS_JOINED), 6);
	cr_expect_eq(sim_total(s, MEMBER_IS_SUSPECT), 0);
}

Test(member, fifty_nodes_meet_through_one_seed)
{
	AUTO(sim_free) struct sim *s = sim_new(50, 2);

	sim_start_all(s);
	cr_expect_lt(sim_settle(s, 20000), 10000);
	cr_expect_eq(s->wrong_deaths, 0);
}

Test(member, a_thousand_nodes_meet_and_notice_a_crash)
{
	AUTO(sim_free) struct sim *s = sim_new(1000, 3);

	sim_start_all(s);
	uint64_t took = sim_settle(s, 60000);

	cr_expect_lt(took, 30000, "%lu", took);
	sim_kill(s, 500);
	took = sim_settle(s, 60000);
	cr_expect_lt(took, 20000, "%lu", took);
	cr_expect_eq(s->wrong_deaths, 0);
}

Test(member, nodes_that_start_before_their_seed_find_it_later)
{
	AUTO(sim_free) struct sim *s = sim_new(3, 4);

	sim_start(s, 1, 0);
	sim_start(s, 2, 0);
	sim_run(s, 60000);
	cr_expect_eq(sim_state(s, 1, 2), 0);
	sim_start(s, 0, 0);
	cr_expect_lt(sim_settle(s, 20000), 15000);
}

Test(member, a_crash_is_known_to_all_in_time)
{
	static const size_t sizes[] = { 2, 3, 5, 10, 50 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (uint64_t seed = 1; seed <= 10; seed++) {
			AUTO(sim_free)
			struct sim *s = settled(sizes[i], seed);

			sim_kill(s, sizes[i] / 2);
			uint64_t took = sim_settle(s, 30000);

			cr_expect_lt(took, 8000, "%zu nodes: %lu ms", sizes[i],
			    took);
			cr_expect_eq(s->wrong_deaths, 0);
		}
	}
}

Test(member, nobody_is_held_for_dead_at_five_per_cent_loss)
{
	static const size_t sizes[] = { 2, 3, 5, 50 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(sim_free) struct sim *s = settled(sizes[i], 77);

		s->loss = 50;
		sim_run(s, sizes[i] < 50 ? 6 * 3600000 : 1800000);
		cr_expect_eq(s->wrong_deaths, 0, "%zu nodes: %u", sizes[i],
		    s->wrong_deaths);
	}
}

Test(member, a_crash_is_noticed_at_five_per_cent_loss)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		AUTO(sim_free) struct sim *s = settled(5, seed);

		s->loss = 50;
		sim_kill(s, 3);
		cr_expect_lt(sim_settle(s, 30000), 10000);
	}
}

Test(member, a_one_way_partition_between_two_leaves_all_alive)
{
	AUTO(sim_free) struct sim *s = settled(5, 5);

	struct member_stats before, after;

	s->nodes[1].deaf_from[2] = true;
	member_stats(s->nodes[2].m, &before);
	sim_run(s, 120000);
	member_stats(s->nodes[2].m, &after);
	cr_expect_gt(after.indirect, before.indirect + 10);
	cr_expect_eq(s->wrong_deaths, 0);
	s->nodes[1].deaf_from[2] = false;
	cr_expect_lt(sim_settle(s, 30000), 5000);
}

Test(member, a_node_that_hears_nobody_comes_back)
{
	AUTO(sim_free) struct sim *s = settled(5, 6);

	for (size_t i = 0; i < 5; i++)
		s->nodes[2].deaf_from[i] = true;
	sim_run(s, 60000);
	cr_expect_neq(sim_wrong(s), 0);
	for (size_t i = 0; i < 5; i++)
		s->nodes[2].deaf_from[i] = false;
	cr_expect_lt(sim_settle(s, 30000), 15000);
}

Test(member, a_partition_is_noticed_on_both_sides_and_heals)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		AUTO(sim_free) struct sim *s = settled(5, seed);

		s->nodes[3].side = s->nodes[4].side = 1;
		s->parted = true;
		uint64_t parting = sim_settle(s, 30000);

		cr_expect_lt(parting, 12000, "%lu ms", parting);
		sim_run(s, 60000);
		s->parted = false;
		uint64_t took = sim_settle(s, 60000);

		cr_expect_lt(took, 15000, "seed %lu: %lu ms", seed, took);
	}
}

Test(member, a_large_partition_heals_too)
{
	AUTO(sim_free) struct sim *s = settled(50, 7);

	for (size_t i = 30; i < 50; i++)
		s->nodes[i].side = 1;
	s->parted = true;
	cr_expect_lt(sim_settle(s, 60000), 20000);
	sim_run(s, 60000);
	s->parted = false;
	uint64_t took = sim_settle(s, 60000);

	cr_expect_lt(took, 15000, "%lu", took);
}

Test(member, a_node_that_was_stopped_blames_nobody_and_is_taken_back)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		AUTO(sim_free) struct sim *s = settled(5, seed);

		struct member_stats stats;

		sim_pause(s, 2, 30000);
		sim_run(s, 29900);
		cr_expect_eq(sim_state(s, 0, 2), MEMBER_DEAD);
		cr_expect_eq(s->nodes[2].seen[MEMBER_IS_SUSPECT], 0);
		cr_expect_lt(sim_settle(s, 30000), 5000);
		cr_expect_eq(s->nodes[2].seen[MEMBER_IS_DEAD], 0);
		cr_expect_eq(s->wrong_deaths, 0);
		member_stats(s->nodes[2].m, &stats);
		cr_expect_eq(stats.pauses, 1);
	}
}

Test(member, a_short_stop_is_forgiven)
{
	AUTO(sim_free) struct sim *s = settled(5, 8);

	sim_pause(s, 2, 1500);
	sim_run(s, 20000);
	cr_expect_eq(sim_total(s, MEMBER_IS_DEAD), 0);
	cr_expect_eq(sim_wrong(s), 0);
}

Test(member, all_stopped_at_once_go_on_as_before)
{
	AUTO(sim_free) struct sim *s = settled(5, 9);

	for (size_t i = 0; i < 5; i++)
		sim_pause(s, i, 3600000);
	sim_run(s, 3620000);
	cr_expect_eq(sim_total(s, MEMBER_IS_DEAD), 0);
	cr_expect_eq(sim_wrong(s), 0);
}

Test(member, a_restart_under_the_same_name_takes_over)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		AUTO(sim_free) struct sim *s = settled(5, seed);
		struct member_node before, after;

		cr_assert(
		    member_find(s->nodes[0].m, slice_text("n3"), &before));
		sim_kill(s, 3);
		sim_run(s, 200);
		sim_start(s, 3, 0);
		sim_run(s, 5000);
		cr_expect_eq(sim_wrong(s), 0);
		for (size_t i = 0; i < 5; i++) {
			if (i == 3)
				continue;
			cr_assert(member_find(s->nodes[i].m, slice_text("n3"),
			    &after));
			cr_expect_neq(after.instance, before.instance);
			cr_expect_eq(s->nodes[i].seen[MEMBER_IS_RESTARTED], 1);
		}
		cr_expect_eq(sim_total(s, MEMBER_IS_CONFLICT), 0);
	}
}

Test(member, a_restart_with_a_clock_set_back_takes_over)
{
	for (unsigned late = 0; late < 2; late++) {
		AUTO(sim_free) struct sim *s = settled(5, 10);

		sim_kill(s, 3);
		sim_run(s, late ? 60000 : 200);
		s->clock_back = 1000000000;
		sim_start(s, 3, 0);
		sim_run(s, 2000);
		cr_expect_lt(sim_settle(s, 20000), 8000);
		cr_expect_eq(sim_total(s, MEMBER_IS_RESTARTED), 4);
	}
}

Test(member, everybody_is_restarted_at_once)
{
	AUTO(sim_free) struct sim *s = settled(5, 11);

	for (size_t i = 0; i < 5; i++)
		sim_kill(s, i);
	sim_start_all(s);
	cr_expect_lt(sim_settle(s, 20000), 5000);
}

/* Node 4 has the name of node 3. */
static struct sim *
with_twin(uint64_t seed)
{
	struct sim *s = sim_new(5, seed);

	strcpy(s->nodes[4].name, "n3");
	for (size_t i = 0; i < 4; i++)
		sim_start(s, i, 0);
	sim_run(s, 20000);
	sim_forget_events(s);
	sim_start(s, 4, 0);
	return s;
}

Test(member, of_two_with_one_name_the_first_stays_and_all_report)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		AUTO(sim_free) struct sim *s = with_twin(seed);
		struct member_node n;

		sim_run(s, 60000);
		for (size_t i = 0; i < 3; i++) {
			cr_assert(
			    member_find(s->nodes[i].m, slice_text("n3"), &n));
			cr_expect_str_eq(n.address, "h3:7600");
			cr_expect_eq(n.state, MEMBER_ALIVE);
			cr_expect_eq(s->nodes[i].seen[MEMBER_IS_RESTARTED], 0);
		}
		for (size_t i = 0; i < 5; i++)
			cr_expect_eq(member_has_lost_name(s->nodes[i].m,
					 (struct mono_ns){ s->now * 1000000 }),
			    i == 4, "%zu", i);
		cr_expect_gt(s->nodes[0].seen[MEMBER_IS_CONFLICT], 0);
		cr_expect_gt(s->nodes[3].seen[MEMBER_IS_CONFLICT], 0);
		cr_expect_gt(s->nodes[4].seen[MEMBER_IS_CONFLICT], 0);
		cr_expect_eq(s->wrong_deaths, 0);
	}
}

Test(member, the_second_takes_the_name_when_the_first_is_gone)
{
	AUTO(sim_free) struct sim *s = with_twin(12);
	struct member_node n;

	sim_run(s, 20000);
	sim_kill(s, 3);
	sim_run(s, 20000);
	for (size_t i = 0; i < 3; i++) {
		cr_assert(member_find(s->nodes[i].m, slice_text("n3"), &n));
		cr_expect_str_eq(n.address, "h4:7600");
		cr_expect_eq(n.state, MEMBER_ALIVE);
	}
	sim_run(s, 20000);
	cr_expect_not(member_has_lost_name(s->nodes[4].m,
	    (struct mono_ns){ s->now * 1000000 }));
}

Test(member, who_leaves_is_gone_at_once_and_not_dead)
{
	AUTO(sim_free) struct sim *s = settled(5, 13);

	member_leave(s->nodes[2].m, member_due(s->nodes[2].m));
	sim_run(s, 1000);
	cr_expect(member_has_left(s->nodes[2].m));
	for (size_t i = 0; i < 5; i++)
		if (i != 2)
			cr_expect_eq(sim_state(s, i, 2), MEMBER_LEFT);
	sim_kill(s, 2);
	sim_run(s, 20000);
	cr_expect_eq(sim_total(s, MEMBER_IS_DEAD), 0);
	sim_start(s, 2, 0);
	cr_expect_lt(sim_settle(s, 20000), 5000);
}

Test(member, the_dead_are_forgotten_in_the_end)
{
	AUTO(sim_free) struct sim *s = sim_new(3, 14);

	s->config.forget_ms = 60000;
	sim_start_all(s);
	sim_run(s, 10000);
	sim_kill(s, 2);
	sim_run(s, 50000);
	cr_expect_eq(sim_state(s, 0, 2), MEMBER_DEAD);
	sim_run(s, 30000);
	cr_expect_eq(sim_state(s, 0, 2), 0);
	cr_expect_eq(sim_state(s, 1, 2), 0);
	sim_run(s, 120000);
	cr_expect_eq(sim_state(s, 0, 2), 0);
	cr_expect_eq(s->nodes[0].seen[MEMBER_IS_FORGOTTEN], 1);
}

Test(member, a_new_record_is_known_to_all_soon)
{
	AUTO(sim_free) struct sim *s = settled(50, 15);
	struct member_node n;

	member_set_digest(s->nodes[7].m, (struct member_digest){ 3, 9 });
	sim_run(s, 8000);
	for (size_t i = 0; i < 50; i++) {
		cr_assert(member_find(s->nodes[i].m, slice_text("n7"), &n));
		cr_expect_eq(n.digest.seq, 9);
	}
	cr_expect_eq(sim_total(s, MEMBER_IS_CHANGED), 49);
}

/* One random mishap. */
static void
mishap(struct sim *s, unsigned dice, size_t i)
{
	if (s->nodes[i].m == NULL) {
		sim_start(s, i, (i + 1) % s->count);
		return;
	}
	switch (dice % 6) {
	case 0: sim_kill(s, i); break;
	case 1: sim_pause(s, i, dice % 20000); break;
	case 2: s->parted = !s->parted; break;
	case 3: s->nodes[i].side = !s->nodes[i].side; break;
	case 4: s->nodes[i].deaf_from[dice % 5] ^= true; break;
	case 5: s->loss = dice % 100; break;
	}
}

static void
mend(struct sim *s)
{
	s->parted = false;
	s->loss = 0;
	for (size_t i = 0; i < s->count; i++) {
		memset(s->nodes[i].deaf_from, 0, sizeof s->nodes[i].deaf_from);
		if (s->nodes[i].m == NULL)
			sim_start(s, i, (i + 1) % s->count);
	}
}

Test(member, after_any_mishaps_everybody_agrees_again)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		size_t count = 3 + seed % 5;
		AUTO(sim_free) struct sim *s = sim_new(count, seed);
		unsigned dice = seed * 2654435761u;

		s->config.forget_ms = 20000;
		sim_start_all(s);
		for (unsigned i = 0; i < 60; i++) {
			dice = dice * 1103515245u + 12345;
			mishap(s, dice >> 8, (dice >> 16) % count);
			sim_run(s, 200 + dice % 5000);
		}
		mend(s);
		/* The longest stop may last as long as that still. */
		sim_run(s, 20000);
		uint64_t took = sim_settle(s, 60000);

		cr_expect_lt(took, 15000, "seed %u: %lu ms", seed, took);
	}
}
