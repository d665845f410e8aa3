/* Whoever works on it takes the next of the keys that nobody has begun, so all
 * are done at about the same time.  The caller waits for the others: what they
 * work on is its own. */
#include "vault/many.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "vault/import.h"
#include "vault/pool.h"
#include "vault/registers.h"

#define COUNT_MAX 4096
#define WHY_MAX   1000

struct many {
	struct key_terms terms;
	const struct fields *fields;
	size_t workers; /* contexts each key needs */
	size_t count;
	_Atomic size_t next;
	struct key **made;
	/* Guards what follows it. */
	pthread_mutex_t lock;
	pthread_cond_t left;
	size_t helpers;
	enum vh_err err; /* the first */
	struct buf *why;
};

static void
many_free(struct many *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; m->made != NULL && i < m->count; i++)
		key_free(m->made[i]);
	free(m->made);
	(void)pthread_cond_destroy(&m->left);  /* nobody waits */
	(void)pthread_mutex_destroy(&m->lock); /* nobody holds it */
	free(m);
}
AUTO_FREE(struct many, many_free)

static enum vh_err
make_one(struct many *m, size_t i, struct generator *g, struct crypto *c,
    struct buf *why)
{
	AUTO(key_free) struct key *key = NULL;

	TRY(generator_make(g, &m->terms, m->workers, &key, why));
	TRY(crypto_selftest(c, key, why));
	key->tested = true;
	m->made[i] = TAKE(key);
	return VH_OK;
}

/* One worker's share. */
static enum vh_err
make_some(struct many *m, struct crypto *c, struct buf *why)
{
	const struct fields *f = m->fields;
	struct generator *made = NULL;
	size_t i;

	TRY(generator_new(fields_u32(f, VH_F_KTY_ID),
	    fields_u32(f, VH_F_CRV_ID), fields_u32(f, VH_F_BITS), &made, why));
	AUTO(generator_free) struct generator *g = made;

	while ((i = atomic_fetch_add(&m->next, 1)) < m->count)
		TRY(make_one(m, i, g, c, why));
	return VH_OK;
}

static void
take_part(struct many *m, struct crypto *c)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	enum vh_err err = make_some(m, c, why);

	if (err == VH_OK)
		return;
	atomic_store(&m->next, m->count); /* no more */
	pthread_mutex_lock(&m->lock);
	if (m->err == VH_OK) {
		m->err = err;
		buf_put(m->why, buf_slice(why));
	}
	pthread_mutex_unlock(&m->lock);
}

/* On a worker of the heavy lane. */
static void
help(struct job *job, struct crypto *c, struct buf *out)
{
	struct many *m = job->context;

	(void)out; /* nobody waits for an answer */
	take_part(m, c);
	traces_clear();
	pthread_mutex_lock(&m->lock);
	m->helpers--;
	pthread_cond_signal(&m->left);
	pthread_mutex_unlock(&m->lock);
}

/* One worker less than there are: the caller works, too. */
static void
call_helpers(struct many *m, struct pool *pool)
{
	size_t most = pool == NULL ? 0 : pool_workers(pool) - 1;

	for (size_t i = 0; i < most && i + 1 < m->count; i++) {
		AUTO(job_free)
		struct job *job = job_errand(help, m, LANE_HEAVY);

		if (job == NULL)
			return; /* it takes longer without */
		pthread_mutex_lock(&m->lock);
		m->helpers++;
		pthread_mutex_unlock(&m->lock);
		if (pool_submit(pool, job) == VH_OK) {
			job = NULL; /* the pool's */
			continue;
		}
		pthread_mutex_lock(&m->lock);
		m->helpers--;
		pthread_mutex_unlock(&m->lock);
		return;
	}
}

static void
wait_for_helpers(struct many *m)
{
	pthread_mutex_lock(&m->lock);
	while (m->helpers > 0)
		pthread_cond_wait(&m->left, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

static enum vh_err
many_new(const struct load *l, const struct fields *f, struct buf *why,
    struct many **out)
{
	AUTO(many_free) struct many *m = calloc(1, sizeof *m);

	if (m == NULL)
		return VH_ENOMEM;
	(void)pthread_mutex_init(&m->lock, NULL); /* cannot fail on Linux */
	(void)pthread_cond_init(&m->left, NULL);  /* as above */
	m->fields = f;
	m->workers = l->workers;
	m->why = why;
	m->count = fields_u32(f, VH_F_COUNT);
	if (m->count == 0 || m->count > COUNT_MAX)
		return VH_EFIELD;
	TRY(load_terms(f, &m->terms));
	m->made = calloc(m->count, sizeof(struct key *));
	if (m->made == NULL)
		return VH_ENOMEM;
	*out = TAKE(m);
	return VH_OK;
}

enum vh_err
many_make(struct load *l, const struct fields *f, struct buf *why)
{
	struct many *made = NULL;

	TRY(many_new(l, f, why, &made));
	AUTO(many_free) struct many *m = made;

	call_helpers(m, l->pool);
	take_part(m, l->crypto);
	wait_for_helpers(m);
	TRY(m->err);
	for (size_t i = 0; i < m->count; i++)
		TRY(store_add(l->store, TAKE(m->made[i])));
	return VH_OK;
}
