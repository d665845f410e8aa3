/* The key files of a spec, opened for the vault and, when all keys are live,
 * deleted.  Two phases: keyfiles_add_* opens and checks, also that a file can
 * be deleted later, and changes nothing; keyfiles_delete deletes.  The bytes of
 * a file are never read here; those of a variable are, once, into a pipe. */
#ifndef SUPER_KEYFILES_H
#define SUPER_KEYFILES_H

#include <sys/stat.h>

#include "wire/buf.h"

#define KEYFILES_MAX     4096u
#define KEYFILE_SIZE_MAX (4u << 20)
#define KEYFILE_IDENTITY SIZE_MAX /* entry of the record key: none */

struct keyfile {
	char *shown; /* for messages: its path, or the variable's name */
	char *name;  /* in its folder; NULL: nothing to delete */
	int folder;  /* borrowed from the list */
	int fd;      /* -1 once the vault has it */
	struct stat st;
	size_t entry;       /* of the spec */
	bool is_passphrase; /* of the files of the same entry that follow */
};

struct keyfiles {
	struct keyfile *at;
	size_t count;
	int *folders;
	size_t folder_count;
};

struct keyfiles *keyfiles_new(void);
void keyfiles_free(struct keyfiles *list);
AUTO_FREE(struct keyfiles, keyfiles_free)

/* Each adds what an entry of the spec names, in sorted order.  VH_ECONFIG with
 * one line in why: what was found, what is expected; VH_ENOMEM.  The list may
 * then hold some of it and is of no further use.
 *
 * path: a file, a folder (all in it but hidden names), or a pattern, glob(7),
 * in the last part of the path. */
enum vh_err keyfiles_add_path(struct keyfiles *list, size_t entry,
    const char *path, bool delete, struct buf *why);
/* The file of that very name, which is never deleted. */
enum vh_err keyfiles_add_file(struct keyfiles *list, size_t entry,
    const char *path, struct buf *why);
/* The same, of a passphrase; before the files it is for.  Deleted as they are,
 * unless another entry that keeps its files names it too. */
enum vh_err keyfiles_add_passphrase(struct keyfiles *list, size_t entry,
    const char *path, bool delete, struct buf *why);
/* The variable is overwritten in this process's memory and gone afterwards. */
enum vh_err keyfiles_add_variable(struct keyfiles *list, size_t entry,
    const char *name, struct buf *why);
/* A file of $CREDENTIALS_DIRECTORY; the service manager deletes it. */
enum vh_err keyfiles_add_credential(struct keyfiles *list, size_t entry,
    const char *name, struct buf *why);

/* Deletes every file that is to be deleted and still is the one that was
 * opened; goes on after a failure, which is logged.  Whether all went well. */
bool keyfiles_delete(struct keyfiles *list);

#endif
