#include "vault/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/urgent.h"
#include "vault/registers.h"
#include "vault/thread.h"
#include "vault/turns.h"

#define BATCH       32           /* jobs taken at once */
#define SMALL       (64u << 10)  /* bytes of a job the intake does itself */
#define GATHER      (128u << 10) /* bytes of answers that leave together */
#define BYTES_MAX   (256u << 20) /* of all jobs, waiting or being done */
#define ANSWERS_MAX (VH_DATA_MAX + (8u << 20))

/* lock guards the queue. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *head, **tail;
	size_t depth, limit, sleepers;
	_Atomic unsigned jobs; /* so far; read without the lock, too */
};

struct worker {
	struct pool *pool;
	enum lane lane;
	size_t index;
	struct crypto *crypto;
	struct buf *answers;
	struct turns turns;
};

struct pool {
	size_t workers;
	struct queue lane[LANES];
	struct worker *worker; /* [lane * workers + index]; 0 is the intake */
	const struct desk *desk;
	_Atomic size_t bytes; /* of all jobs; only the intake adds */
	pthread_barrier_t ready, open;
	void *(*intake)(void *);
	void *intake_arg;
	void (*wake)(void *);
	void *wake_arg;
};

static const struct {
	const char *name;
	int nice;
	size_t batch, share; /* jobs taken at once, of how many that wait */
	bool keeps;          /* answers, for others to leave with them */
	long turn_us; /* after which a computing worker gives way; 0: never */
} lanes[LANES] = {
	[LANE_FAST] = { "fast", 0, BATCH, 2, false, 0 },
	[LANE_NORMAL] = { "normal", 5, 1, 1, true, 500 },
	[LANE_HEAVY] = { "heavy", 19, 1, 1, false, 200 },
};

/* Whether somebody waits for an answer that may be kept. */
static bool
may_be_kept(const struct job *job)
{
	return lanes[job->lane].keeps && job->from != NULL;
}

/* Unlinks up to most jobs no larger than size, from the head.  Under the lock.
 * The list returned ends with NULL. */
static struct job *
take(struct queue *q, size_t most, size_t size)
{
	struct job *first = q->head, **end = &first;

	while (most-- > 0 && *end != NULL && (*end)->len <= size) {
		if (may_be_kept(*end))
			outlet_job_begins((*end)->from);
		end = &(*end)->next;
		q->depth--;
	}
	q->head = *end;
	if (q->head == NULL)
		q->tail = &q->head;
	*end = NULL;
	return first;
}

/* Sends what has gathered for one outlet. */
static void
send_answers(struct worker *w, struct outlet *to)
{
	struct slice answers = buf_slice(w->answers);

	bool blocked = false;

	if (to != NULL && lanes[w->lane].keeps)
		blocked = outlet_send_soon(to, answers); /* also of none */
	else if (answers.len > 0)
		blocked = outlet_send(to, answers);
	if (blocked && w->pool->wake != NULL)
		w->pool->wake(w->pool->wake_arg);
	buf_clear(w->answers);
}

/* How many jobs the cheaper lanes have had. */
static unsigned
cheaper_jobs(const struct worker *w)
{
	unsigned n = 0;

	for (enum lane l = 0; l < w->lane; l++)
		n += atomic_load_explicit(&w->pool->lane[l].jobs,
		    memory_order_relaxed);
	return n;
}

/* Reads the store: what it sees there stays until it is done. */
static void
run_job(struct worker *w, struct job *job)
{
	const struct desk *desk = w->pool->desk;
	size_t me = (size_t)(w - w->pool->worker);

	store_enter(desk->store, me);
	turns_begin(&w->turns, cheaper_jobs(w));
	if (job->errand != NULL)
		job->errand(job, w->crypto, w->answers);
	else
		job_run(job, w->crypto, desk, w->answers);
	turns_end(&w->turns);
	store_leave(desk->store, me);
}

/* Answers of neighbours that go to the same outlet leave together. */
static void
run_jobs(struct worker *w, struct job *job)
{
	while (job != NULL) {
		struct job *next = job->next;

		run_job(w, job);
		if (next == NULL || next->from != job->from ||
		    buf_slice(w->answers).len >= GATHER)
			send_answers(w, job->from);
		w->pool->bytes -= job->len;
		job_free(job);
		job = next;
	}
	if (w->lane == LANE_FAST)
		traces_clear_short();
	else
		traces_clear();
}

/* How many jobs to take: several at once save wake-ups where many wait anyway;
 * where few do, each is done as soon as there is a worker. */
static size_t
fair(const struct queue *q, enum lane lane)
{
	size_t share = q->depth / lanes[lane].share + 1;

	return share < lanes[lane].batch ? share : lanes[lane].batch;
}

/* Whoever is woken finds the lock free. */
static void
unlock_and_wake(struct queue *q, bool more)
{
	bool wake = more && q->sleepers > 0;

	pthread_mutex_unlock(&q->lock);
	if (wake)
		pthread_cond_signal(&q->more);
}

