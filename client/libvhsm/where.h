/* Where the daemon listens. */
#ifndef LIBVHSM_WHERE_H
#define LIBVHSM_WHERE_H

#include <sys/un.h>

#include "wire/base.h"

#define WHERE_PATH sizeof(((struct sockaddr_un *)0)->sun_path)

/* Socket paths to try, in this order. */
struct where {
	char path[2][WHERE_PATH];
	unsigned count; /* 1 or 2 */
};

/* "ipc:///absolute/path", or with url NULL what the environment says, see
 * vhsm_open.  VH_ECONFIG for another scheme, a relative path, one too long for
 * a socket address; *out is then unspecified. */
enum vh_err where_of(const char *url, struct where *out);

#endif
