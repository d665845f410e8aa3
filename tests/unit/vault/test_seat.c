#include "vault/seat.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "test_cluster_help.h"
#include "test_crypto_rig.h"
#include "vault/arena.h"

TestSuite(seat, .init = rig_arena, .timeout = 60);

#define THREADS 4
#define TURNS   200

Test(seat, whoever_has_it_last_is_in_force)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	struct identity *first = make_identity(c), *next = make_identity(c);
	AUTO(seat_free) struct seat *s = seat_new(first);
	AUTO(identity_free) struct identity *held = seat_hold(s);

	cr_expect_eq(held, first);
	seat_put(s, next);
	AUTO(identity_free) struct identity *now = seat_hold(s);

	cr_expect_eq(now, next);
}

Test(seat, who_borrowed_the_one_before_still_signs_by_it)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(seat_free) struct seat *s = seat_new(make_identity(c));
	AUTO(identity_free) struct identity *held = seat_hold(s);
	AUTO(buf_free) struct buf *jws = buf_new(65536);

	seat_put(s, make_identity(c));
	cr_assert_eq(identity_sign(held, c, "t", slice_text("{}"), jws), VH_OK);
	AUTO(opened_free) struct opened *o = open_jws(buf_slice(jws));

	cr_expect_eq(EVP_PKEY_eq(X509_get0_pubkey(o->certificate),
			 held->key->pkey),
	    1);
}

Test(seat, the_one_before_leaves_the_arena_with_its_last_user)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(seat_free) struct seat *s = seat_new(make_identity(c));
	size_t unused = 0;

	for (size_t i = 0; i < 3 * TURNS; i++) {
		struct identity *held = seat_hold(s);

		seat_put(s, make_identity(c));
		identity_free(held);
		if (i == TURNS) /* all that is made once has been */
			unused = arena_unused();
	}
	cr_expect_geq(arena_unused() + 4096, unused, "%zu, then %zu", unused,
	    arena_unused());
}

struct crowd {
	struct seat *seat;
	_Atomic bool over;
	_Atomic unsigned failed, signatures, turn;
};

/* Signs, as hellos do, with whoever is in force. */
static void *
sign_all_the_time(void *arg)
{
	struct crowd *w = arg;
	AUTO(crypto_free) struct crypto *c = crypto_new(1 + w->turn++);
	AUTO(buf_free) struct buf *jws = buf_new(65536);

	while (!w->over) {
		AUTO(identity_free) struct identity *id = seat_hold(w->seat);

		buf_clear(jws);
		if (identity_sign(id, c, "t", slice_text("{}"), jws) != VH_OK)
			w->failed++;
		w->signatures++;
	}
	return NULL;
}

Test(seat, identities_change_while_others_sign)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(seat_free) struct seat *s = seat_new(make_identity(c));
	struct crowd w = { .seat = s };
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL,
				 sign_all_the_time, &w),
		    0);
	for (size_t i = 0; i < TURNS || w.signatures < TURNS; i++)
		seat_put(s, make_identity(c));
	w.over = true;
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_expect_eq(w.failed, 0);
}
