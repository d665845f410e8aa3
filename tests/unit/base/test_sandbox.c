/* Every case runs in a child of its own: a call that the profile forbids ends
 * that child with SIGSYS, and nothing else. */
#include "base/sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPEN -1 /* no profile at all */

/* Arguments are such that the call does no harm where it is allowed. */
static const struct
try {
	const char *name;
	long number;
	unsigned long a[6];
}
forbidden[] = {
	{ "openat", SYS_openat, { (unsigned long)-1, 0, O_RDONLY } },
	{ "newfstatat", SYS_newfstatat, { (unsigned long)-1, 0, 0, 0 } },
	{ "readlinkat", SYS_readlinkat, { (unsigned long)-1, 0, 0, 0 } },
	{ "unlinkat", SYS_unlinkat, { (unsigned long)-1, 0, 0 } },
	{ "faccessat", SYS_faccessat, { (unsigned long)-1, 0, 0 } },
	{ "getdents64", SYS_getdents64, { (unsigned long)-1, 0, 0 } },
	{ "chdir", SYS_chdir, { 0 } },
	{ "socket", SYS_socket, { (unsigned long)-1, 0, 0 } },
	{ "socketpair", SYS_socketpair, { (unsigned long)-1, 0, 0, 0 } },
	{ "connect", SYS_connect, { (unsigned long)-1, 0, 0 } },
	{ "bind", SYS_bind, { (unsigned long)-1, 0, 0 } },
	{ "listen", SYS_listen, { (unsigned long)-1, 0 } },
	{ "execve", SYS_execve, { 0, 0, 0 } },
	{ "execveat", SYS_execveat, { (unsigned long)-1, 0, 0, 0, 0 } },
	{ "clone", SYS_clone, { CLONE_THREAD, 0, 0, 0, 0 } },
	{ "clone3", SYS_clone3, { 0, 0 } },
	{ "kill", SYS_kill, { 0x7fffffff, 0 } },
	{ "tgkill of another", SYS_tgkill, { 0x7fffffff, 0x7fffffff, 0 } },
	{ "ptrace", SYS_ptrace, { (unsigned long)-1, 0, 0, 0 } },
	{ "process_vm_readv", SYS_process_vm_readv, { 0, 0, 0, 0, 0, 1 } },
	{ "process_vm_writev", SYS_process_vm_writev, { 0, 0, 0, 0, 0, 1 } },
	{ "pidfd_open", SYS_pidfd_open, { 0, (unsigned long)-1 } },
	{ "pidfd_getfd", SYS_pidfd_getfd, { (unsigned long)-1, 0, 1 } },
	{ "memfd_create", SYS_memfd_create, { 0, 0 } },
	{ "memfd_secret", SYS_memfd_secret, { (unsigned long)-1 } },
	{ "mmap of a file", SYS_mmap,
	    { 0, 4096, PROT_READ, MAP_PRIVATE, (unsigned long)-1, 0 } },
	{ "mmap to execute", SYS_mmap,
	    { 0, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, 0,
		0 } },
	{ "mprotect to execute", SYS_mprotect,
	    { 0, 0, PROT_READ | PROT_EXEC } },
	{ "pkey_mprotect", SYS_pkey_mprotect, { 0, 0, 0, (unsigned long)-2 } },
	{ "prctl dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "sigaltstack to set", SYS_sigaltstack, { 1, 0 } },
	{ "prctl pdeathsig", SYS_prctl, { PR_SET_PDEATHSIG, 9 } },
	{ "seccomp", SYS_seccomp, { 99, 0, 0 } },
	{ "setuid", SYS_setresuid,
	    { (unsigned long)-1, (unsigned long)-1, (unsigned long)-1 } },
	{ "setrlimit", SYS_prlimit64, { 0, 999, 0, 0 } },
	{ "bpf", SYS_bpf, { 999, 0, 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 0, 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0, 0, 0, 0, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { (unsigned long)-1 } },
	{ "keyctl", SYS_keyctl, { 9999 } },
	{ "mount", SYS_mount, { 0, 0, 0, 0, 0 } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "ioctl", SYS_ioctl, { (unsigned long)-1, 0, 0 } },
	{ "dup", SYS_dup, { (unsigned long)-1 } },
	{ "pipe2", SYS_pipe2, { 0, 0 } },
	{ "sendfile", SYS_sendfile,
	    { (unsigned long)-1, (unsigned long)-1, 0, 0 } },
	{ "shmat", SYS_shmat, { (unsigned long)-1, 0, 0 } },
	{ "fcntl lock", SYS_fcntl, { (unsigned long)-1, F_SETLK, 0 } },
	{ "sendto an address", SYS_sendto,
	    { (unsigned long)-1, 0, 0, 0, 1, 0 } },
#if defined(__x86_64__)
	{ "open", SYS_open, { 0, O_RDONLY } },
	{ "fork", SYS_fork, { 0 } },
	{ "getpid of another ABI", SYS_getpid + 0x40000000, { 0 } },
#endif
};

/* Only front may. */
static const struct try for_net[] = {
	{ "accept4", SYS_accept4, { (unsigned long)-1, 0, 0, 0 } },
	{ "setsockopt", SYS_setsockopt, { (unsigned long)-1, 0, 0, 0, 0 } },
	{ "getsockopt", SYS_getsockopt, { (unsigned long)-1, 0, 0, 0, 0 } },
	{ "getsockname", SYS_getsockname, { (unsigned long)-1, 0, 0 } },
	{ "getpeername", SYS_getpeername, { (unsigned long)-1, 0, 0 } },
	{ "shutdown", SYS_shutdown, { (unsigned long)-1, 0 } },
	{ "epoll_create1", SYS_epoll_create1, { (unsigned long)-1 } },
	{ "eventfd2", SYS_eventfd2, { 0, (unsigned long)-1 } },
	{ "fcntl flags", SYS_fcntl, { (unsigned long)-1, F_GETFL } },
};

/* Only peer may. */
static const struct try for_peer[] = {
	{ "TCP over IPv4", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "TCP over IPv6", SYS_socket,
	    { AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0 } },
	{ "connect", SYS_connect, { (unsigned long)-1, 0, 0 } },
	{ "bind", SYS_bind, { (unsigned long)-1, 0, 0 } },
	{ "listen", SYS_listen, { (unsigned long)-1, 0 } },
	{ "accept", SYS_accept, { (unsigned long)-1, 0, 0 } },
	/* Passes and fails. */
	{ "netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
};

/* Other sockets than peer's. */
static const struct try not_for_peer[] = {
	{ "Unix socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "UDP", SYS_socket, { AF_INET, SOCK_DGRAM, 0 } },
	{ "raw", SYS_socket, { AF_INET, SOCK_RAW, 0 } },
	{ "packets", SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
	{ "socket of no kind", SYS_socket, { (unsigned long)-1, 0, 0 } },
};

static const struct try allowed[] = {
	{ "getpid", SYS_getpid, { 0 } },
	{ "gettid", SYS_gettid, { 0 } },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_MONOTONIC, 0 } },
	{ "read", SYS_read, { (unsigned long)-1, 0, 0 } },
	{ "write", SYS_write, { (unsigned long)-1, 0, 0 } },
	{ "recvmsg", SYS_recvmsg, { (unsigned long)-1, 0, 0 } },
	{ "sendmsg", SYS_sendmsg, { (unsigned long)-1, 0, 0 } },
	{ "send", SYS_sendto, { (unsigned long)-1, 0, 0, 0, 0, 0 } },
	{ "recv", SYS_recvfrom, { (unsigned long)-1, 0, 0, 0, 0, 0 } },
	{ "epoll_ctl", SYS_epoll_ctl, { (unsigned long)-1, 0, 0, 0 } },
	{ "futex", SYS_futex, { 0, 999, 0, 0, 0, 0 } },
	{ "getrandom", SYS_getrandom, { 0, 0, 0 } },
	{ "madvise", SYS_madvise, { 0, 0, MADV_NORMAL } },
	{ "mmap", SYS_mmap,
	    { 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0, 0 } },
	{ "mprotect", SYS_mprotect, { 0, 0, PROT_READ } },
	{ "munmap", SYS_munmap, { 0, 0 } },
	{ "brk", SYS_brk, { 0 } },
	{ "close", SYS_close, { (unsigned long)-1 } },
	{ "fstat", SYS_fstat, { (unsigned long)-1, 0 } },
	{ "sched_yield", SYS_sched_yield, { 0 } },
	{ "sigaltstack to ask", SYS_sigaltstack, { 0, 0 } },
	{ "prctl name", SYS_prctl, { PR_SET_NAME, 0 } },
};

/* What the supervisor's own profile forbids it and, until theirs, its children.
 */
static const struct try never[] = {
	{ "ptrace", SYS_ptrace, { (unsigned long)-1, 0, 0, 0 } },
	{ "process_vm_readv", SYS_process_vm_readv, { 0, 0, 0, 0, 0, 1 } },
	{ "process_vm_writev", SYS_process_vm_writev, { 0, 0, 0, 0, 0, 1 } },
	{ "pidfd_getfd", SYS_pidfd_getfd, { (unsigned long)-1, 0, 1 } },
	{ "mount", SYS_mount, { 0, 0, 0, 0, 0 } },
	{ "umount2", SYS_umount2, { 0, 0 } },
	{ "pivot_root", SYS_pivot_root, { 0, 0 } },
	{ "chroot", SYS_chroot, { 0 } },
	{ "unshare", SYS_unshare, { 0 } },
	{ "user namespace", SYS_clone,
	    { CLONE_NEWUSER | CLONE_THREAD, 0, 0, 0, 0 } },
	{ "bpf", SYS_bpf, { 999, 0, 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0, 0, 0, 0, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { (unsigned long)-1 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 0, 0 } },
	{ "init_module", SYS_init_module, { 0, 0, 0 } },
	{ "finit_module", SYS_finit_module, { (unsigned long)-1, 0, 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 999, 0, 0 } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "swapon", SYS_swapon, { 0, 0 } },
	{ "keyctl", SYS_keyctl, { 9999 } },
	{ "open_by_handle_at", SYS_open_by_handle_at,
	    { (unsigned long)-1, 0, 0 } },
	{ "personality", SYS_personality, { 0xffffffff } },
};

static long
make(const struct try *t)
{
	return syscall(t->number, t->a[0], t->a[1], t->a[2], t->a[3], t->a[4],
	    t->a[5]);
}

static pid_t
child(void)
{
	pid_t pid = fork();

	if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(99);
	return pid;
}

static int
status_of(pid_t pid)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* Wait status of a child that enters the profile and makes the call. */
static int
status_in(int profile, const struct try *t)
{
	pid_t pid = child();

	if (pid == 0) {
		if (profile != OPEN &&
		    (sandbox_begin(false) != VH_OK ||
			sandbox_enter((enum sandbox_profile)profile) != VH_OK))
			_exit(98);
		(void)make(t);
		_exit(0);
	}
	return status_of(pid);
}

static bool
passes(int profile, const struct try *t)
{
	return status_in(profile, t) == 0;
}

static bool
dies(int profile, const struct try *t)
{
	int status = status_in(profile, t);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

Test(sandbox, without_a_profile_every_call_passes)
{
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		cr_expect(passes(OPEN, &forbidden[i]), "%s", forbidden[i].name);
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		cr_expect(passes(OPEN, &never[i]), "%s", never[i].name);
	for (size_t i = 0; i < ARRAY_LEN(for_net); i++)
		cr_expect(passes(OPEN, &for_net[i]), "%s", for_net[i].name);
}

Test(sandbox, the_vault_dies_of_each_forbidden_call)
{
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		cr_expect(dies(SANDBOX_KEYS, &forbidden[i]), "%s",
		    forbidden[i].name);
	for (size_t i = 0; i < ARRAY_LEN(for_net); i++)
		cr_expect(dies(SANDBOX_KEYS, &for_net[i]), "%s",
		    for_net[i].name);
}

Test(sandbox, front_dies_of_each_forbidden_call)
{
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		cr_expect(dies(SANDBOX_NET, &forbidden[i]), "%s",
		    forbidden[i].name);
}

Test(sandbox, the_vault_may_make_the_calls_it_needs)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		cr_expect(passes(SANDBOX_KEYS, &allowed[i]), "%s",
		    allowed[i].name);
}

Test(sandbox, front_may_make_the_calls_it_needs)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		cr_expect(passes(SANDBOX_NET, &allowed[i]), "%s",
		    allowed[i].name);
	for (size_t i = 0; i < ARRAY_LEN(for_net); i++)
		cr_expect(passes(SANDBOX_NET, &for_net[i]), "%s",
		    for_net[i].name);
}

Test(sandbox, peer_may_make_the_calls_it_needs)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		cr_expect(passes(SANDBOX_PEER, &allowed[i]), "%s",
		    allowed[i].name);
	for (size_t i = 0; i < ARRAY_LEN(for_net); i++)
		cr_expect(passes(SANDBOX_PEER, &for_net[i]), "%s",
		    for_net[i].name);
	for (size_t i = 0; i < ARRAY_LEN(for_peer); i++)
		cr_expect(passes(SANDBOX_PEER, &for_peer[i]), "%s",
		    for_peer[i].name);
}

static int
compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 1);
}

