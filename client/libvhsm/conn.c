#include "client/libvhsm/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire/frame.h"
#include "wire/sp.h"

#define MESSAGE_MAX (FRAME_HEAD + FRAME_BODY_MAX) /* after the SP id */
#define READ_SIZE   16384u
#define KEEP_SIZE   65536u /* larger buffers are not kept between calls */

struct conn {
	int fd;
	uint32_t last_id;
	struct buf *out;
	size_t out_from; /* bytes of out that are sent */
	uint64_t sent;
	struct buf *in;
	size_t in_from; /* bytes of in that conn_next has given out */
};

static struct conn *
conn_new(int fd)
{
	AUTO(conn_close) struct conn *c = calloc(1, sizeof *c);

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->out = buf_new_wiping(SP_HEAD + SP_ID + MESSAGE_MAX + KEEP_SIZE);
	c->in = buf_new_wiping(SP_HEAD + SP_ID + MESSAGE_MAX + READ_SIZE);
	if (c->out == NULL || c->in == NULL)
		return NULL;
	return TAKE(c);
}

void
conn_close(struct conn *c)
{
	if (c == NULL)
		return;
	buf_free(c->out);
	buf_free(c->in);
	close(c->fd);
	free(c);
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}

uint32_t
conn_next_id(struct conn *c)
{
	/* The top bit belongs to SP. */
	c->last_id = (c->last_id + 1) & 0x7fffffffu;
	if (c->last_id == 0)
		c->last_id = 1;
	return c->last_id;
}

struct buf *
conn_out(struct conn *c)
{
	return c->out;
}

size_t
conn_unsent(const struct conn *c)
{
	return c->out->len - c->out_from;
}

uint64_t
conn_sent(const struct conn *c)
{
	return c->sent;
}

void
conn_move_unsent(struct conn *from, struct conn *to)
{
	struct buf *own = to->out;

	buf_drop(from->out, from->out_from);
	from->out_from = 0;
	to->out = from->out;
	to->out_from = 0;
	from->out = own;
	if (to->last_id < from->last_id)
		to->last_id = from->last_id;
}

/* Whether errno, as a socket call left it, only means "not now". */
static bool
try_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

enum vh_err
conn_flush(struct conn *c)
{
	while (conn_unsent(c) > 0) {
		ssize_t n = send(c->fd, c->out->p + c->out_from, conn_unsent(c),
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return try_later() ? VH_OK : VH_ELOST;
		c->out_from += (size_t)n;
		c->sent += (uint64_t)n;
	}
	buf_clear(c->out);
	c->out_from = 0;
	return VH_OK;
}

/* Makes room to read the rest of the message that has begun, or some. */
static bool
make_room(struct conn *c)
{
	struct buf *b = c->in;
	size_t have = b->len - c->in_from, size = 0, room = READ_SIZE;

	if (have == 0) {
		buf_clear(b);
		c->in_from = 0;
	} else if (sp_size(b->p + c->in_from, have, MESSAGE_MAX, &size) !=
		   VH_OK) {
		return false; /* conn_next has said so */
	}
	if (size > have + READ_SIZE)
		room = size - have;
	if (b->cap - b->len < room && c->in_from > 0) {
		buf_drop(b, c->in_from);
		c->in_from = 0;
	}
	return buf_reserve(b, room);
}

enum vh_err
conn_fill(struct conn *c)
{
	if (!make_room(c))
		return VH_ELOST;
	ssize_t n = recv(c->fd, c->in->p + c->in->len, c->in->cap - c->in->len,
	    MSG_DONTWAIT);

	if (n < 0)
		return try_later() ? VH_OK : VH_ELOST;
	if (n == 0)
		return VH_ELOST;
	c->in->len += (size_t)n;
	return VH_OK;
}

enum vh_err
conn_next(struct conn *c, uint32_t *id, struct slice *body)
{
	const uint8_t *p = c->in->p;
	size_t have = c->in->len - c->in_from, size;

	*body = slice_of(NULL, 0);
	if (have == 0)
		return VH_OK;
	TRY(sp_size(p + c->in_from, have, MESSAGE_MAX, &size));
	if (size == 0 || size > have)
		return VH_OK;
	TRY(sp_parse(slice_of(p + c->in_from, size), id, body));
	c->in_from += size;
	return VH_OK;
}

enum vh_err
conn_wait(const struct conn *c, struct until until)
{
	struct pollfd fd = { .fd = c->fd, .events = POLLIN };

	if (conn_unsent(c) > 0)
		fd.events |= POLLOUT;
	for (;;) {
		uint64_t left = until_left_ns(until);
		struct timespec t = until_timespec(left);
		int n = ppoll(&fd, 1, until.ns == UINT64_MAX ? NULL : &t, NULL);

		if (n > 0)
			return VH_OK;
		if (n == 0)
			return VH_EDEADLINE;
		if (errno != EINTR)
			return VH_EIO;
	}
}

void
conn_rest(struct conn *c)
{
	if (c->in_from == c->in->len) {
		buf_clear(c->in);
		c->in_from = 0;
	}
	if (c->in->len == 0 && c->in->cap > KEEP_SIZE)
		buf_release(c->in);
	if (c->out->len == 0 && c->out->cap > KEEP_SIZE)
		buf_release(c->out);
}

/* --- connecting ----------------------------------------------------------- */

/* connect(2) on a Unix socket waits, for at most SO_SNDTIMEO, while the
 * listener's backlog is full; poll(2) could not tell. */
static enum vh_err
connect_to(int fd, const char *path, struct until until)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	uint64_t us = until_left_ns(until) / 1000;
	struct timeval limit = { .tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000) };

	if (us == 0)
		return VH_EDEADLINE;
	memcpy(to.sun_path, path, strnlen(path, sizeof to.sun_path - 1));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
		return VH_EIO;
	while (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
		if (errno == EAGAIN)
			return VH_EDEADLINE;
		if (errno == EINTR && until_left_ns(until) > 0)
			continue;
		return errno == EINTR ? VH_EDEADLINE : VH_ENODAEMON;
	}
	return VH_OK;
}

static enum vh_err
read_hello(struct conn *c, struct until until)
{
	while (c->in->len < SP_HELLO) {
		TRY(conn_wait(c, until));
		if (conn_fill(c) != VH_OK)
			return VH_EBUSY;
	}
	errno = 0;
	if (sp_hello_check(c->in->p, SP_REP) != VH_OK)
		return VH_ENODAEMON;
	c->in_from = SP_HELLO;
	return VH_OK;
}

static enum vh_err
dial_path(const char *path, struct until until, struct conn **out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return VH_EIO;
	AUTO(conn_close) struct conn *c = conn_new(fd);

	if (c == NULL)
		return VH_ENOMEM;
	TRY(connect_to(fd, path, until));
	uint8_t hello[SP_HELLO];

	sp_hello(hello, SP_REQ);
	buf_put(c->out, slice_of(hello, sizeof hello));
	TRY(buf_end(c->out));
	/* Eight bytes always fit a new socket: closed already, if not. */
	if (conn_flush(c) != VH_OK || conn_unsent(c) > 0)
		return VH_EBUSY;
	TRY(read_hello(c, until));
	*out = TAKE(c);
	return VH_OK;
}

enum vh_err
conn_dial(const struct where *where, struct until until, struct conn **out)
{
	enum vh_err err = VH_ENODAEMON;

	for (unsigned i = 0; i < where->count; i++) {
		err = dial_path(where->path[i], until, out);
		if (err != VH_ENODAEMON)
			return err;
	}
	return err;
}
