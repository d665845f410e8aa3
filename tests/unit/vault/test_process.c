/* The real vhsmd-vault, with this test as its supervisor and its front. */
#include "test_process_rig.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire/pub.h"

/* A vault with one key that serves this test as its front. */
static void
serve(enum vh_kty kty, enum vh_crv crv, unsigned bits)
{
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_assert_eq(vault_generate(kty, crv, bits, VH_USE_SIG, &a), VH_OK);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
}

static void
serve_p256(void)
{
	serve(VH_KTY_EC, VH_CRV_P256, 0);
}

TestSuite(vault_process, .fini = vault_stop, .timeout = 60);

Test(vault_process, signs_what_front_asks)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(vault_sign(VH_ALG_ES256, 100, &a), VH_OK);
	cr_expect_eq(a.f.at[VH_F_SIGNATURE].len, 64);
	cr_expect_eq(vault_sign(VH_ALG_ES256, VAULT_PAYLOAD, &a), VH_OK);
}

/* Of the answer to one VGENERATE: the KEYs, each with a kid of its own; the
 * last one's is kept. */
static size_t
count_kids(const struct frame *a)
{
	static char kids[512][VH_KID_SIZE];
	struct slice rest = a->f.body, value;
	struct fields key;
	unsigned tag;
	size_t n = 0;

	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_KEY)
			continue;
		cr_assert_lt(n, ARRAY_LEN(kids));
		cr_assert_eq(fields_parse(value, &key), VH_OK);
		cr_assert_eq(key.at[VH_F_KID].len, VH_KID_SIZE);
		memcpy(kids[n], key.at[VH_F_KID].p, VH_KID_SIZE);
		memcpy(vault.kid, kids[n], VH_KID_SIZE);
		for (size_t i = 0; i < n; i++)
			cr_assert_neq(memcmp(kids[i], kids[n], VH_KID_SIZE), 0);
		n++;
	}
	return n;
}

Test(vault_process, makes_many_keys_at_one_request)
{
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_assert_eq(vault_generate_many(300, &a), VH_OK);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 300);
	cr_expect_eq(count_kids(&a), 300);
	cr_expect_eq(vault_generate_many(1, &a), VH_OK);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 301, "all so far");
	cr_expect_eq(count_kids(&a), 1);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 1, &a), VH_OK);
}

Test(vault_process, makes_between_one_and_4096_keys_at_one_request)
{
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_expect_eq(vault_generate_many(0, &a), VH_EFIELD);
	cr_expect_eq(vault_generate_many(4097, &a), VH_EFIELD);
	cr_assert_eq(vault_generate_many(1, &a), VH_OK);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 1, "none of those before");
}

Test(vault_process, refuses_an_algorithm_that_does_not_fit_the_key)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(vault_sign(VH_ALG_ES384, 1, &a), VH_EALG);
	cr_expect_eq(vault_sign(VH_ALG_RS256, 1, &a), VH_EALG);
	cr_expect_eq(vault_sign(VH_ALG_RSA_OAEP, 1, &a), VH_EALG);
	cr_expect_eq(vault_sign(999, 1, &a), VH_EALG);
}

Test(vault_process, an_unknown_kid_is_not_found)
{
	struct frame a;

	serve_p256();
	vault.kid[0] ^= 1;
	cr_expect_eq(vault_sign(VH_ALG_ES256, 1, &a), VH_ENOKEY);
}

Test(vault_process, ends_when_the_supervisor_closes_its_link)
{
	serve_p256();
	link_free(vault.super);
	vault.super = NULL;
	cr_expect_eq(vault_exit_status(), 0);
}

Test(vault_process, ends_a_front_that_asks_what_it_may_not)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(vault_simple(vault.front, VH_OP_VCOMMIT, &a), VH_ELOST);
	cr_expect_eq(vault_simple(vault.super, VH_OP_VSTATS, &a), VH_OK);
	link_free(vault.front);
	cr_expect_eq(vault_give(VH_ROLE_FRONT, 2), VH_OK);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 1, &a), VH_OK);
}

