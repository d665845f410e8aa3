#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "front/front.h"

/* Who is at the other end, as the kernel noted at connect(2). */
static bool
read_caller(int fd, struct caller *out)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	socklen_t groups = sizeof out->groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	out->uid = cred.uid;
	out->gid = cred.gid;
	out->pid = cred.pid;
	/* More groups than there is room for: then none of them counts. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups, &groups) ==
	    0)
		out->group_count = groups / sizeof out->groups[0];
	return true;
}

static void
conn_free(struct front *f, struct conn *c)
{
	quota_end(f->quotas, c->quota);
	f->conns.weight -= c->weight;
	f->conns.count--;
	stream_end(&c->in);
	buf_free(c->out);
	free(c);
}

/* A message of ours: a payload in base64url, a header, a JWK Set. */
static size_t
message_max(const struct front *f)
{
	return (size_t)f->settings->payload / 3 * 4 + (1u << 20);
}

/* One uid does not shut out all others: some places are never its own. */
static bool
is_admitted(struct front *f, struct conn *c, const struct listener *l)
{
	if (!read_caller(c->fd, &c->caller))
		return false;
	if (c->who != VH_WHO_CALLER)
		return true;
	c->limits = limits_of(f->limits, &c->caller);
	c->quota = quota_get(f->quotas, c->caller.uid);
	return c->quota != NULL &&
	       quota_connections(c->quota) <= l->most - l->most / CONN_SPARE;
}

/* The connection of fd, which stays the caller's on failure (NULL). */
static struct conn *
conn_new(struct front *f, struct listener *l, int fd)
{
	struct conn *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->source.ready = conn_ready;
	c->fd = fd;
	c->who = l->who;
	c->in.max = message_max(f);
	c->since = f->now;
	c->events = EPOLLIN;
	c->greeting = true;
	f->conns.count++;
	c->out = buf_new(CONN_OUT_MAX);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &c->source };

	if (c->out == NULL || !is_admitted(f, c, l) ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		conn_free(f, c);
		return NULL;
	}
	return c;
}

static void
welcome(struct front *f, struct listener *l, int fd)
{
	uint8_t hello[SP_HELLO];
	struct conn *c = l->count < l->most ? conn_new(f, l, fd) : NULL;

	if (c == NULL) {
		shared_count(f->shared, COUNT_REFUSED);
		(void)close(fd); /* nothing to do about a failure */
		return;
	}
	shared_count(f->shared, COUNT_ACCEPTED);
	l->count++;
	c->listener = l;
	DL_APPEND(f->conns.all, c);
	DL_APPEND2(f->conns.greeting, c, greet_prev, greet_next);
	sp_hello(hello, SP_REP);
	buf_put(c->out, slice_of(hello, sizeof hello));
	conn_touch(f, c);
}

/* Level-triggered epoll would spin on a listener that cannot accept. */
static void
watch_listeners(struct front *f, bool on)
{
	f->conns.deaf = !on;
	f->conns.deaf_until = mono_after_ms(f->now, CONN_RETRY_MS);
	for (size_t i = 0; i < f->conns.listener_count; i++) {
		struct listener *l = &f->conns.listeners[i];
		struct epoll_event e = { .events = on ? EPOLLIN : 0,
			.data.ptr = &l->source };

		if (l->fd >= 0 &&
		    epoll_ctl(f->epoll, EPOLL_CTL_MOD, l->fd, &e) != 0)
			LOG(ERROR, "epoll", KV_ERRNO(errno));
	}
}

static void
listener_ready(struct front *f, struct source *s, uint32_t events)
{
	struct listener *l = (struct listener *)s;

	(void)events;
	/* Those who are left are told of again in the next round. */
	for (size_t i = 0; i < CONN_ACCEPTS && l->fd >= 0; i++) {
		int fd =
		    accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(f, l, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			LOG(ERROR, "accept", KV_ERRNO(errno));
			watch_listeners(f, false);
		}
		return;
	}
}

