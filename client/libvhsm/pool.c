#include "client/libvhsm/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The page is wiped in a child; its pid is not enough, since both ends of a
 * fork into a new pid namespace can be process 1.  page is MAP_FAILED on
 * kernels that cannot do this, where the pid has to be enough. */
struct mark {
	pid_t pid;
	const volatile uint32_t *page;
};

struct pool {
	struct mark mark;
	pthread_mutex_t lock; /* guards lent of all places */
	pthread_cond_t put;
	struct place places[POOL_PLACES];
};

#define MARK_SIZE sizeof(uint32_t)

static void
mark_set(struct mark *m)
{
	uint32_t *page = mmap(NULL, MARK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	m->pid = getpid();
	m->page = MAP_FAILED;
	if (page == MAP_FAILED)
		return;
	if (madvise(page, MARK_SIZE, MADV_WIPEONFORK) != 0) {
		munmap(page, MARK_SIZE);
		return;
	}
	*page = 1;
	m->page = page;
}

static void
mark_clear(struct mark *m)
{
	if (m->page != MAP_FAILED)
		munmap((void *)(uintptr_t)m->page, MARK_SIZE);
}

bool
pool_is_ours(const struct pool *p)
{
	if (p->mark.page != MAP_FAILED)
		return *p->mark.page != 0;
	return p->mark.pid == getpid();
}

struct pool *
pool_new(void)
{
	struct pool *p = calloc(1, sizeof *p);
	pthread_condattr_t attr;

	if (p == NULL)
		return NULL;
	mark_set(&p->mark);
	/* None of these can fail in glibc with these arguments. */
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->put, &attr);
	pthread_condattr_destroy(&attr);
	for (size_t i = 0; i < POOL_PLACES; i++)
		atomic_init(&p->places[i].fd, -1);
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < POOL_PLACES; i++)
		place_hang_up(&p->places[i]);
	pthread_cond_destroy(&p->put);
	pthread_mutex_destroy(&p->lock);
	mark_clear(&p->mark);
	free(p);
}

void
pool_abandon(struct pool *p)
{
	for (size_t i = 0; i < POOL_PLACES; i++)
		place_abandon(&p->places[i]);
}

static struct place *
best_place(struct pool *p)
{
	struct place *best = NULL;

	for (size_t i = 0; i < POOL_PLACES; i++) {
		struct place *place = &p->places[i];

		if (!place->lent && (best == NULL || best->conn == NULL))
			best = place;
		if (best != NULL && best->conn != NULL)
			break;
	}
	return best;
}

enum vh_err
pool_take(struct pool *p, struct until until, struct place **out)
{
	struct timespec at = until_timespec(until.ns);
	struct place *place;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while ((place = best_place(p)) == NULL && rc == 0)
		rc = pthread_cond_timedwait(&p->put, &p->lock, &at);
	if (place != NULL)
		place->lent = true;
	pthread_mutex_unlock(&p->lock);
	if (place == NULL)
		return VH_EDEADLINE;
	*out = place;
	return VH_OK;
}

void
pool_put(struct pool *p, struct place *place)
{
	pthread_mutex_lock(&p->lock);
	place->lent = false;
	pthread_cond_signal(&p->put);
	pthread_mutex_unlock(&p->lock);
}

enum vh_err
place_dial(struct place *place, const struct where *where, struct until until)
{
	TRY(conn_dial(where, until, &place->conn));
	atomic_store(&place->fd, conn_fd(place->conn));
	return VH_OK;
}

void
place_hang_up(struct place *place)
{
	/* Forgotten first: a child must not close a number that is no longer
	 * ours. */
	atomic_store(&place->fd, -1);
	conn_close(place->conn);
	place->conn = NULL;
}

void
place_abandon(struct place *place)
{
	int fd = atomic_exchange(&place->fd, -1);

	if (fd >= 0)
		close(fd);
}
