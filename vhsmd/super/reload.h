/* The key spec read anew while the node serves. */
#ifndef SUPER_RELOAD_H
#define SUPER_RELOAD_H

#include "super/super.h"

/* What came of it. */
struct reloaded {
	unsigned kept, fresh, gone; /* entries of the spec */
	unsigned keys;              /* in the vault now */
	bool restart;   /* the configuration has changed, which needs a start */
	bool file_kept; /* a key file could not be deleted */
};

/* Reads configuration and key spec, has the vault make and load what is new,
 * apply what has changed and retire what is gone, and only then deletes key
 * files.  On failure nothing has changed, and why has one line. */
enum vh_err reload_keys(struct super *s, struct reloaded *out, struct buf *why);

#endif
