/* Which processes a node has: procs.def. */
#ifndef SUPER_PROCS_H
#define SUPER_PROCS_H

#include "wire/ops.h"

#define VH_PROC(name, binary, user, fixed, alone, again, locks, start, to)     \
	PROC_##name,
enum proc {
#include "super/procs.def"
	PROCS
};

struct proc_row {
	const char *name; /* "front" */
	const char *binary;
	size_t user; /* where its name stands in struct config */
	unsigned fixed;
	bool alone, again, locks;
	enum vh_op start;
	enum vh_role role; /* of a link that leads to it */
	unsigned talks_to; /* bits by enum proc */
};

const struct proc_row *proc_row(enum proc proc);

#endif
