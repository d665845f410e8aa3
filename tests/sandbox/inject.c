/* Makes a thread of another process execute one system call, as root:
 *
 *   inject TID CALL [ARG...]
 *
 * The thread is seized, stopped, and sent through the syscall instruction it
 * waits at (or one of its program's text) with registers of our choice.  Prints
 * "returned N" and lets it go on as if nothing had been, or "died SIGNAL" when
 * the call ended the process.  Exit status 0 for both, 2 when it could not be
 * tried.  Arguments are numbers, or texts as "@text", for which the thread's
 * own stack is borrowed below its red zone. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
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

#define ARGS 6

static const struct call {
	const char *name;
	long number;
} calls[] = {
	{ "getpid", SYS_getpid },
	{ "gettid", SYS_gettid },
	{ "clock_gettime", SYS_clock_gettime },
	{ "openat", SYS_openat },
	{ "open", SYS_open },
	{ "newfstatat", SYS_newfstatat },
	{ "unlinkat", SYS_unlinkat },
	{ "socket", SYS_socket },
	{ "connect", SYS_connect },
	{ "bind", SYS_bind },
	{ "accept4", SYS_accept4 },
	{ "execve", SYS_execve },
	{ "execveat", SYS_execveat },
	{ "fork", SYS_fork },
	{ "vfork", SYS_vfork },
	{ "clone", SYS_clone },
	{ "clone3", SYS_clone3 },
	{ "ptrace", SYS_ptrace },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "process_vm_writev", SYS_process_vm_writev },
	{ "pidfd_getfd", SYS_pidfd_getfd },
	{ "kill", SYS_kill },
	{ "mmap", SYS_mmap },
	{ "mprotect", SYS_mprotect },
	{ "prctl", SYS_prctl },
	{ "memfd_create", SYS_memfd_create },
	{ "setresuid", SYS_setresuid },
	{ "ioctl", SYS_ioctl },
	{ "fdatasync", SYS_fdatasync },
	{ "timer_settime", SYS_timer_settime },
	{ "sched_setaffinity", SYS_sched_setaffinity },
	{ "sched_setattr", SYS_sched_setattr },
	{ "fsync", SYS_fsync },
	{ "ftruncate", SYS_ftruncate },
	{ "fallocate", SYS_fallocate },
	{ "pwrite64", SYS_pwrite64 },
	{ "renameat2", SYS_renameat2 },
	{ "fcntl", SYS_fcntl },
	{ "bpf", SYS_bpf },
	{ "io_uring_setup", SYS_io_uring_setup },
	{ "mount", SYS_mount },
	{ "unshare", SYS_unshare },
	{ "init_module", SYS_init_module },
	{ "keyctl", SYS_keyctl },
	{ "personality", SYS_personality },
};

__attribute__((noreturn)) static void
give_up(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The next stop of the thread; exits when it has died. */
static int
next_stop(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) != tid)
		give_up("wait");
	if (WIFSTOPPED(status))
		return status;
	if (WIFSIGNALED(status))
		printf("died SIG%s\n", sigabbrev_np(WTERMSIG(status)));
	else
		printf("exited %d\n", WEXITSTATUS(status));
	exit(0);
}

static long
number_of(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	return strtol(name, NULL, 0);
}

static bool
is_syscall(pid_t tid, uint64_t at)
{
	errno = 0;
	long word = ptrace(PTRACE_PEEKTEXT, tid, (void *)at, NULL);

	return errno == 0 && (word & 0xffff) == 0x050f;
}

/* A syscall instruction in the first executable mapping that has one. */
static uint64_t
find_syscall(pid_t tid)
{
	char path[64], line[512], permissions[8];
	unsigned long from, to;

	(void)snprintf(path, sizeof path, "/proc/%d/maps", tid);
	FILE *maps = fopen(path, "r");

	if (maps == NULL)
		give_up("maps");
	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, permissions) != 3 ||
		    permissions[2] != 'x' || strstr(line, ".so") == NULL)
			continue;
		for (unsigned long at = from; at < to - 2; at++)
			if (is_syscall(tid, at)) {
				(void)fclose(maps);
				return at;
			}
	}
	errno = ENOENT;
	give_up("no syscall instruction");
}

