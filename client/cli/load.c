#include "client/cli/load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client/libvhsm/conn.h"
#include "client/libvhsm/request.h"

#define EVENTS 64

/* A request in flight: slot s of a client uses ids s + 1, s + 1 + batch, ... */
struct flight {
	uint32_t id;
	uint64_t started;
};

struct client {
	struct conn *conn;
	bool blocked; /* is watched for writing too */
	size_t next_message;
	struct flight *flights; /* batch of them */
};

struct driver {
	const struct load *load;
	struct load_result *result;
	int epoll;
	uint32_t count;
	struct client *clients;
};

static void
driver_free(struct driver *d)
{
	for (uint32_t i = 0; i < d->count; i++) {
		conn_close(d->clients[i].conn);
		free(d->clients[i].flights);
	}
	free(d->clients);
	if (d->epoll >= 0)
		close(d->epoll);
}

static inline void
driver_free_auto(struct driver *d)
{
	driver_free(d);
}

static void
put_request(struct driver *d, struct client *c, uint32_t slot, uint64_t now)
{
	const struct load *l = d->load;
	struct flight *f = &c->flights[slot];
	struct buf *out = conn_out(c->conn);

	/* The top bit belongs to SP. */
	f->id = f->id == 0 || f->id > 0x7fffffffu - l->batch ? slot + 1
							     : f->id + l->batch;
	f->started = now;
	struct slice message =
	    buf_slice(l->messages[c->next_message++ % l->message_count]);
	uint8_t *to = buf_extend(out, message.len);

	if (to == NULL)
		return; /* flush says so */
	memcpy(to, message.p, message.len);
	request_renumber(to, f->id);
}

static enum vh_err
watch(struct driver *d, struct client *c, int operation)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (c->blocked)
		e.events |= EPOLLOUT;
	return epoll_ctl(d->epoll, operation, conn_fd(c->conn), &e) == 0
		   ? VH_OK
		   : VH_EIO;
}

static enum vh_err
flush(struct driver *d, struct client *c)
{
	TRY(buf_end(conn_out(c->conn)));
	TRY(conn_flush(c->conn));
	bool blocked = conn_unsent(c->conn) > 0;

	if (blocked == c->blocked)
		return VH_OK;
	c->blocked = blocked;
	return watch(d, c, EPOLL_CTL_MOD);
}

static enum vh_err
connect_client(struct driver *d, struct client *c)
{
	const struct load *l = d->load;

	TRY(conn_dial(&l->where, until_in_ms(l->timeout_ms), &c->conn));
	c->blocked = false;
	return watch(d, c, EPOLL_CTL_ADD);
}

static enum vh_err
start_client(struct driver *d, struct client *c)
{
	uint64_t now = until_now_ns();

	for (uint32_t s = 0; s < d->load->batch; s++)
		put_request(d, c, s, now);
	return flush(d, c);
}

static void
count(struct load_result *r, enum vh_err err, uint64_t ns)
{
	/* One writer: no need for an atomic addition. */
	_Atomic uint64_t *n = err == VH_OK ? &r->ok : &r->errors;

	atomic_store_explicit(n,
	    atomic_load_explicit(n, memory_order_relaxed) + 1,
	    memory_order_relaxed);
	if (err == VH_OK)
		latency_add(&r->latency, ns);
	else
		r->last = err;
}

static void
count_many(struct load_result *r, uint32_t times, enum vh_err err, uint64_t ns)
{
	while (times-- > 0)
		count(r, err, ns);
}

static enum vh_err
outcome_of_one(const struct frame *f)
{
	if (!f->answer || (f->err == VH_OK && !fields_have(&f->f, VH_F_TOKEN) &&
			      !fields_have(&f->f, VH_F_DATA)))
		return VH_EPARSE;
	return f->err;
}

