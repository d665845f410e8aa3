#include "super/limits.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_SPARE 256 /* descriptors beside connections */

/* RLIM_INFINITY is the largest number there is. */
static uint64_t
raise_limit(__rlimit_resource_t which, uint64_t need)
{
	struct rlimit now, more;

	if (getrlimit(which, &now) != 0)
		return 0;
	if (now.rlim_cur >= need)
		return now.rlim_cur;
	more =
	    (struct rlimit){ need, now.rlim_max < need ? need : now.rlim_max };
	if (setrlimit(which, &more) == 0)
		return need;
	more = (struct rlimit){ now.rlim_max, now.rlim_max };
	return setrlimit(which, &more) == 0 ? now.rlim_max : now.rlim_cur;
}

/* Whether a page can be locked while nothing may be: CAP_IPC_LOCK does that,
 * but not the one of a container's root in a user namespace. */
static bool
is_exempt(void)
{
	const size_t page = 4096;
	struct rlimit now;

	if (getrlimit(RLIMIT_MEMLOCK, &now) != 0)
		return false;
	const struct rlimit nothing = { 0, now.rlim_max };
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || setrlimit(RLIMIT_MEMLOCK, &nothing) != 0)
		return false;
	bool locked = mlock(p, page) == 0;

	(void)munmap(p, page); /* unlocks it as well */
	return setrlimit(RLIMIT_MEMLOCK, &now) == 0 && locked;
}

/* Root's vault keeps that capability until it has locked; of another user's,
 * only an ambient one reaches a child. */
static bool
hands_exemption_on(void)
{
	return geteuid() == 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET,
				     CAP_IPC_LOCK, 0, 0) == 1;
}

bool
limits_allow_locked(uint64_t bytes)
{
	return raise_limit(RLIMIT_MEMLOCK, bytes) >= bytes ||
	       (hands_exemption_on() && is_exempt());
}

uint64_t
limits_locked(void)
{
	struct rlimit now;

	return getrlimit(RLIMIT_MEMLOCK, &now) == 0 ? now.rlim_max : 0;
}

uint64_t
limits_raise_files(uint64_t count)
{
	return raise_limit(RLIMIT_NOFILE, count);
}

uint64_t
limits_files_of(struct limits_conns wanted)
{
	return (uint64_t)wanted.callers + wanted.http + FILES_SPARE;
}

static uint32_t
at_most(uint32_t wanted, uint64_t most)
{
	return wanted < most ? wanted : (uint32_t)most;
}

/* HTTP is served first, but from no more than half of what there is. */
struct limits_conns
limits_fit(struct limits_conns wanted, uint64_t files)
{
	uint64_t spare = files / 2 < FILES_SPARE ? files / 2 : FILES_SPARE;
	uint64_t left = files - spare;
	struct limits_conns out;

	if (limits_files_of(wanted) <= files)
		return wanted;
	out.http = at_most(wanted.http, left / 2);
	out.callers = at_most(wanted.callers, left - out.http);
	if (out.http == 0 && wanted.http > 0)
		out.http = 1;
	if (out.callers == 0 && wanted.callers > 0)
		out.callers = 1;
	return out;
}
