#include "super/procs.h"

#include "keyspec/config.h"

#define TO(name) (1u << PROC_##name)

static const struct proc_row rows[] = {
#define VH_PROC(name, binary, user, fixed, again, locks, talks_to)             \
	[PROC_##name] = { binary, offsetof(struct config, users.user), fixed,  \
		again, locks, talks_to },
#include "super/procs.def"
};

const struct proc_row *
proc_row(enum proc proc)
{
	return &rows[proc];
}
