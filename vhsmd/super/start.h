/* Starting the children that serve: a process, the descriptors it needs, links
 * to the others, and its settings, in that order. */
#ifndef SUPER_START_H
#define SUPER_START_H

#include "super/super.h"

/* Front or peer, for the first time or again: a new process, joined to those
 * that run, with all it needs.  Blocks until it serves or some seconds have
 * passed; on failure, logged, there is none. */
enum vh_err start_child(struct super *s, enum proc proc);

/* Tells front, which runs, what its settings are now (FSETTINGS), and waits
 * until it has taken those that it can take. */
enum vh_err start_tell_settings(struct super *s, enum proc to);

/* Gives it those of files that are for it. */
enum vh_err start_give_files(struct super *s, enum proc to,
    const struct files *files);

#endif
