#include "super/super.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "super/fd.h"
#include "super/keyfile_check.h"
#include "super/limits.h"
#include "super/text.h"

#define OPERATOR_MODE 0600
#define FILES_SPARE   256 /* descriptors beside connections */
#define LOCK_SPARE    (1u << 20)
#define WHY_MAX       4096

void
super_free(struct super *s)
{
	if (s == NULL)
		return;
	child_end(&s->child[PROC_FRONT]);
	child_end(&s->child[PROC_VAULT]);
	listener_close(&s->callers);
	listener_close(&s->operators);
	listener_close(&s->http);
	programs_close(&s->programs);
	fd_close(s->cert_fd);
	fd_close(s->key_fd);
	keyfiles_free(s->files);
	plan_free(s->plan);
	free(s);
}

static struct super *
super_new(struct plan *plan)
{
	struct super *s = calloc(1, sizeof *s);

	if (s == NULL) {
		plan_free(plan);
		return NULL;
	}
	s->plan = plan;
	s->callers = s->operators = s->http = LISTENER_NONE;
	s->cert_fd = s->key_fd = -1;
	for (size_t i = 0; i < PROCS; i++)
		s->programs.fd[i] = -1;
	static const char *const levels[] = { [LOG_FROM_ERROR] = "error",
		[LOG_FROM_NOTICE] = "notice",
		[LOG_FROM_DEBUG] = "debug" };
	const struct config_log *log = &plan->config->log;

	(void)snprintf(s->log, sizeof s->log, "%s,%s",
	    log->format == LOG_FORMAT_JSON ? "json" : "logfmt",
	    levels[log->level]);
	return s;
}

/* Who the children become.  Two of one user could signal and trace each
 * other. */
static enum vh_err
choose_users(struct super *s)
{
	s->separate = geteuid() == 0;
	for (size_t i = 0; s->separate && i < PROCS; i++) {
		const struct proc_row *row = proc_row((enum proc)i);
		/* The row says where in struct config its user stands. */
		const char *const *name =
		    (const char *const *)((uintptr_t)s->plan->config +
					  row->user);

		TRY(account_user(*name, row->fixed, &s->users[i]));
		for (size_t k = 0; k < i; k++)
			if (s->users[k].uid == s->users[i].uid) {
				LOG(ERROR, "user-refused", KV("user", *name),
				    KV("reason", "same as another process"));
				return VH_ECONFIG;
			}
	}
	return VH_OK;
}

static enum vh_err
make_state(const char *path)
{
	if (path == NULL || mkdir(path, 0755) == 0 || errno == EEXIST)
		return VH_OK;
	LOG(ERROR, "no-state", KV("path", path), KV_ERRNO(errno));
	return VH_EIO;
}

/* As configured, with the port the kernel chose. */
static void
name_http(struct super *s)
{
	const char *text = s->plan->config->http.discovery;
	const char *colon = strrchr(text, ':');

	(void)snprintf(s->http_address, sizeof s->http_address, "%.*s:%u",
	    (int)(colon - text), text, s->http.port);
}

static enum vh_err
open_sockets(struct super *s)
{
	const struct plan *p = s->plan;
	const struct config *c = p->config;

	TRY(listen_unix(socket_path(p->callers), c->listen.mode, p->group,
	    &s->callers));
	if (p->operators != NULL)
		TRY(listen_unix(socket_path(p->operators), OPERATOR_MODE, -1,
		    &s->operators));
	if (c->http.discovery == NULL)
		return VH_OK;
	TRY(listen_tcp(c->http.discovery, &s->http));
	name_http(s);
	return VH_OK;
}

static enum vh_err
open_tls(const char *path, bool secret, int *fd)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	struct stat st;
	enum vh_err err = VH_OK;

	if (path == NULL)
		return VH_OK;
	if (secret) {
		err = keyfile_open(AT_FDCWD, path, path, why, fd, &st);
	} else {
		*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (*fd < 0)
			err = VH_ECONFIG;
		buf_format(why, "%s: cannot open", path);
	}
	if (err != VH_OK)
		LOG(ERROR, "tls-refused", KV("why", buf_slice(why)));
	return err;
}

/* Each connection is a descriptor in front. */
static void
make_room_for_connections(const struct config *c)
{
	uint64_t need =
	    (uint64_t)c->limits.connections + c->http.connections + FILES_SPARE;
	uint64_t have = limits_raise_files(need);

	if (have < need)
		LOG(NOTICE, "few-descriptors", KV("limit", "RLIMIT_NOFILE"),
		    KV("have", have), KV("need", need));
}

/* The arena for all workers, or for as many as the limit on locked memory lets
 * us have where the number is ours to choose. */
static enum vh_err
size_arena(struct super *s, uint64_t *arena)
{
	struct plan *p = s->plan;
	size_t wanted = p->workers;

	for (;; p->workers--) {
		*arena = load_arena(p, s->files, p->workers);
		if (limits_allow_locked(*arena + LOCK_SPARE))
			break;
		if (!p->workers_auto || p->workers <= WORKERS_MIN) {
			LOG(ERROR, "memory-lock-limit",
			    KV("limit", "RLIMIT_MEMLOCK"),
			    KV("have", limits_locked()),
			    KV("need", *arena + LOCK_SPARE));
			return VH_EIO;
		}
	}
	if (p->workers < wanted)
		LOG(NOTICE, "fewer-workers", KV("workers", p->workers),
		    KV("wanted", wanted), KV("limit", "RLIMIT_MEMLOCK"),
		    KV("have", limits_locked()));
	return VH_OK;
}

static const struct user *
user_of(const struct super *s, enum proc proc)
{
	return s->separate ? &s->users[proc] : NULL;
}

static enum vh_err
start_vault(struct super *s)
{
	uint64_t arena;

	TRY(size_arena(s, &arena));
	TRY(spawn(&s->programs, PROC_VAULT, user_of(s, PROC_VAULT), s->log,
	    &s->child[PROC_VAULT]));
	return load_vault(s->child[PROC_VAULT].link, s->plan, s->files, arena,
	    &s->loaded);
}

enum vh_err
super_start(struct plan *plan, struct super **out)
{
	AUTO(super_free) struct super *s = super_new(plan);

	*out = NULL;
	if (s == NULL)
		return VH_ENOMEM;
	make_room_for_connections(plan->config);
	/* First of all, because it takes keys out of the environment. */
	TRY(load_open(plan, &s->files));
	TRY(choose_users(s));
	TRY(programs_open(&s->programs));
	TRY(make_state(plan->state));
	TRY(open_tls(plan->cert, false, &s->cert_fd));
	TRY(open_tls(plan->key, true, &s->key_fd));
	TRY(open_sockets(s));
	TRY(start_vault(s));
	TRY(super_start_front(s));
	*out = TAKE(s);
	return VH_OK;
}
