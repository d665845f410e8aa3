#include "super/keyfile_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "super/fd.h"
#include "super/keyfiles.h"

static enum vh_err
failed(struct buf *why, const char *shown, const char *step, int err)
{
	buf_format(why, "%s: %s: %s", shown, step, strerrorname_or(err));
	return VH_ECONFIG;
}

static enum vh_err
check_kind(const struct stat *st, const char *shown, struct buf *why)
{
	if (!S_ISREG(st->st_mode)) {
		buf_format(why, "%s: not a regular file", shown);
		return VH_ECONFIG;
	}
	if (st->st_size == 0) {
		buf_format(why, "%s: empty", shown);
		return VH_ECONFIG;
	}
	if (st->st_size > (off_t)KEYFILE_SIZE_MAX) {
		buf_format(why, "%s: %lld bytes, expected at most %u", shown,
		    (long long)st->st_size, KEYFILE_SIZE_MAX);
		return VH_ECONFIG;
	}
	return VH_OK;
}

static enum vh_err
check_access(const struct stat *st, const char *shown, struct buf *why)
{
	const unsigned wrong = S_IWGRP | S_IWOTH | S_IROTH;

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		buf_format(why, "%s: owner %u, expected root or user %u", shown,
		    (unsigned)st->st_uid, (unsigned)geteuid());
		return VH_ECONFIG;
	}
	if ((st->st_mode & wrong) != 0) {
		buf_format(why,
		    "%s: mode %04o, expected at most 0640 (others may not read "
		    "a private key, nor its group write it)",
		    shown, (unsigned)(st->st_mode & 07777));
		return VH_ECONFIG;
	}
	return VH_OK;
}

enum vh_err
keyfile_open(int folder, const char *name, const char *shown, struct buf *why,
    int *out, struct stat *st)
{
	/* O_NONBLOCK: a FIFO would make us wait for somebody to write. */
	AUTO(fd_close)
	int fd = openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ELOOP) {
		buf_format(why, "%s: a symbolic link, expected a regular file",
		    shown);
		return VH_ECONFIG;
	}
	if (fd < 0)
		return failed(why, shown, "cannot open", errno);
	if (fstat(fd, st) != 0)
		return failed(why, shown, "cannot look at", errno);
	TRY(check_kind(st, shown, why));
	TRY(check_access(st, shown, why));
	*out = fd_take(&fd);
	return VH_OK;
}

enum vh_err
keyfile_check_deletable(int folder, const struct stat *file, const char *shown,
    struct buf *why)
{
	struct stat st;

	if (file->st_nlink != 1) {
		buf_format(why,
		    "%s: has %lu names, so that deleting one leaves the key",
		    shown, (unsigned long)file->st_nlink);
		return VH_ECONFIG;
	}
	if (fstat(folder, &st) != 0 ||
	    faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return failed(why, shown, "cannot be deleted from its folder",
		    errno);
	if ((st.st_mode & S_ISVTX) != 0 && geteuid() != 0 &&
	    st.st_uid != geteuid() && file->st_uid != geteuid())
		return failed(why, shown, "cannot be deleted from its folder",
		    EPERM);
	return VH_OK;
}

/* The pipe holds the value until the vault reads it. */
static enum vh_err
fill_pipe(const char *shown, const char *value, size_t size, struct buf *why,
    int *out)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return failed(why, shown, "pipe", errno);
	AUTO(fd_close) int reader = ends[0];
	AUTO(fd_close) int writer = ends[1];

	/* The kernel takes no argument above 128 KiB and anybody may have a
	 * pipe of 1 MiB, unless the user has too many already. */
	if (size > 65536 && fcntl(writer, F_SETPIPE_SZ, (int)size) < 0)
		return failed(why, shown, "pipe size", errno);
	if (write(writer, value, size) != (ssize_t)size)
		return failed(why, shown, "does not fit a pipe", ENOSPC);
	*out = fd_take(&reader);
	return VH_OK;
}

/* Every copy, should the environment name it twice. */
static void
wipe_variable(const char *name)
{
	size_t len = strlen(name);

	for (char **e = environ; *e != NULL; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			explicit_bzero(*e + len + 1, strlen(*e + len + 1));
	(void)unsetenv(name); /* fails only for names with '=' */
}

enum vh_err
keyfile_of_variable(const char *name, struct buf *why, int *fd, size_t *size)
{
	const char *value = getenv(name);
	enum vh_err err = VH_ECONFIG;

	if (value == NULL) {
		buf_format(why,
		    "variable %s: not set, or used by an entry before", name);
		return VH_ECONFIG;
	}
	size_t len = strlen(value);

	if (len == 0)
		buf_format(why, "variable %s: empty", name);
	else if (len > (1u << 20))
		buf_format(why, "variable %s: more than 1 MiB", name);
	else
		err = fill_pipe(name, value, len, why, fd);
	wipe_variable(name);
	*size = len;
	return err;
}
