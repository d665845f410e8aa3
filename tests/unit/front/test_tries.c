#include "front/tries.h"

#include <criterion/criterion.h>

#define SOMEBODY ((struct forward *)(uintptr_t)8)

Test(tries, an_id_finds_its_slot_until_it_ends)
{
	AUTO(tries_free) struct tries *t = tries_new(2);
	struct try *y = try_begin(t);
	uint64_t id = try_id(t, y);

	cr_expect_null(try_find(t, id), "not before it is filled in");
	y->of = SOMEBODY;
	cr_expect_eq(try_find(t, id), y);
	for (int bit = 0; bit < 64; bit++)
		cr_expect_null(try_find(t, id ^ UINT64_C(1) << bit));
	try_end(t, y);
	cr_expect_null(try_find(t, id));
	cr_expect_eq(try_begin(t), y, "the slot is used again");
	y->of = SOMEBODY;
	cr_expect_null(try_find(t, id), "but not under its old id");
	try_end(t, y);
}

Test(tries, they_are_bounded)
{
	AUTO(tries_free) struct tries *t = tries_new(2);
	struct try *y = try_begin(t);

	cr_expect_not_null(try_begin(t));
	cr_expect_null(try_begin(t));
	cr_expect_eq(tries_count(t), 2);
	try_end(t, y);
	cr_expect_not_null(try_begin(t));
}
