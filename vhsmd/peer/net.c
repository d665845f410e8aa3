#include "peer/net_inner.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "peer/names.h"

#define CHECK_MS 1000 /* between looks at whether TCP still has a pipe */
#define TICK_MS  10   /* between looks at what is overdue */

/* --- ops and the queue ------------------------------------------------------
 */

/* With the lock held. */
static void
append(struct net *n, struct owner *o)
{
	if (o->queued)
		return;
	o->queued = true;
	o->next = NULL;
	if (n->last == NULL)
		n->first = o;
	else
		n->last->next = o;
	n->last = o;
}

/* Runs on a thread of nng. */
static void
op_ended(void *arg)
{
	struct op *op = arg;
	struct net *n = op->owner->net;
	bool all = op->lazy > 0 && nng_aio_result(op->aio) == 0 &&
		   nng_aio_count(op->aio) == op->lazy;

	op->done = true;
	if (all && !op->wanted)
		return;
	(void)pthread_mutex_lock(&n->lock);
	append(n, op->owner);
	(void)pthread_mutex_unlock(&n->lock);
	/* Full means that it is readable, and that is all it is for. */
	(void)eventfd_write(n->wake, 1);
}

bool
op_init(struct op *op, struct owner *o)
{
	op->owner = o;
	return nng_aio_alloc(&op->aio, op_ended, op) == 0;
}

void
op_free(struct op *op)
{
	if (op->aio != NULL)
		nng_aio_free(op->aio);
	op->aio = NULL;
}

void
op_begin(struct op *op)
{
	op->done = false;
	op->wanted = false;
	op->busy = true;
}

bool
op_is_done(struct op *op, int *result)
{
	if (!op->busy || !op->done)
		return false;
	op->busy = false;
	*result = nng_aio_result(op->aio);
	return true;
}

bool
op_is_over(struct op *op)
{
	if (!op->busy)
		return true;
	op->wanted = true;
	return op->done;
}

void
owner_unqueue(struct owner *o)
{
	struct net *n = o->net;
	struct owner **at = &n->first;

	(void)pthread_mutex_lock(&n->lock);
	n->last = NULL;
	while (*at != NULL) {
		if (*at == o) {
			*at = o->next;
			continue;
		}
		n->last = *at;
		at = &(*at)->next;
	}
	o->queued = false;
	(void)pthread_mutex_unlock(&n->lock);
}

static struct owner *
take_first(struct net *n)
{
	(void)pthread_mutex_lock(&n->lock);
	struct owner *o = n->first;

	if (o != NULL) {
		n->first = o->next;
		if (n->first == NULL)
			n->last = NULL;
		o->queued = false;
	}
	(void)pthread_mutex_unlock(&n->lock);
	return o;
}

/* --- the table of pipes -----------------------------------------------------
 */

struct pipe *
pipe_find(const struct net *n, uint32_t id)
{
	struct pipe *p = n->pipes[id % NET_PIPES_MAX];

	return p != NULL && p->id == id ? p : NULL;
}

/* The oldest of those that came in and are nobody's yet. */
void
strangers_crowd(struct net *n)
{
	struct pipe *oldest = NULL;

	if (n->counts.strangers < NET_STRANGERS_MAX)
		return;
	for (size_t i = 0; i < NET_PIPES_MAX; i++) {
		struct pipe *p = n->pipes[i];

		if (p != NULL && p->came_in && !p->trusted && !p->closed &&
		    (oldest == NULL || p->opened.ns < oldest->opened.ns))
			oldest = p;
	}
	if (oldest == NULL)
		return;
	n->counts.crowded++;
	pipe_end(oldest, VH_EBUSY, "too many strangers");
}

static void
tick(struct net *n)
{
	bool check = mono_passed(n->check_at, n->now);

	if (!n->ending && !mono_passed(n->tick_at, n->now))
		return;
	n->ending = false;
	n->tick_at = mono_after_ms(n->now, TICK_MS);
	if (check)
		n->check_at = mono_after_ms(n->now, CHECK_MS);
	for (size_t i = 0; i < NET_PIPES_MAX; i++) {
		struct pipe *p = n->pipes[i];

		if (p == NULL)
			continue;
		if (check)
			pipe_check(p);
		pipe_expire(p);
		pipe_settle(p);
	}
}

void
net_run(struct net *n, struct mono_ns now)
{
	struct owner *o;
	eventfd_t count;

	n->now = now;
	/* What comes from here on wakes again. */
	(void)eventfd_read(n->wake, &count);
	while ((o = take_first(n)) != NULL)
		o->run(o);
	listener_tick(n);
	tick(n);
	net_flush(n);
}