/* libc makes system calls of its own, some of them only when there is much. */
static int
status_of_sorting(enum sandbox_profile profile)
{
	pid_t pid = child();

	if (pid == 0) {
		static char much[1 << 16] = "b a";

		if (sandbox_begin(false) != VH_OK ||
		    sandbox_enter(profile) != VH_OK)
			_exit(98);
		qsort(much, sizeof much, 1, compare_bytes);
		_exit(0);
	}
	return status_of(pid);
}

Test(sandbox, much_may_be_sorted)
{
	cr_expect_eq(status_of_sorting(SANDBOX_SUPER), 0);
	cr_expect_eq(status_of_sorting(SANDBOX_NET), 0);
	cr_expect_eq(status_of_sorting(SANDBOX_KEYS), 0);
	cr_expect_eq(status_of_sorting(SANDBOX_PEER), 0);
}

static bool
is_for_peer(const struct try *t)
{
	for (size_t i = 0; i < ARRAY_LEN(for_peer); i++)
		if (for_peer[i].number == t->number)
			return true;
	return false;
}

Test(sandbox, peer_dies_of_each_other_forbidden_call)
{
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		if (!is_for_peer(&forbidden[i]))
			cr_expect(dies(SANDBOX_PEER, &forbidden[i]), "%s",
			    forbidden[i].name);
	for (size_t i = 0; i < ARRAY_LEN(not_for_peer); i++)
		cr_expect(dies(SANDBOX_PEER, &not_for_peer[i]), "%s",
		    not_for_peer[i].name);
}

