/* Starting front: a process, its link to the vault, the sockets, and its
 * settings, in that order. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/settings.h"
#include "super/fd.h"
#include "super/super.h"

#define GIVE_MS      5000
#define START_MS     10000
#define SETTINGS_MAX 65536

/* One GIVE, answered. */
static enum vh_err
give(struct link *to, enum vh_role role, uint32_t generation, int fd)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	struct frame answer;
	size_t at = frame_request(b, VH_OP_GIVE, role, 0);

	if (fd < 0)
		return VH_OK; /* this node has none */
	frame_put_u32(b, VH_F_ROLE, role);
	if (generation > 0)
		frame_put_u32(b, VH_F_GENERATION, generation);
	frame_close(b, at);
	TRY(buf_end(b));
	return link_call(to, buf_slice(b), fd, GIVE_MS, &answer);
}

/* A descriptor that one front after the other reads from its beginning. */
static enum vh_err
give_file(struct link *to, enum vh_role role, int fd)
{
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0)
		return VH_EIO;
	return give(to, role, 0, fd);
}

/* The vault first: it knows the new generation before front can ask. */
static enum vh_err
join(struct super *s)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return VH_EIO;
	AUTO(fd_close) int vaults = pair[0];
	AUTO(fd_close) int fronts = pair[1];

	s->generation++;
	TRY(give(s->child[PROC_VAULT].link, VH_ROLE_FRONT, s->generation,
	    vaults));
	return give(s->child[PROC_FRONT].link, VH_ROLE_VAULT, 0, fronts);
}

static enum vh_err
put_texts(const struct super *s, struct settings *out)
{
	const struct plan *p = s->plan;

	TRY(settings_set_text(&out->node, p->node));
	TRY(settings_set_text(&out->version, VHSM_VERSION));
	TRY(settings_set_text(&out->callers, p->callers));
	TRY(settings_set_text(&out->operators,
	    p->operators == NULL ? "" : p->operators));
	TRY(settings_set_text(&out->http, s->http_address));
	return settings_set_text(&out->principals, p->principals);
}

static enum vh_err
put_settings(const struct super *s, struct buf *b)
{
	AUTO(settings_free) struct settings *out = settings_new();
	const struct config *c = s->plan->config;

	if (out == NULL)
		return VH_ENOMEM;
	TRY(put_texts(s, out));
	out->payload = c->limits.payload;
	out->queue = c->limits.queue;
	out->connections = c->limits.connections;
	out->per_principal = c->limits.per_principal;
	out->deadline = (uint32_t)c->limits.deadline;
	out->max_age =
	    (uint32_t)(s->plan->spec->defaults.publish_before / 1000);
	out->http_connections = c->http.connections;
	out->http_timeout = (uint32_t)(c->http.timeout / 1000);
	settings_put(b, out);
	return buf_end(b);
}

static enum vh_err
start(const struct super *s)
{
	AUTO(buf_free) struct buf *settings = buf_new(SETTINGS_MAX);
	AUTO(buf_free) struct buf *b = buf_new(SETTINGS_MAX + 256);
	struct frame answer;
	size_t at = frame_request(b, VH_OP_FSTART, 1, 0);

	TRY(put_settings(s, settings));
	frame_put(b, VH_F_CONFIG, buf_slice(settings));
	frame_close(b, at);
	TRY(buf_end(b));
	return link_call(s->child[PROC_FRONT].link, buf_slice(b), -1, START_MS,
	    &answer);
}

static enum vh_err
hand_over(struct super *s)
{
	struct link *front = s->child[PROC_FRONT].link;

	TRY(give(front, VH_ROLE_CALLERS, 0, s->callers.fd));
	TRY(give(front, VH_ROLE_OPERATORS, 0, s->operators.fd));
	TRY(give(front, VH_ROLE_HTTP, 0, s->http.fd));
	TRY(give_file(front, VH_ROLE_TLS_CERT, s->cert_fd));
	TRY(give_file(front, VH_ROLE_TLS_KEY, s->key_fd));
	TRY(join(s));
	return start(s);
}

enum vh_err
super_start_front(struct super *s)
{
	const struct user *user = s->separate ? &s->users[PROC_FRONT] : NULL;

	TRY(spawn(&s->programs, PROC_FRONT, user, s->log,
	    &s->child[PROC_FRONT]));
	enum vh_err err = hand_over(s);

	if (err == VH_OK)
		return VH_OK;
	LOG(ERROR, "front-not-started", KV_ERR(err));
	child_end(&s->child[PROC_FRONT]);
	return err;
}
