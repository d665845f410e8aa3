/* Asking name servers, which may take long and whose answers come from outside:
 * a process of its own does it, with nothing of ours open and, started as root,
 * as another user, and ends within LOOKUP_MS. */
#ifndef SUPER_LOOKUP_H
#define SUPER_LOOKUP_H

#include <sys/types.h>

#include "super/accounts.h"

#define LOOKUP_MS         8000
#define LOOKUP_ADDRESSES  64         /* of one name */
#define LOOKUP_ANSWER_MAX (1u << 20) /* bytes of all answers */

struct lookup {
	pid_t pid; /* 0: none, or reaped by somebody else */
	int fd;    /* its answers; -1: none */
};

/* Starts one; user is NULL when not root.  What it says, one line an address,
 * is "INDEX ADDRESS": the index of the host, and a number as getnameinfo has
 * it.  A host without a line has no address now.  Only while this process has
 * one thread.  VH_EIO, logged. */
enum vh_err lookup_begin(const char *const *hosts, size_t count,
    const struct user *user, struct lookup *out);
/* Ends it if it lives. */
void lookup_end(struct lookup *l);

#endif
