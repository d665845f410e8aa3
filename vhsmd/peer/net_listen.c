#include "peer/net_inner.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCEPT_AGAIN_MS 100 /* after it failed, for want of descriptors say */

static void
accept_more(struct listener *l)
{
	for (size_t i = 0; l->open && i < NET_ACCEPTS; i++) {
		struct op *op = &l->ops[i];

		if (op->busy)
			continue;
		op_begin(op);
		nng_stream_listener_accept(l->listener, op->aio);
	}
}

static void
accepted(struct net *n, nng_stream *stream)
{
	struct pipe *p;

	strangers_crowd(n);
	if (pipe_new(n, true, &p) == VH_OK) {
		pipe_open(p, stream);
		return;
	}
	nng_stream_close(stream);
	nng_stream_free(stream);
}

static void
run(struct owner *o)
{
	struct listener *l = (struct listener *)o;
	struct net *n = o->net;
	int result;

	for (size_t i = 0; i < NET_ACCEPTS; i++) {
		struct op *op = &l->ops[i];

		if (!op_is_done(op, &result))
			continue;
		if (result == 0)
			accepted(n, nng_aio_get_output(op->aio, 0));
		else
			l->again = mono_after_ms(n->now, ACCEPT_AGAIN_MS);
	}
}

void
listener_tick(struct net *n)
{
	if (n->listener != NULL && mono_passed(n->listener->again, n->now))
		accept_more(n->listener);
}

static void
accept_end(struct op *op)
{
	if (op->aio == NULL)
		return;
	nng_aio_stop(op->aio);
	if (op->busy && nng_aio_result(op->aio) == 0)
		nng_stream_free(nng_aio_get_output(op->aio, 0));
	op_free(op);
}

/* Waits for nng, which is quick: closing ends what it is at. */
void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->listener != NULL)
		nng_stream_listener_close(l->listener);
	for (size_t i = 0; i < NET_ACCEPTS; i++)
		accept_end(&l->ops[i]);
	owner_unqueue(&l->owner);
	if (l->listener != NULL)
		nng_stream_listener_free(l->listener);
	free(l);
}
AUTO_FREE(struct listener, listener_free)

/* "ADDR:PORT": the port is only known now when it was 0. */
static enum vh_err
note_bound(struct net *n, nng_stream_listener *listener)
{
	int port;

	if (nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT,
		&port) != 0)
		return VH_EIO;
	int host = (int)(strrchr(n->wanted, ':') - n->wanted);

	(void)snprintf(n->bound, sizeof n->bound, "%.*s:%d", host, n->wanted,
	    port);
	(void)snprintf(n->wanted, sizeof n->wanted, "%s", n->bound);
	return VH_OK;
}

static enum vh_err
listen_at(struct net *n, const char *url, struct listener *l)
{
	nng_tls_config *config;

	for (size_t i = 0; i < NET_ACCEPTS; i++)
		if (!op_init(&l->ops[i], &l->owner))
			return VH_ENOMEM;
	if (nng_stream_listener_alloc(&l->listener, url) != 0)
		return VH_EIO;
	TRY(net_tls_config(n->tls, NULL, &config));
	int bad = nng_stream_listener_set_ptr(l->listener, NNG_OPT_TLS_CONFIG,
	    config);

	nng_tls_config_free(config); /* the listener's */
	if (bad == 0)
		bad = nng_stream_listener_set_bool(l->listener,
		    NNG_OPT_TCP_KEEPALIVE, true);
	if (bad == 0)
		bad = nng_stream_listener_listen(l->listener);
	if (bad != 0)
		return VH_EIO;
	l->open = true;
	return note_bound(n, l->listener);
}

static struct listener *
listener_new(struct net *n)
{
	struct listener *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->owner.net = n;
	l->owner.run = run;
	return l;
}

enum vh_err
net_listen_again(struct net *n)
{
	AUTO(buf_free) struct buf *url = buf_new(NET_ADDRESS_MAX + 16);
	AUTO(listener_free) struct listener *l = NULL;

	if (n->listener != NULL || n->wanted[0] == '\0')
		return VH_OK;
	TRY(net_url(n->wanted, true, url));
	l = listener_new(n);
	if (l == NULL)
		return VH_ENOMEM;
	TRY(listen_at(n, (const char *)buf_slice(url).p, l));
	n->listener = TAKE(l);
	accept_more(n->listener);
	return VH_OK;
}

enum vh_err
net_listen(struct net *n, const char *address)
{
	if (n->tls == NULL || strlen(address) >= sizeof n->wanted)
		return VH_ECONFIG;
	(void)snprintf(n->wanted, sizeof n->wanted, "%s", address);
	enum vh_err err = net_listen_again(n);

	return err == VH_EFIELD ? VH_ECONFIG : err;
}

const char *
net_address(const struct net *n)
{
	return n->bound;
}

enum vh_err
net_set_tls(struct net *n, struct net_tls *tls)
{
	net_tls_free(n->tls);
	n->tls = tls;
	for (size_t i = 0; i < NET_PIPES_MAX; i++)
		if (n->pipes[i] != NULL)
			pipe_end(n->pipes[i], VH_ELOST, "new certificates");
	/* A connection that nng is about to accept has the old configuration
	 * already, so the listener itself has to go. */
	listener_free(TAKE(n->listener));
	n->bound[0] = '\0';
	return net_listen_again(n);
}
