#include "super/audit_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "super/fd.h"

#define HEAD_SIZE 65536 /* bytes in which a whole line ends */

static enum vh_err
fail(const char *event, const char *file)
{
	LOG(ERROR, event, KV("file", file), KV_ERRNO(errno));
	return VH_EIO;
}

enum vh_err
audit_file_open(const char *file, int *fd)
{
	struct stat st;
	AUTO(fd_close)
	int made = open(file,
	    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
	    0600);

	*fd = -1;
	if (made < 0 || fstat(made, &st) != 0)
		return fail("no-audit", file);
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) {
		LOG(ERROR, "no-audit", KV("file", file),
		    KV("why", "neither a file nor a device"));
		return VH_EIO;
	}
	*fd = fd_take(&made);
	return VH_OK;
}

/* False when a path would be too long. */
static bool
number(char name[static PATH_MAX], const char *file, unsigned n)
{
	int len = n == 0 ? snprintf(name, PATH_MAX, "%s", file)
			 : snprintf(name, PATH_MAX, "%s.%u", file, n);

	return len > 0 && len < PATH_MAX;
}

/* A gap in the row stays one: renaming what is not there is no error. */
static enum vh_err
move_on(const char *file, unsigned keep)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (unsigned n = keep; n-- > 0;) {
		if (!number(from, file, n) || !number(to, file, n + 1))
			return VH_ETOOBIG;
		if (rename(from, to) != 0 && errno != ENOENT)
			return fail("audit-not-rotated", from);
	}
	return VH_OK;
}

enum vh_err
audit_file_next(const char *file, unsigned keep, int *fd)
{
	char fresh[PATH_MAX];
	AUTO(fd_close) int made = -1;

	*fd = -1;
	if (snprintf(fresh, sizeof fresh, "%s.new", file) >= PATH_MAX)
		return VH_ETOOBIG;
	if (unlink(fresh) != 0 && errno != ENOENT)
		return fail("audit-not-rotated", fresh);
	TRY(audit_file_open(fresh, &made)); /* or nothing is moved */
	TRY(move_on(file, keep));
	if (rename(fresh, file) != 0)
		return fail("audit-not-rotated", fresh);
	LOG(NOTICE, "audit-rotated", KV("file", file), KV("keep", keep));
	*fd = fd_take(&made);
	return VH_OK;
}

static bool
has_line(int fd)
{
	char head[HEAD_SIZE];
	ssize_t n = pread(fd, head, sizeof head, 0);

	return n > 0 && memchr(head, '\n', (size_t)n) != NULL;
}

void
audit_file_before(const char *file, int *fd)
{
	char name[PATH_MAX];
	AUTO(fd_close)
	int now = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	*fd = -1;
	if (now >= 0 &&
	    (fstat(now, &st) != 0 || !S_ISREG(st.st_mode) || has_line(now)))
		return;
	if (number(name, file, 1))
		*fd =
		    open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

enum vh_err
audit_file_set_aside(const char *file, struct slice why)
{
	char name[PATH_MAX];

	for (unsigned n = 1; n <= AUDIT_FILE_COPIES; n++) {
		if (snprintf(name, sizeof name, "%s.damaged-%u", file, n) >=
		    PATH_MAX)
			return VH_ETOOBIG;
		if (renameat2(AT_FDCWD, file, AT_FDCWD, name,
			RENAME_NOREPLACE) == 0) {
			LOG(ERROR, "audit-damaged", KV("file", file),
			    KV("why", why), KV("kept", (const char *)name));
			return VH_OK;
		}
		if (errno != EEXIST)
			break;
	}
	return fail("audit-damaged", file);
}
