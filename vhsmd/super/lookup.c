#include "super/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "super/fd.h"

#define OUT_FD      3
#define HIGH_FD     64
#define FILES       64 /* descriptors it may have */
#define ADDRESS_MAX 64

/* Below: the process that looks names up. */

/* Our standard three, the pipe, and nothing else. */
static bool
keep_only(int out)
{
	int high = fcntl(out, F_DUPFD_CLOEXEC, HIGH_FD);

	return high >= 0 && dup2(high, OUT_FD) == OUT_FD &&
	       close_range(OUT_FD + 1, ~0u, 0) == 0;
}

static bool
restrict_itself(const struct user *user, pid_t parent)
{
	const struct rlimit files = { FILES, FILES };
	sigset_t none;

	return prctl(PR_SET_NAME, "vhsmd-lookup", 0, 0, 0) == 0 &&
	       sigemptyset(&none) == 0 &&
	       sigprocmask(SIG_SETMASK, &none, NULL) == 0 && setsid() >= 0 &&
	       (user == NULL ||
		   sandbox_become(user->uid, user->gid) == VH_OK) &&
	       setrlimit(RLIMIT_NOFILE, &files) == 0 &&
	       prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
	       getppid() == parent;
}

static void
say(size_t index, const struct addrinfo *a)
{
	char host[ADDRESS_MAX];

	/* One write, so that a line is whole or not there; a reader that is
	 * gone ends us by SIGPIPE or is no matter. */
	if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, NULL, 0,
		NI_NUMERICHOST) == 0)
		(void)dprintf(OUT_FD, "%zu %s\n", index, host);
}

static void
look_up(size_t index, const char *host)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	size_t said = 0;

	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return;
	for (const struct addrinfo *a = found;
	     a != NULL && said < LOOKUP_ADDRESSES; a = a->ai_next, said++)
		say(index, a);
	freeaddrinfo(found);
}

__attribute__((noreturn)) static void
run(const char *const *hosts, size_t count, int out, const struct user *user,
    pid_t parent)
{
	/* A resolver has its own patience; ours ends sooner. */
	(void)alarm(LOOKUP_MS / 1000);
	if (!keep_only(out) || !restrict_itself(user, parent))
		_exit(EXIT_FAILURE);
	for (size_t i = 0; i < count; i++)
		look_up(i, hosts[i]);
	_exit(EXIT_SUCCESS);
}

/* Above: the process that looks names up. */

static enum vh_err
failed(const char *step, int err)
{
	LOG(ERROR, "no-lookup", KV("step", step), KV_ERRNO(err));
	return VH_EIO;
}

enum vh_err
lookup_begin(const char *const *hosts, size_t count, const struct user *user,
    struct lookup *out)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return failed("pipe", errno);
	AUTO(fd_close) int reader = ends[0];
	AUTO(fd_close) int writer = ends[1];

	/* Its end waits for us to read. */
	if (fcntl(writer, F_SETFL, 0) != 0)
		return failed("pipe", errno);
	pid_t pid = fork();

	if (pid == 0)
		run(hosts, count, writer, user, parent);
	if (pid < 0)
		return failed("fork", errno);
	*out = (struct lookup){ pid, fd_take(&reader) };
	return VH_OK;
}

void
lookup_end(struct lookup *l)
{
	fd_close(l->fd);
	if (l->pid > 0) {
		(void)kill(l->pid, SIGKILL); /* gone already is as well */
		while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	*l = (struct lookup){ 0, -1 };
}
