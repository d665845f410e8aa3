/* The folders that the verbs of a cluster read and write. */
#ifndef CLI_CLUSTER_FOLDER_H
#define CLI_CLUSTER_FOLDER_H

#include <limits.h>
#include <sys/types.h>

#include "wire/buf.h"

struct folder {
	int fd;
	bool made; /* by folder_open */
	char path[PATH_MAX];
};

/* Opens the folder at path; mode not 0: makes it when it is not there.  False
 * after a line in why; *out is untouched then. */
bool folder_open(const char *path, mode_t mode, struct folder **out,
    struct buf *why);
/* Closes it; removes it again when folder_open made it and it is still empty.
 */
void folder_close(struct folder *f);
AUTO_FREE(struct folder, folder_close)

/* Whether something has this name in it. */
bool folder_has(const struct folder *f, const char *name);

/* Locks it until folder_close, after a wait of at most ms for others who have.
 * False after a line in why. */
bool folder_lock(struct folder *f, uint32_t ms, struct buf *why);

/* All of a regular file in it, to be freed; NULL when there is none and
 * may_lack says that this is fine.  False after a line in why; *out is
 * untouched then. No other copy of the bytes is left behind, so a key can be
 * wiped. */
bool folder_read(const struct folder *f, const char *name, size_t max,
    bool may_lack, struct buf **out, struct buf *why);

#endif