Test(vault_process, a_new_front_replaces_the_old)
{
	struct frame a;

	serve_p256();
	struct link *old = vault.front;

	cr_expect_eq(vault_give(VH_ROLE_FRONT, 2), VH_OK);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 1, &a), VH_OK);
	cr_expect_eq(vault_simple(old, VH_OP_VLIST, &a), VH_ELOST);
	link_free(old);
}

Test(vault_process, loads_nothing_after_commit)
{
	struct frame a;

	serve_p256();
	cr_expect_eq(vault_generate(VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG, &a),
	    VH_EFORBIDDEN);
	cr_expect_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a),
	    VH_EFORBIDDEN);
}

Test(vault_process, gets_no_front_before_commit)
{
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_expect_neq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
	cr_expect_eq(vault_generate(VH_KTY_RSA, 0, 1024, VH_USE_SIG, &a),
	    VH_EKEY);
	cr_expect_gt(a.f.at[VH_F_WHY].len, 0);
}

/* RSA-4096 keeps both workers of its lane busy for long; the queue holds
 * VAULT_QUEUE more; all others must be refused before the first is done. */
Test(vault_process, a_full_lane_is_busy_at_once_and_others_go_on)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	struct frame a;
	unsigned busy = 0, done = 0;

	serve(VH_KTY_RSA, 0, 4096);
	for (unsigned i = 0; i < 64; i++)
		vault_put_sign(b, VH_ALG_RS256, 0, 1);
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	for (unsigned i = 0; i < 64; i++) {
		cr_assert_eq(link_wait(vault.front, VAULT_MS, &a), VH_OK);
		busy += a.err == VH_EBUSY;
		done += a.err == VH_OK;
	}
	cr_expect_eq(busy + done, 64);
	cr_expect_geq(done, VAULT_QUEUE);
	cr_expect_geq(busy, 64 - VAULT_QUEUE - 16, "%u", busy);
	cr_expect_eq(vault_simple(vault.front, VH_OP_VSTATS, &a), VH_OK);
}

Test(vault_process, expired_work_is_not_started)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	struct frame a;
	unsigned expired = 0;

	serve(VH_KTY_RSA, 0, 4096);
	for (unsigned i = 0; i < 2; i++)
		vault_put_sign(b, VH_ALG_RS512, 0, 1);
	for (unsigned i = 0; i < 3; i++)
		vault_put_sign(b, VH_ALG_RS512, 1, 1);
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	for (unsigned i = 0; i < 5; i++) {
		cr_assert_eq(link_wait(vault.front, VAULT_MS, &a), VH_OK);
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
	vault_put_sign(b, VH_ALG_ES256, 0, 20);
	for (size_t bit = 0; bit < b->len * 8; bit++) {
		b->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
		b->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* A longer length waits for more: so close it. */
		link_free(vault.front);
		vault.front = NULL;
		cr_assert_eq(vault_give(VH_ROLE_FRONT, ++generation), VH_OK,
		    "%zu", bit);
	}
	cr_expect_eq(vault_sign(VH_ALG_ES256, 1, &a), VH_OK);
	cr_expect_eq(waitpid(vault.pid, NULL, WNOHANG), 0);
}

