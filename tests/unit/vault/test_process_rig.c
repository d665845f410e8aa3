#include "test_process_rig.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA (6u << 20)

struct vault vault; /* each test is a process of its own */

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
	return link_new(fd[0], 16u << 20);
}

void
vault_spawn(void)
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

enum vh_err
vault_ask(struct link *l, struct buf *request, int fd, struct frame *answer)
{
	enum vh_err err =
	    link_call(l, buf_slice(request), fd, VAULT_MS, answer);

	buf_clear(request);
	return err;
}

size_t
vault_request(struct buf *b, enum vh_op op)
{
	return frame_request(b, op, ++vault.id, 0);
}

enum vh_err
vault_start(void)
{
	return vault_start_with(VAULT_QUEUE);
}

enum vh_err
vault_start_with(uint32_t queue)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;
	size_t at = vault_request(b, VH_OP_VSTART);

	frame_put_u64(b, VH_F_ARENA, ARENA);
	frame_put_u32(b, VH_F_WORKERS, 2);
	frame_put_u32(b, VH_F_QUEUE, queue);
	frame_put_u32(b, VH_F_PAYLOAD, VAULT_PAYLOAD);
	frame_close(b, at);
	return vault_ask(vault.super, b, -1, &a);
}

static void
keep_kid(const struct frame *a)
{
	struct fields key;

	cr_assert_eq(fields_parse(a->f.at[VH_F_KEY], &key), VH_OK);
	(void)snprintf(vault.kid, sizeof vault.kid, "%.*s",
	    (int)key.at[VH_F_KID].len, (const char *)key.at[VH_F_KID].p);
}

static enum vh_err
generate(enum vh_kty kty, enum vh_crv crv, unsigned bits, enum vh_use use,
    uint32_t count, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = vault_request(b, VH_OP_VGENERATE);

	frame_put_u32(b, VH_F_KTY_ID, kty);
	frame_put_u32(b, VH_F_CRV_ID, crv);
	frame_put_u32(b, VH_F_BITS, bits);
	frame_put_u32(b, VH_F_USE_ID, use);
	frame_put_u32(b, VH_F_COUNT, count);
	frame_close(b, at);
	return vault_ask(vault.super, b, -1, a);
}

enum vh_err
vault_generate(enum vh_kty kty, enum vh_crv crv, unsigned bits, enum vh_use use,
    struct frame *a)
{
	TRY(generate(kty, crv, bits, use, 1, a));
	keep_kid(a);
	return VH_OK;
}

enum vh_err
vault_generate_many(uint32_t count, struct frame *a)
{
	return generate(VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG, count, a);
}

enum vh_err
vault_simple(struct link *l, enum vh_op op, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	frame_close(b, vault_request(b, op));
	return vault_ask(l, b, -1, a);
}

enum vh_err
vault_give(enum vh_role role, unsigned generation)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	AUTO(link_free) struct link *ours = NULL;
	struct frame a;
	int theirs;

	ours = pair_with(&theirs);
	size_t at = vault_request(b, VH_OP_GIVE);

	frame_put_u32(b, VH_F_ROLE, role);
	frame_put_u32(b, VH_F_GENERATION, generation);
	frame_close(b, at);
	enum vh_err err = vault_ask(vault.super, b, theirs, &a);

	(void)close(theirs); /* the vault's */
	if (err == VH_OK && role == VH_ROLE_PEER)
		vault.peer = TAKE(ours);
	else if (err == VH_OK)
		vault.front = TAKE(ours);
	return err;
}

void
vault_put_sign(struct buf *b, enum vh_alg alg, uint32_t deadline, size_t bytes)
{
	static const uint8_t data[VAULT_PAYLOAD];
	size_t at = frame_request(b, VH_OP_VSIGN, ++vault.id, deadline);

	frame_put_text(b, VH_F_KID, vault.kid);
	frame_put_u32(b, VH_F_ALG_ID, alg);
	frame_put(b, VH_F_DATA, slice_of(data, bytes));
	frame_close(b, at);
}

enum vh_err
vault_sign(enum vh_alg alg, size_t bytes, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(2 * VAULT_PAYLOAD);

	vault_put_sign(b, alg, 0, bytes);
	return vault_ask(vault.front, b, -1, a);
}

int
vault_exit_status(void)
{
	int status;

	cr_assert_eq(waitpid(vault.pid, &status, 0), vault.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void
vault_stop(void)
{
	link_free(vault.front);
	link_free(vault.peer);
	link_free(vault.super);
	(void)kill(vault.pid, SIGKILL); /* or gone already */
}
