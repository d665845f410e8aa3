#include "peer/net_inner.h"

#include <arpa/inet.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "peer/names.h"

/* --- the queue --------------------------------------------------------------
 */

/* With the lock held. */
static void
append(struct net *n, struct event *e)
{
	if (e->queued)
		return;
	e->queued = true;
	e->next = NULL;
	if (n->last == NULL)
		n->first = e;
	else
		n->last->next = e;
	n->last = e;
}

static void
wake(const struct net *n)
{
	/* Full means that it is readable, and that is all it is for. */
	(void)eventfd_write(n->wake, 1);
}

void
net_queue(struct net *n, struct event *e)
{
	(void)pthread_mutex_lock(&n->lock);
	append(n, e);
	(void)pthread_mutex_unlock(&n->lock);
	wake(n);
}

static struct event *
take_first(struct net *n)
{
	(void)pthread_mutex_lock(&n->lock);
	struct event *e = n->first;

	if (e != NULL) {
		n->first = e->next;
		if (n->first == NULL)
			n->last = NULL;
		e->queued = false;
	}
	(void)pthread_mutex_unlock(&n->lock);
	return e;
}

/* --- pipes ------------------------------------------------------------------
 */

static struct slot *
slot_find(struct net *n, uint32_t pipe)
{
	for (size_t i = 0; i < ARRAY_LEN(n->slots); i++)
		if (n->slots[i].used && n->slots[i].pipe == pipe)
			return &n->slots[i];
	return NULL;
}

static struct slot *
slot_add(struct net *n, uint32_t pipe, uint32_t dial)
{
	for (size_t i = 0; i < ARRAY_LEN(n->slots); i++) {
		struct slot *s = &n->slots[i];

		if (s->used)
			continue;
		*s = (struct slot){ .event.type = EVENT_PIPE,
			.pipe = pipe,
			.dial = dial,
			.used = true };
		return s;
	}
	return NULL;
}

/* Before ADD_PRE nobody has seen the pipe, after REM_POST nobody does; nng
 * promises the latter after the former. */
static void
pipe_changed(struct net *n, nng_pipe pipe, nng_pipe_ev ev, uint32_t dial)
{
	uint32_t id = (uint32_t)nng_pipe_id(pipe);
	struct slot *s;

	(void)pthread_mutex_lock(&n->lock);
	if (ev == NNG_PIPE_EV_ADD_PRE) {
		s = slot_add(n, id, dial);
	} else {
		s = slot_find(n, id);
		if (s != NULL)
			s->gone = true;
	}
	if (s != NULL)
		append(n, &s->event);
	(void)pthread_mutex_unlock(&n->lock);
	if (s != NULL)
		wake(n);
	else if (ev == NNG_PIPE_EV_ADD_PRE)
		(void)nng_pipe_close(pipe); /* no place: refused */
}

void
net_listener_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
	pipe_changed(arg, pipe, ev, 0);
}

void
net_dialer_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
	struct dial *d = arg;
	uint32_t id = d->id;

	if (ev == NNG_PIPE_EV_ADD_PRE && id == 0)
		(void)nng_pipe_close(pipe); /* hung up meanwhile */
	else
		pipe_changed(d->net, pipe, ev, id);
}

void
net_close_pipe(struct net *n, uint32_t pipe)
{
	(void)n;
	(void)nng_pipe_close((nng_pipe){ pipe }); /* it may be gone */
}

void
net_pipe_address(uint32_t pipe, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";
	nng_sockaddr a;

	out[0] = '\0';
	if (nng_pipe_get_addr((nng_pipe){ pipe }, NNG_OPT_REMADDR, &a) != 0)
		return;
	if (a.s_family == NNG_AF_INET &&
	    inet_ntop(AF_INET, &a.s_in.sa_addr, text, sizeof text) != NULL)
		(void)snprintf(out, size, "%s:%u", text,
		    (unsigned)ntohs(a.s_in.sa_port));
	if (a.s_family == NNG_AF_INET6 &&
	    inet_ntop(AF_INET6, &a.s_in6.sa_addr, text, sizeof text) != NULL)
		(void)snprintf(out, size, "[%s]:%u", text,
		    (unsigned)ntohs(a.s_in6.sa_port));
}

/* --- events -----------------------------------------------------------------
 */

static bool
pipe_event(struct net *n, struct slot *s, struct net_event *out)
{
	*out = (struct net_event){ .pipe = s->pipe, .dial = s->dial };
	(void)pthread_mutex_lock(&n->lock);
	bool told = s->told, gone = s->gone;

	s->told = true;
	if (told && gone)
		s->used = false;
	else if (gone)
		append(n, &s->event); /* its end comes after its beginning */
	(void)pthread_mutex_unlock(&n->lock);
	out->kind = told ? NET_DOWN : NET_UP;
	return !told || gone;
}

static struct slice
bytes_of(nng_msg *msg)
{
	return msg == NULL ? slice_of(NULL, 0)
			   : slice_of(nng_msg_body(msg), nng_msg_len(msg));
}