/* CPU time that the vault has used, in milliseconds. */
static uint64_t
vault_cpu_ms(void)
{
	struct timespec t;
	clockid_t clock;

	cr_assert_eq(clock_getcpuclockid(vault.pid, &clock), 0);
	cr_assert_eq(clock_gettime(clock, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Asks for lists that nobody reads, until neither side takes any more. */
static void
fill_answers(void)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	struct frame a;

	for (unsigned i = 0; i < 4000; i++)
		frame_close(b, vault_request(b, VH_OP_VLIST));
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	/* Answered after what front has sent before was read. */
	for (unsigned i = 0; i < 8; i++)
		cr_assert_eq(vault_simple(vault.super, VH_OP_VSTATS, &a),
		    VH_OK);
}

Test(vault_process, a_front_that_reads_nothing_costs_no_time)
{
	struct frame a;

	serve_p256();
	fill_answers();
	uint64_t before = vault_cpu_ms();

	(void)poll(NULL, 0, 500); /* in which a vault that spins uses 500 */
	cr_expect_lt(vault_cpu_ms() - before, 100);
	for (unsigned i = 0; i < 4000; i++)
		cr_assert_eq(link_wait(vault.front, VAULT_MS, &a), VH_OK, "%u",
		    i);
}

/* Only the supervisor gives descriptors. */
Test(vault_process, ends_a_front_that_sends_a_descriptor)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;

	serve_p256();
	frame_close(b, vault_request(b, VH_OP_VSTATS));
	cr_expect_eq(vault_ask(vault.front, b, STDERR_FILENO, &a), VH_ELOST);
	link_free(vault.front);
	vault.front = NULL;
	cr_expect_eq(vault_give(VH_ROLE_FRONT, 2), VH_OK);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 1, &a), VH_OK);
}

/* Lists asked for in one go, in all more than an answer may be long. */
Test(vault_process, answers_are_whole_however_many_are_asked_for_at_once)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	for (unsigned i = 0; i < 32; i++)
		cr_assert_eq(vault_generate(VH_KTY_OKP, VH_CRV_ED25519, 0,
				 VH_USE_SIG, &a),
		    VH_OK);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
	for (unsigned i = 0; i < 6000; i++)
		frame_close(b, vault_request(b, VH_OP_VLIST));
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	for (unsigned i = 0; i < 6000; i++) {
		enum vh_err err = link_wait(vault.front, VAULT_MS, &a);

		cr_assert_eq(err, VH_OK, "%u: %s", i, err_name(err));
		cr_assert_eq(a.err, VH_OK);
	}
}

/* What a front asked before it was ended is nobody's answer. */
Test(vault_process, answers_for_an_ended_front_reach_nobody_else)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;

	serve_p256();
	frame_close(b, vault_request(b, VH_OP_VLIST));
	vault.id--; /* the supervisor's next */
	frame_close(b, frame_request(b, VH_OP_VCOMMIT, 0, 0));
	cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
	cr_expect_eq(link_wait(vault.front, VAULT_MS, &a), VH_ELOST);
	cr_expect_eq(vault_simple(vault.super, VH_OP_VSTATS, &a), VH_OK);
	cr_expect_eq(a.op, VH_OP_VSTATS, "%u", a.op);
}

/* A front cannot have the vault killed, and with it its keys, for memory. */
Test(vault_process, jobs_of_too_many_bytes_are_busy_at_once)
{
	enum { JOBS = 2000 }; /* of 1 MiB, at most */
	AUTO(buf_free) struct buf *b = buf_new(2 * VAULT_PAYLOAD);
	struct frame a;
	unsigned sent = 0, done = 0, busy = 0;

	vault_spawn();
	cr_assert_eq(vault_start_with(2 * JOBS), VH_OK);
	cr_assert_eq(vault_generate(VH_KTY_RSA, 0, 6144, VH_USE_SIG, &a),
	    VH_OK);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
	vault_put_sign(b, VH_ALG_RS512, 0, VAULT_PAYLOAD);
	/* More than are signed meanwhile, however slow this process is. */
	while (busy == 0 && sent++ < JOBS) {
		cr_assert_eq(link_send(vault.front, buf_slice(b), -1), VH_OK);
		for (; link_wait(vault.front, 0, &a) == VH_OK; done++)
			busy += a.err == VH_EBUSY;
	}
	cr_expect_gt(busy, 0);
	for (; done < sent; done++)
		cr_assert_eq(link_wait(vault.front, VAULT_MS, &a), VH_OK);
	buf_clear(b);
	cr_expect_eq(vault_sign(VH_ALG_RS512, VAULT_PAYLOAD, &a), VH_OK);
}
