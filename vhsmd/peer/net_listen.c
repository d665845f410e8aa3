#include "peer/net_inner.h"

#include <arpa/inet.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs on a thread of nng. */
static void
reply_moved(void *arg)
{
	struct reply *r = arg;
	int result = nng_aio_result(r->aio);

	if (r->state == REPLY_RECEIVING && result == 0) {
		r->msg = nng_aio_get_msg(r->aio);
		r->round++;
		r->state = REPLY_ASKED;
		net_queue(r->net, &r->event);
		return;
	}
	if (result == NNG_ECLOSED)
		return; /* the socket is being closed */
	/* Not sent: the message is still ours, whoever asked is gone. */
	if (r->state == REPLY_SENDING && result != 0)
		nng_msg_free(nng_aio_get_msg(r->aio));
	r->state = REPLY_RECEIVING;
	nng_ctx_recv(r->ctx, r->aio);
}

static void
reply_free(struct reply *r)
{
	if (r == NULL)
		return;
	if (r->aio != NULL) {
		nng_aio_stop(r->aio);
		nng_aio_free(r->aio);
	}
	if (r->msg != NULL)
		nng_msg_free(r->msg);
	free(r);
}
AUTO_FREE(struct reply, reply_free)

static enum vh_err
reply_new(struct net *n, uint32_t index)
{
	AUTO(reply_free) struct reply *r = calloc(1, sizeof *r);

	if (r == NULL)
		return VH_ENOMEM;
	r->event.type = EVENT_REPLY;
	r->net = n;
	r->index = index;
	if (nng_ctx_open(&r->ctx, n->rep) != 0 ||
	    nng_aio_alloc(&r->aio, reply_moved, r) != 0)
		return VH_ENOMEM;
	n->replies[index] = TAKE(r);
	return VH_OK;
}

static enum vh_err
open_replies(struct net *n)
{
	if (nng_rep0_open(&n->rep) != 0)
		return VH_ENOMEM;
	TRY(net_set_options(n->rep));
	if (nng_pipe_notify(n->rep, NNG_PIPE_EV_ADD_PRE, net_listener_pipe,
		n) != 0 ||
	    nng_pipe_notify(n->rep, NNG_PIPE_EV_REM_POST, net_listener_pipe,
		n) != 0)
		return VH_EIO;
	for (uint32_t i = 0; i < NET_REPLIES_MAX; i++)
		TRY(reply_new(n, i));
	for (uint32_t i = 0; i < NET_REPLIES_MAX; i++)
		nng_ctx_recv(n->replies[i]->ctx, n->replies[i]->aio);
	return VH_OK;
}

void
replies_free(struct net *n)
{
	if (n->rep.id != 0)
		(void)nng_close(n->rep); /* nothing to do about a failure */
	for (size_t i = 0; i < NET_REPLIES_MAX; i++)
		reply_free(n->replies[i]);
}

static struct reply *
reply_of(struct net *n, uint64_t token)
{
	uint32_t index = (uint32_t)token;

	if (index >= NET_REPLIES_MAX || n->replies[index] == NULL)
		return NULL;
	struct reply *r = n->replies[index];

	return r->state == REPLY_ASKED && r->round == token >> 32 ? r : NULL;
}

void
net_reply(struct net *n, uint64_t token, struct slice message)
{
	struct reply *r = reply_of(n, token);

	if (r == NULL)
		return;
	nng_msg *msg = net_message(message);

	if (msg == NULL) {
		net_drop(n, token);
		return;
	}
	nng_msg_free(TAKE(r->msg));
	nng_aio_set_msg(r->aio, msg);
	r->state = REPLY_SENDING;
	nng_ctx_send(r->ctx, r->aio);
}

void
net_drop(struct net *n, uint64_t token)
{
	struct reply *r = reply_of(n, token);

	if (r == NULL)
		return;
	nng_msg_free(TAKE(r->msg));
	r->state = REPLY_RECEIVING;
	nng_ctx_recv(r->ctx, r->aio);
}

/* --- the listener ----------------------------------------------------------
 */

/* "ADDR:PORT": the port is only known now when it was 0. */
static enum vh_err
note_bound(struct net *n)
{
	nng_sockaddr a;

	if (nng_listener_get_addr(n->listener, NNG_OPT_LOCADDR, &a) != 0)
		return VH_EIO;
	uint16_t port =
	    ntohs(a.s_family == NNG_AF_INET ? a.s_in.sa_port : a.s_in6.sa_port);
	size_t host = (size_t)(strrchr(n->wanted, ':') - n->wanted);

	(void)snprintf(n->bound, sizeof n->bound, "%.*s:%u", (int)host,
	    n->wanted, (unsigned)port);
	(void)snprintf(n->wanted, sizeof n->wanted, "%s", n->bound);
	return VH_OK;
}

static enum vh_err
start(struct net *n, const char *url)
{
	nng_tls_config *config;

	if (nng_listener_create(&n->listener, n->rep, url) != 0)
		return VH_ECONFIG;
	n->listening = true;
	TRY(net_tls_config(n->tls, NULL, &config));
	int bad = nng_listener_set_ptr(n->listener, NNG_OPT_TLS_CONFIG, config);

	nng_tls_config_free(config);
	if (bad == 0)
		bad = nng_listener_start(n->listener, 0);
	return bad == 0 ? note_bound(n) : VH_EIO;
}

static void
stop(struct net *n)
{
	if (!n->listening)
		return;
	n->in_past += failures_now(n, listener_failures);
	(void)nng_listener_close(n->listener); /* its pipes end too */
	n->listening = false;
	n->bound[0] = '\0';
}

enum vh_err
net_listen_again(struct net *n)
{
	AUTO(buf_free) struct buf *url = buf_new(NET_ADDRESS_MAX + 16);

	if (n->listening)
		return VH_OK;
	TRY(net_url(n->wanted, true, url));
	enum vh_err err = start(n, (const char *)buf_slice(url).p);

	if (err != VH_OK)
		stop(n);
	return err;
}

enum vh_err
net_listen(struct net *n, const char *address)
{
	if (n->tls == NULL || strlen(address) >= sizeof n->wanted)
		return VH_ECONFIG;
	if (n->rep.id == 0)
		TRY(open_replies(n));
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
	if (n->wanted[0] == '\0')
		return VH_OK;
	/* A connection that nng is about to accept has the old configuration
	 * already, so the listener itself has to go. */
	stop(n);
	return net_listen_again(n);
}

uint64_t
listener_failures(const struct net *n, nng_stat *all)
{
	return n->listening
		   ? failures_of(all, "listener", nng_listener_id(n->listener))
		   : 0;
}
