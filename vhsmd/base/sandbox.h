/* What a process gives up once it has started.  The profiles and their system
 * calls are the table sandbox.def, described in PRIVSEP.md. */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "wire/base.h"

/* The descriptor over which a child speaks with the supervisor. */
#define SANDBOX_PARENT_FD 3

enum sandbox_profile {
	SANDBOX_SUPER, /* opens, spawns, deletes; never traces, mounts, loads */
	SANDBOX_NET,   /* front: sockets it was given, accept; no files */
	SANDBOX_KEYS,  /* vault: reads and writes what it was given */
	SANDBOX_PEER,  /* peer: NET but for crowds, and TCP of its own */
};

/* First thing in every process: no core file, not dumpable, no new privileges,
 * and (with_parent) killed when its parent dies; with_parent also checks that
 * the parent is still the process that made SANDBOX_PARENT_FD.  VH_EIO, logged.
 */
enum vh_err sandbox_begin(bool with_parent);

/* Drops to uid and gid, all groups and capabilities gone, for good; nothing
 * when not root.  uid and gid are not 0.  VH_EIO, logged. */
enum vh_err sandbox_become(unsigned uid, unsigned gid);
/* The same, but CAP_IPC_LOCK stays, if this process has it, and outlives exec:
 * for a process that locks more memory than RLIMIT_MEMLOCK lets it, and then
 * calls sandbox_drop_capabilities. */
enum vh_err sandbox_become_locker(unsigned uid, unsigned gid);
/* The last capabilities gone, for good.  While the process has one thread.
 * VH_EIO, logged. */
enum vh_err sandbox_drop_capabilities(void);

/* Closes the sandbox for all threads of the process: from here a system call
 * outside the profile kills the process.  Whatever opens a file on first use
 * (libcrypto's configuration, locales) has to have done so before; the time
 * zone is read here.  VH_EIO, logged. */
enum vh_err sandbox_enter(enum sandbox_profile profile);

#endif
