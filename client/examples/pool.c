/* A pool of threads on one handle, which all of them may use at once; a thread
 * that is told VHSM_EBUSY waits a little and tries again.
 *
 *   cc pool.c -pthread $(pkg-config --cflags --libs vhsm) -o pool && ./pool 8
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <vhsm.h>

#define THREADS_MAX 64
#define EACH        20
#define TRIES       100

struct worker {
	struct vhsm *h;
	pthread_t thread;
	int signed_, busy;
};

static enum vhsm_error
sign_once(struct vhsm *h)
{
	struct vhsm_selector key = { .alg = "ES256" };

	return vhsm_sign(h, &key, "text", 4, NULL, NULL);
}

static void *
run(void *arg)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct worker *w = arg;

	for (int i = 0; i < EACH; i++) {
		enum vhsm_error err = sign_once(w->h);

		for (int k = 0; k < TRIES && err == VHSM_EBUSY; k++) {
			w->busy++;
			nanosleep(&pause, NULL);
			err = sign_once(w->h);
		}
		if (err != VHSM_OK)
			return NULL;
		w->signed_++;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 4;
	int done = 0, busy = 0;
	struct vhsm *h;

	if (count < 1 || count > THREADS_MAX || vhsm_open(NULL, &h) != VHSM_OK)
		return 1;
	for (long i = 0; i < count; i++) {
		workers[i].h = h;
		if (pthread_create(&workers[i].thread, NULL, run,
			&workers[i]) != 0)
			return 1;
	}
	for (long i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].signed_;
		busy += workers[i].busy;
	}
	vhsm_close(h);
	printf("%d signatures by %ld threads, %d times busy\n", done, count,
	    busy);
	return done == count * EACH ? 0 : 1;
}
