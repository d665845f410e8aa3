/* Signs many short texts.  With one message for up to VHSM_MANY_MAX of them a
 * signature costs less than with a call each; here they all share a key.
 *
 *   ./batch [NUMBER] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vhsm.h>

static int
print(struct vhsm_answer **answers, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count; i++) {
		if (answers[i]->error == VHSM_OK)
			printf("%s\n", answers[i]->token);
		else
			status = 1;
		vhsm_answer_free(answers[i]);
	}
	return status;
}

int
main(int argc, char **argv)
{
	static char texts[VHSM_MANY_MAX][32];
	struct vhsm_request requests[VHSM_MANY_MAX] = { { 0 } };
	struct vhsm_answer *answers[VHSM_MANY_MAX];
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	struct vhsm *h;

	if (count == 0 || count > VHSM_MANY_MAX ||
	    vhsm_open(NULL, &h) != VHSM_OK)
		return 1;
	for (size_t i = 0; i < count; i++) {
		snprintf(texts[i], sizeof texts[i], "text %zu", i);
		requests[i].op = VHSM_SIGN;
		requests[i].key.alg = "ES256";
		requests[i].data = texts[i];
		requests[i].data_len = strlen(texts[i]);
	}
	enum vhsm_error err = vhsm_call_many(h, requests, count, answers);
	int status = 1;

	if (err == VHSM_OK)
		status = print(answers, count);
	else
		fprintf(stderr, "batch: %s\n", vhsm_strerror(err));
	vhsm_close(h);
	return status;
}
