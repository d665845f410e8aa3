#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/input.h"

static const struct verb verb = { .name = "sign" };
static const struct args args = { .verb = &verb };

/* A file with these bytes; the caller removes and frees its name. */
static char *
file_with(const void *p, size_t len)
{
	char *name = strdup("/tmp/vhsm-test-XXXXXX");
	int fd = mkstemp(name);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, p, len), (ssize_t)len);
	close(fd);
	return name;
}

static void
file_end(char *name)
{
	unlink(name);
	free(name);
}

Test(input, gives_the_bytes_of_a_file_as_they_are)
{
	char *name = file_with(" a\0b\n", 5);
	struct buf *b = input_read(&args, name, 5);

	cr_assert_not_null(b);
	cr_expect(slice_eq(buf_slice(b), slice_of(" a\0b\n", 5)));
	buf_free(b);
	file_end(name);
}

Test(input, of_text_the_white_space_at_both_ends_is_cut)
{
	char *name = file_with("\r\n a b\t\n\n", 9);
	struct buf *b = input_read_text(&args, name, 100);

	cr_assert_not_null(b);
	cr_expect_str_eq((char *)b->p, "a b");
	buf_free(b);
	file_end(name);
}

Test(input, empty_is_fine)
{
	char *name = file_with("", 0);
	struct buf *b = input_read_text(&args, name, 100);

	cr_assert_not_null(b);
	cr_expect_eq(b->len, 0);
	cr_expect_str_eq((char *)b->p, "");
	buf_free(b);
	file_end(name);
}

Test(input, of_one_byte_too_many_it_says_so)
{
	char *name = file_with("123456", 6);

	cr_redirect_stderr();
	cr_expect_null(input_read(&args, name, 5));
	file_end(name);
}

Test(input, of_an_absent_file_it_says_so)
{
	cr_redirect_stderr();
	cr_expect_null(input_read(&args, "/nowhere/at/all", 5));
	cr_expect_stderr_eq_str(
	    "vhsm: sign: /nowhere/at/all: No such file or directory\n");
}
