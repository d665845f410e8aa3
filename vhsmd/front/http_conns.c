/* The list is in order of `since`: what is added or finished goes to its end,
 * so a sweep looks at no more than it ends. */
#include "front/http_conns.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct http_conn {
	TAILQ_ENTRY(http_conn) link;
	struct mono_ns since;
	int fd;
	bool ended; /* in gone, not in live */
};

struct http_conns {
	TAILQ_HEAD(, http_conn) live;
	TAILQ_HEAD(, http_conn) gone; /* ended here, not removed yet */
	size_t count;
};

struct http_conns *
http_conns_new(void)
{
	struct http_conns *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	TAILQ_INIT(&c->live);
	TAILQ_INIT(&c->gone);
	return c;
}

void
http_conns_free(struct http_conns *c)
{
	struct http_conn *one;

	if (c == NULL)
		return;
	while ((one = TAILQ_FIRST(&c->live)) != NULL)
		http_conns_remove(c, one);
	while ((one = TAILQ_FIRST(&c->gone)) != NULL)
		http_conns_remove(c, one);
	free(c);
}

size_t
http_conns_count(const struct http_conns *c)
{
	return c->count;
}

struct http_conn *
http_conns_add(struct http_conns *c, int fd, struct mono_ns now)
{
	struct http_conn *one = calloc(1, sizeof *one);

	if (one == NULL)
		return NULL;
	one->fd = fd;
	one->since = now;
	TAILQ_INSERT_TAIL(&c->live, one, link);
	c->count++;
	return one;
}

void
http_conns_finish(struct http_conns *c, struct http_conn *one,
    struct mono_ns now)
{
	if (one->ended)
		return;
	TAILQ_REMOVE(&c->live, one, link);
	one->since = now;
	TAILQ_INSERT_TAIL(&c->live, one, link);
}

void
http_conns_remove(struct http_conns *c, struct http_conn *one)
{
	if (one->ended)
		TAILQ_REMOVE(&c->gone, one, link);
	else
		TAILQ_REMOVE(&c->live, one, link);
	c->count--;
	free(one);
}

size_t
http_conns_sweep(struct http_conns *c, uint64_t limit_ms, struct mono_ns now)
{
	struct http_conn *one;
	size_t n = 0;

	while ((one = TAILQ_FIRST(&c->live)) != NULL &&
	       mono_passed(mono_after_ms(one->since, limit_ms), now)) {
		/* It fails when the client was faster: no matter. */
		(void)shutdown(one->fd, SHUT_RDWR);
		TAILQ_REMOVE(&c->live, one, link);
		TAILQ_INSERT_TAIL(&c->gone, one, link);
		one->ended = true;
		n++;
	}
	return n;
}
