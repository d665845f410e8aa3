/* Round trip of one byte message over a Unix socket between two processes, in
 * microseconds: median, then 99th percentile.  What any daemon pays. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 100000
#define BYTES  256

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(void)
{
	static uint32_t took[ROUNDS];
	char bytes[BYTES] = { 0 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 1;
	pid_t child = fork();

	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* or EOF ends it */
		(void)close(pair[0]);                   /* the parent's */
		while (read(pair[1], bytes, BYTES) == BYTES)
			if (write(pair[1], bytes, BYTES) != BYTES)
				break;
		_exit(0);
	}
	(void)close(pair[1]); /* the child's */
	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns();

		if (write(pair[0], bytes, BYTES) != BYTES ||
		    read(pair[0], bytes, BYTES) != BYTES)
			return 1;
		took[i] = (uint32_t)(now_ns() - start);
	}
	(void)close(pair[0]); /* ends the child */
	(void)waitpid(child, NULL, 0);
	qsort(took, ROUNDS, sizeof *took, compare);
	printf("%.2f %.2f\n", took[ROUNDS / 2] / 1e3,
	    took[ROUNDS / 100 * 99] / 1e3);
	return 0;
}
