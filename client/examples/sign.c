/* Signs a text with any key of the local node that can do ES256, prints the
 * token, and has the node verify it.
 *
 *   cc sign.c $(pkg-config --cflags --libs vhsm) -o sign && ./sign hello */
#include <stdio.h>
#include <string.h>
#include <vhsm.h>

static int
fail(const char *what, enum vhsm_error err, struct vhsm_answer *answer)
{
	fprintf(stderr, "%s: %s %s\n", what, vhsm_strerror(err),
	    answer == NULL ? "" : answer->why);
	vhsm_answer_free(answer);
	return 1;
}

static int
sign_and_verify(struct vhsm *h, const char *text)
{
	struct vhsm_selector key = { .alg = "ES256" };
	struct vhsm_sign_options options = { .typ = "example" };
	struct vhsm_answer *made, *seen;
	enum vhsm_error err =
	    vhsm_sign(h, &key, text, strlen(text), &options, &made);

	if (err != VHSM_OK)
		return fail("sign", err, made);
	printf("%s\n", made->token);
	err = vhsm_verify(h, NULL, made->token, made->token_len, NULL, &seen);
	vhsm_answer_free(made);
	if (err != VHSM_OK)
		return fail("verify", err, seen);
	printf("verified: %.*s\n", (int)seen->data_len,
	    (const char *)seen->data);
	vhsm_answer_free(seen);
	return 0;
}

int
main(int argc, char **argv)
{
	struct vhsm *h;
	enum vhsm_error err = vhsm_open(NULL, &h);

	if (err != VHSM_OK)
		return fail("open", err, NULL);
	int status = sign_and_verify(h, argc > 1 ? argv[1] : "hello");

	vhsm_close(h);
	return status;
}
