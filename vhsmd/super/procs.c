#include "super/procs.h"

#include "keyspec/config.h"

#define TO(name)       (1u << PROC_##name)
#define PREFIX(binary) (sizeof "vhsmd-" - 1 + (binary))

static const struct proc_row rows[] = {
#define VH_PROC(name, binary, user, fixed, alone, again, locks, start, to)     \
	[PROC_##name] = { PREFIX(binary), binary,                              \
		offsetof(struct config, users.user), fixed, alone, again,      \
		locks, start, VH_ROLE_##name, to },
#include "super/procs.def"
};

const struct proc_row *
proc_row(enum proc proc)
{
	return &rows[proc];
}
