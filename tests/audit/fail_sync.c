/* Makes the next fdatasync(2) calls of another process fail, as root:
 *
 *   fail_sync PID COUNT [BYTES]
 *
 * Follows all threads of the process, and where one returns from fdatasync, its
 * result becomes EIO, as from a disk that did not keep what was written.  Says
 * "following", and "failed COUNT" when it has let the process go; exit status 2
 * when it could not be tried.  With BYTES it does not let it go: of the next
 * write(2) by that thread so many are written, and then the process is killed.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__)
int
main(void)
{
	fputs("registers of x86-64 only\n", stderr);
	return 3;
}
#else

#define THREADS_MAX  256
#define SYSCALL_STOP (SIGTRAP | 0x80)

static pid_t threads[THREADS_MAX];
static size_t count;

__attribute__((noreturn)) static void
give_up(const char *what)
{
	fprintf(stderr, "fail_sync: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
go_on(pid_t tid, int signal)
{
	if (ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)signal) != 0 &&
	    errno != ESRCH)
		give_up("go on");
}

static void
follow(const char *pid)
{
	char path[64];
	struct dirent *entry;

	(void)snprintf(path, sizeof path, "/proc/%s/task", pid);
	DIR *dir = opendir(path);

	if (dir == NULL)
		give_up(path);
	while ((entry = readdir(dir)) != NULL && count < THREADS_MAX) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid <= 0)
			continue;
		if (ptrace(PTRACE_SEIZE, tid, NULL,
			(void *)PTRACE_O_TRACESYSGOOD) != 0 ||
		    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
			give_up("seize");
		threads[count++] = tid;
	}
	(void)closedir(dir);
}

/* Whether the thread has just come back from fdatasync; then it has failed. */
static int
spoil(pid_t tid)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof info, &info) <=
		0 ||
	    info.op != PTRACE_SYSCALL_INFO_EXIT ||
	    ptrace(PTRACE_GETREGS, tid, NULL, &regs) != 0 ||
	    regs.orig_rax != SYS_fdatasync)
		return 0;
	regs.rax = (unsigned long)-EIO;
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) != 0)
		give_up("registers");
	return 1;
}

/* Whether the thread is about to write; then it writes no more than bytes. */
static int
cut(pid_t tid, unsigned long bytes)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof info, &info) <=
		0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY ||
	    ptrace(PTRACE_GETREGS, tid, NULL, &regs) != 0 ||
	    regs.orig_rax != SYS_write || regs.rdi == STDERR_FILENO)
		return 0;
	if (regs.rdx > bytes)
		regs.rdx = bytes;
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) != 0)
		give_up("registers");
	return 1;
}

/* A thread is let go when it stands still. */
static void
let_go(pid_t stopped)
{
	for (size_t i = 0; i < count; i++) {
		int status;

		if (threads[i] != stopped &&
		    (ptrace(PTRACE_INTERRUPT, threads[i], NULL, NULL) != 0 ||
			waitpid(threads[i], &status, __WALL) != threads[i]))
			continue; /* has ended */
		(void)ptrace(PTRACE_DETACH, threads[i], NULL, NULL);
	}
}

int
main(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
		return 2;
	int left = atoi(argv[2]);
	int writes = 0; /* it has begun the one that is its last */
	pid_t failed = 0;

	follow(argv[1]);
	puts("following");
	(void)fflush(stdout);
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0)
			give_up("wait");
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == SYSCALL_STOP && failed == 0) {
			left -= spoil(tid);
			if (left == 0 && argc == 3) {
				let_go(tid);
				break;
			}
			failed = left == 0 ? tid : 0;
		} else if (WSTOPSIG(status) == SYSCALL_STOP && tid == failed) {
			if (writes) {
				(void)kill(atoi(argv[1]), SIGKILL);
				break;
			}
			writes = cut(tid, strtoul(argv[3], NULL, 10));
		}
		/* Stops of ptrace's own are no signals of the process. */
		go_on(tid, WSTOPSIG(status) == SYSCALL_STOP || status >> 16 != 0
			       ? 0
			       : WSTOPSIG(status));
	}
	printf("failed %s\n", argv[2]);
	return 0;
}
#endif
