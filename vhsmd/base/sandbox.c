#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define KILL    SCMP_ACT_KILL_PROCESS
#define MISSING SCMP_ACT_ERRNO(ENOSYS)
#define REFUSED SCMP_ACT_ERRNO(EAFNOSUPPORT)
#define KIND    0xf /* of a socket's type: the rest are flags */

/* What the arguments of a call have to be. */
enum when {
	ANY,
	ARENA,    /* memory of no file, not executable */
	NOT_EXEC, /* protection without PROT_EXEC */
	NEW_USER, /* into a user namespace, where root is cheap */
	THREAD_NAME,
	QUERY,        /* changes nothing; ASan asks before a thread ends */
	OWN_THREAD,   /* the calling one */
	ITSELF,       /* a signal to this process: abort() */
	UNADDRESSED,  /* over a connection */
	STATUS_FLAGS, /* O_NONBLOCK and the like */
	TCP4,
	TCP6,
	NETLINK,
};

/* All args of a row hold together; rows of one name are alternatives. */
static const struct condition {
	enum when when;
	unsigned count;
	struct scmp_arg_cmp args[2];
} conditions[] = {
	{ ANY, 0, { { 0 } } },
	{ ARENA, 2,
	    { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
		{ 3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS } } },
	{ NOT_EXEC, 1, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } } },
	{ NEW_USER, 1,
	    { { 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER } } },
	{ THREAD_NAME, 1, { { 0, SCMP_CMP_EQ, PR_SET_NAME, 0 } } },
	{ QUERY, 1, { { 0, SCMP_CMP_EQ, 0, 0 } } },
	{ OWN_THREAD, 1, { { 0, SCMP_CMP_EQ, 0, 0 } } },
	{ ITSELF, 1, { { 0, SCMP_CMP_EQ, 0 /* getpid() */, 0 } } },
	{ UNADDRESSED, 1, { { 4, SCMP_CMP_EQ, 0, 0 } } },
	{ STATUS_FLAGS, 1, { { 1, SCMP_CMP_EQ, F_GETFL, 0 } } },
	{ STATUS_FLAGS, 1, { { 1, SCMP_CMP_EQ, F_SETFL, 0 } } },
	{ STATUS_FLAGS, 1, { { 1, SCMP_CMP_EQ, F_GETFD, 0 } } },
	{ STATUS_FLAGS, 1, { { 1, SCMP_CMP_EQ, F_SETFD, 0 } } },
	{ TCP4, 2,
	    { { 0, SCMP_CMP_EQ, AF_INET, 0 },
		{ 1, SCMP_CMP_MASKED_EQ, KIND, SOCK_STREAM } } },
	{ TCP6, 2,
	    { { 0, SCMP_CMP_EQ, AF_INET6, 0 },
		{ 1, SCMP_CMP_MASKED_EQ, KIND, SOCK_STREAM } } },
	{ NETLINK, 1, { { 0, SCMP_CMP_EQ, AF_NETLINK, 0 } } },
};

struct call {
	const char *name;
	unsigned profiles; /* bits by enum sandbox_profile */
	enum when when;
	uint32_t action;
};

#define SUPER (1u << SANDBOX_SUPER)
#define PEER  (1u << SANDBOX_PEER)
#define FRONT (1u << SANDBOX_NET)
#define NET   (FRONT | PEER)
#define KEYS  (1u << SANDBOX_KEYS)

