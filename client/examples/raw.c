/* What a key does without JOSE around it: the key spec has to say raw of it.
 *
 *   ./raw sign    KID ALG         a signature of the digest read
 *   ./raw decrypt KID ALG LABEL   what was encrypted by RSAES-OAEP
 *   ./raw derive  KID             the secret shared with the public JWK read
 *
 * Reads standard input to its end, prints hexadecimal.
 *
 *   cc raw.c $(pkg-config --cflags --libs vhsm) -o raw */
#include <stdio.h>
#include <string.h>
#include <vhsm.h>

static enum vhsm_error
ask(struct vhsm *h, int argc, char **argv, const char *in, size_t len,
    struct vhsm_answer **out)
{
	struct vhsm_selector key = { .kid = argv[2] };

	if (argc > 3)
		key.alg = argv[3];
	if (strcmp(argv[1], "sign") == 0)
		return vhsm_raw_sign(h, &key, in, len, 1, out);
	if (strcmp(argv[1], "decrypt") == 0 && argc > 4)
		return vhsm_raw_decrypt(h, &key, in, len, argv[4],
		    strlen(argv[4]), out);
	return vhsm_raw_derive(h, &key, in, out);
}

static void
print_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

int
main(int argc, char **argv)
{
	struct vhsm_answer *made = NULL;
	struct vhsm *h;
	char in[8192];
	size_t len = fread(in, 1, sizeof in - 1, stdin);

	in[len] = '\0';
	if (argc < 3 || vhsm_open(NULL, &h) != VHSM_OK)
		return 2;
	enum vhsm_error err = ask(h, argc, argv, in, len, &made);

	if (err == VHSM_OK)
		print_hex(made->data, made->data_len);
	else
		fprintf(stderr, "%s: %s\n", vhsm_strerror(err),
		    made == NULL ? "" : made->why);
	vhsm_answer_free(made);
	vhsm_close(h);
	return err == VHSM_OK ? 0 : 1;
}
