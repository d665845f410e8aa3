/* The certificates and keys of TLS: files.def.  They stay open, so that a child
 * that is started again gets what the one before had. */
#ifndef SUPER_FILES_H
#define SUPER_FILES_H

#include "super/plan.h"
#include "super/procs.h"

#define FILES_CERT_MAX (1u << 20) /* bytes of a file that is no key */

enum file {
#define VH_FILE(role, to, path, secret) FILE_##role,
#include "super/files.def"
	FILES
};

struct file_row {
	enum vh_role role;
	enum proc to;
	size_t path; /* where it stands in struct plan */
	bool secret;
};

const struct file_row *file_row(enum file file);

struct files {
	int fd[FILES]; /* -1: none */
};

void files_init(struct files *f);
void files_close(struct files *f);

/* Opens all that the plan names.  One that is no key is a regular file, not
 * empty, at most FILES_CERT_MAX bytes, and not everyone may write to it; the
 * others are as keyfile_open wants them.  VH_ECONFIG, logged for every file
 * that is refused; *out is then untouched. */
enum vh_err files_open(const struct plan *plan, struct files *out);

#endif
