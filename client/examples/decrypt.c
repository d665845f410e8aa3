/* Encrypts a text for a key of the local node and has the node decrypt it.  The
 * content key and the private key never come here.
 *
 *   ./decrypt [ALG [ENC]] */
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
there_and_back(struct vhsm *h, const char *alg, const char *enc)
{
	static const char text[] = "for the node's eyes only";
	struct vhsm_selector key = { .alg = alg };
	struct vhsm_encrypt_options options = { .enc = enc };
	struct vhsm_answer *made, *seen;
	enum vhsm_error err =
	    vhsm_encrypt(h, &key, text, strlen(text), &options, &made);

	if (err != VHSM_OK)
		return fail("encrypt", err, made);
	printf("%s\n", made->token);
	err = vhsm_decrypt(h, NULL, made->token, made->token_len, &seen);
	vhsm_answer_free(made);
	if (err != VHSM_OK)
		return fail("decrypt", err, seen);
	printf("decrypted: %.*s\n", (int)seen->data_len,
	    (const char *)seen->data);
	vhsm_answer_free(seen); /* wipes the plaintext */
	return 0;
}

int
main(int argc, char **argv)
{
	struct vhsm *h;
	enum vhsm_error err = vhsm_open(NULL, &h);

	if (err != VHSM_OK)
		return fail("open", err, NULL);
	int status = there_and_back(h, argc > 1 ? argv[1] : "ECDH-ES",
	    argc > 2 ? argv[2] : "A256GCM");

	vhsm_close(h);
	return status;
}