enum vh_err
conns_listen(struct front *f, int fd, enum vh_who who, size_t most)
{
	if (f->conns.listener_count == LISTENERS) {
		(void)close(fd); /* nothing to do about a failure */
		return VH_EIO;
	}
	struct listener *l = &f->conns.listeners[f->conns.listener_count++];
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &l->source };

	*l = (struct listener){ { listener_ready }, fd, who, 0, most };
	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? VH_OK : VH_EIO;
}

void
conns_stop_listening(struct front *f)
{
	for (size_t i = 0; i < f->conns.listener_count; i++) {
		if (f->conns.listeners[i].fd >= 0)
			(void)close(f->conns.listeners[i].fd); /* as above */
		f->conns.listeners[i].fd = -1;
	}
}

void
conns_resume(struct front *f)
{
	struct conn *last =
	    f->conns.queued == NULL ? NULL : f->conns.queued->ready_prev;
	struct conn *c = NULL;

	while ((c = f->conns.ready) != NULL) {
		DL_DELETE2(f->conns.ready, c, ready_prev, ready_next);
		c->ready = false;
		conn_work(f, c, slice_of(NULL, 0), false);
	}
	/* Who queues again comes after last: its turn is in the next round. */
	while (last != NULL && (c = f->conns.queued) != NULL) {
		DL_DELETE2(f->conns.queued, c, ready_prev, ready_next);
		c->queued = false;
		conn_work(f, c, slice_of(NULL, 0), true);
		if (c == last || f->costly_ns >= f->costly_max)
			break;
	}
}

void
conns_end_round(struct front *f)
{
	struct conn *c, *next;

	LL_FOREACH_SAFE2(f->conns.dirty, c, next, dirty_next)
	{
		c->dirty = false;
		if (!c->dead)
			conn_flush(f, c);
	}
	f->conns.dirty = NULL;
	LL_FOREACH_SAFE2(f->conns.dead, c, next, dead_next)
	{
		c->listener->count--;
		conn_free(f, c);
	}
	f->conns.dead = NULL;
	atomic_store_explicit(&f->shared->counts[COUNT_CONNECTIONS],
	    f->conns.count, memory_order_relaxed);
}

static bool
is_late(const struct conn *c, uint64_t ms, struct mono_ns now)
{
	return mono_passed(mono_after_ms(c->since, ms), now);
}

void
conns_tick(struct front *f)
{
	struct conn *c, *next;

	if (f->conns.deaf && mono_passed(f->conns.deaf_until, f->now))
		watch_listeners(f, true);
	while (f->conns.greeting != NULL &&
	       is_late(f->conns.greeting, CONN_HELLO_MS, f->now))
		conn_close(f, f->conns.greeting, COUNT_SLOW, "no-hello");
	if (f->conns.blocked == 0)
		return;
	DL_FOREACH_SAFE(f->conns.all, c, next)
	if ((c->events & EPOLLOUT) && is_late(c, CONN_STALL_MS, f->now))
		conn_close(f, c, COUNT_SLOW, "stalled");
}

/* The smaller of two waits, where -1 is for ever. */
static int
sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

int
conns_wait_ms(const struct front *f)
{
	const struct conns *s = &f->conns;
	int wait = s->blocked > 0 ? 1000 : -1;

	if (s->ready != NULL || s->queued != NULL)
		return 0;
	if (s->deaf)
		wait = sooner(wait, (int)mono_left_ms(s->deaf_until, f->now));
	if (s->greeting != NULL)
		wait = sooner(wait,
		    (int)mono_left_ms(mono_after_ms(s->greeting->since,
					  CONN_HELLO_MS),
			f->now));
	return wait;
}

bool
conns_are_flushed(const struct front *f)
{
	const struct conn *c;

	if (f->conns.blocked > 0)
		return false;
	DL_FOREACH(f->conns.all, c)
	if (c->out->len > c->out_sent)
		return false;
	return true;
}

void
conns_close_all(struct front *f)
{
	while (f->conns.all != NULL)
		conn_close(f, f->conns.all, COUNTS, NULL);
	conns_end_round(f);
}