/* The value of one argument; a text goes below the stack. */
static uint64_t
argument(pid_t tid, const char *text, uint64_t *below)
{
	if (*text != '@')
		return strtoull(text, NULL, 0);
	size_t size = strlen(text + 1) + 1;

	*below -= (size + 15) / 16 * 16;
	for (size_t i = 0; i < size; i += sizeof(long)) {
		long word = 0;

		memcpy(&word, text + 1 + i,
		    size - i < sizeof word ? size - i : sizeof word);
		if (ptrace(PTRACE_POKEDATA, tid, (void *)(*below + i),
			(void *)word) != 0)
			give_up("write");
	}
	return *below;
}

/* A thread that was waiting starts its wait again. */
static void
rewind_call(struct user_regs_struct *r)
{
	long result = (long)r->rax;

	if ((long)r->orig_rax < 0 || !(result == -512 || result == -513 ||
					 result == -514 || result == -516))
		return;
	r->rip -= 2;
	r->rax = r->orig_rax;
	r->orig_rax = (unsigned long long)-1;
}

static void
resume(pid_t tid, int how)
{
	if (ptrace(how, tid, NULL, NULL) != 0)
		give_up("resume");
}

/* A filter that kills lets the call "return" first, with its signal pending. */
static bool
is_dying(pid_t tid)
{
	char path[64], line[256];
	unsigned long pending = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/status", tid);
	FILE *status = fopen(path, "r");

	if (status == NULL)
		give_up("status");
	while (fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "SigPnd: %lx", &pending) == 1)
			break;
	(void)fclose(status);
	return (pending >> (SIGSYS - 1) & 1) != 0;
}

/* Up to the next entry to or return from a system call. */
static void
to_syscall(pid_t tid)
{
	int status;

	do {
		resume(tid, PTRACE_SYSCALL);
		status = next_stop(tid);
	} while (WSTOPSIG(status) != (SIGTRAP | 0x80));
}

static long
run_call(pid_t tid, long number, int count, char **texts)
{
	struct user_regs_struct before, r;
	uint64_t a[ARGS] = { 0 };

	if (ptrace(PTRACE_GETREGS, tid, NULL, &before) != 0)
		give_up("registers");
	uint64_t below = (before.rsp - 256) & ~UINT64_C(15);

	for (int i = 0; i < count && i < ARGS; i++)
		a[i] = argument(tid, texts[i], &below);
	r = before;
	r.rip = is_syscall(tid, before.rip - 2) ? before.rip - 2
						: find_syscall(tid);
	r.rax = (unsigned long long)number;
	r.orig_rax = (unsigned long long)-1; /* nothing to restart */
	r.rdi = a[0];
	r.rsi = a[1];
	r.rdx = a[2];
	r.r10 = a[3];
	r.r8 = a[4];
	r.r9 = a[5];
	if (ptrace(PTRACE_SETREGS, tid, NULL, &r) != 0)
		give_up("registers");
	to_syscall(tid); /* in */
	to_syscall(tid); /* out */
	while (is_dying(tid)) {
		resume(tid, PTRACE_CONT);
		(void)next_stop(tid);
	}
	if (ptrace(PTRACE_GETREGS, tid, NULL, &r) != 0)
		give_up("registers");
	rewind_call(&before);
	if (ptrace(PTRACE_SETREGS, tid, NULL, &before) != 0)
		give_up("registers");
	return (long)r.rax;
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: inject TID CALL [ARG...]\n", stderr);
		return 2;
	}
	pid_t tid = (pid_t)strtol(argv[1], NULL, 10);

	if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACESYSGOOD) != 0)
		give_up("seize");
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
		give_up("stop");
	(void)next_stop(tid);
	long result = run_call(tid, number_of(argv[2]), argc - 3, argv + 3);

	if (ptrace(PTRACE_DETACH, tid, NULL, NULL) != 0)
		give_up("let go");
	printf("returned %ld\n", result);
	return 0;
}
#endif