void
net_flush(struct net *n)
{
	while (n->unsent != NULL) {
		struct pipe *p = n->unsent;

		n->unsent = p->unsent_next;
		p->unsent = false;
		pipe_flush(p);
	}
}

/* --- what callers say -------------------------------------------------------
 */

void
net_close(struct net *n, uint32_t pipe)
{
	struct pipe *p = pipe_find(n, pipe);

	if (p != NULL)
		pipe_end(p, VH_ELOST, "closed here");
}

void
net_trust(struct net *n, uint32_t pipe)
{
	struct pipe *p = pipe_find(n, pipe);

	if (p == NULL || p->trusted)
		return;
	p->trusted = true;
	if (p->came_in)
		n->counts.strangers--;
}

void
net_pipe_address(const struct net *n, uint32_t pipe, char *out, size_t size)
{
	const struct pipe *p = pipe_find(n, pipe);

	(void)snprintf(out, size, "%s", p == NULL ? "" : p->address);
}

enum vh_err
net_ask(struct net *n, uint32_t pipe, uint64_t id, uint32_t timeout_ms,
    struct slice frame)
{
	struct pipe *p = pipe_find(n, pipe);

	if (p == NULL || !p->up || p->closed)
		return VH_ELOST;
	for (size_t i = 0; i < NET_ASKS_MAX; i++) {
		struct asked *a = &p->asks[i];

		if (a->used)
			continue;
		TRY(pipe_send(p, frame));
		*a = (struct asked){ id, mono_after_ms(n->now, timeout_ms),
			true };
		return VH_OK;
	}
	return VH_EBUSY;
}

void
net_answer(struct net *n, uint32_t pipe, struct slice frame)
{
	struct pipe *p = pipe_find(n, pipe);

	if (p == NULL || !p->up || p->closed)
		return;
	enum vh_err err = pipe_send(p, frame);

	/* Somebody who asks and does not listen. */
	if (err != VH_OK)
		pipe_end(p, err, "answers are not taken");
}

const struct net_counts *
net_counts(const struct net *n)
{
	return &n->counts;
}

/* --- addresses and errors ---------------------------------------------------
 */

enum vh_err
net_err(int result)
{
	switch (result) {
	case 0: return VH_OK;
	case NNG_ENOMEM: return VH_ENOMEM;
	case NNG_ECRYPTO:
	case NNG_EPEERAUTH: return VH_EVERIFY;
	default: return VH_ELOST;
	}
}

enum vh_err
net_url(const char *address, bool any_port, struct buf *url)
{
	if (!address_is_numeric(address, any_port))
		return VH_EFIELD;
	buf_put_text(url, "tls+tcp://");
	buf_put_text(url, address);
	buf_put_u8(url, 0);
	return buf_end(url);
}

void
net_stream_address(nng_stream *stream, char out[static NET_ADDRESS_MAX])
{
	char text[INET6_ADDRSTRLEN] = "";
	nng_sockaddr a;

	out[0] = '\0';
	if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &a) != 0)
		return;
	if (a.s_family == NNG_AF_INET &&
	    inet_ntop(AF_INET, &a.s_in.sa_addr, text, sizeof text) != NULL)
		(void)snprintf(out, NET_ADDRESS_MAX, "%s:%u", text,
		    (unsigned)ntohs(a.s_in.sa_port));
	if (a.s_family == NNG_AF_INET6 &&
	    inet_ntop(AF_INET6, &a.s_in6.sa_addr, text, sizeof text) != NULL)
		(void)snprintf(out, NET_ADDRESS_MAX, "[%s]:%u", text,
		    (unsigned)ntohs(a.s_in6.sa_port));
}

/* --- beginning and end ------------------------------------------------------
 */

int
net_fd(const struct net *n)
{
	return n->wake;
}

enum vh_err
net_new(const struct net_hooks *hooks, struct net **out)
{
	AUTO(net_free) struct net *n = calloc(1, sizeof *n);
	nng_aio *first;

	*out = NULL;
	if (n == NULL)
		return VH_ENOMEM;
	n->hooks = *hooks;
	(void)pthread_mutex_init(&n->lock, NULL); /* of defaults: no failure */
	n->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (n->wake < 0)
		return VH_EIO;
	/* nng starts its threads with the first of anything. */
	if (nng_aio_alloc(&first, NULL, NULL) != 0)
		return VH_ENOMEM;
	nng_aio_free(first);
	n->now = clock_mono();
	*out = TAKE(n);
	return VH_OK;
}

void
net_free(struct net *n)
{
	if (n == NULL)
		return;
	listener_free(n->listener);
	for (size_t i = 0; i < NET_PIPES_MAX; i++)
		pipe_free(n->pipes[i]);
	net_tls_free(n->tls);
	if (n->wake >= 0)
		(void)close(n->wake); /* nothing to do about a failure */
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}
