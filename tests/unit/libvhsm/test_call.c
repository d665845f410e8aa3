#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/libvhsm/until.h"
#include "client/vhsm.h"
#include "fake.h"
#include "wire/sp.h"

#define SHORT_MS 60

static struct vhsm *
open_fake(const struct fake *f)
{
	struct vhsm *h;

	cr_assert_eq(vhsm_open(fake_url(f), &h), VHSM_OK);
	return h;
}

/* Signs text with the echoing daemon and checks that the token is text. */
static bool
echoes(struct vhsm *h, const char *text)
{
	struct vhsm_answer *a;
	enum vhsm_error err = vhsm_sign(h, NULL, text, strlen(text), NULL, &a);
	bool ok = err == VHSM_OK && a->error == VHSM_OK &&
		  strcmp(a->token, text) == 0 && a->token_len == strlen(text);

	vhsm_answer_free(a);
	return ok;
}

Test(call, sign_gives_the_token_of_the_daemon)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);

	cr_expect(echoes(h, "abc"));
	cr_expect(echoes(h, ""));
	cr_expect_eq(fake_accepted(f), 1, "the connection is used again");
	vhsm_close(h);
	fake_stop(f);
}

Test(call, an_error_of_the_daemon_arrives_with_its_reason)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_answer *a;

	cr_expect_eq(vhsm_sign(h, NULL, "no", 2, NULL, &a), VHSM_ENOKEY);
	cr_expect_eq(a->error, VHSM_ENOKEY);
	cr_expect_str_eq(a->why, "kid \"x\"");
	cr_expect_null(a->token);
	vhsm_answer_free(a);
	cr_expect_eq(vhsm_sign(h, NULL, "no", 2, NULL, NULL), VHSM_ENOKEY);
	vhsm_close(h);
	fake_stop(f);
}

Test(call, a_payload_of_megabytes_comes_back)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	size_t len = 9u << 20;
	uint8_t *p = malloc(len);
	struct vhsm_answer *a;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 31 >> 3);
	cr_assert_eq(vhsm_sign(h, NULL, p, len, NULL, &a), VHSM_OK);
	cr_expect_eq(a->token_len, len);
	cr_expect_eq(memcmp(a->token, p, len), 0);
	vhsm_answer_free(a);
	free(p);
	cr_expect(echoes(h, "small again"));
	vhsm_close(h);
	fake_stop(f);
}

Test(call, an_absent_daemon_is_enodaemon_and_later_is_found)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_answer *a;

	fake_down(f);
	cr_expect_eq(vhsm_status(h, &a), VHSM_ENODAEMON);
	cr_expect_not_null(strstr(a->why, "No such file"), "%s", a->why);
	vhsm_answer_free(a);
	fake_again(f);
	cr_expect(echoes(h, "here"));
	vhsm_close(h);
	fake_stop(f);
}

Test(call, a_restart_of_the_daemon_goes_unnoticed)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);

	for (int i = 0; i < 3; i++) {
		cr_expect(echoes(h, "before"));
		fake_down(f);
		fake_again(f);
		cr_expect(echoes(h, "after"));
	}
	vhsm_close(h);
	fake_stop(f);
}

static void
close_at_once(int fd, void *arg)
{
	(void)fd;
	(void)arg;
}

Test(call, a_connection_closed_before_the_hello_is_busy)
{
	struct fake *f = fake_start(close_at_once, NULL);
	struct vhsm *h = open_fake(f);

	cr_expect_eq(vhsm_status(h, NULL), VHSM_EBUSY);
	vhsm_close(h);
	fake_stop(f);
}

static void
say_http(int fd, void *arg)
{
	(void)arg;
	(void)fake_send(fd, slice_text("HTTP/1.1 400\r\n\r\n"));
}

