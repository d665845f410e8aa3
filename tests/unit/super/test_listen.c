#include "super/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "temp.h"

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	int bad = connect(fd, (struct sockaddr *)&a, sizeof a);

	(void)close(fd);
	return bad;
}

Test(listen, a_socket_has_its_mode_and_answers)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct listener l;
	struct stat st;

	cr_assert_eq(listen_unix(path, 0660, -1, &l), VH_OK);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0660);
	cr_expect_eq(connect_to(path), 0);
	listener_close(&l);
	cr_expect_not(temp_has(folder, "x.sock"));
}

Test(listen, a_group_is_given)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct listener l;
	struct stat st;

	cr_assert_eq(listen_unix(path, 0660, 61731, &l), VH_OK);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_gid, 61731);
	listener_close(&l);
}

Test(listen, a_missing_folder_is_made_as_open_as_the_socket)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *shared = temp_path(folder, "shared/x.sock");
	AUTO(text_free) char *own = temp_path(folder, "own/x.sock");
	AUTO(text_free) char *shared_folder = temp_path(folder, "shared");
	AUTO(text_free) char *own_folder = temp_path(folder, "own");
	struct listener a, b;
	struct stat st;

	cr_assert_eq(listen_unix(shared, 0660, -1, &a), VH_OK);
	cr_assert_eq(listen_unix(own, 0600, -1, &b), VH_OK);
	cr_assert_eq(stat(shared_folder, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0755);
	cr_assert_eq(stat(own_folder, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0700);
	listener_close(&a);
	listener_close(&b);
}

Test(listen, a_stale_socket_is_replaced)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct listener l;

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	cr_assert_eq(close(fd), 0);
	cr_assert_eq(listen_unix(path, 0660, -1, &l), VH_OK);
	cr_expect_eq(connect_to(path), 0);
	listener_close(&l);
}

Test(listen, a_socket_that_answers_is_left_alone)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct listener first, second;

	cr_assert_eq(listen_unix(path, 0660, -1, &first), VH_OK);
	cr_expect_eq(listen_unix(path, 0660, -1, &second), VH_EIO);
	cr_expect_eq(second.fd, -1);
	cr_expect_eq(connect_to(path), 0);
	listener_close(&first);
}

Test(listen, what_is_no_socket_is_left_alone)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "file");
	AUTO(text_free) char *link = temp_path(folder, "link");
	struct listener l;

	temp_file(folder, "file", "x", 0600);
	cr_assert_eq(symlink("nowhere", link), 0);
	cr_expect_eq(listen_unix(file, 0660, -1, &l), VH_EIO);
	cr_expect_eq(listen_unix(link, 0660, -1, &l), VH_EIO);
	cr_expect_eq(listen_unix(folder, 0660, -1, &l), VH_EIO);
	cr_expect(temp_has(folder, "file"));
	cr_expect(temp_has(folder, "link"));
}

Test(listen, a_folder_where_others_may_write_is_refused_unless_sticky)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct listener l;

	cr_assert_eq(chmod(folder, 0777), 0);
	cr_expect_eq(listen_unix(path, 0660, -1, &l), VH_EIO);
	cr_assert_eq(chmod(folder, 0770), 0);
	cr_expect_eq(listen_unix(path, 0660, -1, &l), VH_EIO);
	cr_expect_not(temp_has(folder, "x.sock"));
	cr_assert_eq(chmod(folder, 01777), 0);
	cr_expect_eq(listen_unix(path, 0660, -1, &l), VH_OK);
	listener_close(&l);
}

Test(listen, a_folder_of_another_user_is_refused)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct listener l;

	cr_assert_eq(chown(folder, 61731, 61731), 0);
	cr_expect_eq(listen_unix(path, 0660, -1, &l), VH_EIO);
}

Test(listen, a_socket_somebody_else_made_meanwhile_is_not_removed)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x.sock");
	struct listener first, second;

	cr_assert_eq(listen_unix(path, 0660, -1, &first), VH_OK);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(listen_unix(path, 0660, -1, &second), VH_OK);
	listener_close(&first);
	cr_expect(temp_has(folder, "x.sock"));
	listener_close(&second);
}

Test(listen, port_zero_picks_one_and_says_which)
{
	struct listener l;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(listen_tcp("127.0.0.1:0", &l), VH_OK);
	cr_assert_neq(l.port, 0);
	a.sin_port = htons((uint16_t)l.port);
	cr_expect_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	(void)close(fd);
	listener_close(&l);
}

Test(listen, an_address_in_use_is_refused)
{
	struct listener first, second;
	char address[32];

	cr_assert_eq(listen_tcp("127.0.0.1:0", &first), VH_OK);
	(void)snprintf(address, sizeof address, "127.0.0.1:%u", first.port);
	cr_expect_eq(listen_tcp(address, &second), VH_EIO);
	listener_close(&first);
	cr_expect_eq(listen_tcp("nonsense", &second), VH_ECONFIG);
}

static void *
close_soon(void *listener)
{
	const struct timespec soon = { .tv_nsec = 100000000 };

	(void)nanosleep(&soon, NULL);
	listener_close(listener);
	return NULL;
}

Test(listen, an_address_that_is_let_go_of_is_waited_for)
{
	struct listener first, second;
	char address[32];
	pthread_t closer;

	cr_assert_eq(listen_tcp("127.0.0.1:0", &first), VH_OK);
	(void)snprintf(address, sizeof address, "127.0.0.1:%u", first.port);
	cr_assert_eq(pthread_create(&closer, NULL, close_soon, &first), 0);
	cr_expect_eq(listen_tcp(address, &second), VH_OK);
	(void)pthread_join(closer, NULL);
	listener_close(&second);
}

Test(listen, a_reserved_port_is_for_who_knows_of_it)
{
	struct listener l, other;
	char address[64];
	const int on = 1;
	int fd;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	cr_assert_eq(listen_reserve("127.0.0.1:0", &l), VH_OK);
	cr_assert_neq(l.port, 0);
	a.sin_port = htons((uint16_t)l.port);
	/* As a child does, again and again. */
	for (int i = 0; i < 2; i++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
				 sizeof on),
		    0);
		cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
		cr_assert_eq(listen(fd, 1), 0);
		(void)snprintf(address, sizeof address, "127.0.0.1:%u", l.port);
		cr_expect_eq(listen_reserve(address, &other), VH_EIO,
		    "somebody listens there");
		(void)close(fd);
	}
	listener_close(&l);
}

Test(listen, a_reservation_is_no_listener)
{
	struct listener l;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	cr_assert_eq(listen_reserve("127.0.0.1:0", &l), VH_OK);
	a.sin_port = htons((uint16_t)l.port);
	cr_expect_neq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	(void)close(fd);
	listener_close(&l);
}
