/* A link is made for the one that is started; the other end goes to one that
 * runs, which is not waited for: if it does not listen, that is no reason not
 * to start.  But the vault is waited for: it has to know the new generation
 * before the first request of it. */
#include "super/start.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/settings.h"
#include "super/fd.h"
#include "super/talk.h"

#define GIVE_MS      5000
#define START_MS     10000
#define START_KEY_MS 2 /* more for each key: front reads them all */
#define SETTINGS_MAX (2u << 20)

static const struct {
	enum proc to;
	enum vh_role role;
	size_t listener; /* where it stands in struct super */
} sockets[] = {
	{ PROC_FRONT, VH_ROLE_CALLERS, offsetof(struct super, callers) },
	{ PROC_FRONT, VH_ROLE_OPERATORS, offsetof(struct super, operators) },
	{ PROC_FRONT, VH_ROLE_HTTP, offsetof(struct super, http) },
};

/* One GIVE; generation 0: none.  wait: until it is answered. */
static enum vh_err
give(struct super *s, enum proc to, enum vh_role role, uint32_t generation,
    int fd, bool wait)
{
	AUTO(buf_free) struct buf *b = buf_new(256);
	struct frame answer;

	if (fd < 0)
		return VH_OK; /* this node has none */
	size_t at = talk_open(s, b, VH_OP_GIVE, 0);

	frame_put_u32(b, VH_F_ROLE, role);
	if (generation > 0)
		frame_put_u32(b, VH_F_GENERATION, generation);
	frame_close(b, at);
	TRY(buf_end(b));
	if (!wait)
		return talk_tell(s, to, buf_slice(b), fd);
	return talk_call(s, to, buf_slice(b), fd, GIVE_MS, &answer);
}

static enum vh_err
give_sockets(struct super *s, enum proc to)
{
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		const struct listener *l =
		    (const struct listener *)((uintptr_t)s +
					      sockets[i].listener);

		if (sockets[i].to == to)
			TRY(give(s, to, sockets[i].role, 0, l->fd, true));
	}
	return VH_OK;
}

enum vh_err
start_give_files(struct super *s, enum proc to, const struct files *files)
{
	for (unsigned i = 0; i < FILES; i++) {
		const struct file_row *row = file_row((enum file)i);
		int fd = files->fd[i];

		if (row->to != to)
			continue;
		/* One child after the other reads it from its beginning. */
		if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0)
			return VH_EIO;
		TRY(give(s, to, row->role, 0, fd, true));
	}
	return VH_OK;
}

/* What the last one wanted to know dies with it; what it saved does not. */
static enum vh_err
give_state(struct super *s, enum proc to)
{
	if (to != PROC_PEER)
		return VH_OK;
	AUTO(fd_close) int fd = state_open(s->state);

	TRY(seeds_ask(s->seeds, slice_of(NULL, 0)));
	return give(s, to, VH_ROLE_STATE, 0, fd, true);
}

static enum vh_err
join(struct super *s, enum proc child, enum proc other)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return VH_EIO;
	AUTO(fd_close) int others = pair[0];
	AUTO(fd_close) int childs = pair[1];

	s->generation++;
	enum vh_err err = give(s, other, proc_row(child)->role, s->generation,
	    others, other == PROC_VAULT);

	if (err != VH_OK && other == PROC_VAULT)
		return err;
	/* Else it is about to die, and gets a link with its next life. */
	return give(s, child, proc_row(other)->role, s->generation, childs,
	    true);
}

static enum vh_err
join_all(struct super *s, enum proc child)
{
	for (unsigned i = 0; i < PROCS; i++)
		if ((proc_row(child)->talks_to >> i & 1) != 0 &&
		    child_is_there(&s->child[i]))
			TRY(join(s, child, (enum proc)i));
	return VH_OK;
}

static enum vh_err
set_list(char **to, const struct texts *list)
{
	AUTO(buf_free) struct buf *b = buf_new(SETTINGS_MAX);

	for (size_t i = 0; i < list->count; i++)
		buf_format(b, "%s%s", i == 0 ? "" : ",", list->at[i]);
	buf_put_u8(b, 0);
	TRY(buf_end(b));
	return settings_set_text(to, (const char *)buf_slice(b).p);
}

