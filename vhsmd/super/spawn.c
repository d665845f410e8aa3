#include "super/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "super/fd.h"

#define HIGH_FD 64 /* away from where descriptors are put */

/* What a child keeps of our environment: what tells sanitizers where to write,
 * and dead text otherwise.  No path, no locale, no LD_*. */
static const char *const kept[] = {
	"ASAN_OPTIONS",
	"UBSAN_OPTIONS",
	"TSAN_OPTIONS",
	"LSAN_OPTIONS",
};

static enum vh_err
failed(const char *binary, const char *step, int err)
{
	LOG(ERROR, "not-spawned", KV("program", binary), KV("step", step),
	    KV_ERRNO(err));
	return VH_EIO;
}

void
programs_close(struct programs *p)
{
	for (size_t i = 0; i < PROCS; i++) {
		fd_close(p->fd[i]);
		p->fd[i] = -1;
	}
}

/* The folder this program runs from, with its slash. */
static enum vh_err
own_folder(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);

	if (n <= 0 || (size_t)n >= size - 1)
		return failed("vhsmd", "find itself",
		    n < 0 ? errno : ENAMETOOLONG);
	out[n] = '\0';
	char *slash = strrchr(out, '/');

	if (slash == NULL)
		return failed("vhsmd", "find itself", ENOENT);
	slash[1] = '\0';
	return VH_OK;
}

static int
open_program(const char *folder, const char *binary)
{
	static const char *const places[] = { "", "../libexec/vhsmd/" };
	char path[PATH_MAX + 64];
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < ARRAY_LEN(places); i++) {
		(void)snprintf(path, sizeof path, "%s%s%s", folder, places[i],
		    binary);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	AUTO(fd_close) int low = fd;

	/* A child puts its link where a low number may have been. */
	return low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, HIGH_FD);
}

enum vh_err
programs_open(unsigned needed, struct programs *out)
{
	char folder[PATH_MAX];
	struct programs p;

	TRY(own_folder(folder, sizeof folder));
	for (size_t i = 0; i < PROCS; i++)
		p.fd[i] = -1;
	for (size_t i = 0; i < PROCS; i++) {
		const char *binary = proc_row((enum proc)i)->binary;

		if ((needed >> i & 1) == 0)
			continue;
		p.fd[i] = open_program(folder, binary);
		if (p.fd[i] < 0) {
			programs_close(&p);
			return failed(binary, "find", ENOENT);
		}
	}
	*out = p;
	return VH_OK;
}

/* Below: the child, between fork and exec. */

/* 0 is /dev/null, 1 and 2 our standard error, 3 the link; the rest closes with
 * exec, the program's own descriptor included. */
static bool
arrange_fds(int link_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high_null = fcntl(null, F_DUPFD_CLOEXEC, HIGH_FD);
	int high_link = fcntl(link_fd, F_DUPFD_CLOEXEC, HIGH_FD);

	return high_null >= 0 && high_link >= 0 && dup2(high_null, 0) == 0 &&
	       dup2(2, 1) == 1 &&
	       dup2(high_link, SANDBOX_PARENT_FD) == SANDBOX_PARENT_FD &&
	       close_range(SANDBOX_PARENT_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) ==
		   0;
}

static bool
reset_signals(void)
{
	sigset_t none;

	/* SIGPIPE stays ignored: a log nobody reads must not kill. */
	return sigemptyset(&none) == 0 &&
	       sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Points into our environment and to log, which live until exec. */
static void
choose_environment(char *log, char *envp[static ARRAY_LEN(kept) + 2])
{
	size_t n = 0;

	envp[n++] = log;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		size_t len = strlen(kept[i]);

		for (char **e = environ; *e != NULL; e++)
			if (strncmp(*e, kept[i], len) == 0 &&
			    (*e)[len] == '=') {
				envp[n++] = *e;
				break;
			}
	}
	envp[n] = NULL;
}

struct birth {
	int program, link_fd;
	const char *binary;
	const struct user *user;
	bool locks;
	const char *log;
	pid_t parent;
};

static enum vh_err
change_user(const struct birth *b)
{
	if (b->user == NULL)
		return VH_OK;
	if (b->locks)
		return sandbox_become_locker(b->user->uid, b->user->gid);
	return sandbox_become(b->user->uid, b->user->gid);
}

static const char *
prepare(const struct birth *b)
{
	if (!arrange_fds(b->link_fd))
		return "descriptors";
	if (!reset_signals())
		return "signals";
	if (setsid() < 0) /* a terminal's Ctrl-C is for the supervisor */
		return "session";
	(void)umask(077);
	if (chdir("/") != 0)
		return "folder";
	if (change_user(b) != VH_OK)
		return "user";
	/* After the change of user, which would clear it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
	    getppid() != b->parent)
		return "parent";
	return NULL;
}

__attribute__((noreturn)) static void
become_program(const struct birth *b)
{
	char log[64];
	char name[32];
	char *argv[] = { name, NULL };
	char *envp[ARRAY_LEN(kept) + 2];
	const char *step = prepare(b);

	(void)snprintf(name, sizeof name, "%s", b->binary);
	(void)snprintf(log, sizeof log, "VHSM_LOG=%s", b->log);
	choose_environment(log, envp);
	if (step == NULL)
		(void)fexecve(b->program, argv, envp);
	(void)failed(b->binary, step == NULL ? "exec" : step, errno);
	_exit(127);
}

enum vh_err
spawn(const struct programs *p, enum proc proc, const struct user *user,
    const char *log, struct child *out)
{
	const struct proc_row *row = proc_row(proc);
	const char *binary = row->binary;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return failed(binary, "socketpair", errno);
	AUTO(fd_close) int ours = pair[0];
	AUTO(fd_close) int theirs = pair[1];
	const struct birth birth = { p->fd[proc], theirs, binary, user,
		row->locks, log, getpid() };
	pid_t pid = fork();

	if (pid == 0)
		become_program(&birth);
	if (pid < 0)
		return failed(binary, "fork", errno);
	*out = (struct child){ proc, pid,
		link_new(fd_take(&ours), SPAWN_FRAME_MAX) };
	if (out->link == NULL) {
		child_end(out);
		return VH_ENOMEM;
	}
	LOG(NOTICE, "spawned", KV("program", binary), KV("pid", pid));
	return VH_OK;
}

void
child_end(struct child *c)
{
	link_free(TAKE(c->link));
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL); /* gone already is as well */
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	c->pid = 0;
}
