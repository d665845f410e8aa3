#include "peer/net_inner.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs on a thread of nng. */
static void
call_moved(void *arg)
{
	struct call *c = arg;

	c->result = nng_aio_result(c->aio);
	if (c->state == CALL_SENDING && c->result == 0) {
		uint32_t left = mono_left_ms(c->by, clock_mono());

		c->state = CALL_RECEIVING;
		nng_aio_set_timeout(c->aio, (nng_duration)left);
		nng_ctx_recv(c->ctx, c->aio);
		return;
	}
	if (c->state == CALL_SENDING)
		nng_msg_free(nng_aio_get_msg(c->aio));
	else if (c->result == 0)
		c->msg = nng_aio_get_msg(c->aio);
	c->state = CALL_DONE;
	net_queue(c->net, &c->event);
}

static void
call_free(struct call *c)
{
	if (c == NULL)
		return;
	if (c->aio != NULL) {
		nng_aio_stop(c->aio);
		nng_aio_free(c->aio);
	}
	if (c->msg != NULL)
		nng_msg_free(c->msg);
	free(c);
}
AUTO_FREE(struct call, call_free)

static struct call *
call_new(struct dial *d)
{
	AUTO(call_free) struct call *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->event.type = EVENT_CALL;
	c->net = d->net;
	c->state = CALL_IDLE;
	if (nng_ctx_open(&c->ctx, d->socket) != 0 ||
	    nng_aio_alloc(&c->aio, call_moved, c) != 0)
		return NULL;
	return TAKE(c);
}

/* One that is idle; VH_EBUSY, VH_ENOMEM. */
static enum vh_err
call_get(struct dial *d, struct call **out)
{
	for (size_t i = 0; i < ARRAY_LEN(d->calls); i++) {
		if (d->calls[i] == NULL)
			d->calls[i] = call_new(d);
		if (d->calls[i] == NULL)
			return VH_ENOMEM;
		if (d->calls[i]->state != CALL_IDLE)
			continue;
		*out = d->calls[i];
		return VH_OK;
	}
	return VH_EBUSY;
}

static struct dial *
dial_of(const struct net *n, uint32_t id)
{
	struct dial *d = n->dials[id % NET_DIALS_MAX];

	return id != 0 && d != NULL && d->id == id ? d : NULL;
}

enum vh_err
net_ask(struct net *n, uint32_t dial, uint64_t id, uint32_t timeout_ms,
    struct slice message)
{
	struct dial *d = dial_of(n, dial);
	struct call *c;

	if (d == NULL)
		return VH_ELOST;
	TRY(call_get(d, &c));
	nng_msg *msg = net_message(message);

	if (msg == NULL)
		return VH_ENOMEM;
	c->id = id;
	c->dial = dial;
	c->by = mono_after_ms(clock_mono(), timeout_ms);
	c->state = CALL_SENDING;
	nng_aio_set_timeout(c->aio, (nng_duration)timeout_ms);
	nng_aio_set_msg(c->aio, msg);
	nng_ctx_send(c->ctx, c->aio);
	return VH_OK;
}

/* A socket for place i of the table. */
static enum vh_err
dial_open(struct net *n, size_t i)
{
	if (n->dials[i] == NULL)
		n->dials[i] = calloc(1, sizeof *n->dials[i]);
	struct dial *d = n->dials[i];

	if (d == NULL)
		return VH_ENOMEM;
	if (d->open)
		return VH_OK;
	d->net = n;
	if (nng_req0_open(&d->socket) != 0)
		return VH_EIO;
	d->open = true;
	TRY(net_set_options(d->socket));
	/* Never ask a second time on our own: it may have been done. */
	if (nng_socket_set_ms(d->socket, NNG_OPT_REQ_RESENDTIME,
		NNG_DURATION_INFINITE) != 0 ||
	    nng_pipe_notify(d->socket, NNG_PIPE_EV_ADD_PRE, net_dialer_pipe,
		d) != 0 ||
	    nng_pipe_notify(d->socket, NNG_PIPE_EV_REM_POST, net_dialer_pipe,
		d) != 0)
		return VH_EIO;
	return VH_OK;
}

static enum vh_err
dial_start(struct dial *d, const char *url, const char *server_name)
{
	nng_tls_config *config;

	TRY(net_tls_config(d->net->tls, server_name, &config));
	int bad = nng_dialer_create(&d->dialer, d->socket, url);

	if (bad == 0) {
		d->dialling = true;
		bad = nng_dialer_set_ptr(d->dialer, NNG_OPT_TLS_CONFIG, config);
	}
	nng_tls_config_free(config);
	if (bad == 0)
		bad = nng_dialer_start(d->dialer, NNG_FLAG_NONBLOCK);
	return bad == 0 ? VH_OK : VH_EIO;
}

static void
dial_end(struct dial *d)
{
	d->id = 0;
	if (d->dialling)
		(void)nng_dialer_close(d->dialer); /* its pipe ends too */
	d->dialling = false;
	for (size_t i = 0; i < ARRAY_LEN(d->calls); i++) {
		struct call *c = d->calls[i];

		if (c != NULL &&
		    (c->state == CALL_SENDING || c->state == CALL_RECEIVING))
			nng_aio_abort(c->aio, NNG_ECONNRESET);
	}
}

enum vh_err
net_dial(struct net *n, const char *address, const char *server_name,
    uint32_t *dial)
{
	AUTO(buf_free) struct buf *url = buf_new(NET_ADDRESS_MAX + 16);

	*dial = 0;
	if (n->tls == NULL)
		return VH_ECONFIG;
	TRY(net_url(address, false, url));
	for (size_t i = 0; i < NET_DIALS_MAX; i++) {
		/* Ids go round the table, so that none comes back soon. */
		uint32_t id = ++n->dialled;
		size_t at = id % NET_DIALS_MAX;

		if (id == 0 || (n->dials[at] != NULL && n->dials[at]->id != 0))
			continue;
		TRY(dial_open(n, at));
		struct dial *d = n->dials[at];

		d->id = id;
		enum vh_err err =
		    dial_start(d, (const char *)buf_slice(url).p, server_name);

		if (err != VH_OK)
			dial_end(d);
		else
			*dial = id;
		return err;
	}
	return VH_EBUSY;
}

void
net_hang_up(struct net *n, uint32_t dial)
{
	struct dial *d = dial_of(n, dial);
	if (d == NULL)
		return;
	n->out_past += failures_now(n, dials_failures);
	dial_end(d);
	n->out_past -= failures_now(n, dials_failures);
}

uint64_t
dials_failures(const struct net *n, nng_stat *all)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < NET_DIALS_MAX; i++) {
		const struct dial *d = n->dials[i];

		if (d != NULL && d->dialling)
			sum += failures_of(all, "dialer",
			    nng_dialer_id(d->dialer));
	}
	return sum;
}

void
dials_free(struct net *n)
{
	for (size_t i = 0; i < NET_DIALS_MAX; i++) {
		struct dial *d = n->dials[i];

		if (d == NULL)
			continue;
		dial_end(d);
		if (d->open)
			(void)nng_close(d->socket); /* its contexts end too */
		for (size_t k = 0; k < ARRAY_LEN(d->calls); k++)
			call_free(d->calls[k]);
		free(d);
	}
}