Test(call, another_protocol_is_no_daemon)
{
	struct fake *f = fake_start(say_http, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_answer *a;

	cr_expect_eq(vhsm_status(h, &a), VHSM_ENODAEMON);
	cr_expect_not_null(strstr(a->why, "another protocol"), "%s", a->why);
	vhsm_answer_free(a);
	vhsm_close(h);
	fake_stop(f);
}

Test(call, a_daemon_that_fake_mutes_is_given_up_in_time)
{
	struct fake *f = fake_start(fake_mute, NULL);
	struct vhsm *h = open_fake(f);

	vhsm_set_timeout_ms(h, SHORT_MS);
	uint64_t begin = until_now_ns();

	cr_expect_eq(vhsm_status(h, NULL), VHSM_EDEADLINE);
	uint64_t ms = (until_now_ns() - begin) / 1000000;

	cr_expect_geq(ms, SHORT_MS - 1);
	cr_expect_lt(ms, SHORT_MS + 2000);
	vhsm_close(h);
	fake_stop(f);
}

static void
say_nothing(int fd, void *arg)
{
	uint8_t byte[64];

	(void)arg;
	while (recv(fd, byte, sizeof byte, 0) > 0)
		;
}

Test(call, a_daemon_without_hello_is_given_up_in_time)
{
	struct fake *f = fake_start(say_nothing, NULL);
	struct vhsm *h = open_fake(f);

	vhsm_set_timeout_ms(h, SHORT_MS);
	cr_expect_eq(vhsm_status(h, NULL), VHSM_EDEADLINE);
	vhsm_close(h);
	fake_stop(f);
}

static void
tell_deadline(int fd, void *arg)
{
	struct buf *in = buf_new(1 << 20), *out = buf_new(1 << 20);
	struct frame q;
	uint32_t id;
	char json[32];

	(void)arg;
	if (fake_hello(fd) && fake_read(fd, in, &id, &q)) {
		snprintf(json, sizeof json, "%u", q.deadline_ms);
		fake_put(out, id, &q, VH_OK, VH_F_JSON, slice_text(json));
		(void)fake_send(fd, buf_slice(out));
	}
	buf_free(in);
	buf_free(out);
}

Test(call, the_frame_says_how_much_time_is_left)
{
	struct fake *f = fake_start(tell_deadline, NULL);
	struct vhsm *h = open_fake(f);
	struct vhsm_answer *a;

	vhsm_set_timeout_ms(h, 30000);
	cr_assert_eq(vhsm_status(h, &a), VHSM_OK);
	long left = strtol(a->json, NULL, 10);

	cr_expect(left > 20000 && left <= 30000, "%ld", left);
	vhsm_answer_free(a);
	vhsm_close(h);
	fake_stop(f);
}

/* Sends a good answer up to a number of bytes, or with one byte changed. */
struct spoil {
	_Atomic size_t cut, flip;
	_Atomic size_t size;
};

static void
spoil_answer(int fd, void *arg)
{
	struct spoil *s = arg;
	struct buf *in = buf_new(1 << 20), *out = buf_new(1 << 20);
	struct frame q;
	uint32_t id;

	if (fake_hello(fd) && fake_read(fd, in, &id, &q)) {
		fake_put(out, id, &q, VH_OK, VH_F_TOKEN, slice_text("token"));
		s->size = out->len;
		if (s->flip < out->len)
			out->p[s->flip] ^= 0xff;
		(void)fake_send(fd,
		    slice_of(out->p, s->cut < out->len ? s->cut : out->len));
	}
	buf_free(in);
	buf_free(out);
}

Test(call, an_answer_cut_at_any_byte_is_lost_and_the_next_call_works)
{
	struct spoil s = { .cut = SIZE_MAX, .flip = SIZE_MAX };
	struct fake *f = fake_start(spoil_answer, &s);
	struct vhsm *h = open_fake(f);

	cr_assert_eq(vhsm_sign(h, NULL, "x", 1, NULL, NULL), VHSM_OK);
	for (size_t cut = 0; cut < s.size; cut++) {
		s.cut = cut;
		cr_expect_eq(vhsm_sign(h, NULL, "x", 1, NULL, NULL), VHSM_ELOST,
		    "%zu", cut);
	}
	s.cut = SIZE_MAX;
	cr_expect_eq(vhsm_sign(h, NULL, "x", 1, NULL, NULL), VHSM_OK);
	vhsm_close(h);
	fake_stop(f);
}

Test(call, no_changed_byte_of_an_answer_passes_as_another_request_s)
{
	struct spoil s = { .cut = SIZE_MAX, .flip = SIZE_MAX };
	struct fake *f = fake_start(spoil_answer, &s);
	struct vhsm *h = open_fake(f);

	cr_assert_eq(vhsm_sign(h, NULL, "x", 1, NULL, NULL), VHSM_OK);
	for (size_t i = 0; i < s.size; i++) {
		struct vhsm_answer *a;

		/* The talker closes after one answer, so a new handle each. */
		vhsm_close(h);
		h = open_fake(f);
		s.flip = i;
		enum vhsm_error err = vhsm_sign(h, NULL, "x", 1, NULL, &a);
		/* The deadline of an answer means nothing, the token all. */
		bool harmless =
		    i >= s.size - 5 || (i >= s.size - 15 && i < s.size - 11);

		cr_expect((err == VHSM_OK) == harmless, "%zu: %d", i, err);
		cr_expect_not_null(a);
		vhsm_answer_free(a);
	}
	vhsm_close(h);
	fake_stop(f);
}

static void
answer_without_token(int fd, void *arg)
{
	struct buf *in = buf_new(1 << 20), *out = buf_new(1 << 20);
	struct frame q;
	uint32_t id;

	(void)arg;
	if (fake_hello(fd) && fake_read(fd, in, &id, &q)) {
		fake_put(out, id, &q, VH_OK, VH_F_KID, slice_text("k"));
		(void)fake_send(fd, buf_slice(out));
	}
	buf_free(in);
	buf_free(out);
}

Test(call, an_answer_without_what_was_promised_is_malformed)
{
	struct fake *f = fake_start(answer_without_token, NULL);
	struct vhsm *h = open_fake(f);

	cr_expect_eq(vhsm_sign(h, NULL, "x", 1, NULL, NULL), VHSM_EPARSE);
	vhsm_close(h);
	fake_stop(f);
}

struct hammer {
	struct vhsm *h;
	int number, rounds;
	bool ok;
};

static void *
hammer_thread(void *arg)
{
	struct hammer *t = arg;
	char text[64];

	t->ok = true;
	for (int i = 0; i < t->rounds && t->ok; i++) {
		snprintf(text, sizeof text, "%d of thread %d", i, t->number);
		t->ok = echoes(t->h, text);
	}
	return NULL;
}

static bool
hammer(struct vhsm *h, int threads, int rounds)
{
	pthread_t thread[32];
	struct hammer t[32];
	bool ok = true;

	for (int i = 0; i < threads; i++) {
		t[i] = (struct hammer){ h, i, rounds, false };
		pthread_create(&thread[i], NULL, hammer_thread, &t[i]);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		ok = ok && t[i].ok;
	}
	return ok;
}

Test(call, many_threads_share_eight_connections_without_mixing_answers)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);

	cr_expect(hammer(h, 8, 500));
	cr_expect(hammer(h, 24, 200));
	cr_expect_leq(fake_accepted(f), 8);
	vhsm_close(h);
	fake_stop(f);
}

