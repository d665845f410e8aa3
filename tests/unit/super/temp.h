/* A folder of one test, removed with all in it. */
#ifndef TEST_SUPER_TEMP_H
#define TEST_SUPER_TEMP_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "super/text.h"

static inline int
temp_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* The path of a new folder. */
static inline char *
temp_new(void)
{
	char path[] = "/tmp/vhsmd-test-XXXXXX";

	cr_assert_not_null(mkdtemp(path));
	return strdup(path);
}

static inline void
temp_drop(char *path)
{
	if (path != NULL)
		(void)nftw(path, temp_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(path);
}
AUTO_FREE(char, temp_drop)

static inline char *
temp_path(const char *folder, const char *name)
{
	char *path = NULL;

	cr_assert_gt(asprintf(&path, "%s/%s", folder, name), 0);
	return path;
}

/* A file of that mode, whatever the umask. */
static inline void
temp_file(const char *folder, const char *name, const char *text, unsigned mode)
{
	AUTO(text_free) char *path = temp_path(folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, mode), 0);
	cr_assert_eq(close(fd), 0);
}

static inline bool
temp_has(const char *folder, const char *name)
{
	AUTO(text_free) char *path = temp_path(folder, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

#endif
