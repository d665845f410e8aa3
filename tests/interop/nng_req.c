/* nng_req URL: asks the daemon for its status over a plain nng REQ socket, to
 * show that its socket speaks nng's protocol, and prints the JSON. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>

#include "wire/frame.h"

#define ANSWER_MS 5000

static int
fail(const char *what, int rv)
{
	fprintf(stderr, "nng_req: %s: %s\n", what, nng_strerror(rv));
	return 1;
}

static int
print_status(const void *message, size_t size)
{
	struct frame f;

	if (frame_parse(slice_of(message, size), &f) != VH_OK || !f.answer ||
	    f.id != 1) {
		fprintf(stderr, "nng_req: answer not understood\n");
		return 1;
	}
	if (f.err != VH_OK || !fields_have(&f.f, VH_F_JSON)) {
		fprintf(stderr, "nng_req: %s\n", err_text(f.err));
		return 1;
	}
	struct slice json = f.f.at[VH_F_JSON];

	printf("%.*s\n", (int)json.len, (const char *)json.p);
	return 0;
}

static int
ask(nng_socket s, const char *url)
{
	struct buf *q = buf_new(FRAME_HEAD);
	size_t start = frame_request(q, VH_OP_STATUS, 1, ANSWER_MS);
	size_t size = 0;
	void *message = NULL;

	frame_close(q, start);
	int rv = nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, ANSWER_MS);

	if (rv == 0)
		rv = nng_dial(s, url, NULL, 0);
	if (rv == 0)
		rv = nng_send(s, q->p, q->len, 0);
	buf_free(q);
	if (rv == 0)
		rv = nng_recv(s, &message, &size, NNG_FLAG_ALLOC);
	if (rv != 0)
		return fail(url, rv);
	int rc = print_status(message, size);

	nng_free(message, size);
	return rc;
}

int
main(int argc, char **argv)
{
	nng_socket s;

	if (argc != 2) {
		fprintf(stderr, "usage: nng_req URL\n");
		return 2;
	}
	int rv = nng_req0_open(&s);

	if (rv != 0)
		return fail("socket", rv);
	int rc = ask(s, argv[1]);

	nng_close(s);
	return rc;
}
