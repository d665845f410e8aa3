#include "super/files.h"

#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "super/fd.h"
#include "super/keyfile_check.h"

#define WHY_MAX 8192

static const struct file_row rows[] = {
#define VH_FILE(role, to, path, secret)                                        \
	[FILE_##role] = { VH_ROLE_##role, PROC_##to,                           \
		offsetof(struct plan, path), secret },
#include "super/files.def"
};

const struct file_row *
file_row(enum file file)
{
	return &rows[file];
}

void
files_init(struct files *f)
{
	for (size_t i = 0; i < FILES; i++)
		f->fd[i] = -1;
}

void
files_close(struct files *f)
{
	for (size_t i = 0; i < FILES; i++)
		fd_close(f->fd[i]);
	files_init(f);
}

/* Who may write to it decides whom this node trusts. */
static enum vh_err
check_certificate(const char *path, const struct stat *st, struct buf *why)
{
	const char *wrong = NULL;

	if (!S_ISREG(st->st_mode))
		wrong = "not a regular file";
	else if (st->st_size == 0)
		wrong = "empty";
	else if (st->st_size > (off_t)FILES_CERT_MAX)
		wrong = "more than 1 MiB";
	else if ((st->st_mode & S_IWOTH) != 0)
		wrong = "everyone may write to it";
	if (wrong == NULL)
		return VH_OK;
	buf_format(why, "%s: %s", path, wrong);
	return VH_ECONFIG;
}

static enum vh_err
open_certificate(const char *path, struct buf *why, int *out)
{
	AUTO(fd_close)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		buf_format(why, "%s: cannot open: %s", path,
		    strerrorname_or(errno));
		return VH_ECONFIG;
	}
	TRY(check_certificate(path, &st, why));
	*out = fd_take(&fd);
	return VH_OK;
}

static enum vh_err
open_one(const struct plan *plan, const struct file_row *row, int *fd)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	const char *const *path =
	    (const char *const *)((uintptr_t)plan + row->path);
	struct stat st;

	if (*path == NULL)
		return VH_OK;
	enum vh_err err =
	    row->secret ? keyfile_open(AT_FDCWD, *path, *path, why, fd, &st)
			: open_certificate(*path, why, fd);

	if (err != VH_OK)
		LOG(ERROR, "file-refused", KV_ERR(err),
		    KV("why", buf_slice(why)));
	return err;
}

enum vh_err
files_open(const struct plan *plan, struct files *out)
{
	enum vh_err first = VH_OK;
	struct files f;

	files_init(&f);
	for (size_t i = 0; i < FILES; i++) {
		enum vh_err err = open_one(plan, &rows[i], &f.fd[i]);

		if (first == VH_OK)
			first = err;
	}
	if (first != VH_OK)
		files_close(&f);
	else
		*out = f;
	return first;
}
