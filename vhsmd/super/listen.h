/* The sockets that front will accept from, made by the supervisor.  What goes
 * wrong is logged here with the reason. */
#ifndef SUPER_LISTEN_H
#define SUPER_LISTEN_H

#include <sys/types.h>

#include "wire/base.h"

struct listener {
	int fd;     /* listening, non-blocking; -1: none */
	char *path; /* of a Unix socket, else NULL */
	dev_t dev;
	ino_t ino;
	unsigned port; /* of a TCP socket */
};

#define LISTENER_NONE ((struct listener){ .fd = -1 })

/* Closes, and removes the socket's file if it is still the one made here. */
void listener_close(struct listener *l);

/* Makes the folder if need be, replaces a socket on which nobody answers, and
 * binds; the file has mode and group (-1: the process's) from its first
 * moment.  VH_EIO: the folder is one where others could replace the socket, the
 * path is taken, or a system call failed. */
enum vh_err listen_unix(const char *path, unsigned mode, long group,
    struct listener *out);

/* address: as address_of_text takes it; port 0 picks one.  A taken one is tried
 * for two seconds: processes of a supervisor that was killed may be about to
 * let go of it.  VH_EIO, VH_ECONFIG. */
enum vh_err listen_tcp(const char *address, struct listener *out);

/* Keeps a TCP port for a child that will listen there itself, again after it
 * was started again: nobody is given that port, and one that is taken is known
 * before anything else is done.  As listen_tcp otherwise. */
enum vh_err listen_reserve(const char *address, struct listener *out);

#endif
