#include "vault/arena.h"

#include <criterion/criterion.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define SIZE (4u << 20)

static void
open_arena(void)
{
	cr_assert_eq(arena_open(SIZE), VH_OK);
}

TestSuite(arena, .init = open_arena);

Test(arena, blocks_of_every_size_are_whole_and_apart)
{
	static uint8_t *block[600];

	for (size_t i = 0; i < ARRAY_LEN(block); i++) {
		block[i] = arena_alloc(i * 9);
		cr_assert_not_null(block[i]);
		memset(block[i], (int)i, i * 9);
	}
	for (size_t i = 0; i < ARRAY_LEN(block); i++)
		for (size_t k = 0; k < i * 9; k++)
			cr_assert_eq(block[i][k], (uint8_t)i, "%zu", i);
	for (size_t i = 0; i < ARRAY_LEN(block); i++)
		arena_free(block[i]);
}

Test(arena, blocks_are_aligned_for_any_type)
{
	for (size_t n = 0; n < 5000; n += 7)
		cr_assert_eq((uintptr_t)arena_alloc(n) % 16, 0, "%zu", n);
}

Test(arena, all_is_free_again_after_all_is_freed)
{
	void *block[256];
	size_t before = arena_unused();

	for (size_t round = 0; round < 50; round++) {
		for (size_t i = 0; i < ARRAY_LEN(block); i++)
			block[i] = arena_alloc(2049 + i * 16);
		for (size_t i = 0; i < ARRAY_LEN(block); i++)
			arena_free(block[i]);
	}
	cr_assert_eq(arena_unused(), before);
}

static void *
fill_arena(void *refused)
{
	while (arena_alloc(4096) != NULL)
		;
	*(bool *)refused = arena_refused();
	return NULL;
}

Test(arena, who_was_refused_a_block_hears_of_it_once_and_nobody_else)
{
	pthread_t other;
	bool refused = false;

	cr_expect_not(arena_refused());
	cr_assert_eq(pthread_create(&other, NULL, fill_arena, &refused), 0);
	cr_assert_eq(pthread_join(other, NULL), 0);
	cr_expect(refused);
	cr_expect_not(arena_refused());
	cr_expect_null(arena_alloc(SIZE));
	cr_expect(arena_refused());
	cr_expect_not(arena_refused());
	cr_expect_null(arena_realloc(NULL, 2 * SIZE));
	cr_expect(arena_refused());
}

Test(arena, a_full_arena_gives_null_and_recovers)
{
	void *big = arena_alloc(SIZE - 4096), *small;

	cr_assert_not_null(big);
	cr_assert_null(arena_alloc(8192));
	cr_assert_null(arena_alloc(2 * (size_t)SIZE));
	cr_assert_null(arena_alloc(SIZE_MAX));
	arena_free(big);
	small = arena_alloc(8192);
	cr_assert_not_null(small);
}

Test(arena, realloc_keeps_what_was_there)
{
	uint8_t *p = arena_alloc(10);

	memset(p, 7, 10);
	for (size_t n = 10; n < 100000; n += n / 2) {
		p = arena_realloc(p, n);
		cr_assert_not_null(p);
		for (size_t i = 0; i < 10; i++)
			cr_assert_eq(p[i], 7);
	}
}

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

/* What a use after free, or past the end, would trip over. */
Test(arena, freed_memory_and_what_lies_behind_a_block_are_poisoned)
{
	static const size_t sizes[] = { 16, 100, 2000, 5000, 70000 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t size = sizes[i];
		uint8_t *p = arena_alloc(size);

		cr_assert_null(__asan_region_is_poisoned(p, size));
		if (size % 16 != 0)
			cr_assert(__asan_address_is_poisoned(p + size));
		p = arena_realloc(p, size - 1);
		cr_assert_null(__asan_region_is_poisoned(p, size - 1));
		cr_assert(__asan_address_is_poisoned(p + size - 1));
		arena_free(p);
		for (size_t k = 0; k < size; k++)
			cr_assert(__asan_address_is_poisoned(p + k), "%zu %zu",
			    size, k);
	}
}

Test(arena, pages_that_nobody_has_asked_for_are_poisoned)
{
	uint8_t *p = arena_alloc(4096);

	cr_assert(__asan_address_is_poisoned(p + 64 * 4096));
}
#else
Test(arena, freed_memory_is_wiped)
{
	static const size_t sizes[] = { 16, 100, 2000, 5000, 70000 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t *p = arena_alloc(sizes[i]);

		memset(p, 0xa5, sizes[i]);
		arena_free(p);
		/* All but the pointer to the next free block. */
		for (size_t k = sizeof(void *); k < sizes[i]; k++)
			cr_assert_eq(p[k], 0, "%zu %zu", sizes[i], k);
	}
}
#endif

/* Not of the suite above: Criterion loses memory where a suite and a test both
 * have options. */
Test(arena_guards, a_block_that_is_not_ours_aborts, .init = open_arena,
    .signal = SIGABRT)
{
	int foreign;

	arena_free(&foreign);
}

Test(arena_guards, the_page_before_the_arena_is_guarded, .init = open_arena,
    .signal = SIGSEGV)
{
	uint8_t *first = arena_alloc(4096);
	volatile uint8_t *before = first - 1;

	cr_assert_not_null(first);
	(void)*before;
}

Test(arena_guards, a_stack_overflow_hits_the_guard, .init = open_arena,
    .signal = SIGSEGV)
{
	volatile uint8_t *stack = arena_stack(64 << 10);

	stack[0] = 1;
	stack[(64 << 10) - 1] = 1;
	stack[-1] = 1;
}

static void *
hammer(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	uint8_t *block[64] = { NULL };

	for (size_t i = 0; i < 20000; i++) {
		size_t at = (size_t)rand_r(&seed) % ARRAY_LEN(block);
		size_t size = (size_t)rand_r(&seed) % 3000 + 1;

		arena_free(block[at]);
		block[at] = arena_alloc(size);
		if (block[at] != NULL)
			memset(block[at], (int)seed, size);
	}
	for (size_t i = 0; i < ARRAY_LEN(block); i++)
		arena_free(block[i]);
	return NULL;
}

Test(arena, threads_share_it)
{
	pthread_t thread[4];

	for (uintptr_t i = 0; i < ARRAY_LEN(thread); i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, hammer,
				 (void *)(i + 1)),
		    0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		pthread_join(thread[i], NULL);
}

Test(arena, a_secret_lives_as_long_as_one_has_it)
{
	struct secret *s = secret_new(40);

	cr_assert_not_null(s);
	memset(secret_rw(s), 0xa5, 40);
	size_t used = arena_unused();

	cr_expect_eq(secret_ref(s), s);
	cr_expect_eq(arena_unused(), used);
	secret_free(s);
	cr_expect_eq(secret_len(s), 40);
	cr_expect_eq(secret_ro(s).p[39], 0xa5);
	secret_free(s);
}

Test(arena, a_secret_is_zero_at_first_and_trims)
{
	AUTO(secret_free) struct secret *s = secret_new(40);

	for (size_t i = 0; i < 40; i++)
		cr_assert_eq(secret_ro(s).p[i], 0);
	memset(secret_rw(s), 1, 40);
	secret_trim(s, 16);
	cr_assert_eq(secret_len(s), 16);
	cr_assert_eq(secret_ro(s).p[16], 0);
}
