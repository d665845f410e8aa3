/* Keys that leave the store: when they are freed, and what is left of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_crypto_rig.h"
#include "vault/sign.h"

#define SECRET 64

TestSuite(store_change, .init = rig_arena);

static struct key *
add_kind(struct rig *r, const char *kind)
{
	static const struct key_terms terms = { .use = VH_USE_SIG };
	struct key *key;

	cr_assert_eq(key_new(rig_make(kind), &terms, 1, &key, NULL), VH_OK);
	cr_assert_eq(store_add(r->store, key), VH_OK);
	return key;
}

static struct key *
add(struct rig *r)
{
	return add_kind(r, "ED25519");
}

static struct key *
found(const struct rig *r, const char *kid)
{
	return store_get(r->store, slice_text(kid));
}

Test(store_change, a_key_that_was_removed_is_found_no_more)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *first = add(r), *second = add(r);
	uint64_t version = store_version(r->store);
	char kid[VH_KID_SIZE + 1];
	size_t i = 0;

	memcpy(kid, first->kid, sizeof kid);
	cr_assert_eq(store_remove(r->store, first), VH_OK);
	cr_expect_null(found(r, kid));
	cr_expect_null(store_at(r->store, 0));
	cr_expect_eq(store_count(r->store), 1);
	cr_expect_gt(store_version(r->store), version);
	cr_expect_eq(found(r, second->kid), second);
	cr_expect_eq(store_next(r->store, &i), second);
	cr_expect_null(store_next(r->store, &i));
}

Test(store_change, a_key_in_anothers_place_is_found_by_their_kid)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *old = add(r), *key;
	char kid[VH_KID_SIZE + 1];

	(void)add(r);
	memcpy(kid, old->kid, sizeof kid);
	cr_assert_eq(key_renew(old, NULL, false, &key), VH_OK);
	cr_assert_eq(store_replace(r->store, old, key), VH_OK);
	cr_expect_eq(found(r, kid), key);
	cr_expect_eq(store_at(r->store, 0), key);
	cr_expect_eq(store_count(r->store), 2);
	cr_expect_null(key->pkey);
}

Test(store_change, what_a_reader_may_see_is_freed_after_it_has_left)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = add(r);
	char kid[VH_KID_SIZE + 1];

	memcpy(kid, key->kid, sizeof kid);
	cr_assert_eq(store_readers(r->store, 2), VH_OK);
	store_enter(r->store, 1);
	cr_assert_eq(store_remove(r->store, key), VH_OK);
	cr_expect(store_reclaim(r->store));
	cr_expect_str_eq(key->kid, kid);
	store_enter(r->store, 0);
	store_leave(r->store, 0);
	cr_expect(store_reclaim(r->store));
	cr_expect_str_eq(key->kid, kid);
	store_leave(r->store, 1);
	cr_expect_not(store_reclaim(r->store));
}

Test(store_change, a_reader_that_came_later_holds_up_nothing)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = add(r);

	cr_assert_eq(store_readers(r->store, 1), VH_OK);
	cr_assert_eq(store_remove(r->store, key), VH_OK);
	store_enter(r->store, 0);
	cr_expect_not(store_reclaim(r->store));
	store_leave(r->store, 0);
}

Test(store_change, a_key_that_was_taken_is_the_takers)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = add(r);

	store_take(r->store, key);
	cr_expect_eq(store_count(r->store), 0);
	cr_expect_not(store_reclaim(r->store));
	cr_expect_eq(store_add(r->store, key), VH_OK);
	cr_expect_eq(found(r, key->kid), key);
}

Test(store_change, a_store_whose_keys_come_and_go_finds_those_it_has)
{
	enum { LIVE = 5, ROUNDS = 400 };
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *live[LIVE] = { NULL };

	for (size_t i = 0; i < ROUNDS; i++) {
		struct key **at = &live[i % LIVE];

		if (*at != NULL)
			cr_assert_eq(store_remove(r->store, *at), VH_OK);
		cr_assert_not(store_reclaim(r->store));
		*at = add(r);
		for (size_t k = 0; k < LIVE; k++)
			if (live[k] != NULL)
				cr_assert_eq(found(r, live[k]->kid), live[k]);
	}
	cr_expect_eq(store_count(r->store), LIVE);
}

/* --- what is left --------------------------------------------------------- */

/* The arena: one mapping. */
static struct slice
arena_bytes(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	void *inside = arena_alloc(16);
	struct slice found = { 0 };
	char line[512];

	cr_assert(maps != NULL && inside != NULL);
	while (fgets(line, sizeof line, maps) != NULL) {
		char *end;
		uintptr_t from = strtoull(line, &end, 16);
		uintptr_t to = strtoull(end + 1, NULL, 16);

		if ((uintptr_t)inside >= from && (uintptr_t)inside < to)
			found = slice_of((void *)from, to - from);
	}
	(void)fclose(maps); /* only read */
	arena_free(inside);
	cr_assert_geq(found.len, arena_size());
	return found;
}

/* Freed blocks are poisoned under ASan, for memcmp too. */
__attribute__((no_sanitize("address"))) static size_t
count_in(struct slice all, const uint8_t *p, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i + len <= all.len; i++) {
		size_t k = 0;

		while (k < len && all.p[i + k] == p[k])
			k++;
		count += k == len;
	}
	return count;
}

static size_t
copies_of(const uint8_t secret[static SECRET])
{
	return count_in(arena_bytes(), secret, SECRET / 2) +
	       count_in(arena_bytes(), secret + SECRET / 2, SECRET / 2);
}

/* With the contexts that a worker has for the key. */
static void
sign_with(struct rig *r, const struct key *key, enum vh_alg alg)
{
	AUTO(ask_free) struct ask *a = ask_new(key->kid, alg_by_id(alg));
	struct fields out;

	ask_set(a, VH_F_DATA, slice_text("x"));
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(rig_run(r, op_sign, a, &out), VH_OK);
}

/* Of the others libcrypto's memory would tell, which is elsewhere in these
 * tests: tests/memory looks there. */
Test(store_change, nothing_is_left_of_a_symmetric_key)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add_oct(r, SECRET * 8, VH_USE_SIG, NULL);
	uint8_t secret[SECRET];

	cr_assert_eq(secret_len(key->oct), SECRET);
	memcpy(secret, secret_ro(key->oct).p, SECRET);
	cr_assert_eq(store_readers(r->store, 1), VH_OK);
	sign_with(r, key, VH_ALG_HS256);
	cr_expect_gt(copies_of(secret), 0);
	store_enter(r->store, 0);
	cr_assert_eq(store_remove(r->store, key), VH_OK);
	cr_expect(store_reclaim(r->store));
	cr_expect_gt(copies_of(secret), 0);
	store_leave(r->store, 0);
	cr_expect_not(store_reclaim(r->store));
	cr_expect_eq(copies_of(secret), 0);
}
