#include "super/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "keyspec/apart.h"
#include "super/accounts.h"
#include "super/fd.h"
#include "super/principals.h"
#include "super/procs.h"
#include "super/text.h"

#define READ_SIZE 65536

/* Paths of the configuration, and where they go once they are resolved. */
#define PATH(from, to)                                                         \
	{                                                                      \
		offsetof(struct config, from), offsetof(struct plan, to)       \
	}
static const struct {
	size_t from, to;
} paths[] = {
	PATH(node.state, state),
	PATH(http.tls.cert, http_cert),
	PATH(http.tls.key, http_key),
	PATH(cluster.ca, ca),
	PATH(cluster.crl, crl),
	PATH(cluster.tls.cert, tls_cert),
	PATH(cluster.tls.key, tls_key),
	PATH(cluster.record.cert, record_cert),
	PATH(cluster.record.key, record_key),
};

static char **
path_of(struct plan *p, size_t i)
{
	return (char **)((uintptr_t)p + paths[i].to);
}

void
plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	config_free(plan->config);
	keyspec_free(plan->spec);
	free(plan->spec_file);
	free(plan->node);
	free(plan->callers);
	free(plan->operators);
	free(plan->principals);
	free(plan->audit);
	buf_free(plan->chain);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		free(*path_of(plan, i));
	free(plan);
}

static enum vh_err
cannot_read(struct buf *why, const char *path, int err)
{
	buf_format(why, "%s: cannot read: %s", path, strerrorname_or(err));
	return VH_ECONFIG;
}

enum vh_err
plan_read(const char *path, struct buf **out, struct buf *why)
{
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO(buf_free) struct buf *text = buf_new(NODE_TEXT_MAX + READ_SIZE);
	ssize_t n = 1;

	if (fd < 0)
		return cannot_read(why, path, errno);
	while (n > 0 && buf_slice(text).len <= NODE_TEXT_MAX) {
		size_t len = buf_slice(text).len;
		uint8_t *to = buf_extend(text, READ_SIZE);

		if (to == NULL)
			return VH_ENOMEM;
		n = read(fd, to, READ_SIZE);
		if (n < 0)
			return cannot_read(why, path, errno);
		buf_trim(text, len + (size_t)n);
	}
	*out = TAKE(text); /* one byte too many is for the parser to refuse */
	return VH_OK;
}

/* Who may write these files decides which keys there are. */
static enum vh_err
read_trusted(const char *path, struct buf **out, struct buf *why)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return cannot_read(why, path, errno);
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH) != 0) {
		buf_format(why, "%s: mode %04o, expected no write for others",
		    path, (unsigned)(st.st_mode & 07777));
		return VH_ECONFIG;
	}
	return plan_read(path, out, why);
}

/* *to becomes a copy of text; NULL leaves it. */
static enum vh_err
overlay(char **to, const char *text)
{
	if (text == NULL)
		return VH_OK;
	char *copy = strdup(text);

	if (copy == NULL)
		return VH_ENOMEM;
	free(*to);
	*to = copy;
	return VH_OK;
}

/* A path of the configuration, or NULL where it has none. */
static enum vh_err
resolve(const char *file, const char *path, char **out)
{
	if (path == NULL)
		return VH_OK;
	if (file == NULL)
		return overlay(out, path);
	return path_beside(file, path, out);
}

static enum vh_err
resolve_all(const char *file, struct plan *p)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		/* The row says where in struct config the path stands. */
		const char *const *from =
		    (const char *const *)((uintptr_t)p->config + paths[i].from);

		TRY(resolve(file, *from, path_of(p, i)));
	}
	return VH_OK;
}

static enum vh_err
read_config(const struct options *o, struct plan *p, struct buf *why)
{
	const struct reading r = { o->config, why };
	AUTO(buf_free) struct buf *text = NULL;
	struct slice none = slice_of(NULL, 0);

	if (o->config == NULL)
		return config_parse(&r, none, &p->config);
	TRY(read_trusted(o->config, &text, why));
	return config_parse(&r, buf_slice(text), &p->config);
}

static enum vh_err
read_spec(const struct options *o, struct plan *p, struct buf *why)
{
	AUTO(buf_free) struct buf *text = NULL;

	if (o->keyspec != NULL)
		TRY(overlay(&p->spec_file, o->keyspec));
	else
		TRY(resolve(o->config, p->config->keys, &p->spec_file));
	const struct reading r = { p->spec_file == NULL ? "default"
							: p->spec_file,
		why };

	if (p->spec_file == NULL)
		return keyspec_parse(&r, slice_text(keyspec_default_text()),
		    &p->spec);
	TRY(read_trusted(p->spec_file, &text, why));
	return keyspec_parse(&r, buf_slice(text), &p->spec);
}

static enum vh_err
choose_node(struct plan *p)
{
	char host[VH_NODE_NAME_MAX + 1] = "";

	if (p->config->node.name != NULL)
		return overlay(&p->node, p->config->node.name);
	/* A name cut short or missing is no reason not to start. */
	(void)gethostname(host, sizeof host - 1);
	return overlay(&p->node, node_name_ok(host) ? host : "node");
}

static enum vh_err
default_socket(const char *name, char **out, struct buf *why)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char url[VH_SOCKET_PATH_MAX + 16];
	bool root = geteuid() == 0;

	if (!root && (runtime == NULL || *runtime != '/')) {
		buf_put_text(why, "XDG_RUNTIME_DIR is not set: name a socket "
				  "with --listen");
		return VH_ECONFIG;
	}
	(void)snprintf(url, sizeof url, "ipc://%s/vhsmd/%s",
	    root ? "/run" : runtime, name);
	if (!socket_ok(url)) {
		buf_put_text(why, "XDG_RUNTIME_DIR is too long a path: name a "
				  "socket with --listen");
		return VH_ECONFIG;
	}
	return overlay(out, url);
}

