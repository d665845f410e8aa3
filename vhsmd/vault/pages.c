#include "vault/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* Guard, bytes, guard: address space only. */
static uint8_t *
reserve(size_t bytes)
{
	uint8_t *p = mmap(NULL, bytes + 2 * (size_t)PAGE_SIZE, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p + PAGE_SIZE;
}

/* memfd_secret(2): pages outside the kernel's direct map, which neither ptrace
 * nor a core dump nor another process can read. */
static bool
map_secret(uint8_t *at, size_t bytes)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		return false;
	bool mapped = ftruncate(fd, (off_t)bytes) == 0 &&
		      mmap(at, bytes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
	int err = errno;

	(void)close(fd); /* the mapping keeps the pages */
	errno = err;
	return mapped;
}

static bool
map_locked(uint8_t *at, size_t bytes)
{
	return mmap(at, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) != MAP_FAILED &&
	       mlock2(at, bytes, 0) == 0 &&
	       madvise(at, bytes, MADV_DONTDUMP) == 0;
}

static enum vh_err
fail(size_t bytes)
{
	int err = errno;
	struct rlimit limit = { 0, 0 };

	(void)getrlimit(RLIMIT_MEMLOCK, &limit); /* only to tell */
	LOG(ERROR, "arena-pages-refused", KV_ERRNO(err),
	    KV("raise", "RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)"),
	    KV("needed_bytes", bytes), KV("limit_bytes", limit.rlim_cur));
	return VH_EIO;
}

enum vh_err
pages_map(size_t bytes, void **base, const char **protection)
{
	uint8_t *at = reserve(bytes);

	if (at == NULL)
		return fail(bytes);
	if (map_secret(at, bytes)) {
		*protection = "memfd_secret";
	} else if (errno != ENOSYS && errno != EPERM) {
		return fail(bytes);
	} else if (map_locked(at, bytes)) {
		*protection = "mlock";
		LOG(NOTICE, "arena-weaker",
		    KV("reason", "this kernel offers no memfd_secret"),
		    KV("effect", "root can read keys through /proc/PID/mem"));
	} else {
		return fail(bytes);
	}
	/* Secret pages come on first touch; if there are too few, die now. */
	for (size_t i = 0; i < bytes; i += PAGE_SIZE)
		*(volatile uint8_t *)(at + i) = 0;
	*base = at;
	return VH_OK;
}
