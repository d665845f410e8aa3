#include "base/link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_SIZE (256u << 10) /* asked of the socket at once */
#define FDS_MAX   16           /* descriptors waiting to be taken */
#define OUT_MAX   (256u << 20) /* bounded before by the jobs in flight */

struct link {
	int fd;
	size_t max_frame;
	struct buf *in, *out;
	size_t read_to; /* bytes of in that link_next has handed out */
	size_t sent;    /* bytes of out that are gone */
	int fds[FDS_MAX];
	size_t fd_count;
	bool blocked;
};

struct link *
link_new(int fd, size_t max_frame)
{
	struct link *l = calloc(1, sizeof *l);

	if (l == NULL) {
		(void)close(fd);
		return NULL;
	}
	l->fd = fd;
	l->max_frame = max_frame;
	l->in = buf_new(max_frame + READ_SIZE);
	l->out = buf_new(OUT_MAX);
	if (l->in == NULL || l->out == NULL) {
		link_free(l);
		return NULL;
	}
	return l;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->fd_count; i++)
		(void)close(l->fds[i]); /* nothing to do about a failure */
	(void)close(l->fd);
	buf_free(l->in);
	buf_free(l->out);
	free(l);
}

int
link_fd(const struct link *l)
{
	return l->fd;
}

/* Descriptors past the bound are closed: nobody may make us hoard them. */
static void
keep_fds(struct link *l, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (l->fd_count < FDS_MAX)
				l->fds[l->fd_count++] = fd;
			else
				(void)close(fd); /* nothing to do about it */
		}
	}
}

enum vh_err
link_fill(struct link *l)
{
	buf_drop(l->in, l->read_to);
	l->read_to = 0;
	if (!buf_reserve(l->in, READ_SIZE))
		return buf_end(l->in);
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { l->in->p + l->in->len, READ_SIZE };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes };
	ssize_t n = recvmsg(l->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? VH_OK : VH_ELOST;
	keep_fds(l, &msg);
	if (n == 0)
		return VH_ELOST;
	l->in->len += (size_t)n;
	return VH_OK;
}

enum vh_err
link_next(struct link *l, struct slice *message)
{
	struct slice rest = buf_slice(l->in);
	size_t size;

	*message = slice_of(NULL, 0);
	rest.p += l->read_to;
	rest.len -= l->read_to;
	TRY(frame_size(rest.p, rest.len, l->max_frame, &size));
	if (size == 0 || size > rest.len)
		return VH_OK;
	*message = slice_of(rest.p, size);
	l->read_to += size;
	return VH_OK;
}

int
link_take_fd(struct link *l)
{
	if (l->fd_count == 0)
		return -1;
	int fd = l->fds[0];

	l->fd_count--;
	memmove(l->fds, l->fds + 1, l->fd_count * sizeof(int));
	return fd;
}

struct buf *
link_out(struct link *l)
{
	return l->out;
}

size_t
link_unsent(const struct link *l)
{
	return l->out->len - l->sent;
}

/* A socket takes little at once of much: what is left moves to the front only
 * when it is the smaller half, so that no more bytes move than are sent. */
static void
forget_sent(struct link *l)
{
	if (l->sent < link_unsent(l))
		return;
	buf_drop(l->out, l->sent);
	l->sent = 0;
}

enum vh_err
link_flush(struct link *l)
{
	TRY(buf_end(l->out));
	l->blocked = false;
	while (link_unsent(l) > 0) {
		ssize_t n = send(l->fd, l->out->p + l->sent, link_unsent(l),
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			l->blocked = true;
			break;
		}
		if (n < 0)
			return VH_ELOST;
		l->sent += (size_t)n;
	}
	forget_sent(l);
	return VH_OK;
}

bool
link_is_blocked(const struct link *l)
{
	return l->blocked;
}

enum vh_err
link_send(struct link *l, struct slice message, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
			  .cmsg_level = SOL_SOCKET,
			  .cmsg_type = SCM_RIGHTS } };
	bool with_fd = fd >= 0;

	memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
	while (message.len > 0) {
		/* sendmsg does not write through iov_base. */
		struct iovec iov = { (void *)(uintptr_t)message.p,
			message.len };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

		if (with_fd) {
			msg.msg_control = control.bytes;
			msg.msg_controllen = sizeof control.bytes;
		}
		ssize_t n = sendmsg(l->fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return VH_ELOST;
		with_fd = false;
		message.p += n;
		message.len -= (size_t)n;
	}
	return VH_OK;
}

static struct mono_ns
end_of(int timeout_ms)
{
	if (timeout_ms < 0)
		return (struct mono_ns){ UINT64_MAX };
	return mono_after_ms(clock_mono(), (uint64_t)timeout_ms);
}

/* Milliseconds until end, as poll and link_wait take them. */
static int
left_of(struct mono_ns end)
{
	uint32_t left = mono_left_ms(end, clock_mono());

	return left > INT_MAX ? INT_MAX : (int)left;
}

enum vh_err
link_wait(struct link *l, int timeout_ms, struct frame *out)
{
	struct mono_ns end = end_of(timeout_ms);
	struct slice message;

	for (;;) {
		TRY(link_next(l, &message));
		if (message.len > 0)
			return frame_parse(message, out);
		int left = left_of(end);
		struct pollfd p = { .fd = l->fd, .events = POLLIN };

		/* Also with no time left: what is there counts. */
		if (poll(&p, 1, left) > 0)
			TRY(link_fill(l));
		else if (left == 0)
			return VH_EDEADLINE;
	}
}

enum vh_err
link_call(struct link *l, struct slice request, int fd, int timeout_ms,
    struct frame *out)
{
	struct frame sent;

	TRY(frame_parse(request, &sent));
	TRY(link_send(l, request, fd));
	struct mono_ns end = end_of(timeout_ms);

	do
		TRY(link_wait(l, left_of(end), out));
	while (!out->answer || out->id != sent.id);
	return out->err;
}
