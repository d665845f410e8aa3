#include "world.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "front/loop.h"

#define FRAME_MAX (32u << 20)

static void
make_pair(struct link **ours, struct link **fronts)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
	    0);
	*ours = link_new(fds[0], FRAME_MAX);
	*fronts = link_new(fds[1], FRAME_MAX);
}

/* An address that the kernel picks. */
static int
listening(void)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (const struct sockaddr *)&any,
			 sizeof any.sun_family),
	    0);
	cr_assert_eq(listen(fd, 100), 0);
	return fd;
}

struct world *
world_new(struct directory *d, void (*change)(struct settings *s))
{
	struct world *w = calloc(1, sizeof *w);
	struct settings *s = settings_new();

	log_init("front", LOG_LOGFMT, LOG_ERROR);
	if (change != NULL)
		change(s);
	w->shared = shared_new();
	w->front = front_new(s, w->shared);
	cr_assert_not_null(w->front);
	directory_free(w->front->directory);
	w->front->directory = d;
	cr_assert_eq(front_read_policy(w->front), VH_OK);
	make_pair(&w->vault, &w->front->vault);
	make_pair(&w->super, &w->front->super);
	cr_assert_eq(loop_watch(w->front), VH_OK);
	w->listener[0] = listening();
	w->listener[1] = listening();
	cr_assert_eq(conns_listen(w->front, w->listener[0], VH_WHO_CALLER,
			 s->connections),
	    VH_OK);
	cr_assert_eq(conns_listen(w->front, w->listener[1], VH_WHO_OPERATOR, 4),
	    VH_OK);
	w->shared->serving = true;
	return w;
}

void
world_free(struct world *w)
{
	front_free(w->front);
	shared_free(w->shared);
	link_free(w->vault);
	link_free(w->super);
	free(w);
}

void
world_turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		loop_round(w->front, 0);
}

struct client *
client_connect(struct world *w, int who)
{
	struct client *c = calloc(1, sizeof *c);
	struct sockaddr_un to;
	socklen_t len = sizeof to;

	cr_assert_eq(getsockname(w->listener[who], (struct sockaddr *)&to,
			 &len),
	    0);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(c->fd, (const struct sockaddr *)&to, len), 0);
	c->in = buf_new(FRAME_MAX);
	c->last = buf_new(FRAME_MAX);
	return c;
}

struct client *
client_new(struct world *w, int who)
{
	struct client *c = client_connect(w, who);
	uint8_t hello[SP_HELLO];

	sp_hello(hello, SP_REQ);
	client_send_raw(c, slice_of(hello, sizeof hello));
	return c;
}

void
client_free(struct client *c)
{
	(void)close(c->fd);
	buf_free(c->in);
	buf_free(c->last);
	free(c);
}

void
client_send_raw(struct client *c, struct slice bytes)
{
	cr_assert_eq(send(c->fd, bytes.p, bytes.len,
			 MSG_NOSIGNAL | MSG_DONTWAIT),
	    (ssize_t)bytes.len);
}

struct buf *
client_ask(enum vh_op op, uint64_t id, uint32_t deadline_ms)
{
	struct buf *b = buf_new(FRAME_MAX);

	(void)frame_request(b, op, id, deadline_ms);
	return b;
}

void
client_send(struct client *c, uint32_t sp_id, struct buf *b)
{
	uint8_t head[SP_HEAD + SP_ID];

	frame_close(b, 0);
	cr_assert_eq(buf_end(b), VH_OK);
	sp_head(head, b->len, sp_id);
	client_send_raw(c, slice_of(head, sizeof head));
	client_send_raw(c, buf_slice(b));
	buf_free(b);
}

static void
fill(struct client *c)
{
	for (;;) {
		cr_assert(buf_reserve(c->in, 65536));
		ssize_t n =
		    recv(c->fd, c->in->p + c->in->len, 65536, MSG_DONTWAIT);

		if (n <= 0)
			return;
		c->in->len += (size_t)n;
	}
}

bool
client_read(struct client *c)
{
	uint8_t hello[SP_HELLO];
	struct slice body;
	size_t size = 0;

	fill(c);
	sp_hello(hello, SP_REP);
	if (c->in->len >= SP_HELLO && memcmp(c->in->p, hello, SP_HELLO) == 0)
		buf_drop(c->in, SP_HELLO);
	if (c->in->len > 0)
		cr_assert_eq(sp_size(c->in->p, c->in->len, FRAME_MAX, &size),
		    VH_OK);
	if (size == 0 || size > c->in->len)
		return false;
	buf_clear(c->last);
	buf_put(c->last, slice_of(c->in->p, size));
	buf_drop(c->in, size);
	cr_assert_eq(sp_parse(buf_slice(c->last), &c->sp_id, &body), VH_OK);
	cr_assert_eq(frame_parse(body, &c->f), VH_OK);
	cr_assert(c->f.answer);
	return true;
}

bool
client_is_closed(struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	fill(c);
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

void
client_sign(struct client *c, uint32_t id, const char *payload)
{
	struct buf *b = client_ask(VH_OP_SIGN, id, 0);

	frame_put_text(b, VH_F_ALG, "EdDSA");
	frame_put_text(b, VH_F_DATA, payload);
	client_send(c, id, b);
}

bool
vault_next(struct world *w, struct frame *q)
{
	struct slice message;

	cr_assert_eq(link_next(w->vault, &message), VH_OK);
	if (message.len == 0) {
		cr_assert_eq(link_fill(w->vault), VH_OK);
		cr_assert_eq(link_next(w->vault, &message), VH_OK);
	}
	if (message.len == 0)
		return false;
	cr_assert_eq(frame_parse(message, q), VH_OK);
	cr_assert_eq(frame_check(q, VH_WHO_FRONT), VH_OK);
	return true;
}

void
vault_answer(struct world *w, uint64_t id, uint16_t op, enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = frame_answer(b, op, id, err);

	if (op == VH_OP_VSIGN && err == VH_OK)
		frame_put_text(b, VH_F_SIGNATURE, "signed");
	if (op == VH_OP_VDECRYPT && err == VH_OK)
		frame_put_text(b, VH_F_DATA, "plain");
	frame_close(b, at);
	cr_assert_eq(link_send(w->vault, buf_slice(b), -1), VH_OK);
}

void
vault_gives(struct world *w, const struct frame *q, enum vh_tag tag,
    struct slice value)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = frame_answer(b, q->op, q->id, VH_OK);

	frame_put(b, tag, value);
	frame_close(b, at);
	cr_assert_eq(link_send(w->vault, buf_slice(b), -1), VH_OK);
}
