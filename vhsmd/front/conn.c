/* One connection.  Bytes are read into one buffer that all share; whole
 * messages are handled where they lie, and only what is incomplete or must wait
 * is copied.  A connection waits while it has CONN_IN_FLIGHT requests under way
 * or answers it does not take.  Costly requests (verification) run while a
 * round has time for them; then connections queue for their turns, so that
 * others' requests never wait for more than a round's share.  A closed
 * connection is only marked: events of the same round may still point to it. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "front/batch.h"
#include "front/front.h"
#include "front/requests.h"

#define KEEP_EMPTY 65536 /* an empty buffer up to this is kept */

static size_t
out_left(const struct conn *c)
{
	return c->out->len - c->out_sent;
}

static bool
may_go_on(const struct conn *c)
{
	return !c->dead && c->in_flight < CONN_IN_FLIGHT &&
	       out_left(c) < CONN_OUT_PAUSE;
}

void
conn_watch(struct front *f, struct conn *c)
{
	uint32_t want = (c->waits ? 0u : (uint32_t)EPOLLIN) |
			(out_left(c) > 0 ? (uint32_t)EPOLLOUT : 0u);
	struct epoll_event e = { .events = want, .data.ptr = &c->source };

	if (c->dead || want == c->events)
		return;
	if (epoll_ctl(f->epoll, EPOLL_CTL_MOD, c->fd, &e) != 0) {
		conn_close(f, c, COUNT_MALFORMED, "epoll");
		return;
	}
	if ((want & ~c->events) & EPOLLOUT) {
		f->conns.blocked++;
		c->since = f->now;
	}
	if ((c->events & ~want) & EPOLLOUT)
		f->conns.blocked--;
	c->events = want;
}

static void
cut_heaviest(struct front *f)
{
	struct conn *c, *most = f->conns.all;

	DL_FOREACH(f->conns.all, c)
	if (c->weight > most->weight)
		most = c;
	conn_close(f, most, COUNT_SLOW, "memory");
}

/* Keeps count of its memory; when all have too much, the one with the most is
 * cut off, so that a few who hoard do not shut out the others. */
static void
weigh(struct front *f, struct conn *c)
{
	size_t now = stream_weight(&c->in) + c->out->cap + c->gathered;

	if (c->dead)
		return;
	f->conns.weight += now - c->weight;
	c->weight = now;
	if (f->conns.weight > FRONT_CONNS_MAX)
		cut_heaviest(f);
}

static void
note_greeting(struct front *f, struct conn *c)
{
	if (!c->greeting || !c->in.greeted)
		return;
	DL_DELETE2(f->conns.greeting, c, greet_prev, greet_next);
	c->greeting = false;
}

static void
mark_ready(struct front *f, struct conn *c)
{
	if (c->ready || c->queued || c->dead)
		return;
	c->ready = true;
	DL_APPEND2(f->conns.ready, c, ready_prev, ready_next);
}

static void
queue(struct front *f, struct conn *c)
{
	c->queued = true;
	DL_APPEND2(f->conns.queued, c, ready_prev, ready_next);
}

/* Whether a costly request may run without queueing. */
static bool
has_time(const struct front *f)
{
	return f->conns.queued == NULL && f->costly_ns < f->costly_max;
}

/* Handles one message of bytes; false when there is none to be handled now. */
static bool
step(struct front *f, struct conn *c, struct slice *bytes, bool *turn)
{
	struct slice message;
	enum vh_err err = stream_next(&c->in, bytes, &message);

	note_greeting(f, c);
	if (err != VH_OK && err != VH_ETOOBIG) {
		conn_close(f, c, COUNT_MALFORMED, "malformed");
		return false;
	}
	if (message.len == 0)
		return false;
	if (err == VH_OK && request_is_costly(message)) {
		if (!*turn && !has_time(f)) {
			stream_unread(&c->in, bytes, message);
			queue(f, c);
			return false;
		}
		*turn = false;
	}
	request_take(f, c, message, err == VH_ETOOBIG);
	return true;
}

void
conn_work(struct front *f, struct conn *c, struct slice bytes, bool turn)
{
	while (may_go_on(c) && step(f, c, &bytes, &turn))
		continue;
	if (c->dead)
		return;
	if (stream_keep(&c->in, bytes) != VH_OK) {
		conn_close(f, c, COUNT_SLOW, "memory");
		return;
	}
	c->waits = c->queued || (!may_go_on(c) && stream_has(&c->in));
	if (!c->waits && (c->events & EPOLLIN) == 0)
		conn_watch(f, c);
	weigh(f, c);
}

static void
conn_read(struct front *f, struct conn *c)
{
	ssize_t n = recv(c->fd, f->conns.bytes, CONN_READ, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		conn_close(f, c, COUNTS, NULL);
	else
		conn_work(f, c, slice_of(f->conns.bytes, (size_t)n), false);
}

void
conn_ready(struct front *f, struct source *s, uint32_t events)
{
	struct conn *c = (struct conn *)s;

	if (c->dead)
		return;
	if (events & (EPOLLERR | EPOLLHUP))
		conn_close(f, c, COUNTS, NULL);
	else if (events & EPOLLOUT)
		conn_touch(f, c);
	if (c->dead || (events & EPOLLIN) == 0)
		return;
	if (c->waits)
		conn_watch(f, c); /* later, when it goes on */
	else
		conn_read(f, c);
}

void
conn_touch(struct front *f, struct conn *c)
{
	if (c->dirty || c->dead)
		return;
	c->dirty = true;
	LL_PREPEND2(f->conns.dirty, c, dirty_next);
}

static void
tidy_out(struct conn *c)
{
	if (out_left(c) > 0)
		return;
	c->out_sent = 0;
	buf_clear(c->out);
	if (c->out->cap <= KEEP_EMPTY)
		return;
	struct buf *fresh = buf_new(CONN_OUT_MAX);

	if (fresh == NULL)
		return; /* the old one will do */
	buf_free(c->out);
	c->out = fresh;
}

void
conn_flush(struct front *f, struct conn *c)
{
	while (out_left(c) > 0) {
		ssize_t n = send(c->fd, c->out->p + c->out_sent, out_left(c),
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			conn_close(f, c, COUNTS, NULL);
			return;
		}
		c->out_sent += (size_t)n;
		c->since = f->now;
	}
	tidy_out(c);
	if (out_left(c) > 0 || (c->events & EPOLLOUT))
		conn_watch(f, c);
	if (!c->dead && c->waits && may_go_on(c))
		mark_ready(f, c);
	weigh(f, c);
}

void
conn_close(struct front *f, struct conn *c, enum count which,
    const char *reason)
{
	struct pending *p;

	if (c->dead)
		return;
	c->dead = true;
	if (reason != NULL) {
		shared_count(f->shared, which);
		refusals_log_conn(&f->refusals, f->now, f->shared, &c->caller,
		    reason);
	}
	if (c->greeting)
		DL_DELETE2(f->conns.greeting, c, greet_prev, greet_next);
	if (c->ready)
		DL_DELETE2(f->conns.ready, c, ready_prev, ready_next);
	if (c->queued)
		DL_DELETE2(f->conns.queued, c, ready_prev, ready_next);
	if (c->events & EPOLLOUT)
		f->conns.blocked--;
	DL_FOREACH2(c->pendings, p, conn_next)
	batch_forsake(p->to.batch);
	pendings_orphan(c->pendings);
	(void)close(c->fd); /* also leaves epoll; nothing to do on failure */
	DL_DELETE(f->conns.all, c);
	LL_PREPEND2(f->conns.dead, c, dead_next);
}