static enum vh_err
put_cluster(const struct super *s, struct settings *out)
{
	const struct config_cluster *c = &s->plan->config->cluster;
	const struct keyspec_defaults *times = &s->plan->spec->defaults;
	AUTO(buf_free) struct buf *b = buf_new(SETTINGS_MAX);

	if (!s->plan->clustered)
		return VH_OK;
	buf_format(b, "tls+tcp://%s", s->cluster_address);
	buf_put_u8(b, 0);
	TRY(buf_end(b));
	TRY(settings_set_text(&out->cluster_listen,
	    (const char *)buf_slice(b).p));
	TRY(settings_set_text(&out->cluster_advertise, s->advertise));
	buf_clear(b);
	seeds_put(s->seeds, SEEDS_CONFIGURED, field_row(VH_F_SEEDS)->max, b);
	buf_put_u8(b, 0);
	TRY(buf_end(b));
	TRY(settings_set_text(&out->cluster_seeds,
	    (const char *)buf_slice(b).p));
	out->cluster_seed_count = (uint32_t)c->seeds.count;
	out->cluster_publish_ms = (uint32_t)times->publish_before;
	out->cluster_keep_s = (uint32_t)((times->keep_after + 999) / 1000);
	return set_list(&out->cluster_revokers, &c->revokers);
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
	TRY(settings_set_text(&out->separation,
	    s->separate ? "full" : "reduced"));
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
	TRY(put_cluster(s, out));
	out->payload = c->limits.payload;
	out->workers = (uint32_t)s->plan->workers;
	out->queue = c->limits.queue;
	out->draining = s->draining;
	out->connections = s->conns.callers;
	out->per_principal = c->limits.per_principal;
	out->deadline = (uint32_t)c->limits.deadline;
	out->max_age =
	    (uint32_t)(keyspec_shortest_publish(s->plan->spec) / 1000);
	out->http_connections = s->conns.http;
	out->http_timeout = (uint32_t)(c->http.timeout / 1000);
	settings_put(b, out);
	return buf_end(b);
}

/* A request with all settings. */
static enum vh_err
call_with_settings(struct super *s, enum proc to, unsigned op,
    struct frame *answer)
{
	AUTO(buf_free) struct buf *settings = buf_new(SETTINGS_MAX);
	AUTO(buf_free) struct buf *b = buf_new(SETTINGS_MAX + 256);
	size_t at = talk_open(s, b, op, 0);

	TRY(put_settings(s, settings));
	frame_put(b, VH_F_CONFIG, buf_slice(settings));
	frame_close(b, at);
	TRY(buf_end(b));
	return talk_call(s, to, buf_slice(b), -1,
	    START_MS + START_KEY_MS * (int)s->loaded.keys, answer);
}

enum vh_err
start_tell_settings(struct super *s, enum proc to)
{
	struct frame answer;

	return call_with_settings(s, to, VH_OP_FSETTINGS, &answer);
}

/* Peer says in WHY that its state was damaged, and goes on without. */
static enum vh_err
start(struct super *s, enum proc proc)
{
	struct frame answer;
	enum vh_err err =
	    call_with_settings(s, proc, proc_row(proc)->start, &answer);

	if (err == VH_OK && proc == PROC_PEER &&
	    fields_have(&answer.f, VH_F_WHY))
		state_set_aside(s->state, answer.f.at[VH_F_WHY]);
	return err;
}

static enum vh_err
hand_over(struct super *s, enum proc proc)
{
	TRY(give_sockets(s, proc));
	TRY(start_give_files(s, proc, &s->files));
	TRY(give_state(s, proc));
	TRY(join_all(s, proc));
	return start(s, proc);
}

enum vh_err
start_child(struct super *s, enum proc proc)
{
	enum vh_err err = spawn(&s->programs, proc, super_user(s, proc), s->log,
	    &s->child[proc]);

	if (err == VH_OK)
		err = hand_over(s, proc);
	if (err == VH_OK)
		return VH_OK;
	LOG(ERROR, "not-started", KV("child", proc_row(proc)->name),
	    KV_ERR(err));
	child_end(&s->child[proc]);
	return err;
}
