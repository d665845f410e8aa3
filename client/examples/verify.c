/* Verifies the token on standard input and prints its payload: with the keys of
 * the local node or, when a file is named, with the JWK Set in it, as a relying
 * party would.
 *
 *   ./sign hello | head -1 | ./verify [JWKS.json] */
#include <stdio.h>
#include <string.h>
#include <vhsm.h>

#define ROOM 65536

/* A file as a text without its last line end; 0 when it does not fit. */
static size_t
read_text(FILE *from, char *text)
{
	size_t len = fread(text, 1, ROOM - 1, from);

	if (len == ROOM - 1)
		return 0;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return len;
}

static int
verify(struct vhsm *h, const char *token, size_t len, const char *jwks)
{
	struct vhsm_answer *seen;
	enum vhsm_error err = vhsm_verify(h, NULL, token, len, jwks, &seen);

	if (err == VHSM_OK)
		printf("%.*s\nkid %s\nalg %s\n", (int)seen->data_len,
		    (const char *)seen->data, seen->kid, seen->alg);
	else
		fprintf(stderr, "verify: %s %s\n", vhsm_strerror(err),
		    seen == NULL ? "" : seen->why);
	vhsm_answer_free(seen);
	return err == VHSM_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static char token[ROOM], jwks[ROOM];
	size_t len = read_text(stdin, token);
	FILE *set = argc > 1 ? fopen(argv[1], "r") : NULL;
	struct vhsm *h;

	if (argc > 1 && (set == NULL || read_text(set, jwks) == 0)) {
		fprintf(stderr, "%s: cannot read a JWK Set\n", argv[1]);
		return 1;
	}
	if (set != NULL)
		fclose(set);
	if (vhsm_open(NULL, &h) != VHSM_OK)
		return 1;
	int status = verify(h, token, len, set == NULL ? NULL : jwks);

	vhsm_close(h);
	return status;
}