Test(sandbox, front_and_the_vault_die_of_peers_calls)
{
	for (size_t i = 0; i < ARRAY_LEN(for_peer); i++) {
		cr_expect(dies(SANDBOX_NET, &for_peer[i]), "%s",
		    for_peer[i].name);
		cr_expect(dies(SANDBOX_KEYS, &for_peer[i]), "%s",
		    for_peer[i].name);
	}
}

static long
refused_family(int family)
{
	return syscall(SYS_socket, family, SOCK_RAW, 0) < 0 ? errno : 0;
}

Test(sandbox, peer_is_told_that_there_is_no_netlink)
{
	pid_t pid = child();

	if (pid == 0) {
		if (sandbox_begin(false) != VH_OK ||
		    sandbox_enter(SANDBOX_PEER) != VH_OK)
			_exit(98);
		_exit(refused_family(AF_NETLINK) == EAFNOSUPPORT ? 0 : 97);
	}
	cr_expect_eq(status_of(pid), 0);
}

Test(sandbox, the_supervisor_dies_of_what_it_never_does)
{
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		cr_expect(dies(SANDBOX_SUPER, &never[i]), "%s", never[i].name);
}

static void *
do_nothing(void *arg)
{
	return arg;
}

Test(sandbox,
    under_the_supervisors_profile_a_child_can_start_threads_and_close_its_own)
{
	static const struct try open_file = { "openat", SYS_openat,
		{ (unsigned long)-1, 0, O_RDONLY } };
	pid_t pid = child();

	if (pid == 0) {
		pthread_t thread;

		if (sandbox_begin(false) != VH_OK ||
		    sandbox_enter(SANDBOX_SUPER) != VH_OK ||
		    pthread_create(&thread, NULL, do_nothing, NULL) != 0 ||
		    pthread_join(thread, NULL) != 0)
			_exit(97);
		_exit(WTERMSIG(status_in(SANDBOX_KEYS, &open_file)) == SIGSYS
			  ? 0
			  : 96);
	}
	cr_expect_eq(status_of(pid), 0);
}

