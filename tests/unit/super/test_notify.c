#include "super/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "temp.h"

static int
receiver(const char *name, struct sockaddr_un *a, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, name, len);
	cr_assert_eq(bind(fd, (struct sockaddr *)a,
			 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     len)),
	    0);
	return fd;
}

Test(notify, sends_one_datagram_to_a_path)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "n");
	struct sockaddr_un a = { 0 };
	int fd = receiver(path, &a, strlen(path) + 1);
	char text[64] = "";

	cr_assert_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
	notify("READY=1\nSTATUS=x");
	cr_expect_eq(recv(fd, text, sizeof text - 1, 0), 16);
	cr_expect_str_eq(text, "READY=1\nSTATUS=x");
	(void)close(fd);
}

Test(notify, sends_to_an_abstract_name)
{
	struct sockaddr_un a = { 0 };
	char name[64], text[64] = "";
	int len = snprintf(name, sizeof name, "@vhsmd-test-%d", (int)getpid());

	name[0] = '\0';
	int fd = receiver(name, &a, (size_t)len);

	name[0] = '@';
	cr_assert_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	notify("READY=1");
	cr_expect_eq(recv(fd, text, sizeof text - 1, 0), 7);
	(void)close(fd);
}

Test(notify, without_a_socket_nothing_happens)
{
	cr_assert_eq(unsetenv("NOTIFY_SOCKET"), 0);
	notify("READY=1");
	cr_assert_eq(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	notify("READY=1");
	cr_assert_eq(setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1), 0);
	notify("READY=1");
}
