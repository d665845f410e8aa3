#include <criterion/criterion.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

#include "test_crypto_rig.h"
#include "vault/ecdsa.h"
#include "vault/random.h"

#define BLOCK   16
#define SIZES   300 /* drawn: one byte, two, and so on */
#define BYTES   (SIZES * (SIZES + 1) / 2 / BLOCK * BLOCK)
#define THREADS 3

struct draws {
	pthread_t thread;
	uint8_t bytes[BYTES + BLOCK];
	bool all;
	unsigned begin, end; /* zeros at the begin, at the end of a draw */
};

static void *
draw_all(void *arg)
{
	struct draws *d = arg;
	uint8_t *to = d->bytes;

	d->all = true;
	for (int n = 1; n <= SIZES; to += n, n++) {
		int good =
		    n % 2 == 0 ? RAND_bytes(to, n) : RAND_priv_bytes(to, n);

		d->all = d->all && good == 1;
		d->begin += to[0] == 0;
		d->end += to[n - 1] == 0;
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, BLOCK);
}

Test(random, no_two_draws_of_any_threads_have_anything_in_common)
{
	static struct draws draws[THREADS];
	static uint8_t all[THREADS][BYTES];
	const uint8_t *p = all[0];

	cr_assert_eq(random_adopt(), VH_OK);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&draws[i].thread, NULL, draw_all,
				 &draws[i]),
		    0);
	for (size_t i = 0; i < THREADS; i++) {
		cr_assert_eq(pthread_join(draws[i].thread, NULL), 0);
		cr_expect(draws[i].all);
		/* A used byte is zero; of others every 256th is. */
		cr_expect_lt(draws[i].begin, SIZES / 10);
		cr_expect_lt(draws[i].end, SIZES / 10);
		memcpy(all[i], draws[i].bytes, BYTES);
	}
	qsort(all, sizeof all / BLOCK, BLOCK, compare);
	for (size_t i = BLOCK; i < sizeof all; i += BLOCK)
		cr_assert_neq(memcmp(p + i - BLOCK, p + i, BLOCK), 0);
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

#define STACK (256u << 10)

/* A thread on a stack that others can look into. */
struct watched {
	uint8_t *stack;
	uint8_t *before;         /* the stack, before the second draw */
	uint8_t drawn[2][BLOCK]; /* outside of it */
	bool all;
};

static void *
draw_twice(void *arg)
{
	struct watched *w = arg;

	w->all = RAND_priv_bytes(w->drawn[0], BLOCK) == 1;
	memcpy(w->before, w->stack, STACK);
	w->all = w->all && RAND_priv_bytes(w->drawn[1], BLOCK) == 1;
	return NULL;
}

static bool
has(const uint8_t *memory, const uint8_t *block)
{
	return memmem(memory, STACK, block, BLOCK) != NULL;
}

Test(random, what_is_drawn_lies_with_the_stack_until_it_is_used)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("a sanitizer has its own idea of stacks");
#endif
	struct watched w = { .before = malloc(STACK) };
	pthread_attr_t attr;
	pthread_t thread;

	cr_assert_eq(random_adopt(), VH_OK);
	w.stack = aligned_alloc(4096, STACK);
	cr_assert(w.stack != NULL && w.before != NULL);
	cr_assert_eq(pthread_attr_init(&attr), 0);
	cr_assert_eq(pthread_attr_setstack(&attr, w.stack, STACK), 0);
	cr_assert_eq(pthread_create(&thread, &attr, draw_twice, &w), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert(w.all);
	cr_expect(has(w.before, w.drawn[1]), "it is looked for where it is");
	cr_expect_not(has(w.before, w.drawn[0]));
	cr_expect_not(has(w.stack, w.drawn[0]));
	cr_expect_not(has(w.stack, w.drawn[1]));
	(void)pthread_attr_destroy(&attr);
	free(w.stack);
	free(w.before);
}