struct gate {
	int fds[2];
};

static void *
open_when_told(void *arg)
{
	struct gate *gate = arg;
	char byte;

	if (read(gate->fds[0], &byte, 1) == 1)
		(void)syscall(SYS_openat, -1, NULL, O_RDONLY);
	_exit(0);
}

Test(sandbox, closes_for_threads_that_run_already)
{
	pid_t pid = child();

	if (pid == 0) {
		struct gate gate;
		pthread_t thread;

		if (pipe(gate.fds) != 0 ||
		    pthread_create(&thread, NULL, open_when_told, &gate) != 0 ||
		    sandbox_begin(false) != VH_OK ||
		    sandbox_enter(SANDBOX_KEYS) != VH_OK ||
		    write(gate.fds[1], "x", 1) != 1)
			_exit(98);
		for (;;)
			(void)sched_yield();
	}
	int status = status_of(pid);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

Test(sandbox, an_abort_in_the_vault_is_an_abort)
{
	pid_t pid = child();

	if (pid == 0) {
		if (sandbox_begin(false) != VH_OK ||
		    sandbox_enter(SANDBOX_KEYS) != VH_OK)
			_exit(98);
		abort();
	}
	int status = status_of(pid);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

Test(sandbox, a_broken_down_time_can_be_had_inside)
{
	pid_t pid = child();

	if (pid == 0) {
		time_t now = 0;
		struct tm tm;

		if (sandbox_begin(false) != VH_OK ||
		    sandbox_enter(SANDBOX_KEYS) != VH_OK)
			_exit(98);
		_exit(gmtime_r(&now, &tm) == &tm && tm.tm_year == 70 ? 0 : 97);
	}
	cr_expect_eq(status_of(pid), 0);
}

Test(sandbox, begins_without_core_file_dump_or_new_privileges)
{
	pid_t pid = child();

	if (pid == 0) {
		struct rlimit core;

		if (sandbox_begin(false) != VH_OK ||
		    getrlimit(RLIMIT_CORE, &core) != 0)
			_exit(98);
		_exit(core.rlim_cur == 0 && core.rlim_max == 0 &&
			      prctl(PR_GET_DUMPABLE) == 0 &&
			      prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
			  ? 0
			  : 97);
	}
	cr_expect_eq(status_of(pid), 0);
}

/* The descriptor to the parent, made by the caller. */
static void
make_parent_fd(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    dup2(pair[0], SANDBOX_PARENT_FD) < 0)
		_exit(95);
}

Test(sandbox, a_child_dies_with_its_parent)
{
	int alive[2];
	char byte;

	cr_assert_eq(pipe(alive), 0);
	pid_t pid = child();

	if (pid == 0) {
		/* Away from where the link will be. */
		int out = fcntl(alive[1], F_DUPFD, 50);

		make_parent_fd();
		if (child() == 0) {
			if (sandbox_begin(true) == VH_OK)
				(void)!write(out, "x", 1);
			(void)pause();
			_exit(0);
		}
		(void)close(out);
		(void)pause();
		_exit(0);
	}
	(void)close(alive[1]);
	cr_assert_eq(read(alive[0], &byte, 1), 1, "the grandchild began");
	cr_assert_eq(kill(pid, SIGKILL), 0);
	(void)status_of(pid);
	cr_expect_eq(read(alive[0], &byte, 1), 0, "and is gone");
}

Test(sandbox, a_child_whose_parent_is_not_the_one_that_made_its_link_refuses)
{
	pid_t pid = child();

	if (pid == 0) {
		make_parent_fd();
		pid_t between = child();

		if (between == 0) {
			pid_t last = child();

			if (last == 0)
				_exit(sandbox_begin(true) == VH_EIO ? 0 : 97);
			_exit(status_of(last) == 0 ? 0 : 96);
		}
		_exit(status_of(between) == 0 ? 0 : 95);
	}
	cr_expect_eq(status_of(pid), 0);
}

Test(sandbox, who_became_another_user_cannot_come_back)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	pid_t pid = child();

	if (pid == 0) {
		uid_t r, e, s;

		if (sandbox_become(61731, 61731) != VH_OK ||
		    getresuid(&r, &e, &s) != 0)
			_exit(98);
		_exit(r == 61731 && e == 61731 && s == 61731 &&
			      getgid() == 61731 && getgroups(0, NULL) == 0 &&
			      setuid(0) != 0 && setgid(0) != 0 &&
			      open("/proc/1/mem", O_RDONLY) < 0
			  ? 0
			  : 97);
	}
	cr_expect_eq(status_of(pid), 0);
}