static bool
call_event(struct net *n, struct call *c, struct net_event *out)
{
	n->taken = c;
	*out = (struct net_event){ .kind = NET_ANSWERED,
		.id = c->id,
		.dial = c->dial,
		.err = net_err(c->result),
		.message = bytes_of(c->msg) };
	if (c->msg != NULL)
		out->pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(c->msg));
	return true;
}

static bool
reply_event(struct reply *r, struct net_event *out)
{
	*out = (struct net_event){ .kind = NET_ASKED,
		.id = (uint64_t)r->round << 32 | r->index,
		.pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(r->msg)),
		.message = bytes_of(r->msg) };
	return true;
}

static void
give_back(struct net *n)
{
	struct call *c = TAKE(n->taken);

	if (c == NULL)
		return;
	if (c->msg != NULL)
		nng_msg_free(c->msg);
	c->msg = NULL;
	c->state = CALL_IDLE;
}

static bool
make_event(struct net *n, struct event *e, struct net_event *out)
{
	if (e->type == EVENT_PIPE)
		return pipe_event(n, (struct slot *)e, out);
	if (e->type == EVENT_CALL)
		return call_event(n, (struct call *)e, out);
	return reply_event((struct reply *)e, out);
}

bool
net_next(struct net *n, struct net_event *out)
{
	eventfd_t count;

	give_back(n);
	for (;;) {
		struct event *e = take_first(n);

		if (e == NULL) {
			/* What comes now wakes again; look once more. */
			if (eventfd_read(n->wake, &count) != 0)
				return false;
			continue;
		}
		if (make_event(n, e, out))
			return true;
	}
}

/* --- the rest ---------------------------------------------------------------
 */

enum vh_err
net_err(int result)
{
	switch (result) {
	case 0: return VH_OK;
	case NNG_ENOMEM: return VH_ENOMEM;
	case NNG_ETIMEDOUT: return VH_EDEADLINE;
	case NNG_ECONNRESET:
	case NNG_ECONNSHUT:
	case NNG_ECLOSED:
	case NNG_ECANCELED: return VH_ELOST;
	default: return VH_EIO;
	}
}

nng_msg *
net_message(struct slice bytes)
{
	nng_msg *msg = NULL;

	if (nng_msg_alloc(&msg, bytes.len) != 0)
		return NULL;
	if (bytes.len > 0)
		memcpy(nng_msg_body(msg), bytes.p, bytes.len);
	return msg;
}

enum vh_err
net_set_options(nng_socket socket)
{
	if (nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, NET_MESSAGE_MAX) !=
		0 ||
	    nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, 100) != 0 ||
	    nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, 1000) != 0)
		return VH_EIO;
	return VH_OK;
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

static uint64_t
failures_below(nng_stat *stat)
{
	static const char *const names[] = { "auth", "reject", "timeout",
		"proto" };
	uint64_t sum = 0;

	for (stat = nng_stat_child(stat); stat != NULL;
	     stat = nng_stat_next(stat))
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (strcmp(nng_stat_name(stat), names[i]) == 0)
				sum += nng_stat_value(stat);
	return sum;
}

/* nng_stat_find_listener and its like find nothing in nng 1.5.2. */
uint64_t
failures_of(nng_stat *all, const char *kind, int id)
{
	for (nng_stat *stat = nng_stat_child(all); stat != NULL;
	     stat = nng_stat_next(stat))
		if (strcmp(nng_stat_name(stat), kind) == 0 &&
		    nng_stat_value(stat) == (uint64_t)id)
			return failures_below(stat);
	return 0;
}

uint64_t
failures_now(const struct net *n, net_count_failures *count)
{
	nng_stat *all;

	if (nng_stats_get(&all) != 0)
		return 0;
	uint64_t sum = count(n, all);

	nng_stats_free(all);
	return sum;
}

static uint64_t
news(uint64_t sum, uint64_t *told)
{
	uint64_t more = sum > *told ? sum - *told : 0;

	*told += more;
	return more;
}

void
net_failures(struct net *n, uint64_t *in, uint64_t *out)
{
	*in = news(n->in_past + failures_now(n, listener_failures),
	    &n->in_failures);
	*out = news(n->out_past + failures_now(n, dials_failures),
	    &n->out_failures);
}

int
net_fd(const struct net *n)
{
	return n->wake;
}

enum vh_err
net_new(struct net **out)
{
	AUTO(net_free) struct net *n = calloc(1, sizeof *n);
	nng_socket first;

	*out = NULL;
	if (n == NULL)
		return VH_ENOMEM;
	(void)pthread_mutex_init(&n->lock, NULL); /* of defaults: no failure */
	n->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (n->wake < 0)
		return VH_EIO;
	/* nng starts its threads with the first socket. */
	if (nng_req0_open(&first) != 0)
		return VH_EIO;
	(void)nng_close(first); /* the threads stay */
	*out = TAKE(n);
	return VH_OK;
}

void
net_free(struct net *n)
{
	if (n == NULL)
		return;
	give_back(n);
	dials_free(n);
	replies_free(n);
	net_tls_free(n->tls);
	if (n->wake >= 0)
		(void)close(n->wake); /* nothing to do about a failure */
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}
