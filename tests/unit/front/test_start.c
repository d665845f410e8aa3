#include "front/start.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* The supervisor's end, and what front makes of what it sends. */
struct rig {
	struct link *super, *front;
	struct given given;
	struct settings *settings;
	uint64_t id;
};

static struct rig
rig_new(void)
{
	struct rig r = { .settings = NULL };
	int fds[2];

	log_init("front", LOG_LOGFMT, LOG_ERROR);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
	    0);
	r.super = link_new(fds[0], 1u << 20);
	r.front = link_new(fds[1], 1u << 20);
	given_init(&r.given);
	return r;
}

static void
rig_end(struct rig *r)
{
	link_free(r->super);
	link_free(r->front);
	given_close(&r->given);
	settings_free(r->settings);
}

static void
give(struct rig *r, enum vh_role role, bool with_fd)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	size_t at = frame_request(b, VH_OP_GIVE, role, 0);
	int fd = with_fd ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;

	frame_put_u32(b, VH_F_ROLE, role);
	frame_close(b, at);
	cr_assert_eq(link_send(r->super, buf_slice(b), fd), VH_OK);
	if (fd >= 0)
		(void)close(fd); /* the other end has its own */
}

static void
send_start(struct rig *r, const char *config)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	size_t at = frame_request(b, VH_OP_FSTART, 77, 0);

	frame_put_text(b, VH_F_CONFIG, config);
	frame_close(b, at);
	cr_assert_eq(link_send(r->super, buf_slice(b), -1), VH_OK);
}

static enum vh_err
receive(struct rig *r)
{
	return start_receive(r->front, &r->given, &r->settings, &r->id);
}

Test(start, descriptors_and_settings_come_before_the_start)
{
	struct rig r = rig_new();
	struct frame answer;

	give(&r, VH_ROLE_CALLERS, true);
	give(&r, VH_ROLE_VAULT, true);
	send_start(&r, "node a\nqueue 7\n");
	cr_assert_eq(receive(&r), VH_OK);
	cr_expect_geq(r.given.callers, 0);
	cr_expect_geq(r.given.vault, 0);
	cr_expect_eq(r.given.http, -1);
	cr_expect_eq(r.given.operators, -1);
	cr_expect_str_eq(r.settings->node, "a");
	cr_expect_eq(r.settings->queue, 7);
	cr_expect_eq(r.id, 77);
	cr_assert_eq(link_wait(r.super, 1000, &answer), VH_OK);
	cr_expect_eq(answer.op, VH_OP_GIVE);
	cr_expect_eq(answer.id, VH_ROLE_CALLERS);
	rig_end(&r);
}

Test(start, a_role_comes_once_and_with_a_descriptor)
{
	struct rig r = rig_new();

	give(&r, VH_ROLE_CALLERS, true);
	give(&r, VH_ROLE_CALLERS, true);
	cr_expect_eq(receive(&r), VH_EFIELD);
	rig_end(&r);
	r = rig_new();
	give(&r, VH_ROLE_VAULT, false);
	cr_expect_eq(receive(&r), VH_EFIELD);
	rig_end(&r);
	r = rig_new();
	give(&r, VH_ROLE_FRONT, true);
	cr_expect_eq(receive(&r), VH_EFIELD);
	rig_end(&r);
}

Test(start, settings_must_be_whole)
{
	struct rig r = rig_new();

	send_start(&r, "no-such-setting 1\n");
	cr_expect_eq(receive(&r), VH_EPARSE);
	cr_expect_null(r.settings);
	rig_end(&r);
}

Test(start, nobody_else_may_speak_here)
{
	struct rig r = rig_new();
	AUTO(buf_free) struct buf *b = buf_new(1000);
	size_t at = frame_request(b, VH_OP_STATUS, 1, 0);

	frame_close(b, at);
	cr_assert_eq(link_send(r.super, buf_slice(b), -1), VH_OK);
	cr_expect_eq(receive(&r), VH_EFORBIDDEN);
	link_free(TAKE(r.super));
	cr_expect_eq(receive(&r), VH_ELOST);
	rig_end(&r);
}

Test(start, without_vault_there_is_no_front)
{
	struct rig r = rig_new();
	AUTO(shared_free) struct shared *shared = shared_new();
	struct http *http = NULL;
	struct front *f = NULL;

	send_start(&r, "node a\n");
	cr_assert_eq(receive(&r), VH_OK);
	cr_expect_eq(start_front(&r.front, &r.given, TAKE(r.settings), shared,
			 &http, &f),
	    VH_ECONFIG);
	cr_expect_null(f);
	cr_expect_null(http);
	rig_end(&r);
}