/* Bit sets of this process: permitted, effective, inheritable, of the first 32.
 */
static bool
capabilities_are(uint32_t these)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, sets) == 0 &&
	       sets[0].permitted == these && sets[0].effective == these &&
	       sets[1].permitted == 0 && sets[1].effective == 0;
}

Test(sandbox, who_locks_memory_keeps_that_right_alone_and_drops_it)
{
	const uint32_t lock = 1u << CAP_IPC_LOCK;

	if (geteuid() != 0)
		cr_skip_test("needs root");
	pid_t pid = child();

	if (pid == 0) {
		struct __user_cap_header_struct head = {
			.version = _LINUX_CAPABILITY_VERSION_3,
		};
		struct __user_cap_data_struct sets[2];
		bool has = syscall(SYS_capget, &head, sets) == 0 &&
			   (sets[0].effective & lock) != 0;

		if (sandbox_become_locker(61731, 61731) != VH_OK ||
		    getuid() != 61731 || setuid(0) == 0 ||
		    !capabilities_are(has ? lock : 0) ||
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_IPC_LOCK,
			0, 0) != (has ? 1 : 0))
			_exit(98);
		if (sandbox_drop_capabilities() != VH_OK ||
		    !capabilities_are(0) ||
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_IPC_LOCK, 0,
			0) == 0)
			_exit(97);
		_exit(0);
	}
	cr_expect_eq(status_of(pid), 0);
}

Test(sandbox, nobody_becomes_root)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_expect_eq(sandbox_become(0, 61731), VH_EIO);
	cr_expect_eq(sandbox_become(61731, 0), VH_EIO);
}
