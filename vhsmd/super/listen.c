#include "super/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/log.h"
#include "keyspec/value.h"
#include "super/fd.h"

#define BACKLOG       1024
#define BIND_FOR_MS   2000
#define BIND_EVERY_MS 20

struct place_of {
	struct sockaddr_un address;
	char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
	const char *name; /* in the folder; points into address */
};

static enum vh_err
failed(const char *path, const char *step, int err)
{
	LOG(ERROR, "not-listening", KV("path", path), KV("step", step),
	    KV_ERRNO(err));
	return VH_EIO;
}

static enum vh_err
refused(const char *path, const char *reason)
{
	LOG(ERROR, "not-listening", KV("path", path), KV("reason", reason));
	return VH_EIO;
}

void
listener_close(struct listener *l)
{
	struct stat st;

	fd_close(l->fd);
	/* Somebody else may listen there by now. */
	if (l->path != NULL && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlink(l->path); /* a stale socket does no harm */
	free(l->path);
	*l = LISTENER_NONE;
}

static enum vh_err
split(const char *path, struct place_of *out)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash[1] == '\0' ||
	    strlen(path) >= sizeof out->address.sun_path)
		return refused(path, "not a path a socket can have");
	size_t folder = slash == path ? 1 : (size_t)(slash - path);

	*out = (struct place_of){ .address.sun_family = AF_UNIX };
	memcpy(out->address.sun_path, path, strlen(path));
	memcpy(out->folder, path, folder);
	out->name = out->address.sun_path + (slash - path) + 1;
	return VH_OK;
}

/* Whoever may write to the folder may put a socket of his own there; sticky
 * folders let only the owner of a file replace it. */
static enum vh_err
check_folder(const char *folder, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return failed(folder, "look", errno);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return refused(folder, "folder belongs to another user");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    (st.st_mode & S_ISVTX) == 0)
		return refused(folder, "folder is writable by others");
	return VH_OK;
}

/* So that two starting at once do not take each other's socket for a stale
 * one.  Anybody may hold such a lock, so nobody can make us wait for it long.
 */
static void
lock_folder(int fd)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000000 };

	for (int i = 0; i < 100 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++)
		(void)nanosleep(&pause, NULL);
}

static enum vh_err
open_folder(const char *folder, unsigned mode, int *out)
{
	mode_t all = (mode & 077) != 0 ? 0755 : 0700;

	if (mkdir(folder, all) == 0) {
		if (chmod(folder, all) != 0)
			return failed(folder, "mode", errno);
	} else if (errno != EEXIST) {
		return failed(folder, "make", errno);
	}
	AUTO(fd_close)
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return failed(folder, "open", errno);
	TRY(check_folder(folder, fd));
	lock_folder(fd);
	*out = fd_take(&fd);
	return VH_OK;
}

