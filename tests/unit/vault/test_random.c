#include <criterion/criterion.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "test_crypto_rig.h"
#include "vault/arena.h"
#include "vault/ecdsa.h"
#include "vault/random.h"
#include "vault/thread.h"

#define BLOCK   16
#define BLOCKS  5000
#define THREADS 3

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, BLOCK);
}

/* --- many draws ------------------------------------------------------------
 */

struct draws {
	pthread_t thread;
	pthread_barrier_t *start;
	uint8_t (*blocks)[BLOCK];
	bool all;
};

static void *
draw_blocks(void *arg)
{
	struct draws *d = arg;

	(void)pthread_barrier_wait(d->start);
	d->all = true;
	for (size_t i = 0; i < BLOCKS; i++)
		d->all = d->all && (i % 2 == 0 ? RAND_bytes(d->blocks[i], BLOCK)
					       : RAND_priv_bytes(d->blocks[i],
						     BLOCK)) == 1;
	return NULL;
}

Test(random, nothing_is_drawn_twice_by_whatever_threads)
{
	static uint8_t blocks[THREADS][BLOCKS][BLOCK];
	struct draws draws[THREADS];
	pthread_barrier_t start;
	const uint8_t *p = blocks[0][0];

	cr_assert_eq(random_adopt(), VH_OK);
	cr_assert_eq(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++) {
		draws[i] =
		    (struct draws){ .start = &start, .blocks = blocks[i] };
		cr_assert_eq(pthread_create(&draws[i].thread, NULL, draw_blocks,
				 &draws[i]),
		    0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		cr_assert_eq(pthread_join(draws[i].thread, NULL), 0);
		cr_expect(draws[i].all);
	}
	qsort(blocks, sizeof blocks / BLOCK, BLOCK, compare);
	for (size_t i = BLOCK; i < sizeof blocks; i += BLOCK)
		cr_assert_neq(memcmp(p + i - BLOCK, p + i, BLOCK), 0);
}

Test(random, draws_of_all_sizes_are_full_and_fresh)
{
	enum { SIZES = 2000 };
	static uint8_t bytes[SIZES + 1];
	size_t begin = 0, end = 0;

	cr_assert_eq(random_adopt(), VH_OK);
	cr_assert_eq(RAND_priv_bytes(bytes, 0), 1);
	cr_assert_neq(RAND_priv_bytes(bytes, -1), 1);
	for (int n = 1; n <= SIZES; n++) {
		memset(bytes, 0, sizeof bytes);
		cr_assert_eq(RAND_priv_bytes(bytes, n), 1);
		cr_assert_eq(bytes[n], 0);
		begin += bytes[0] == 0;
		end += bytes[n - 1] == 0;
	}
	/* What was not written or was used is zero; of others every 256th. */
	cr_expect_lt(begin, SIZES / 50);
	cr_expect_lt(end, SIZES / 50);
}

Test(random, a_digest_signed_often_has_another_nonce_each_time)
{
	enum { TIMES = 200, HALF = 32 };
	static uint8_t r[TIMES][BLOCK];
	uint8_t digest[HALF] = { 1 }, signature[2 * HALF];
	EVP_PKEY *pkey = rig_make("P-256");
	EC_KEY *key = ecdsa_key_new(NULL, pkey);

	cr_assert_eq(random_adopt(), VH_OK);
	for (size_t i = 0; i < TIMES; i++) {
		cr_assert(ecdsa_sign(key, slice_of(digest, sizeof digest),
		    signature, sizeof signature));
		memcpy(r[i], signature, BLOCK);
	}
	qsort(r, TIMES, BLOCK, compare);
	for (size_t i = 1; i < TIMES; i++)
		cr_assert_neq(memcmp(r[i - 1], r[i], BLOCK), 0);
	ecdsa_key_free(key);
	EVP_PKEY_free(pkey);
}

Test(random, without_a_generator_nothing_is_drawn_or_signed)
{
	EVP_PKEY *pkey = rig_make("P-256");
	EC_KEY *key = ecdsa_key_new(NULL, pkey);
	OSSL_LIB_CTX *none = OSSL_LIB_CTX_new();
	OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(none);
	uint8_t digest[32] = { 1 }, signature[64], byte = 0;

	cr_assert_eq(random_adopt(), VH_OK);
	cr_assert_eq(RAND_set_DRBG_type(none, "no such", NULL, NULL, NULL), 1);
	cr_expect_neq(RAND_priv_bytes(&byte, 1), 1);
	cr_expect_eq(byte, 0);
	cr_expect_not(ecdsa_sign(key, slice_of(digest, sizeof digest),
	    signature, sizeof signature));
	(void)OSSL_LIB_CTX_set0_default(before);
	cr_expect(ecdsa_sign(key, slice_of(digest, sizeof digest), signature,
	    sizeof signature));
	OSSL_LIB_CTX_free(none);
	ecdsa_key_free(key);
	EVP_PKEY_free(pkey);
}

/* --- where it lies ---------------------------------------------------------
 */

#define STACK (256u << 10)

/* A thread on a stack that others can look into. */
struct watched {
	bool waits; /* between its draws, until they are too old */
	uint8_t *stack;
	uint8_t *before;         /* the stack, before the second draw */
	uint8_t drawn[2][BLOCK]; /* outside of it */
	bool all, same_second;
};

static void *
draw_twice(void *arg)
{
	struct watched *w = arg;
	time_t second = time(NULL);

	w->all = RAND_priv_bytes(w->drawn[0], BLOCK) == 1;
	memcpy(w->before, w->stack, STACK);
	while (w->waits && time(NULL) == second)
		(void)usleep(10000);
	w->all = w->all && RAND_priv_bytes(w->drawn[1], BLOCK) == 1;
	w->same_second = time(NULL) == second;
	return NULL;
}

static struct watched
watch(bool waits)
{
	struct watched w = { .waits = waits,
		.stack = aligned_alloc(4096, STACK),
		.before = malloc(STACK) };
	pthread_attr_t attr;
	pthread_t thread;

	cr_assert(w.stack != NULL && w.before != NULL);
	cr_assert_eq(random_adopt(), VH_OK);
	cr_assert_eq(pthread_attr_init(&attr), 0);
	do {
		memset(w.stack, 0, STACK);
		cr_assert_eq(pthread_attr_setstack(&attr, w.stack, STACK), 0);
		cr_assert_eq(pthread_create(&thread, &attr, draw_twice, &w), 0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	} while (!waits && !w.same_second);
	(void)pthread_attr_destroy(&attr);
	cr_assert(w.all);
	return w;
}

static void
watched_end(struct watched *w)
{
	free(w->stack);
	free(w->before);
}

static bool
has(const uint8_t *memory, const uint8_t *block)
{
	return memmem(memory, STACK, block, BLOCK) != NULL;
}

static void
skip_under_sanitizers(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("a sanitizer has its own idea of stacks");
#endif
}

Test(random, what_is_drawn_lies_with_the_stack_until_it_is_used)
{
	skip_under_sanitizers();
	struct watched w = watch(false);

	cr_expect(has(w.before, w.drawn[1]), "it is looked for where it is");
	cr_expect_not(has(w.before, w.drawn[0]));
	cr_expect_not(has(w.stack, w.drawn[0]));
	cr_expect_not(has(w.stack, w.drawn[1]));
	watched_end(&w);
}

Test(random, what_was_not_used_within_the_second_never_is)
{
	skip_under_sanitizers();
	struct watched w = watch(true);

	cr_expect_not(has(w.before, w.drawn[1]));
	watched_end(&w);
}

static __thread uint8_t own[64];
static uint8_t *stack_begin, *found;
static pthread_barrier_t met;

static void *
show_own(void *arg)
{
	pthread_attr_t attr;
	void *begin = NULL;
	size_t size;

	(void)arg;
	if (pthread_getattr_np(pthread_self(), &attr) == 0)
		(void)pthread_attr_getstack(&attr, &begin, &size);
	(void)pthread_attr_destroy(&attr);
	stack_begin = begin;
	found = own;
	(void)pthread_barrier_wait(&met);
	return NULL;
}

Test(random, what_a_thread_has_for_itself_lies_in_the_arena)
{
	skip_under_sanitizers();
	cr_assert_eq(arena_open(16u << 20), VH_OK);
	const uint8_t *block = arena_alloc(64);

	cr_assert_eq(pthread_barrier_init(&met, NULL, 2), 0);
	cr_assert_eq(thread_start(show_own, NULL), VH_OK);
	(void)pthread_barrier_wait(&met);
	cr_expect(found >= stack_begin && found < stack_begin + THREAD_STACK);
	/* The arena is one mapping. */
	cr_expect_lt(labs((long)(found - block)), (long)(16u << 20));
}
