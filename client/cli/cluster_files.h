/* Files that appear together or not at all.
 *
 * Each is written under a hidden name of its own first; only when all are on
 * the disk do they get their names, in the order in which they were added.  A
 * new file never replaces one that is there; when any step fails, those that
 * have their names already are taken away again.  Files that replace others
 * come last: they are not taken back. */
#ifndef CLI_CLUSTER_FILES_H
#define CLI_CLUSTER_FILES_H

#include "client/cli/cluster_folder.h"

#define FILES_MAX 256 /* of one set */
#define KEY_MODE  0600
#define CERT_MODE 0644

struct files;

/* An empty set; NULL when out of memory, which files_commit reports.  It
 * borrows the folders. */
struct files *files_new(void);
/* Wipes what was to be written. */
void files_free(struct files *set);
AUTO_FREE(struct files, files_free)

/* Adds a file; bytes and name are copied. */
void files_add(struct files *set, const struct folder *in, const char *name,
    mode_t mode, struct slice bytes);
void files_replace(struct files *set, const struct folder *in, const char *name,
    mode_t mode, struct slice bytes);

/* Whether none of the new files is there yet: to be asked before costly work.
 * False after a line in why. */
bool files_check(const struct files *set, struct buf *why);

/* Writes them.  False after a line in why. */
bool files_commit(struct files *set, struct buf *why);

/* "FOLDER/NAME" of the i-th file; NULL past the end. */
const char *files_path(const struct files *set, size_t i);

#endif
