/* vhsmd: the supervisor of a node. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "keyspec/check.h"
#include "super/notify.h"
#include "super/plan.h"
#include "super/run.h"

#define EXIT_USAGE 2
#define WHY_MAX    8192
#define NORMAL_MAX (16u << 20)

/* Descriptors 0 to 2 exist, whoever started us: a socket of ours must not
 * become somebody's standard error. */
static bool
have_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	(void)close(fd); /* one too many */
	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_SETFD, 0) != 0)
			return false;
	return true;
}

static int
print(FILE *to, struct slice text, int status)
{
	if (fwrite(text.p, 1, text.len, to) != text.len || fflush(to) != 0)
		return EXIT_FAILURE;
	return status;
}

static int
complain(struct buf *why, enum vh_err err, int status)
{
	if (buf_slice(why).len == 0)
		buf_put_text(why, err_text(err));
	buf_put_u8(why, '\n');
	return print(stderr, buf_slice(why), status);
}

static int
help(void)
{
	AUTO(buf_free) struct buf *b = buf_new(WHY_MAX);

	options_put_help(b);
	return print(stdout, buf_slice(b), EXIT_SUCCESS);
}

static int
check(const char *path, struct buf *why)
{
	const struct reading r = { path, why };
	AUTO(buf_free) struct buf *text = NULL;
	AUTO(buf_free) struct buf *normal = buf_new(NORMAL_MAX);
	enum vh_err err = plan_read(path, &text, why);

	if (err == VH_OK)
		err = check_text(&r, buf_slice(text), normal);
	if (err != VH_OK)
		return complain(why, err, EXIT_FAILURE);
	return print(stdout, buf_slice(normal), EXIT_SUCCESS);
}

static void
set_log(const struct config_log *log)
{
	static const enum log_level levels[] = { [LOG_FROM_ERROR] = LOG_ERROR,
		[LOG_FROM_NOTICE] = LOG_NOTICE,
		[LOG_FROM_DEBUG] = LOG_DEBUG };

	log_init("vhsmd",
	    log->format == LOG_FORMAT_JSON ? LOG_JSON : LOG_LOGFMT,
	    levels[log->level]);
}

static void
say_ready(const struct super *s, bool deleted)
{
	const char *operators = s->plan->operators;

	LOG(NOTICE, "ready", KV("node", s->plan->node),
	    KV("socket", s->plan->callers),
	    KV("operator", operators == NULL ? "" : operators),
	    KV("http", (const char *)s->http_address),
	    KV("cluster", (const char *)s->cluster_address),
	    KV("keys", s->loaded.keys),
	    KV("protection", (const char *)s->loaded.protection),
	    KV("separation", s->separate ? "full" : "reduced"));
	notify_ready(s->cluster_address,
	    deleted ? NULL
		    : "a key file could not be deleted, see the "
		      "log");
}

static int
serve(const struct options *o, struct buf *why)
{
	struct plan *plan = NULL;
	AUTO(super_free) struct super *s = NULL;

	log_unblock();
	enum vh_err err = plan_make(o, &plan, why);

	if (err != VH_OK) {
		LOG(ERROR, "config-refused", KV_ERR(err),
		    KV("why", buf_slice(why)));
		return EXIT_FAILURE;
	}
	set_log(&plan->config->log);
	if (sandbox_enter(SANDBOX_SUPER) != VH_OK) {
		plan_free(plan);
		return EXIT_FAILURE;
	}
	err = super_start(o, plan, &s);
	if (err != VH_OK) {
		LOG(ERROR, "not-started", KV_ERR(err));
		return EXIT_FAILURE;
	}
	/* All keys are live.  From here an orderly stop is the only one. */
	if (run_block_signals() != VH_OK)
		return EXIT_FAILURE;
	bool deleted = keyfiles_delete(s->keyfiles);

	say_ready(s, deleted);
	return run_super(s);
}

int
main(int argc, char **argv)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	struct options o;

	if (!have_standard_fds() || sandbox_begin(false) != VH_OK)
		return EXIT_FAILURE;
	/* Inherited by the children: a log nobody reads must not kill. */
	(void)signal(SIGPIPE, SIG_IGN);
	enum vh_err err = options_parse(argc, argv, &o, why);

	if (err != VH_OK) {
		buf_put_text(why, " (try vhsmd --help)");
		return complain(why, err, EXIT_USAGE);
	}
	if (o.help != NULL)
		return help();
	if (o.version != NULL)
		return print(stdout, slice_text("vhsmd " VHSM_VERSION "\n"),
		    EXIT_SUCCESS);
	if (o.check != NULL)
		return check(o.check, why);
	return serve(&o, why);
}
