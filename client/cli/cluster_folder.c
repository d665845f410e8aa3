#include "client/cli/cluster_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PAUSE_MS 10

static bool
complain(struct buf *why, const char *path, int error)
{
	buf_format(why, "%s: %s", path, strerror(error));
	return false;
}

bool
folder_open(const char *path, mode_t mode, struct folder **out, struct buf *why)
{
	AUTO(folder_close) struct folder *f = calloc(1, sizeof *f);

	if (f == NULL)
		return complain(why, path, ENOMEM);
	f->fd = -1;
	if (strlen(path) >= sizeof f->path)
		return complain(why, path, ENAMETOOLONG);
	memcpy(f->path, path, strlen(path) + 1);
	if (mode != 0 && mkdir(path, mode) == 0)
		f->made = true;
	else if (mode != 0 && errno != EEXIST)
		return complain(why, path, errno);
	f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0)
		return complain(why, path, errno);
	*out = TAKE(f);
	return true;
}

void
folder_close(struct folder *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->made)
		(void)rmdir(f->path); /* refused when something is in it */
	free(f);
}

bool
folder_has(const struct folder *f, const char *name)
{
	struct stat st;

	return fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
folder_lock(struct folder *f, uint32_t ms, struct buf *why)
{
	const struct timespec pause = { 0, LOCK_PAUSE_MS * 1000000L };

	for (uint32_t waited = 0;; waited += LOCK_PAUSE_MS) {
		if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return complain(why, f->path, errno);
		if (waited >= ms) {
			buf_format(why, "%s: in use by another vhsm", f->path);
			return false;
		}
		(void)nanosleep(&pause, NULL);
	}
}

static int
read_all(int fd, struct buf *b)
{
	for (;;) {
		if (!buf_reserve(b, 1))
			return buf_end(b) == VH_ETOOBIG ? EFBIG : ENOMEM;
		ssize_t n = read(fd, b->p + b->len, b->cap - b->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return 0;
		b->len += (size_t)n;
	}
}

/* Room for all of it and one more byte is made first: a buffer that grows
 * leaves copies. */
static int
read_regular(int fd, struct buf *b, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;
	if ((uint64_t)st.st_size > max)
		return EFBIG;
	return buf_reserve(b, (size_t)st.st_size + 1) ? read_all(fd, b)
						      : ENOMEM;
}

bool
folder_read(const struct folder *f, const char *name, size_t max, bool may_lack,
    struct buf **out, struct buf *why)
{
	AUTO(buf_free) struct buf *b = buf_new(max + 1);
	/* A FIFO must not hold us up. */
	int fd = openat(f->fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && may_lack) {
		*out = NULL;
		return true;
	}
	int error = fd < 0 ? errno : read_regular(fd, b, max);

	if (fd >= 0)
		close(fd);
	if (error != 0) {
		buf_format(why, "%s/%s: %s", f->path, name, strerror(error));
		return false;
	}
	*out = TAKE(b);
	return true;
}
