/* A revocation list past its nextUpdate makes mbedtls, which nng uses, refuse
 * everybody; nng has no way to tell it otherwise.  A forgotten renewal must not
 * stop the cluster, so TLS then goes without the list.  What nodes sign, hellos
 * first, is judged by peer/trust.h, for which an old list still counts: a
 * revoked node gets a TLS connection, and no further than its hello. */
#include "peer/certs.h"
#include "peer/take.h"

#include "base/log.h"

static bool
crl_has_ended(const struct peer *p)
{
	return trust_crl_ends(p->trust) <= p->now.wall.ms;
}

/* Gives TLS its copy. */
static enum vh_err
apply(struct peer *p)
{
	struct net_tls *copy = NULL;

	p->crl_left_out = p->tls->crl != NULL && crl_has_ended(p);
	if (p->crl_left_out)
		LOG(ERROR, "crl-expired",
		    KV("why", "TLS goes without it, hellos do not"));
	TRY(net_tls_new(p->tls->cert, p->tls->key, p->tls->ca,
	    p->crl_left_out ? NULL : p->tls->crl, &copy));
	enum vh_err err = net_set_tls(p->net, copy);

	if (err != VH_OK)
		LOG(ERROR, "not-listening", KV_ERR(err)); /* yet: the loop */
	return VH_OK;
}

static enum vh_err
believe(struct peer *p, const struct net_tls *tls)
{
	AUTO(buf_free) struct buf *why = buf_new(1024);
	enum vh_err err = trust_load(p->trust, slice_text(tls->ca),
	    slice_text(tls->crl), why);

	if (err != VH_OK)
		LOG(ERROR, "certificates-refused", KV("why", buf_slice(why)));
	return err;
}

enum vh_err
certs_load(struct peer *p)
{
	AUTO(net_tls_free) struct net_tls *tls = NULL;
	struct net_tls_files files = p->given;

	p->given = (struct net_tls_files){ -1, -1, -1, -1 };
	TRY(net_tls_read(&files, p->tls, &tls));
	TRY(believe(p, tls));
	net_tls_free(p->tls);
	p->tls = TAKE(tls);
	return apply(p);
}

static bool
is_allowed(void *context, const char *node)
{
	const struct peer *p = context;

	return trust_allows_node(p->trust, node, p->now.wall);
}

void
certs_recheck(struct peer *p)
{
	size_t gone = ledger_recheck(p->ledger, p->now);

	unread_drop(p);

	/* All pipes are gone with the old certificates; this is who may not
	 * come back. */
	sessions_recheck(p->sessions, p->now.mono, is_allowed, p);
	sessions_redial(p->sessions, p->now.mono);
	p->ledger_changed = true;
	p->saving.again = true;
	LOG(NOTICE, "reloaded", KV("dropped", (unsigned long)gone));
}

void
certs_tick(struct peer *p)
{
	if (p->tls->crl == NULL || p->crl_left_out || !crl_has_ended(p))
		return;
	if (apply(p) == VH_OK)
		sessions_redial(p->sessions, p->now.mono);
}
