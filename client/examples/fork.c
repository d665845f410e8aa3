/* A server that forks: parent and children use one handle, opened before the
 * fork.  Each process makes connections of its own, so that answers never mix.
 *
 *   ./fork [CHILDREN] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vhsm.h>

/* Signs "who" and checks that this very text was signed. */
static int
work(struct vhsm *h, int who)
{
	struct vhsm_selector key = { .alg = "ES256" };
	struct vhsm_answer *made, *seen;
	char text[32];
	int len = snprintf(text, sizeof text, "%d", who);

	if (vhsm_sign(h, &key, text, (size_t)len, NULL, &made) != VHSM_OK) {
		vhsm_answer_free(made);
		return 1;
	}
	enum vhsm_error err =
	    vhsm_verify(h, NULL, made->token, made->token_len, NULL, &seen);
	int same = err == VHSM_OK && seen->data_len == (size_t)len &&
		   memcmp(seen->data, text, (size_t)len) == 0;

	vhsm_answer_free(made);
	vhsm_answer_free(seen);
	return same ? 0 : 1;
}

int
main(int argc, char **argv)
{
	int children = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 4;
	int failed = 0, status;
	struct vhsm *h;

	if (vhsm_open(NULL, &h) != VHSM_OK)
		return 1;
	failed += work(h, 0); /* the parent is connected before it forks */
	for (int i = 1; i <= children; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0)
			_exit(work(h, i));
	}
	failed += work(h, 0);
	while (wait(&status) > 0)
		failed += status != 0;
	vhsm_close(h);
	printf("%d processes, %d failed\n", children + 1, failed);
	return failed == 0 ? 0 : 1;
}
