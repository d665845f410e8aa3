#include "client/cli/cluster_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIDDEN_SIZE sizeof ".vhsm-0123456789abcdef"

struct one_file {
	int dir; /* borrowed */
	char path[PATH_MAX];
	const char *name; /* in path */
	char hidden[HIDDEN_SIZE];
	mode_t mode;
	bool replaces, is_hidden, is_there;
	uint8_t *bytes;
	size_t len;
};

struct files {
	struct one_file *at[FILES_MAX];
	size_t n;
	enum vh_err err; /* the first failure to add */
};

struct files *
files_new(void)
{
	return calloc(1, sizeof(struct files));
}

static void
one_free(struct one_file *f)
{
	if (f == NULL)
		return;
	if (f->bytes != NULL)
		explicit_bzero(f->bytes, f->len);
	free(f->bytes);
	free(f);
}
AUTO_FREE(struct one_file, one_free)

void
files_free(struct files *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		one_free(set->at[i]);
	free(set);
}

static enum vh_err
add(struct files *set, const struct folder *in, const char *name,
    struct one_file want, struct slice bytes)
{
	AUTO(one_free) struct one_file *f = calloc(1, sizeof *f);

	if (set->n == FILES_MAX)
		return VH_ETOOBIG;
	if (f == NULL)
		return VH_ENOMEM;
	*f = want;
	f->dir = in->fd;
	int n = snprintf(f->path, sizeof f->path, "%s/%s", in->path, name);

	if (n < 0 || (size_t)n >= sizeof f->path)
		return VH_ETOOBIG;
	f->name = f->path + strlen(in->path) + 1;
	f->bytes = malloc(bytes.len + 1);
	if (f->bytes == NULL)
		return VH_ENOMEM;
	f->len = bytes.len;
	if (bytes.len > 0)
		memcpy(f->bytes, bytes.p, bytes.len);
	set->at[set->n++] = TAKE(f);
	return VH_OK;
}

static void
add_or_remember(struct files *set, const struct folder *in, const char *name,
    struct one_file want, struct slice bytes)
{
	if (set == NULL || set->err != VH_OK)
		return;
	set->err = add(set, in, name, want, bytes);
}

void
files_add(struct files *set, const struct folder *in, const char *name,
    mode_t mode, struct slice bytes)
{
	add_or_remember(set, in, name, (struct one_file){ .mode = mode },
	    bytes);
}

void
files_replace(struct files *set, const struct folder *in, const char *name,
    mode_t mode, struct slice bytes)
{
	add_or_remember(set, in, name,
	    (struct one_file){ .mode = mode, .replaces = true }, bytes);
}

const char *
files_path(const struct files *set, size_t i)
{
	return i < set->n ? set->at[i]->path : NULL;
}

static bool
complain(const struct one_file *f, int error, struct buf *why)
{
	if (error == EEXIST)
		buf_format(why, "%s is there already", f->path);
	else
		buf_format(why, "%s: %s", f->path, strerror(error));
	return false;
}

bool
files_check(const struct files *set, struct buf *why)
{
	struct stat st;

	if (set == NULL || set->err != VH_OK) {
		buf_put_text(why, err_text(set == NULL ? VH_ENOMEM : set->err));
		return false;
	}
	for (size_t i = 0; i < set->n; i++) {
		const struct one_file *f = set->at[i];

		if (f->replaces)
			continue;
		if (fstatat(f->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return complain(f, EEXIST, why);
		if (errno != ENOENT)
			return complain(f, errno, why);
	}
	return true;
}

/* --- writing: each gives 0 or an errno ----------------------------------- */

static int
write_all(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.p, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		bytes = slice_of(bytes.p + n, bytes.len - (size_t)n);
	}
	return 0;
}

static int
write_hidden(struct one_file *f)
{
	uint64_t r;

	if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
		return EIO;
	(void)snprintf(f->hidden, sizeof f->hidden, ".vhsm-%016llx",
	    (unsigned long long)r);
	int fd = openat(f->dir, f->hidden,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, KEY_MODE);

	if (fd < 0)
		return errno;
	f->is_hidden = true;
	int error = write_all(fd, slice_of(f->bytes, f->len));

	/* Whatever the umask is. */
	if (error == 0 && fchmod(fd, f->mode) != 0)
		error = errno;
	if (error == 0 && fsync(fd) != 0)
		error = errno;
	if (close(fd) != 0 && error == 0)
		error = errno;
	return error;
}

/* Not every file system can rename without replacing; those that cannot have
 * links. */
static int
name_new(const struct one_file *f)
{
	if (renameat2(f->dir, f->hidden, f->dir, f->name, RENAME_NOREPLACE) ==
	    0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (linkat(f->dir, f->hidden, f->dir, f->name, 0) != 0)
		return errno;
	(void)unlinkat(f->dir, f->hidden, 0); /* a second name harms nobody */
	return 0;
}

static int
give_name(struct one_file *f)
{
	int error;

	if (!f->replaces)
		error = name_new(f);
	else
		error = renameat(f->dir, f->hidden, f->dir, f->name) == 0
			    ? 0
			    : errno;
	if (error != 0)
		return error;
	f->is_hidden = false;
	f->is_there = true;
	return 0;
}

static void
take_back(struct files *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct one_file *f = set->at[i];

		/* Nothing more can be done when this fails too. */
		if (f->is_hidden)
			(void)unlinkat(f->dir, f->hidden, 0);
		if (f->is_there && !f->replaces)
			(void)unlinkat(f->dir, f->name, 0);
	}
}

static bool
for_all(struct files *set, int (*step)(struct one_file *f), struct buf *why)
{
	for (size_t i = 0; i < set->n; i++) {
		int error = step(set->at[i]);

		if (error != 0)
			return complain(set->at[i], error, why);
	}
	return true;
}

/* Names are on the disk too when the caller hears of success. */
static int
sync_folder(struct one_file *f)
{
	return fsync(f->dir) == 0 || errno == EINVAL ? 0 : errno;
}

bool
files_commit(struct files *set, struct buf *why)
{
	sigset_t stop, before;

	if (!files_check(set, why))
		return false;
	/* So that none of these leaves half of it. */
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGINT);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &stop, &before);
	bool done = for_all(set, write_hidden, why) &&
		    for_all(set, give_name, why) &&
		    for_all(set, sync_folder, why);

	if (!done)
		take_back(set);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return done;
}
