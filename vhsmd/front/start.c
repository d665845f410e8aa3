#include "front/start.h"

#include <unistd.h>

#include "base/log.h"
#include "front/http_tls.h"
#include "front/loop.h"
#include "front/peerlink.h"
#include "front/remote.h"
#include "front/vaultlink.h"

static const struct {
	enum vh_role role;
	size_t at;
} roles[] = {
	{ VH_ROLE_CALLERS, offsetof(struct given, callers) },
	{ VH_ROLE_OPERATORS, offsetof(struct given, operators) },
	{ VH_ROLE_HTTP, offsetof(struct given, http) },
	{ VH_ROLE_VAULT, offsetof(struct given, vault) },
	{ VH_ROLE_PEER, offsetof(struct given, peer) },
	{ VH_ROLE_TLS_CERT, offsetof(struct given, tls_cert) },
	{ VH_ROLE_TLS_KEY, offsetof(struct given, tls_key) },
};

static int *
place_of(struct given *g, size_t i)
{
	return (int *)((uintptr_t)g + roles[i].at);
}

static int
take_int(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

void
given_init(struct given *g)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		*place_of(g, i) = -1;
}

void
given_close(struct given *g)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		int *fd = place_of(g, i);

		if (*fd >= 0)
			(void)close(*fd); /* nothing to do about a failure */
		*fd = -1;
	}
}

/* A descriptor for a role that is new and known. */
static enum vh_err
take_fd(struct link *super, const struct frame *q, struct given *g)
{
	int fd = link_take_fd(super);

	if (fd < 0)
		return VH_EFIELD;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		int *to = place_of(g, i);

		if (roles[i].role != fields_u32(&q->f, VH_F_ROLE) || *to >= 0)
			continue;
		*to = fd;
		return VH_OK;
	}
	(void)close(fd); /* nothing to do about a failure */
	return VH_EFIELD;
}

static enum vh_err
answer(struct link *super, uint16_t op, uint64_t id, enum vh_err err,
    const char *address)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	size_t start = frame_answer(b, op, id, err);

	if (address != NULL && address[0] != '\0')
		frame_put_text(b, VH_F_ADDRESS, address);
	frame_close(b, start);
	TRY(buf_end(b));
	return link_send(super, buf_slice(b), -1);
}

enum vh_err
start_receive(struct link *super, struct given *g, struct settings **settings,
    uint64_t *id)
{
	struct frame q;

	for (;;) {
		TRY(link_wait(super, -1, &q));
		TRY(frame_check(&q, VH_WHO_SUPER));
		if (q.op == VH_OP_FSTART)
			break;
		if (q.op != VH_OP_GIVE)
			return VH_EOP;
		TRY(take_fd(super, &q, g));
		TRY(answer(super, q.op, q.id, VH_OK, NULL));
	}
	*id = q.id;
	return settings_parse(q.f.at[VH_F_CONFIG], settings);
}

/* The link is f's from here on. */
static enum vh_err
open_vault(struct front *f, struct given *g)
{
	if (g->vault < 0)
		return VH_ECONFIG;
	f->vault = vault_open(take_int(&g->vault));
	if (f->vault == NULL)
		return VH_ENOMEM;
	return vault_list(f->vault, f->directory);
}

static enum vh_err
publish(struct front *f, struct given *g)
{
	(void)g;
	return remote_publish(f);
}

static enum vh_err
read_policy(struct front *f, struct given *g)
{
	(void)g;
	return front_read_policy(f);
}

static enum vh_err
watch(struct front *f, struct given *g)
{
	(void)g;
	return loop_watch(f);
}

static enum vh_err
listen_all(struct front *f, struct given *g)
{
	if (g->callers >= 0)
		TRY(conns_listen(f, take_int(&g->callers), VH_WHO_CALLER,
		    f->settings->connections));
	if (g->operators >= 0)
		TRY(conns_listen(f, take_int(&g->operators), VH_WHO_OPERATOR,
		    CONN_OPERATORS));
	return VH_OK;
}

/* In a cluster; the supervisor may as well give it later. */
static enum vh_err
open_peer(struct front *f, struct given *g)
{
	return g->peer < 0 ? VH_OK : peer_attach(f, take_int(&g->peer));
}

static const struct {
	const char *name;
	enum vh_err (*run)(struct front *f, struct given *g);
} steps[] = {
	{ "principals", read_policy },
	{ "keys", open_vault },
	{ "publish", publish },
	{ "loop", watch },
	{ "sockets", listen_all },
	{ "peer", open_peer },
};

static enum vh_err
run_steps(struct front *f, struct given *g)
{
	enum vh_err err = VH_OK;

	for (size_t i = 0; err == VH_OK && i < ARRAY_LEN(steps); i++) {
		err = steps[i].run(f, g);
		if (err != VH_OK)
			LOG(ERROR, "not-started", KV("step", steps[i].name),
			    KV_ERR(err));
	}
	return err;
}

/* TLS when there are files for it. */
static enum vh_err
open_http(const struct front *f, struct given *g, struct http **http)
{
	AUTO(http_tls_free) struct http_tls *tls = NULL;

	if (g->http < 0)
		return VH_OK;
	if (g->tls_cert >= 0 || g->tls_key >= 0)
		TRY(http_tls_read(take_int(&g->tls_cert), take_int(&g->tls_key),
		    &tls));
	return http_start_tls(take_int(&g->http), f->settings, f->shared, tls,
	    http);
}

enum vh_err
start_front(struct link **super, struct given *g, struct settings *settings,
    struct shared *shared, struct http **http, struct front **out)
{
	AUTO(front_free) struct front *f = front_new(settings, shared);

	if (f == NULL)
		return VH_ENOMEM;
	f->super = *super;
	enum vh_err err = run_steps(f, g);

	if (err == VH_OK)
		err = open_http(f, g, http);
	if (err != VH_OK) {
		f->super = NULL; /* still the caller's */
		return err;
	}
	*super = NULL;
	*out = TAKE(f);
	return VH_OK;
}

enum vh_err
start_answer(struct link *super, uint64_t id, enum vh_err err,
    const struct settings *settings)
{
	const char *address = NULL;

	if (settings != NULL)
		address = settings->http[0] != '\0' ? settings->http
						    : settings->callers;
	return answer(super, VH_OP_FSTART, id, err, address);
}
