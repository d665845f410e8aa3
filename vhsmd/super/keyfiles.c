#include "super/keyfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "super/fd.h"
#include "super/keyfile_check.h"
#include "super/names.h"
#include "super/text.h"

struct keyfiles *
keyfiles_new(void)
{
	return calloc(1, sizeof(struct keyfiles));
}

void
keyfiles_free(struct keyfiles *list)
{
	if (list == NULL)
		return;
	for (size_t i = 0; i < list->count; i++) {
		fd_close(list->at[i].fd);
		free(list->at[i].shown);
		free(list->at[i].name);
	}
	for (size_t i = 0; i < list->folder_count; i++)
		fd_close(list->folders[i]);
	free(list->at);
	free(list->folders);
	free(list);
}

/* A new last element, empty; NULL when out of memory or past the bound. */
static struct keyfile *
append(struct keyfiles *list, size_t entry)
{
	if (list->count >= KEYFILES_MAX)
		return NULL;
	struct keyfile *at =
	    reallocarray(list->at, list->count + 1, sizeof *at);

	if (at == NULL)
		return NULL;
	list->at = at;
	at[list->count] =
	    (struct keyfile){ .folder = -1, .fd = -1, .entry = entry };
	return &at[list->count++];
}

static enum vh_err
open_folder(struct keyfiles *list, const char *path, struct buf *why, int *out)
{
	AUTO(fd_close)
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		buf_format(why, "%s: cannot open folder: %s", path,
		    strerrorname_or(errno));
		return VH_ECONFIG;
	}
	int *folders = reallocarray(list->folders, list->folder_count + 1,
	    sizeof *folders);

	if (folders == NULL)
		return VH_ENOMEM;
	list->folders = folders;
	*out = fd;
	folders[list->folder_count++] = fd_take(&fd);
	return VH_OK;
}

/* Opens and checks one name of a folder. */
static enum vh_err
add_file(struct keyfiles *list, size_t entry, const char *folder_path,
    int folder, const char *name, bool delete, struct buf *why)
{
	struct keyfile *file = append(list, entry);

	if (file == NULL) {
		buf_format(why, "%s: more than %u key files, or no memory",
		    folder_path, KEYFILES_MAX);
		return VH_ECONFIG;
	}
	if (asprintf(&file->shown, "%s/%s",
		strcmp(folder_path, "/") == 0 ? "" : folder_path, name) < 0) {
		file->shown = NULL;
		return VH_ENOMEM;
	}
	file->folder = folder;
	TRY(keyfile_open(folder, name, file->shown, why, &file->fd, &file->st));
	if (!delete)
		return VH_OK;
	TRY(keyfile_check_deletable(folder, &file->st, file->shown, why));
	file->name = strdup(name);
	return file->name == NULL ? VH_ENOMEM : VH_OK;
}

