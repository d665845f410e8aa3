/* Against nng's own REP socket: the protocol is nng's, not just ours. */
#include <criterion/criterion.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/vhsm.h"
#include "wire/frame.h"

struct rep {
	char folder[64], url[100];
	nng_socket socket;
	pthread_t thread;
};

/* Answers signing by echoing the payload, until the socket is closed. */
static void *
serve(void *arg)
{
	struct rep *r = arg;
	void *message;
	size_t size;

	while (nng_recv(r->socket, &message, &size, NNG_FLAG_ALLOC) == 0) {
		struct buf *b = buf_new(64u << 20);
		struct frame q;

		cr_assert_eq(frame_parse(slice_of(message, size), &q), VH_OK);
		size_t start = frame_answer(b, q.op, q.id, VH_OK);

		frame_put(b, VH_F_TOKEN, q.f.at[VH_F_DATA]);
		frame_close(b, start);
		cr_assert_eq(nng_send(r->socket, b->p, b->len, 0), 0);
		buf_free(b);
		nng_free(message, size);
	}
	return NULL;
}

static void
rep_up(struct rep *r)
{
	cr_assert_eq(nng_rep0_open(&r->socket), 0);
	cr_assert_eq(nng_socket_set_size(r->socket, NNG_OPT_RECVMAXSZ, 0), 0);
	cr_assert_eq(nng_listen(r->socket, r->url, NULL, 0), 0);
	pthread_create(&r->thread, NULL, serve, r);
}

static void
rep_down(struct rep *r)
{
	nng_close(r->socket);
	pthread_join(r->thread, NULL);
}

static struct vhsm *
rep_start(struct rep *r)
{
	struct vhsm *h;

	snprintf(r->folder, sizeof r->folder, "/tmp/vhsm-test-XXXXXX");
	cr_assert_not_null(mkdtemp(r->folder));
	snprintf(r->url, sizeof r->url, "ipc://%s/nng", r->folder);
	rep_up(r);
	cr_assert_eq(vhsm_open(r->url, &h), VHSM_OK);
	return h;
}

static void
rep_stop(struct rep *r, struct vhsm *h)
{
	vhsm_close(h);
	rep_down(r);
	rmdir(r->folder);
}

static bool
echoes(struct vhsm *h, const char *text)
{
	struct vhsm_answer *a;
	bool ok = vhsm_sign(h, NULL, text, strlen(text), NULL, &a) == VHSM_OK &&
		  strcmp(a->token, text) == 0;

	vhsm_answer_free(a);
	return ok;
}

Test(nng, a_plain_rep_socket_answers_the_library)
{
	struct rep r;
	struct vhsm *h = rep_start(&r);

	for (int i = 0; i < 100; i++)
		cr_expect(echoes(h, "over nng"));
	rep_stop(&r, h);
}

Test(nng, large_messages_pass)
{
	struct rep r;
	struct vhsm *h = rep_start(&r);
	char *text = calloc(1, (4u << 20) + 1);

	memset(text, 'x', 4u << 20);
	cr_expect(echoes(h, text));
	free(text);
	rep_stop(&r, h);
}

Test(nng, a_new_rep_socket_is_found_after_the_old_one)
{
	struct rep r;
	struct vhsm *h = rep_start(&r);

	cr_expect(echoes(h, "old"));
	rep_down(&r);
	rep_up(&r);
	cr_expect(echoes(h, "new"));
	rep_stop(&r, h);
}

static void *
hammer(void *arg)
{
	struct vhsm *h = arg;
	char text[64];
	uintptr_t bad = 0;

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "%d of %lu", i,
		    (unsigned long)pthread_self());
		bad += !echoes(h, text);
	}
	return (void *)bad;
}

Test(nng, eight_threads_get_their_own_answers)
{
	struct rep r;
	struct vhsm *h = rep_start(&r);
	pthread_t thread[8];
	void *bad;

	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, hammer, h);
	for (int i = 0; i < 8; i++) {
		pthread_join(thread[i], &bad);
		cr_expect_null(bad);
	}
	rep_stop(&r, h);
}

Test(nng, a_batch_is_answered_one_by_one)
{
	struct rep r;
	struct vhsm *h = rep_start(&r);
	struct vhsm_batch *b;
	struct vhsm_request q = { .op = VHSM_SIGN, .data = "x", .data_len = 1 };
	struct vhsm_answer *a;
	uint32_t ticket;

	cr_assert_eq(vhsm_batch_open(h, &b), VHSM_OK);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(vhsm_submit(b, &q, &ticket), VHSM_OK);
	for (int i = 0; i < 20; i++) {
		ticket = VHSM_ANY;
		cr_assert_eq(vhsm_wait(b, &ticket, 10000, &a), VHSM_OK);
		cr_expect_eq(a->error, VHSM_OK);
		vhsm_answer_free(a);
	}
	vhsm_batch_close(b);
	rep_stop(&r, h);
}
