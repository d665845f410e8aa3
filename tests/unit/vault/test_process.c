/* The real vhsmd-vault, with this test as its supervisor and its front. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/link.h"
#include "wire/alg.h"

#define MS      60000
#define QUEUE   4
#define PAYLOAD (1u << 20)

static struct {
	pid_t pid;
	struct link *super, *front;
	char kid[64];
	uint64_t id;
} vault;

static const char *
binary(void)
{
	static char path[512];
	const char *build = getenv("VHSM_BUILD");

	(void)snprintf(path, sizeof path, "%s/bin/vhsmd-vault",
	    build == NULL ? "build" : build);
	return path;
}

static struct link *
pair_with(int *other)
{
	int fd[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	*other = fd[1];
	return link_new(fd[0], 4u << 20);
}

static void
spawn(void)
{
	int theirs;

	vault.super = pair_with(&theirs);
	vault.pid = fork();
	if (vault.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG,
		    SIGKILL); /* the vault sets it too */
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null, STDERR_FILENO); /* or it logs to the tests */
		if (theirs == 3 ? dup(3) < 0 : dup2(theirs, 3) != 3)
			_exit(9);
		execl(binary(), "vhsmd-vault", NULL);
		_exit(9);
	}
	(void)close(theirs); /* the child's */
}

static enum vh_err
ask(struct link *l, struct buf *request, int fd, struct frame *answer)
{
	enum vh_err err = link_call(l, buf_slice(request), fd, MS, answer);

	buf_clear(request);
	return err;
}

static size_t
request(struct buf *b, enum vh_op op)
{
	return frame_request(b, op, ++vault.id, 0);
}

static enum vh_err
start(void)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;
	size_t at = request(b, VH_OP_VSTART);

	frame_put_u64(b, VH_F_ARENA, 6u << 20);
	frame_put_u32(b, VH_F_WORKERS, 2);
	frame_put_u32(b, VH_F_QUEUE, QUEUE);
	frame_put_u32(b, VH_F_PAYLOAD, PAYLOAD);
	frame_close(b, at);
	return ask(vault.super, b, -1, &a);
}

static enum vh_err
generate(enum vh_kty kty, enum vh_crv crv, unsigned bits, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = request(b, VH_OP_VGENERATE);

	frame_put_u32(b, VH_F_KTY_ID, kty);
	frame_put_u32(b, VH_F_CRV_ID, crv);
	frame_put_u32(b, VH_F_BITS, bits);
	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	frame_put_u32(b, VH_F_COUNT, 1);
	frame_close(b, at);
	return ask(vault.super, b, -1, a);
}

static enum vh_err
simple(struct link *l, enum vh_op op, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	frame_close(b, request(b, op));
	return ask(l, b, -1, a);
}

static enum vh_err
give_front(unsigned generation)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;
	int theirs;
	struct link *front = pair_with(&theirs);
	size_t at = request(b, VH_OP_GIVE);

	frame_put_u32(b, VH_F_ROLE, VH_ROLE_FRONT);
	frame_put_u32(b, VH_F_GENERATION, generation);
	frame_close(b, at);
	enum vh_err err = ask(vault.super, b, theirs, &a);

	(void)close(theirs); /* the vault's */
	if (err == VH_OK)
		vault.front = front;
	return err;
}

/* A vault with one key that serves this test as its front. */
static void
serve(enum vh_kty kty, enum vh_crv crv, unsigned bits)
{
	struct frame a;
	struct fields key;

	spawn();
	cr_assert_eq(start(), VH_OK);
	cr_assert_eq(generate(kty, crv, bits, &a), VH_OK);
	cr_assert_eq(fields_parse(a.f.at[VH_F_KEY], &key), VH_OK);
	(void)snprintf(vault.kid, sizeof vault.kid, "%.*s",
	    (int)key.at[VH_F_KID].len, (const char *)key.at[VH_F_KID].p);
	cr_assert_eq(simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_assert_eq(give_front(1), VH_OK);
}

static void
serve_p256(void)
{
	serve(VH_KTY_EC, VH_CRV_P256, 0);
}

static void
put_sign(struct buf *b, enum vh_alg alg, uint32_t deadline, size_t bytes)
{
	static const uint8_t data[PAYLOAD];
	size_t at = frame_request(b, VH_OP_VSIGN, ++vault.id, deadline);

	frame_put_text(b, VH_F_KID, vault.kid);
	frame_put_u32(b, VH_F_ALG_ID, alg);
	frame_put(b, VH_F_DATA, slice_of(data, bytes));
	frame_close(b, at);
}

static enum vh_err
sign(enum vh_alg alg, size_t bytes, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(2 * PAYLOAD);

	put_sign(b, alg, 0, bytes);
	return ask(vault.front, b, -1, a);
}

static int
exit_status(void)
{
	int status;

	cr_assert_eq(waitpid(vault.pid, &status, 0), vault.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
stop(void)
{
	link_free(vault.front);
	link_free(vault.super);
	(void)kill(vault.pid, SIGKILL); /* or gone already */
}

TestSuite(vault_process, .fini = stop, .timeout = 60);

Test(vault_process, signs_what_front_asks)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(sign(VH_ALG_ES256, 100, &a), VH_OK);
	cr_expect_eq(a.f.at[VH_F_SIGNATURE].len, 64);
	cr_expect_eq(sign(VH_ALG_ES256, PAYLOAD, &a), VH_OK);
}

Test(vault_process, refuses_an_algorithm_that_does_not_fit_the_key)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(sign(VH_ALG_ES384, 1, &a), VH_EALG);
	cr_expect_eq(sign(VH_ALG_RS256, 1, &a), VH_EALG);
	cr_expect_eq(sign(VH_ALG_RSA_OAEP, 1, &a), VH_EALG);
	cr_expect_eq(sign(999, 1, &a), VH_EALG);
}

Test(vault_process, an_unknown_kid_is_not_found)
{
	struct frame a;

	serve_p256();
	vault.kid[0] ^= 1;
	cr_expect_eq(sign(VH_ALG_ES256, 1, &a), VH_ENOKEY);
}

Test(vault_process, ends_when_the_supervisor_closes_its_link)
{
	serve_p256();
	link_free(vault.super);
	vault.super = NULL;
	cr_expect_eq(exit_status(), 0);
}

Test(vault_process, ends_a_front_that_asks_what_it_may_not)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(simple(vault.front, VH_OP_VCOMMIT, &a), VH_ELOST);
	cr_expect_eq(simple(vault.super, VH_OP_VSTATS, &a), VH_OK);
	cr_expect_eq(give_front(2), VH_OK);
	cr_expect_eq(sign(VH_ALG_ES256, 1, &a), VH_OK);
}

