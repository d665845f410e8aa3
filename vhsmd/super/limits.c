#include "super/limits.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

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

bool
limits_allow_locked(uint64_t bytes)
{
	/* Of the capabilities only an ambient one reaches a child of a process
	 * that is not root; root's child gives all up before it locks. */
	bool exempt = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_IPC_LOCK,
			  0, 0) == 1;

	return raise_limit(RLIMIT_MEMLOCK, bytes) >= bytes || exempt;
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