static void *
status_thread(void *arg)
{
	(void)vhsm_status(arg, NULL);
	return NULL;
}

Test(call, the_ninth_caller_waits_no_longer_than_its_time)
{
	struct fake *f = fake_start(fake_mute, NULL);
	struct vhsm *h = open_fake(f);
	pthread_t thread[8];
	struct vhsm_answer *a;

	vhsm_set_timeout_ms(h, 20000);
	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, status_thread, h);
	while (fake_accepted(f) < 8)
		usleep(1000);
	vhsm_set_timeout_ms(h, SHORT_MS);
	cr_expect_eq(vhsm_status(h, &a), VHSM_EDEADLINE);
	cr_expect_str_eq(a->why, "all connections in use");
	vhsm_answer_free(a);
	fake_down(f);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	vhsm_close(h);
	fake_stop(f);
}

/* Runs the handle in a child; gives the child's pid. */
static pid_t
child_hammers(struct vhsm *h, int threads, int rounds)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(hammer(h, threads, rounds) ? 0 : 1);
}

static bool
child_did_well(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

Test(call, parent_and_child_use_one_handle_and_answers_never_mix)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);

	cr_assert(hammer(h, 4, 50));
	pid_t first = child_hammers(h, 4, 300);
	pid_t second = child_hammers(h, 1, 300);

	cr_expect(hammer(h, 4, 300));
	cr_expect(child_did_well(first));
	cr_expect(child_did_well(second));
	cr_expect(echoes(h, "the parent's connections are as they were"));
	vhsm_close(h);
	fake_stop(f);
}

struct background {
	struct vhsm *h;
	_Atomic bool stop, failed;
};

static void *
background_thread(void *arg)
{
	struct background *b = arg;

	while (!b->stop)
		if (!echoes(b->h, "in the background"))
			b->failed = true;
	return NULL;
}

Test(call, a_fork_in_the_middle_of_other_threads_calls_harms_nobody)
{
#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("ASan's allocator keeps its locks over a fork (gcc 12)");
#endif
	struct fake *f = fake_start(fake_echo, NULL);
	struct background b = { .h = open_fake(f) };
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, background_thread, &b);
	for (int i = 0; i < 20; i++)
		cr_expect(child_did_well(child_hammers(b.h, 1, 5)), "%d", i);
	b.stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cr_expect(!b.failed);
	vhsm_close(b.h);
	fake_stop(f);
}

Test(call, a_child_may_close_the_handle_and_the_parent_goes_on)
{
	struct fake *f = fake_start(fake_echo, NULL);
	struct vhsm *h = open_fake(f);

	cr_assert(echoes(h, "before"));
	pid_t pid = fork();

	if (pid == 0) {
		vhsm_close(h);
		_exit(0);
	}
	cr_expect(child_did_well(pid));
	cr_expect(echoes(h, "after"));
	cr_expect_eq(fake_accepted(f), 1);
	vhsm_close(h);
	fake_stop(f);
}

Test(call, an_unsound_request_is_refused_without_a_daemon)
{
	struct vhsm *h;
	struct vhsm_answer *a;

	cr_assert_eq(vhsm_open("ipc:///nowhere/at/all", &h), VHSM_OK);
	cr_expect_eq(vhsm_encrypt(h, NULL, "x", 1, NULL, &a), VHSM_EFIELD);
	cr_expect_not_null(strstr(a->why, "is missing"), "%s", a->why);
	vhsm_answer_free(a);
	cr_expect_eq(vhsm_call(h, NULL, NULL), VHSM_EOP);
	cr_expect_eq(vhsm_status(h, NULL), VHSM_ENODAEMON);
	vhsm_close(h);
	vhsm_close(NULL);
}
