#include <criterion/criterion.h>
#include <stdlib.h>

#include "client/libvhsm/where.h"
#include "client/vhsm.h"

Test(where, a_url_names_one_absolute_path)
{
	struct where w;

	cr_assert_eq(where_of("ipc:///run/x.sock", &w), VH_OK);
	cr_expect_eq(w.count, 1);
	cr_expect_str_eq(w.path[0], "/run/x.sock");
}

Test(where, other_urls_are_refused)
{
	static const char *const bad[] = { "", "ipc", "ipc://", "ipc:///",
		"ipc://run/x", "tcp://localhost:1", "/run/x.sock",
		"abstract://x", "IPC:///run/x" };
	struct where w;
	struct vhsm *h;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cr_expect_eq(where_of(bad[i], &w), VH_ECONFIG, "%s", bad[i]);
		cr_expect_eq(vhsm_open(bad[i], &h), VHSM_ECONFIG);
		cr_expect_null(h);
	}
}

Test(where, a_path_that_no_socket_address_holds_is_refused)
{
	char url[256] = "ipc:///";
	struct where w;
	size_t most = strlen("ipc://") + WHERE_PATH - 1;

	memset(url + 7, 'a', most - 7);
	cr_expect_eq(where_of(url, &w), VH_OK);
	url[most] = 'a';
	cr_expect_eq(where_of(url, &w), VH_ECONFIG);
}

Test(where, the_environment_is_asked_in_order)
{
	struct where w;

	setenv("VHSM_SOCKET", "ipc:///a", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	cr_assert_eq(where_of(NULL, &w), VH_OK);
	cr_expect_eq(w.count, 1);
	cr_expect_str_eq(w.path[0], "/a");
	unsetenv("VHSM_SOCKET");
	cr_assert_eq(where_of(NULL, &w), VH_OK);
	cr_expect_eq(w.count, 2);
	cr_expect_str_eq(w.path[0], "/run/user/1/vhsmd/vhsm.sock");
	cr_expect_str_eq(w.path[1], "/run/vhsmd/vhsm.sock");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	cr_assert_eq(where_of(NULL, &w), VH_OK);
	cr_expect_eq(w.count, 1);
	unsetenv("XDG_RUNTIME_DIR");
	cr_assert_eq(where_of(NULL, &w), VH_OK);
	cr_expect_str_eq(w.path[0], "/run/vhsmd/vhsm.sock");
}
