/* The files of the audit trail: FILE that is written, and FILE.1 (the one
 * before) to FILE.N.  The vault writes; this opens, renames, deletes. */
#ifndef SUPER_AUDIT_FILES_H
#define SUPER_AUDIT_FILES_H

#include "wire/buf.h"

#define AUDIT_FILE_COPIES 100 /* damaged files that are kept */

/* Opens FILE for the vault to go on with, made if absent; the caller closes
 * *fd.  VH_EIO, logged: also for what is neither a file nor a device. */
enum vh_err audit_file_open(const char *file, int *fd);
/* The same, with every older file moved on by one: FILE becomes FILE.1, and of
 * those the newest keep stay.  When the new one cannot be had, FILE is as it
 * was. */
enum vh_err audit_file_next(const char *file, unsigned keep, int *fd);
/* FILE.1 for reading, when FILE has no whole line of its own; else, or when
 * there is none, *fd is -1. */
void audit_file_before(const char *file, int *fd);
/* Renames FILE to FILE.damaged-N, and says why in the log.  VH_EIO. */
enum vh_err audit_file_set_aside(const char *file, struct slice why);

#endif
