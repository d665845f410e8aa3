#include "super/super.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "super/limits.h"
#include "super/reload.h"
#include "super/start.h"
#include "super/talk.h"

#define OPERATOR_MODE 0600
#define PEER_FILES    4096
#define LOCK_SPARE    (1u << 20)
#define RELOAD_MS     5000
/* Without an answer of a name server, peer starts and hears of it later. */
#define SEEDS_FIRST_MS 3000

void
super_free(struct super *s)
{
	if (s == NULL)
		return;
	for (unsigned i = PROCS; i-- > 0;) /* the vault last */
		child_end(&s->child[i]);
	seeds_free(s->seeds);
	state_free(s->state);
	listener_close(&s->callers);
	listener_close(&s->operators);
	listener_close(&s->http);
	listener_close(&s->cluster);
	programs_close(&s->programs);
	files_close(&s->files);
	keyfiles_free(s->keyfiles);
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
	s->callers = s->operators = s->http = s->cluster = LISTENER_NONE;
	files_init(&s->files);
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

static bool
has(const struct super *s, enum proc proc)
{
	return (plan_procs(s->plan) >> proc & 1) != 0;
}

/* Who the children become.  Two of one user could signal and trace each
 * other. */
static enum vh_err
choose_users(struct super *s)
{
	s->separate = geteuid() == 0;
	for (unsigned i = 0; s->separate && i < PROCS; i++) {
		const struct proc_row *row = proc_row((enum proc)i);
		/* The row says where in struct config its user stands. */
		const char *const *name =
		    (const char *const *)((uintptr_t)s->plan->config +
					  row->user);

		if (!has(s, (enum proc)i))
			continue;
		TRY(account_user(*name, row->fixed, &s->users[i]));
		if (account_is_among(&s->users[i], s->users, i)) {
			LOG(ERROR, "user-refused", KV("user", *name),
			    KV("reason", "same as another process"));
			return VH_ECONFIG;
		}
	}
	return VH_OK;
}

const struct user *
super_user(const struct super *s, enum proc proc)
{
	return s->separate ? &s->users[proc] : NULL;
}

static enum vh_err
make_state(const char *path)
{
	if (path == NULL || mkdir(path, 0755) == 0 || errno == EEXIST)
		return VH_OK;
	LOG(ERROR, "no-state", KV("path", path), KV_ERRNO(errno));
	return VH_EIO;
}

/* HOST:PORT as configured, but with the port the kernel chose. */
static void
name_bound(const char *text, unsigned port, char *out, size_t size)
{
	const char *colon = strrchr(text, ':');

	(void)snprintf(out, size, "%.*s:%u", (int)(colon - text), text, port);
}

/* The vault puts the address into what it signs, so the port has to be known
 * before peer listens. */
static enum vh_err
reserve_port(struct super *s)
{
	const struct config_cluster *c = &s->plan->config->cluster;
	struct host_port advertised;

	if (!s->plan->clustered)
		return VH_OK;
	const char *address = cluster_address(c->listen);

	if (!host_port_of_text(c->advertise, &advertised))
		return VH_EINTERNAL;
	TRY(listen_reserve(address, &s->cluster));
	name_bound(address, s->cluster.port, s->cluster_address,
	    sizeof s->cluster_address);
	name_bound(c->advertise,
	    advertised.port == 0 ? s->cluster.port : advertised.port,
	    s->advertise, sizeof s->advertise);
	return VH_OK;
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
	name_bound(c->http.discovery, s->http.port, s->http_address,
	    sizeof s->http_address);
	return VH_OK;
}

/* Each connection is a descriptor in front, or in peer. */
static void
make_room_for_connections(struct super *s)
{
	const struct config *c = s->plan->config;
	const struct limits_conns wanted = { c->limits.connections,
		c->http.discovery == NULL ? 0 : c->http.connections };
	uint64_t need = limits_files_of(wanted);

	if (s->plan->clustered && need < PEER_FILES)
		need = PEER_FILES;
	uint64_t have = limits_raise_files(need);

	s->conns = limits_fit(wanted, have);
	if (have < need)
		LOG(NOTICE, "few-descriptors",
		    KV("raise", "RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)"),
		    KV("have", have), KV("need", need),
		    KV("connections", s->conns.callers),
		    KV("configured", wanted.callers));
}

/* The arena for all workers, or for as many as the limit on locked memory lets
 * us have where the number is ours to choose. */
static enum vh_err
size_arena(struct super *s, uint64_t *arena)
{
	struct plan *p = s->plan;
	size_t wanted = p->workers;

	for (;; p->workers--) {
		*arena = load_arena(p, s->keyfiles, p->workers);
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

static enum vh_err
start_vault(struct super *s)
{
	uint64_t arena;

	TRY(size_arena(s, &arena));
	TRY(spawn(&s->programs, PROC_VAULT, super_user(s, PROC_VAULT), s->log,
	    &s->child[PROC_VAULT]));
	return load_vault(s->child[PROC_VAULT].link, s->plan, s->keyfiles,
	    s->advertise, arena, &s->loaded);
}

/* What goes on while the vault makes its keys: names are looked up. */
static enum vh_err
prepare_cluster(struct super *s)
{
	struct mono_ns until;

	if (!s->plan->clustered)
		return VH_OK;
	TRY(state_new(s->plan->state, &s->state));
	s->seeds = seeds_new(&s->plan->config->cluster.seeds,
	    super_user(s, PROC_PEER));
	if (s->seeds == NULL)
		return VH_ENOMEM;
	(void)seeds_tick(s->seeds, clock_mono(), &until); /* run.c goes on */
	return VH_OK;
}

static enum vh_err
start_peer(struct super *s)
{
	if (!s->plan->clustered)
		return VH_OK;
	seeds_wait(s->seeds, SEEDS_FIRST_MS);
	return start_child(s, PROC_PEER);
}

enum vh_err
super_start(const struct options *o, struct plan *plan, struct super **out)
{
	AUTO(super_free) struct super *s = super_new(plan);

	*out = NULL;
	if (s == NULL)
		return VH_ENOMEM;
	s->options = o;
	make_room_for_connections(s);
	/* First of all, because it takes keys out of the environment. */
	TRY(load_open(plan, &s->keyfiles));
	TRY(choose_users(s));
	TRY(programs_open(plan_procs(plan), &s->programs));
	TRY(make_state(plan->state));
	TRY(files_open(plan, &s->files));
	TRY(open_sockets(s));
	TRY(reserve_port(s));
	TRY(prepare_cluster(s));
	TRY(start_vault(s));
	TRY(start_child(s, PROC_FRONT));
	TRY(start_peer(s));
	*out = TAKE(s);
	return VH_OK;
}

/* Peer looks at the new files before it takes them. */
static enum vh_err
offer(struct super *s, const struct files *files, struct frame *answer)
{
	AUTO(buf_free) struct buf *b = buf_new(256);

	if (!s->plan->clustered || !child_is_there(&s->child[PROC_PEER]))
		return VH_OK; /* the next one gets them */
	TRY(start_give_files(s, PROC_PEER, files));
	size_t at = talk_open(s, b, VH_OP_PRELOAD, 0);

	frame_close(b, at);
	TRY(buf_end(b));
	return talk_call(s, PROC_PEER, buf_slice(b), -1, RELOAD_MS, answer);
}

/* Names of settings need no quoting. */
static void
put_names(struct buf *b, const char *member, struct slice list)
{
	const char *comma = "";
	struct slice name;

	buf_format(b, ",\"%s\":[", member);
	while (slice_next_item(&list, &name)) {
		buf_format(b, "%s\"", comma);
		buf_put(b, name);
		buf_put_text(b, "\"");
		comma = ",";
	}
	buf_put_text(b, "]");
}

static void
put_report(struct buf *b, const struct reloaded *r)
{
	struct slice restart = buf_slice(r->restart);

	buf_format(b,
	    "{\"entries_kept\":%u,\"entries_new\":%u,\"entries_gone\":%u,"
	    "\"keys\":%u,\"restart_needed\":%s,\"file_kept\":%s",
	    r->kept, r->fresh, r->gone, r->keys,
	    restart.len > 0 ? "true" : "false",
	    r->file_kept ? "true" : "false");
	put_names(b, "applied", buf_slice(r->applied));
	put_names(b, "restart_for", restart);
	buf_put_text(b, "}");
}

static enum vh_err
refuse_reload(enum vh_err err, struct buf *why)
{
	if (buf_slice(why).len == 0)
		buf_put_text(why, err_text(err));
	LOG(ERROR, "reload-refused", KV_ERR(err), KV("why", buf_slice(why)));
	return err;
}

/* What can be refused comes first: the vault looks at the record key, then peer
 * takes what is TLS's, or does not; only then the vault signs by another key.
 */
static enum vh_err
hand_over(struct super *s, const struct files *files,
    const struct record_files *record, struct buf *why)
{
	struct frame answer = { 0 };

	if (!s->plan->clustered)
		return VH_OK;
	TRY(load_identity_again(s, record, false, why));
	enum vh_err err = offer(s, files, &answer);

	if (err != VH_OK) {
		buf_put(why, answer.f.at[VH_F_WHY]);
		return err;
	}
	return load_identity_again(s, record, true, why);
}

/* Certificates before keys: they can still be refused when keys no longer can.
 */
static enum vh_err
reload_files(struct super *s, struct buf *why)
{
	struct record_files record = { 0 };
	struct files fresh;

	if (s->plan->clustered)
		TRY(record_files_open(s->plan, &record, why));
	enum vh_err err = files_open(s->plan, &fresh);

	if (err == VH_OK) {
		err = hand_over(s, &fresh, &record, why);
		files_close(err == VH_OK ? &s->files : &fresh);
	}
	record_files_free(&record);
	TRY(err);
	s->files = fresh;
	if (s->plan->http_cert != NULL)
		LOG(NOTICE, "http-certificate-kept",
		    KV("until", "front is started again"));
	return VH_OK;
}

static void
log_reload(const struct super *s, const struct reloaded *r)
{
	LOG(NOTICE, "reloaded", KV("cluster", s->plan->clustered),
	    KV("kept", r->kept), KV("new", r->fresh), KV("gone", r->gone),
	    KV("keys", r->keys));
	if (buf_slice(r->restart).len > 0)
		LOG(NOTICE, "restart-needed",
		    KV("settings", buf_slice(r->restart)));
}

enum vh_err
super_reload(struct super *s, struct buf *report, struct buf *why)
{
	struct reloaded r = { 0 };
	enum vh_err err = reload_files(s, why);

	if (err == VH_OK)
		err = reload_keys(s, &r, why); /* fails before it changes */
	if (err == VH_OK) {
		put_report(report, &r);
		log_reload(s, &r);
	}
	reloaded_free(&r);
	return err == VH_OK ? VH_OK : refuse_reload(err, why);
}

/* Front may have died meanwhile. */
void
super_answer_reload(struct super *s, enum vh_err err, struct buf *report,
    struct buf *why)
{
	AUTO(buf_free) struct buf *b = buf_new(32768);

	if (!child_is_there(&s->child[PROC_FRONT]))
		return;
	size_t at = frame_answer(b, VH_OP_FRELOAD, s->reload_id, err);

	if (err == VH_OK)
		frame_put(b, VH_F_JSON, buf_slice(report));
	else
		frame_put(b, VH_F_WHY, buf_slice(why));
	frame_close(b, at);
	/* Who has gone needs no answer; who hangs, is found out elsewhere. */
	if (buf_end(b) == VH_OK)
		(void)talk_tell(s, PROC_FRONT, buf_slice(b), -1);
}