static struct job *
wait_for_jobs(struct pool *p, enum lane lane)
{
	struct queue *q = &p->lane[lane];

	pthread_mutex_lock(&q->lock);
	while (q->head == NULL) {
		q->sleepers++;
		pthread_cond_wait(&q->more, &q->lock);
		q->sleepers--;
	}
	struct job *jobs = take(q, fair(q, lane), SIZE_MAX);

	pthread_mutex_unlock(&q->lock);
	return jobs;
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	if (setpriority(PRIO_PROCESS, (id_t)gettid(), lanes[w->lane].nice) != 0)
		LOG(NOTICE, "priority-unchanged", KV_ERRNO(errno));
	if (lanes[w->lane].nice == 0)
		urgent_thread();
	turns_init(&w->turns, lanes[w->lane].turn_us);
	if (thread_use_libcrypto())
		w->crypto = crypto_new(w->index);
	traces_clear();
	pthread_barrier_wait(&w->pool->ready);
	pthread_barrier_wait(&w->pool->open);
	if (w == w->pool->worker)
		return w->pool->intake(w->pool->intake_arg);
	for (;;) {
		run_jobs(w, wait_for_jobs(w->pool, w->lane));
	}
}

static enum vh_err
start_worker(struct worker *w)
{
	w->answers = buf_new(ANSWERS_MAX);
	return w->answers == NULL ? VH_ENOMEM : thread_start(work, w);
}

enum vh_err
pool_start(size_t workers, size_t queue, void *(*intake)(void *), void *arg,
    struct pool **out)
{
	struct pool *p = calloc(1, sizeof *p);
	size_t threads = workers * LANES;

	if (p == NULL)
		return VH_ENOMEM;
	p->workers = workers;
	p->intake = intake;
	p->intake_arg = arg;
	p->worker = calloc(threads, sizeof *p->worker);
	if (p->worker == NULL)
		return VH_ENOMEM;
	(void)pthread_barrier_init(&p->ready, NULL, (unsigned)threads + 1);
	(void)pthread_barrier_init(&p->open, NULL, (unsigned)threads + 1);
	for (size_t i = 0; i < LANES; i++) {
		p->lane[i].limit = queue;
		p->lane[i].tail = &p->lane[i].head;
		(void)pthread_mutex_init(&p->lane[i].lock, NULL);
		(void)pthread_cond_init(&p->lane[i].more, NULL);
	}
	*out = p;
	for (size_t i = 0; i < threads; i++) {
		p->worker[i] = (struct worker){ .pool = p,
			.lane = (enum lane)(i / workers),
			.index = i % workers };
		TRY(start_worker(&p->worker[i]));
	}
	pthread_barrier_wait(&p->ready);
	for (size_t i = 0; i < threads; i++)
		if (p->worker[i].crypto == NULL)
			return VH_ENOMEM;
	return VH_OK;
}

void
pool_open(struct pool *p)
{
	pthread_barrier_wait(&p->open);
}

struct crypto *
pool_crypto(struct pool *p)
{
	return p->worker[0].crypto;
}

void
pool_serve(struct pool *p, const struct desk *desk)
{
	p->desk = desk;
}

enum vh_err
pool_submit(struct pool *p, struct job *job)
{
	struct queue *q = &p->lane[job->lane];

	pthread_mutex_lock(&q->lock);
	if (q->depth == q->limit || p->bytes + job->len > BYTES_MAX) {
		pthread_mutex_unlock(&q->lock);
		p->desk->stats->lane[job->lane].busy++;
		return VH_EBUSY;
	}
	*q->tail = job;
	q->tail = &job->next;
	q->depth++;
	q->jobs++;
	p->bytes += job->len;
	if (may_be_kept(job))
		outlet_job_waits(job->from);
	/* A small job that stands alone in the fast lane is the intake's. */
	bool own = job->lane == LANE_FAST && q->depth == 1 && job->len <= SMALL;

	unlock_and_wake(q, !own);
	return VH_OK;
}

bool
pool_help(struct pool *p)
{
	struct queue *q = &p->lane[LANE_FAST];

	pthread_mutex_lock(&q->lock);
	struct job *jobs = take(q, fair(q, LANE_FAST), SMALL);

	unlock_and_wake(q, q->head != NULL);
	if (jobs != NULL)
		run_jobs(p->worker, jobs);
	return jobs != NULL;
}

bool
pool_is_idle(const struct pool *p)
{
	return p->bytes == 0;
}

size_t
pool_depth(struct pool *p, enum lane lane)
{
	pthread_mutex_lock(&p->lane[lane].lock);
	size_t depth = p->lane[lane].depth;

	pthread_mutex_unlock(&p->lane[lane].lock);
	return depth;
}

size_t
pool_workers(const struct pool *p)
{
	return p->workers;
}

size_t
pool_threads(const struct pool *p)
{
	return p->workers * LANES;
}

void
pool_on_blocked(struct pool *p, void (*wake)(void *arg), void *arg)
{
	p->wake = wake;
	p->wake_arg = arg;
}
