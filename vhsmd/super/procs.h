/* Which processes a node has: procs.def. */
#ifndef SUPER_PROCS_H
#define SUPER_PROCS_H

#include "wire/base.h"

enum proc {
#define VH_PROC(name, binary, user, fixed, again, locks, talks_to) PROC_##name,
#include "super/procs.def"
	PROCS
};

struct proc_row {
	const char *binary;
	size_t user; /* where its name stands in struct config */
	unsigned fixed;
	bool again, locks;
	unsigned talks_to; /* bits by enum proc */
};

const struct proc_row *proc_row(enum proc proc);

#endif