/* Counts what the answer in body says, or VH_EPARSE. */
static void
count_answer(const struct load *l, struct load_result *r, struct slice body,
    uint32_t id, uint64_t ns)
{
	struct frame f, item;
	struct slice rest, value;
	uint32_t found = 0;
	unsigned tag;
	enum vh_err err = frame_parse(body, &f);

	if (err == VH_OK && f.id != id)
		err = VH_EPARSE;
	if (err == VH_OK && l->pack == 1)
		err = outcome_of_one(&f);
	else if (err == VH_OK)
		err = f.err;
	if (err != VH_OK || l->pack == 1) {
		count_many(r, l->pack, err, ns);
		return;
	}
	rest = f.f.body;
	while (fields_next(&rest, &tag, &value) && found++ < l->pack) {
		err = frame_parse(value, &item);
		count(r, err == VH_OK ? outcome_of_one(&item) : err, ns);
	}
	if (found < l->pack)
		count_many(r, l->pack - found, VH_EPARSE, 0);
}

/* Reads what has come and sends as many requests again. */
static enum vh_err
turn(struct driver *d, struct client *c)
{
	struct slice body;
	uint32_t id;

	TRY(conn_fill(c->conn));
	uint64_t now = until_now_ns();

	for (;;) {
		TRY(conn_next(c->conn, &id, &body));
		if (body.p == NULL)
			break;
		uint32_t slot = (id - 1) % d->load->batch;
		struct flight *f = &c->flights[slot];

		if (f->id != id)
			return VH_EPARSE;
		count_answer(d->load, d->result, body, id, now - f->started);
		put_request(d, c, slot, now);
	}
	return flush(d, c);
}

/* The connection is gone and with it all that was in flight. */
static enum vh_err
restart_client(struct driver *d, struct client *c, enum vh_err err)
{
	for (uint32_t s = 0; s < d->load->batch; s++)
		count_many(d->result, d->load->pack, err, 0);
	conn_close(TAKE(c->conn));
	TRY(connect_client(d, c));
	return start_client(d, c);
}

static enum vh_err
drive(struct driver *d, uint64_t end)
{
	struct epoll_event ready[EVENTS];
	struct until until = { end };
	uint64_t quiet = 0; /* since when nothing has come */

	while (until_left_ns(until) > 0) {
		int n = epoll_wait(d->epoll, ready, EVENTS, 100);

		if (n < 0 && errno != EINTR)
			return VH_EIO;
		if (n > 0)
			quiet = 0;
		else if (quiet == 0)
			quiet = until_now_ns();
		else if ((until_now_ns() - quiet) / 1000000 >
			 d->load->timeout_ms)
			return VH_EDEADLINE;
		for (int i = 0; i < n; i++) {
			struct client *c = ready[i].data.ptr;
			enum vh_err err = turn(d, c);

			if (err != VH_OK)
				TRY(restart_client(d, c, err));
		}
	}
	return VH_OK;
}

static enum vh_err
connect_all(struct driver *d)
{
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0)
		return VH_EIO;
	d->clients = calloc(d->count, sizeof *d->clients);
	if (d->clients == NULL) {
		d->count = 0;
		return VH_ENOMEM;
	}
	for (uint32_t i = 0; i < d->count; i++) {
		struct client *c = &d->clients[i];

		c->next_message = i;
		c->flights = calloc(d->load->batch, sizeof *c->flights);
		if (c->flights == NULL)
			return VH_ENOMEM;
		TRY(connect_client(d, c));
	}
	return VH_OK;
}

static enum vh_err
start_all(struct driver *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		TRY(start_client(d, &d->clients[i]));
	return VH_OK;
}

enum vh_err
load_run(const struct load *load, uint32_t clients, struct load_result *result)
{
	__attribute__((cleanup(driver_free_auto))) struct driver d = { .load =
									   load,
		.result = result,
		.epoll = -1,
		.count = clients };
	enum vh_err err = connect_all(&d);
	uint64_t begin = until_now_ns();

	if (err == VH_OK)
		err = start_all(&d);
	if (err == VH_OK)
		err = drive(&d,
		    begin + (uint64_t)load->seconds * UINT64_C(1000000000));
	result->ns = until_now_ns() - begin;
	result->stop = err;
	return err;
}