/* The operators' socket is beside the callers' where neither was named. */
static enum vh_err
choose_sockets(struct plan *p, struct buf *why)
{
	const struct config_listen *l = &p->config->listen;

	TRY(overlay(&p->operators, l->operator));
	if (l->socket != NULL)
		return overlay(&p->callers, l->socket);
	if (p->operators == NULL)
		TRY(default_socket("operator.sock", &p->operators, why));
	return default_socket("vhsm.sock", &p->callers, why);
}

static enum vh_err
choose_group(struct plan *p, struct buf *why)
{
	const char *name = p->config->listen.group;
	unsigned gid;

	p->group = -1;
	if (name == NULL)
		return VH_OK;
	if (account_gid(name, &gid) != VH_OK) {
		buf_format(why, "listen: no group %s on this machine", name);
		return VH_ECONFIG;
	}
	p->group = (long)gid;
	return VH_OK;
}

static void
choose_workers(struct plan *p)
{
	cpu_set_t cpus;
	int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0
			? CPU_COUNT(&cpus)
			: WORKERS_MIN;

	p->workers_auto = p->config->limits.workers == 0;
	p->workers =
	    p->workers_auto ? (size_t)count : p->config->limits.workers;
	if (p->workers < WORKERS_MIN)
		p->workers = WORKERS_MIN;
	if (p->workers > VH_WORKERS_MAX)
		p->workers = VH_WORKERS_MAX;
}

static enum vh_err
choose_principals(const struct options *o, struct plan *p, struct buf *why)
{
	const struct reading r = { o->config, why };
	AUTO(buf_free) struct buf *text = buf_new(PRINCIPALS_TEXT_MAX + 1);

	TRY(principals_put(&r, &p->config->principals, text));
	return overlay(&p->principals, (const char *)buf_slice(text).p);
}

enum vh_err
plan_read_chain(const struct plan *p, struct buf **out, struct buf *why)
{
	AUTO(buf_free) struct buf *chain = NULL;

	TRY(read_trusted(p->record_cert, &chain, why));
	size_t size = buf_slice(chain).len;

	if (size > 0 && size <= field_row(VH_F_CHAIN)->max) {
		*out = TAKE(chain);
		return VH_OK;
	}
	buf_format(why, "%s: %zu bytes, expected 1 to %zu", p->record_cert,
	    size, field_row(VH_F_CHAIN)->max);
	return VH_ECONFIG;
}

/* What a cluster needs beyond its own keys. */
static enum vh_err
join_cluster(struct plan *p, struct buf *why)
{
	p->clustered = p->config->cluster.listen != NULL;
	if (!p->clustered)
		return VH_OK;
	if (p->state == NULL) {
		buf_put_text(why,
		    "cluster: no state in node, expected a folder for what "
		    "other nodes have signed (or --state)");
		return VH_ECONFIG;
	}
	return plan_read_chain(p, &p->chain, why);
}

unsigned
plan_procs(const struct plan *plan)
{
	unsigned procs = 0;

	for (unsigned i = 0; i < PROCS; i++)
		if (plan->clustered || proc_row((enum proc)i)->alone)
			procs |= 1u << i;
	return procs;
}

/* In the state folder, unless it is absolute. */
static enum vh_err
choose_audit(struct plan *p, struct buf *why)
{
	const char *file = p->config->audit.file;
	char path[PATH_MAX];

	if (file == NULL || *file == '/')
		return overlay(&p->audit, file);
	if (p->state == NULL) {
		buf_format(why,
		    "audit: no state in node, expected a folder for the file "
		    "%s (or --state, or an absolute path)",
		    file);
		return VH_ECONFIG;
	}
	if (snprintf(path, sizeof path, "%s/%s", p->state, file) >= PATH_MAX) {
		buf_format(why, "audit: the path of %s is too long", file);
		return VH_ECONFIG;
	}
	return overlay(&p->audit, path);
}

/* What the command line says of paths counts, too. */
static enum vh_err
check_audit(const struct options *o, const struct plan *p, struct buf *why)
{
	const struct reading r = { o->config, why };
	const struct apart used = {
		.state = p->state,
		.callers = socket_path(p->callers),
		.operators =
		    p->operators == NULL ? NULL : socket_path(p->operators),
		.spec = p->spec_file,
	};

	return apart_check(&r, p->config, &used);
}

/* What the command line says wins. */
static enum vh_err
overlay_options(const struct options *o, struct plan *p)
{
	struct config *c = p->config;

	TRY(overlay(&c->listen.socket, o->listen));
	TRY(overlay(&c->listen.operator, o->operator));
	TRY(overlay(&c->http.discovery, o->http));
	if (o->log != NULL)
		c->log.format = strcmp(o->log, "json") == 0 ? LOG_FORMAT_JSON
							    : LOG_FORMAT_LOGFMT;
	TRY(resolve_all(o->config, p));
	return overlay(&p->state, o->state);
}

enum vh_err
plan_make(const struct options *o, struct plan **out, struct buf *why)
{
	AUTO(plan_free) struct plan *p = calloc(1, sizeof *p);

	if (p == NULL)
		return VH_ENOMEM;
	TRY(read_config(o, p, why));
	TRY(overlay_options(o, p));
	TRY(join_cluster(p, why));
	TRY(choose_audit(p, why));
	TRY(choose_node(p));
	TRY(choose_sockets(p, why));
	TRY(choose_group(p, why));
	TRY(choose_principals(o, p, why));
	choose_workers(p);
	TRY(read_spec(o, p, why));
	TRY(check_audit(o, p, why));
	*out = TAKE(p);
	return VH_OK;
}
