#include "peer/net_inner.h"

#include <stdio.h>

static enum vh_err
dial(struct pipe *p, const char *url, const char *server_name)
{
	nng_tls_config *config;

	if (nng_stream_dialer_alloc(&p->dialer, url) != 0)
		return VH_EIO;
	TRY(net_tls_config(p->owner.net->tls, server_name, &config));
	int bad =
	    nng_stream_dialer_set_ptr(p->dialer, NNG_OPT_TLS_CONFIG, config);

	nng_tls_config_free(config); /* the dialer's */
	if (bad == 0)
		bad = nng_stream_dialer_set_bool(p->dialer,
		    NNG_OPT_TCP_KEEPALIVE, true);
	if (bad != 0)
		return VH_EIO;
	op_begin(&p->rx);
	nng_aio_set_timeout(p->rx.aio, NET_DIAL_MS);
	nng_stream_dialer_dial(p->dialer, p->rx.aio);
	return VH_OK;
}

void
dial_done(struct pipe *p, int result)
{
	nng_stream *stream = nng_aio_get_output(p->rx.aio, 0);

	if (result != 0) {
		pipe_end(p, VH_ELOST, nng_strerror(result));
		return;
	}
	nng_aio_set_timeout(p->rx.aio, NNG_DURATION_INFINITE);
	pipe_open(p, stream);
}

enum vh_err
net_dial(struct net *n, const char *address, const char *server_name,
    uint32_t *pipe)
{
	AUTO(buf_free) struct buf *url = buf_new(NET_ADDRESS_MAX + 16);
	struct pipe *p;

	*pipe = 0;
	if (n->tls == NULL)
		return VH_ECONFIG;
	TRY(net_url(address, false, url));
	TRY(pipe_new(n, false, &p));
	(void)snprintf(p->address, sizeof p->address, "%s", address);
	enum vh_err err = dial(p, (const char *)buf_slice(url).p, server_name);

	if (err != VH_OK) {
		n->pipes[p->id % NET_PIPES_MAX] = NULL;
		n->counts.out--;
		pipe_free(p);
		return err;
	}
	*pipe = p->id;
	return VH_OK;
}
