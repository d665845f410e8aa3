/* Opening one key: what has to be true of a file before its bytes count as a
 * private key, and a variable turned into something that can be read once. */
#ifndef SUPER_KEYFILE_CHECK_H
#define SUPER_KEYFILE_CHECK_H

#include <sys/stat.h>

#include "wire/buf.h"

/* Opens name in folder for reading: a regular file and no symbolic link, owned
 * by root or the effective user, written by nobody else, not readable by
 * everyone, not empty, not larger than KEYFILE_SIZE_MAX.  VH_ECONFIG with one
 * line in why that begins with shown. */
enum vh_err keyfile_open(int folder, const char *name, const char *shown,
    struct buf *why, int *fd, struct stat *st);

/* Whether this process will be able to delete the file, and the key with it:
 * the folder can be written to, and the file has no second name.  VH_ECONFIG as
 * above. */
enum vh_err keyfile_check_deletable(int folder, const struct stat *file,
    const char *shown, struct buf *why);

/* A pipe that holds the value of an environment variable, whose bytes in this
 * process's memory are overwritten and which is unset, whatever is returned.
 * VH_ECONFIG as above, also when there is no such variable. */
enum vh_err keyfile_of_variable(const char *name, struct buf *why, int *fd,
    size_t *size);

#endif
