#include "fake.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/sp.h"

#define CONNECTIONS 256
#define MESSAGE_MAX (FRAME_HEAD + FRAME_BODY_MAX)

struct talk {
	pthread_t thread;
	struct fake *fake;
	int fd;
};

struct fake {
	char folder[64], path[100], url[108];
	fake_fn fn;
	void *arg;
	int listener, stop[2];
	pthread_t accepter;
	bool up;
	_Atomic unsigned accepted;
	unsigned talk_count;
	struct talk talks[CONNECTIONS];
};

static void *
talk_thread(void *arg)
{
	struct talk *t = arg;

	t->fake->fn(t->fd, t->fake->arg);
	shutdown(t->fd, SHUT_RDWR);
	return NULL;
}

static void *
accept_thread(void *arg)
{
	struct fake *f = arg;
	struct pollfd fds[2] = { { f->listener, POLLIN, 0 },
		{ f->stop[0], POLLIN, 0 } };

	for (;;) {
		poll(fds, 2, -1);
		if (fds[1].revents != 0)
			return NULL;
		int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		struct talk *t = &f->talks[f->talk_count];

		cr_assert_lt(f->talk_count, CONNECTIONS);
		*t = (struct talk){ .fake = f, .fd = fd };
		pthread_create(&t->thread, NULL, talk_thread, t);
		f->talk_count++;
		f->accepted++;
	}
}

void
fake_again(struct fake *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof at.sun_path, "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(f->listener, (struct sockaddr *)&at, sizeof at), 0);
	cr_assert_eq(listen(f->listener, 64), 0);
	cr_assert_eq(pipe(f->stop), 0);
	f->talk_count = 0;
	pthread_create(&f->accepter, NULL, accept_thread, f);
	f->up = true;
}

struct fake *
fake_start(fake_fn talk, void *arg)
{
	struct fake *f = calloc(1, sizeof *f);

	cr_assert_not_null(f);
	f->fn = talk;
	f->arg = arg;
	snprintf(f->folder, sizeof f->folder, "/tmp/vhsm-test-XXXXXX");
	cr_assert_not_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/sock", f->folder);
	snprintf(f->url, sizeof f->url, "ipc://%s", f->path);
	fake_again(f);
	return f;
}

const char *
fake_url(const struct fake *f)
{
	return f->url;
}

unsigned
fake_accepted(const struct fake *f)
{
	return f->accepted;
}

void
fake_down(struct fake *f)
{
	if (!f->up)
		return;
	f->up = false;
	cr_assert_eq(write(f->stop[1], "", 1), 1);
	pthread_join(f->accepter, NULL);
	close(f->listener);
	unlink(f->path);
	for (unsigned i = 0; i < f->talk_count; i++)
		shutdown(f->talks[i].fd, SHUT_RDWR);
	for (unsigned i = 0; i < f->talk_count; i++) {
		pthread_join(f->talks[i].thread, NULL);
		close(f->talks[i].fd);
	}
	close(f->stop[0]);
	close(f->stop[1]);
}

void
fake_stop(struct fake *f)
{
	fake_down(f);
	rmdir(f->folder);
	free(f);
}

static bool
read_all(int fd, void *p, size_t len)
{
	return len == 0 || recv(fd, p, len, MSG_WAITALL) == (ssize_t)len;
}

bool
fake_send(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.p, bytes.len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes = slice_of(bytes.p + n, bytes.len - (size_t)n);
	}
	return true;
}

bool
fake_hello(int fd)
{
	uint8_t own[SP_HELLO], theirs[SP_HELLO];

	sp_hello(own, SP_REP);
	return fake_send(fd, slice_of(own, sizeof own)) &&
	       read_all(fd, theirs, sizeof theirs) &&
	       sp_hello_check(theirs, SP_REQ) == VH_OK;
}

bool
fake_read(int fd, struct buf *in, uint32_t *sp_id, struct frame *q)
{
	struct slice body;
	size_t size;

	buf_clear(in);
	if (!read_all(fd, buf_extend(in, SP_HEAD), SP_HEAD))
		return false;
	if (sp_size(in->p, SP_HEAD, MESSAGE_MAX, &size) != VH_OK)
		return false;
	uint8_t *rest = buf_extend(in, size - SP_HEAD);

	return rest != NULL && read_all(fd, rest, size - SP_HEAD) &&
	       sp_parse(buf_slice(in), sp_id, &body) == VH_OK &&
	       frame_parse(body, q) == VH_OK &&
	       frame_check(q, VH_WHO_OPERATOR) == VH_OK;
}

void
fake_put(struct buf *b, uint32_t sp_id, const struct frame *q, enum vh_err err,
    enum vh_tag tag, struct slice value)
{
	size_t start = b->len;

	buf_extend(b, SP_HEAD + SP_ID);
	size_t frame = frame_answer(b, q->op, q->id, err);

	frame_put(b, tag, value);
	frame_close(b, frame);
	sp_head(b->p + start, b->len - start - SP_HEAD - SP_ID, sp_id);
}

static void
echo_answer(struct buf *out, uint32_t id, const struct frame *q)
{
	struct slice data = q->f.at[VH_F_DATA];

	buf_clear(out);
	if (q->op == VH_OP_STATUS)
		fake_put(out, id, q, VH_OK, VH_F_JSON, slice_text("{}"));
	else if (slice_is(data, "no"))
		fake_put(out, id, q, VH_ENOKEY, VH_F_WHY,
		    slice_text("kid \"x\""));
	else
		fake_put(out, id, q, VH_OK, VH_F_TOKEN, data);
}

void
fake_echo(int fd, void *arg)
{
	struct buf *in = buf_new(2 * MESSAGE_MAX);
	struct buf *out = buf_new(2 * MESSAGE_MAX);
	struct frame q;
	uint32_t id;
	bool going = fake_hello(fd);

	(void)arg;
	while (going && fake_read(fd, in, &id, &q)) {
		echo_answer(out, id, &q);
		going = fake_send(fd, buf_slice(out));
	}
	buf_free(in);
	buf_free(out);
}

void
fake_mute(int fd, void *arg)
{
	struct buf *in = buf_new(1 << 20);
	struct frame q;
	uint32_t id;

	(void)arg;
	if (fake_hello(fd))
		while (fake_read(fd, in, &id, &q))
			;
	buf_free(in);
}