Test(vault_process, a_new_front_replaces_the_old)
{
	struct frame a;

	serve_p256();
	struct link *old = vault.front;

	cr_expect_eq(give_front(2), VH_OK);
	cr_expect_eq(sign(VH_ALG_ES256, 1, &a), VH_OK);
	cr_expect_eq(simple(old, VH_OP_VLIST, &a), VH_ELOST);
	link_free(old);
}

Test(vault_process, loads_nothing_after_commit)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(generate(VH_KTY_EC, VH_CRV_P256, 0, &a), VH_EFORBIDDEN);
	cr_expect_eq(simple(vault.super, VH_OP_VCOMMIT, &a), VH_EFORBIDDEN);
}

Test(vault_process, gets_no_front_before_commit)
{
	struct frame a;

	spawn();
	cr_assert_eq(start(), VH_OK);
	cr_expect_neq(give_front(1), VH_OK);
	cr_expect_eq(generate(VH_KTY_RSA, 0, 1024, &a), VH_EKEY);
	cr_expect_gt(a.f.at[VH_F_WHY].len, 0);
}

/* RSA-4096 keeps both workers of its lane busy for long; the queue holds QUEUE
 * more; all others must be refused before the first is done. */
Test(vault_process, a_full_lane_is_busy_at_once_and_others_go_on)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	struct frame a;
	unsigned busy = 0, done = 0;

	serve(VH_KTY_RSA, 0, 4096);
	for (unsigned i = 0; i < 64; i++)
		put_sign(b, VH_ALG_RS256, 0, 1);
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	for (unsigned i = 0; i < 64; i++) {
		cr_assert_eq(link_wait(vault.front, MS, &a), VH_OK);
		busy += a.err == VH_EBUSY;
		done += a.err == VH_OK;
	}
	cr_expect_eq(busy + done, 64);
	cr_expect_geq(done, QUEUE);
	cr_expect_geq(busy, 64 - QUEUE - 16, "%u", busy);
	cr_expect_eq(simple(vault.front, VH_OP_VSTATS, &a), VH_OK);
}

Test(vault_process, expired_work_is_not_started)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	struct frame a;
	unsigned expired = 0;

	serve(VH_KTY_RSA, 0, 4096);
	for (unsigned i = 0; i < 2; i++)
		put_sign(b, VH_ALG_RS512, 0, 1);
	for (unsigned i = 0; i < 3; i++)
		put_sign(b, VH_ALG_RS512, 1, 1);
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	for (unsigned i = 0; i < 5; i++) {
		cr_assert_eq(link_wait(vault.front, MS, &a), VH_OK);
		expired += a.err == VH_EDEADLINE;
	}
	cr_expect_geq(expired, 1);
}

/* Whatever one flipped bit makes of a request: an answer or a closed link, and
 * the vault goes on. */
Test(vault_process, survives_every_flipped_bit_of_a_request)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 16);
	struct frame a;
	unsigned generation = 1;

	serve_p256();
	put_sign(b, VH_ALG_ES256, 0, 20);
	for (size_t bit = 0; bit < b->len * 8; bit++) {
		b->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
		b->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* A longer length waits for more: so close it. */
		link_free(vault.front);
		vault.front = NULL;
		cr_assert_eq(give_front(++generation), VH_OK, "%zu", bit);
	}
	cr_expect_eq(sign(VH_ALG_ES256, 1, &a), VH_OK);
	cr_expect_eq(waitpid(vault.pid, NULL, WNOHANG), 0);
}