/* Whether a connection is refused: nobody listens. */
static bool
is_stale(const struct sockaddr_un *address)
{
	AUTO(fd_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 &&
	       connect(fd, (const struct sockaddr *)address, sizeof *address) !=
		   0 &&
	       errno == ECONNREFUSED;
}

static enum vh_err
make_room(const struct place_of *p, int folder)
{
	const char *path = p->address.sun_path;
	struct stat st;

	if (fstatat(folder, p->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? VH_OK : failed(path, "look", errno);
	if (!S_ISSOCK(st.st_mode))
		return refused(path, "exists and is no socket");
	if (!is_stale(&p->address))
		return refused(path, "another process listens there");
	if (unlinkat(folder, p->name, 0) != 0)
		return failed(path, "remove stale socket", errno);
	LOG(NOTICE, "stale-socket-removed", KV("path", path));
	return VH_OK;
}

/* Without any permission yet. */
static enum vh_err
bind_closed(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0777);
	int bad = bind(fd, (const struct sockaddr *)address, sizeof *address);
	int err = errno;

	(void)umask(before);
	return bad == 0 ? VH_OK : failed(address->sun_path, "bind", err);
}

/* Given away, then opened, then checked. */
static enum vh_err
give_to(const struct place_of *p, int folder, unsigned mode, long group,
    struct stat *st)
{
	const char *path = p->address.sun_path;

	if (group >= 0 && fchownat(folder, p->name, (uid_t)-1, (gid_t)group,
			      AT_SYMLINK_NOFOLLOW) != 0)
		return failed(path, "group", errno);
	if (fchmodat(folder, p->name, mode, 0) != 0)
		return failed(path, "mode", errno);
	if (fstatat(folder, p->name, st, AT_SYMLINK_NOFOLLOW) != 0)
		return failed(path, "look", errno);
	if (!S_ISSOCK(st->st_mode) || (st->st_mode & 07777) != mode ||
	    st->st_uid != geteuid() ||
	    (group >= 0 && st->st_gid != (gid_t)group))
		return refused(path, "owner or mode is not what was set");
	return VH_OK;
}

enum vh_err
listen_unix(const char *path, unsigned mode, long group, struct listener *out)
{
	AUTO(fd_close) int folder = -1;
	AUTO(fd_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct place_of p;
	struct stat st;

	*out = LISTENER_NONE;
	if (fd < 0)
		return failed(path, "socket", errno);
	TRY(split(path, &p));
	TRY(open_folder(p.folder, mode, &folder));
	TRY(make_room(&p, folder));
	TRY(bind_closed(fd, &p.address));
	enum vh_err err = give_to(&p, folder, mode, group, &st);

	if (err == VH_OK && listen(fd, BACKLOG) != 0)
		err = failed(path, "listen", errno);
	char *copy = err == VH_OK ? strdup(path) : NULL;

	if (copy == NULL) {
		(void)unlinkat(folder, p.name, 0); /* ours, and of no use */
		return err == VH_OK ? VH_ENOMEM : err;
	}
	*out = (struct listener){ .path = copy,
		.dev = st.st_dev,
		.ino = st.st_ino };
	out->fd = fd_take(&fd);
	return VH_OK;
}

static unsigned
port_of(const struct sockaddr_storage *a)
{
	/* The storage holds what its family says. */
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	return ntohs(((const struct sockaddr_in *)a)->sin_port);
}

/* The processes of a supervisor that was killed just now have its addresses for
 * as long as they take to die. */
static bool
bind_soon(int fd, const struct sockaddr_storage *a, socklen_t len)
{
	const struct timespec pause = { .tv_nsec = BIND_EVERY_MS * 1000000 };

	for (int ms = 0; ms < BIND_FOR_MS; ms += BIND_EVERY_MS) {
		if (bind(fd, (const struct sockaddr *)a, len) == 0)
			return true;
		if (errno != EADDRINUSE)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	errno = EADDRINUSE;
	return false;
}

/* Linux lets two sockets with SO_REUSEADDR have one port as long as neither
 * listens, and then one of them listen: nng sets it, too. */
enum vh_err
listen_reserve(const char *address, struct listener *out)
{
	const int on = 1;
	struct sockaddr_storage a;
	socklen_t len;

	*out = LISTENER_NONE;
	if (!address_of_text(address, &a, &len))
		return VH_ECONFIG;
	AUTO(fd_close)
	int fd =
	    socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return failed(address, "socket", errno);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return failed(address, "options", errno);
	if (!bind_soon(fd, &a, len))
		return failed(address, "bind", errno);
	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return failed(address, "port", errno);
	out->port = port_of(&a);
	out->fd = fd_take(&fd);
	return VH_OK;
}

enum vh_err
listen_tcp(const char *address, struct listener *out)
{
	TRY(listen_reserve(address, out));
	if (listen(out->fd, BACKLOG) == 0)
		return VH_OK;
	enum vh_err err = failed(address, "listen", errno);

	listener_close(out);
	return err;
}
