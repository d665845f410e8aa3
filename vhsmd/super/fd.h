/* Scoped ownership of a descriptor: AUTO(fd_close) int fd = -1; */
#ifndef SUPER_FD_H
#define SUPER_FD_H

#include <unistd.h>

/* Closes fd unless it is negative.  Only for descriptors whose close has
 * nothing to report: files that were read, sockets, folders. */
static inline void
fd_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static inline void
fd_close_auto(const int *fd)
{
	fd_close(*fd);
}

/* Hands over, and leaves -1. */
static inline int
fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