static const struct call calls[] = {
#define VH_ALLOW(name, profiles, when)                                         \
	{ #name, profiles, when, SCMP_ACT_ALLOW },
#define VH_REFUSE(name, profiles, when) { #name, profiles, when, REFUSED },
#define VH_DENY(name, when, action)     { #name, SUPER, when, action },
#include "base/sandbox.def"
};

static const uint32_t otherwise[] = {
	[SANDBOX_SUPER] = SCMP_ACT_ALLOW,
	[SANDBOX_NET] = KILL,
	[SANDBOX_KEYS] = KILL,
	[SANDBOX_PEER] = KILL,
};

static enum vh_err
refuse(const char *step, int err)
{
	LOG(ERROR, "sandbox-failed", KV("step", step), KV_ERRNO(err));
	return VH_EIO;
}

/* A parent that died before PR_SET_PDEATHSIG leaves us to somebody else; the
 * socket remembers who made it.  (getppid() == 1 proves nothing: in a container
 * the supervisor itself is process 1.) */
static bool
parent_is_there(void)
{
	struct ucred maker;
	socklen_t size = sizeof maker;

	return getsockopt(SANDBOX_PARENT_FD, SOL_SOCKET, SO_PEERCRED, &maker,
		   &size) == 0 &&
	       maker.pid == getppid();
}

enum vh_err
sandbox_begin(bool with_parent)
{
	const struct rlimit none = { 0, 0 };

	/* A thread's own arena of malloc reads /proc/sys/vm/overcommit_memory
	 * when it shrinks, which the profiles do not allow.  Only an allocator
	 * without arenas (ASan's) refuses. */
	(void)mallopt(M_ARENA_MAX, 1);
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return refuse("core-limit", errno);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return refuse("not-dumpable", errno);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return refuse("no-new-privileges", errno);
	/* A process started through a descriptor is named after its number. */
	if (prctl(PR_SET_NAME, program_invocation_short_name, 0, 0, 0) != 0)
		return refuse("name", errno);
	if (!with_parent)
		return VH_OK;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return refuse("die-with-parent", errno);
	if (!parent_is_there())
		return refuse("find-parent", ESRCH);
	return VH_OK;
}

static enum vh_err
set_capabilities(uint32_t these)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {
		{ these, these, these }
	};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return refuse("ambient-capabilities", errno);
	if (syscall(SYS_capset, &head, sets) != 0)
		return refuse("capabilities", errno);
	return VH_OK;
}

enum vh_err
sandbox_drop_capabilities(void)
{
	return set_capabilities(0);
}

static bool
may_lock_memory(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {
		{ 0 }
	};

	return syscall(SYS_capget, &head, sets) == 0 &&
	       (sets[0].effective >> CAP_IPC_LOCK & 1) != 0;
}

/* Only an ambient capability outlives the exec of a user other than root. */
static enum vh_err
keep_locking(void)
{
	TRY(set_capabilities(1u << CAP_IPC_LOCK));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_IPC_LOCK, 0, 0) !=
	    0)
		return refuse("keep-locking", errno);
	return VH_OK;
}

static enum vh_err
become(unsigned uid, unsigned gid, bool locks)
{
	if (uid == 0 || gid == 0)
		return refuse("user", EINVAL);
	if (setgroups(0, NULL) != 0)
		return refuse("groups", errno);
	if (setresgid(gid, gid, gid) != 0)
		return refuse("group", errno);
	if (locks && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return refuse("keep-capabilities", errno);
	if (setresuid(uid, uid, uid) != 0)
		return refuse("user", errno);
	TRY(locks ? keep_locking() : sandbox_drop_capabilities());
	if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
		return refuse("stay-dropped", EPERM);
	return VH_OK;
}

enum vh_err
sandbox_become(unsigned uid, unsigned gid)
{
	return geteuid() == 0 ? become(uid, gid, false) : VH_OK;
}

enum vh_err
sandbox_become_locker(unsigned uid, unsigned gid)
{
	return geteuid() == 0 ? become(uid, gid, may_lock_memory()) : VH_OK;
}

/* A negative number other than libseccomp's error is a call that this machine
 * does not have. */
static int
add_call(scmp_filter_ctx filter, const struct call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);

	if (number == __NR_SCMP_ERROR)
		return -EINVAL;
	if (number < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		struct condition c = conditions[i];

		if (c.when != call->when)
			continue;
		if (c.when == ITSELF)
			c.args[0].datum_a = (scmp_datum_t)getpid();
		int bad = seccomp_rule_add_array(filter, call->action, number,
		    c.count, c.args);

		if (bad != 0)
			return bad;
	}
	return 0;
}

static enum vh_err
fill_filter(scmp_filter_ctx filter, enum sandbox_profile profile)
{
	int bad = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (bad == 0)
		bad = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, KILL);
	if (bad != 0)
		return refuse("filter", -bad);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if ((calls[i].profiles >> profile & 1) == 0)
			continue;
		bad = add_call(filter, &calls[i]);
		if (bad != 0)
			return refuse(calls[i].name, -bad);
	}
	return VH_OK;
}

static inline void
filter_free(void *filter)
{
	if (filter != NULL)
		seccomp_release(filter);
}
AUTO_FREE(void, filter_free)

enum vh_err
sandbox_enter(enum sandbox_profile profile)
{
	AUTO(filter_free) void *filter = seccomp_init(otherwise[profile]);

	if (filter == NULL)
		return refuse("filter", ENOMEM);
	TRY(fill_filter(filter, profile));
	tzset(); /* gmtime_r reads the time zone's file on its first use */
	int bad = seccomp_load(filter);

	return bad == 0 ? VH_OK : refuse("seccomp", -bad);
}
