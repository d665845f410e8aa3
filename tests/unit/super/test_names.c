#include "super/names.h"

#include "temp.h"

static int
open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

Test(names, are_sorted_and_can_be_read_twice)
{
	AUTO(temp_drop) char *folder = temp_new();
	int fd = open_folder(folder);

	temp_file(folder, "b", "", 0600);
	temp_file(folder, "a", "", 0600);
	for (int i = 0; i < 2; i++) {
		AUTO(names_free) struct names *n = NULL;

		cr_assert_eq(names_read(fd, "*", 10, &n), VH_OK);
		cr_assert_eq(names_count(n), 2);
		cr_expect_str_eq(names_at(n, 0), "a");
		cr_expect_str_eq(names_at(n, 1), "b");
	}
	(void)close(fd);
}

Test(names, are_bounded)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(names_free) struct names *n = NULL;
	int fd = open_folder(folder);

	temp_file(folder, "b", "", 0600);
	temp_file(folder, "a", "", 0600);
	cr_expect_eq(names_read(fd, "*", 1, &n), VH_ETOOBIG);
	cr_expect_null(n);
	(void)close(fd);
}

Test(names, hidden_ones_are_left_out)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(names_free) struct names *n = NULL;
	int fd = open_folder(folder);

	temp_file(folder, ".a", "", 0600);
	cr_assert_eq(names_read(fd, "*", 10, &n), VH_OK);
	cr_expect_eq(names_count(n), 0);
	(void)close(fd);
}