/* All names of a folder that match, in the order of strcmp. */
static enum vh_err
add_matches(struct keyfiles *list, size_t entry, const char *folder_path,
    int folder, const char *pattern, bool delete, struct buf *why)
{
	AUTO(names_free) struct names *names = NULL;

	TRY(names_read(folder, pattern, KEYFILES_MAX, &names));
	if (names_count(names) == 0) {
		buf_format(why, "%s/%s: no such file", folder_path, pattern);
		return VH_ECONFIG;
	}
	for (size_t i = 0; i < names_count(names); i++)
		TRY(add_file(list, entry, folder_path, folder,
		    names_at(names, i), delete, why));
	return VH_OK;
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Parts of path: *folder owned by the caller, *name points into path. */
static enum vh_err
split(const char *path, char **folder, const char **name)
{
	const char *slash = strrchr(path, '/');

	*name = slash == NULL ? path : slash + 1;
	if (slash == NULL)
		*folder = strdup(".");
	else
		*folder =
		    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return *folder == NULL ? VH_ENOMEM : VH_OK;
}

enum vh_err
keyfiles_add_path(struct keyfiles *list, size_t entry, const char *path,
    bool delete, struct buf *why)
{
	AUTO(text_free) char *folder_path = NULL;
	const char *name;
	struct stat st;
	int folder;

	TRY(split(path, &folder_path, &name));
	if (is_folder(path)) {
		free(folder_path);
		folder_path = strdup(path);
		name = "*";
	}
	if (folder_path == NULL)
		return VH_ENOMEM;
	TRY(open_folder(list, folder_path, why, &folder));
	/* A name with brackets may be just that. */
	if (strpbrk(name, "*?[") == NULL ||
	    fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return add_file(list, entry, folder_path, folder, name, delete,
		    why);
	return add_matches(list, entry, folder_path, folder, name, delete, why);
}

static enum vh_err
add_named(struct keyfiles *list, size_t entry, const char *path, bool delete,
    struct buf *why)
{
	AUTO(text_free) char *folder_path = NULL;
	const char *name;
	int folder;

	TRY(split(path, &folder_path, &name));
	TRY(open_folder(list, folder_path, why, &folder));
	return add_file(list, entry, folder_path, folder, name, delete, why);
}

enum vh_err
keyfiles_add_file(struct keyfiles *list, size_t entry, const char *path,
    struct buf *why)
{
	return add_named(list, entry, path, false, why);
}

enum vh_err
keyfiles_add_passphrase(struct keyfiles *list, size_t entry, const char *path,
    bool delete, struct buf *why)
{
	TRY(add_named(list, entry, path, delete, why));
	list->at[list->count - 1].is_passphrase = true;
	return VH_OK;
}

enum vh_err
keyfiles_add_credential(struct keyfiles *list, size_t entry, const char *name,
    struct buf *why)
{
	const char *path = getenv("CREDENTIALS_DIRECTORY");
	int folder;

	if (path == NULL || *path != '/' || strchr(name, '/') != NULL) {
		buf_format(why,
		    "credential %s: no CREDENTIALS_DIRECTORY from the service "
		    "manager",
		    name);
		return VH_ECONFIG;
	}
	TRY(open_folder(list, path, why, &folder));
	return add_file(list, entry, path, folder, name, false, why);
}

enum vh_err
keyfiles_add_variable(struct keyfiles *list, size_t entry, const char *name,
    struct buf *why)
{
	struct keyfile *file = append(list, entry);

	if (file == NULL)
		return VH_ENOMEM;
	if (asprintf(&file->shown, "variable %s", name) < 0) {
		file->shown = NULL;
		return VH_ENOMEM;
	}
	size_t size = 0;
	enum vh_err err = keyfile_of_variable(name, why, &file->fd, &size);

	file->st.st_size = (off_t)size;
	return err;
}

/* The same file, untouched since it was opened, under its only name. */
static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && b->st_nlink == 1 &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool
delete_one(const struct keyfile *file)
{
	struct stat now;

	if (fstatat(file->folder, file->name, &now, AT_SYMLINK_NOFOLLOW) != 0) {
		LOG(ERROR, "key-file-not-deleted", KV("file", file->shown),
		    KV_ERRNO(errno));
		return false;
	}
	if (!is_same(&file->st, &now)) {
		LOG(ERROR, "key-file-not-deleted", KV("file", file->shown),
		    KV("reason", "no longer the file that was loaded"));
		return false;
	}
	if (unlinkat(file->folder, file->name, 0) != 0 ||
	    fsync(file->folder) != 0) {
		LOG(ERROR, "key-file-not-deleted", KV("file", file->shown),
		    KV_ERRNO(errno));
		return false;
	}
	LOG(NOTICE, "key-file-deleted", KV("file", file->shown));
	return true;
}

/* Two entries may name one file: it is deleted once, and a passphrase only when
 * both delete. */
static bool
is_spared(const struct keyfiles *list, size_t i)
{
	const struct stat *st = &list->at[i].st;

	for (size_t k = 0; k < list->count; k++) {
		const struct keyfile *other = &list->at[k];

		if (other->st.st_dev != st->st_dev ||
		    other->st.st_ino != st->st_ino || k == i)
			continue;
		if (other->name == NULL ? other->is_passphrase : k < i)
			return true;
	}
	return false;
}

bool
keyfiles_delete(struct keyfiles *list)
{
	bool all = true;

	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].name != NULL && !is_spared(list, i))
			all &= delete_one(&list->at[i]);
	return all;
}
