/* The key spec read anew while the node serves. */
#ifndef SUPER_RELOAD_H
#define SUPER_RELOAD_H

#include "super/super.h"

#define RELOAD_NAMES_MAX 2048 /* bytes of each list below */

/* What came of it. */
struct reloaded {
	unsigned kept, fresh, gone; /* entries of the spec */
	unsigned keys;              /* in the vault now */
	bool file_kept;             /* a key file could not be deleted */
	/* Settings that have changed, "limits.queue" and so on: those that
	 * count now, and those that need a start.  The caller's. */
	struct buf *applied, *restart;
};

void reloaded_free(struct reloaded *r);

/* Reads configuration and key spec, has the vault make and load what is new,
 * apply what has changed and retire what is gone, and only then deletes key
 * files and has front take principals and limits of its own.  On failure
 * nothing has changed, and why has one line.  *out is zeros before. */
enum vh_err reload_keys(struct super *s, struct reloaded *out, struct buf *why);

#endif
