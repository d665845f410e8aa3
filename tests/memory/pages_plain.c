/* The control of the memory scan: the arena on ordinary pages, so that the scan
 * must find the keys.  Linked into a test build of the vault only. */
#include <sys/mman.h>

#include "vault/pages.h"

enum vh_err
pages_map(size_t bytes, void **base, const char **protection)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return VH_EIO;
	*base = p;
	*protection = "none";
	return VH_OK;
}
