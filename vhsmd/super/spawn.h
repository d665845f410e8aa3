/* Starting the children: fork and exec, one descriptor to speak with us, their
 * own user, nothing else. */
#ifndef SUPER_SPAWN_H
#define SUPER_SPAWN_H

#include <sys/types.h>

#include "base/link.h"
#include "super/accounts.h"
#include "super/procs.h"

/* Largest frame a child may send us. */
#define SPAWN_FRAME_MAX (VH_DATA_MAX + 4096)

/* The binaries, held open from the start: a child that is started again is the
 * same program, whatever an upgrade has put in its place. */
struct programs {
	int fd[PROCS]; /* -1: not wanted */
};

/* Those of needed, bits by enum proc, in the folder of this program, or in
 * ../libexec/vhsmd beside it.  VH_EIO, logged. */
enum vh_err programs_open(unsigned needed, struct programs *out);
void programs_close(struct programs *p);

struct child {
	enum proc proc;
	pid_t pid;         /* 0: none */
	struct link *link; /* NULL: none */
};

/* Starts proc; user is NULL when not root: the child stays who we are.  log,
 * "FORMAT,LEVEL", is its variable VHSM_LOG.  Only while this process has one
 * thread.  VH_EIO, logged. */
enum vh_err spawn(const struct programs *p, enum proc proc,
    const struct user *user, const char *log, struct child *out);

/* Whether it can be spoken with. */
static inline bool
child_is_there(const struct child *c)
{
	return c->pid > 0 && c->link != NULL;
}

/* Kills it if it lives and waits for its end. */
void child_end(struct child *c);

#endif
