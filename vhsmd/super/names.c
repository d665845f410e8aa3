#include "super/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "super/fd.h"

struct names {
	size_t count;
	char **at;
};

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->count; i++)
		free(n->at[i]);
	free(n->at);
	free(n);
}

size_t
names_count(const struct names *n)
{
	return n->count;
}

const char *
names_at(const struct names *n, size_t i)
{
	return n->at[i];
}

static enum vh_err
add(struct names *n, const char *name)
{
	char **at = reallocarray(n->at, n->count + 1, sizeof *at);

	if (at == NULL)
		return VH_ENOMEM;
	n->at = at;
	at[n->count] = strdup(name);
	if (at[n->count] == NULL)
		return VH_ENOMEM;
	n->count++;
	return VH_OK;
}

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void
folder_close(DIR *d)
{
	if (d != NULL)
		(void)closedir(d); /* it was only read */
}
AUTO_FREE(DIR, folder_close)

/* fdopendir takes its descriptor over, and the caller's stays. */
static DIR *
open_again(int folder)
{
	AUTO(fd_close)
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d != NULL)
		fd = -1;
	return d;
}

enum vh_err
names_read(int folder, const char *pattern, size_t max, struct names **out)
{
	AUTO(names_free) struct names *n = calloc(1, sizeof *n);
	AUTO(folder_close) DIR *d = open_again(folder);
	const struct dirent *e;

	if (n == NULL)
		return VH_ENOMEM;
	if (d == NULL)
		return VH_EIO;
	while (errno = 0, (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    fnmatch(pattern, e->d_name, FNM_PERIOD) != 0)
			continue;
		if (n->count >= max)
			return VH_ETOOBIG;
		TRY(add(n, e->d_name));
	}
	if (errno != 0)
		return VH_EIO;
	if (n->count > 0)
		qsort(n->at, n->count, sizeof *n->at, by_name);
	*out = TAKE(n);
	return VH_OK;
}
