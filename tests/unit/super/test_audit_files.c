#include "super/audit_files.h"

#include "super/fd.h"
#include "temp.h"

static char *folder, *file;

static void
begin(void)
{
	folder = temp_new();
	cr_assert_geq(asprintf(&file, "%s/audit.log", folder), 0);
}

static void
end(void)
{
	free(file);
	temp_drop(folder);
}

TestSuite(audit_files, .init = begin, .fini = end);

/* The path of a file beside the trail; valid until the next call. */
static const char *
beside(const char *ending)
{
	static char path[4096];

	(void)snprintf(path, sizeof path, "%s%s", file, ending);
	return path;
}

static void
write_to(const char *ending, const char *text)
{
	AUTO(fd_close)
	int fd = open(beside(ending), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static bool
has(const char *ending, const char *text)
{
	char found[256] = "";
	AUTO(fd_close) int fd = open(beside(ending), O_RDONLY);

	return fd >= 0 && read(fd, found, sizeof found - 1) >= 0 &&
	       strcmp(found, text) == 0;
}

static bool
is_there(const char *ending)
{
	return access(beside(ending), F_OK) == 0;
}

static enum vh_err
next(unsigned keep)
{
	AUTO(fd_close) int fd = -1;
	enum vh_err err = audit_file_next(file, keep, &fd);

	cr_assert_eq(fd >= 0, err == VH_OK);
	return err;
}

Test(audit_files, a_file_is_made_for_its_owner_and_only_appended_to)
{
	AUTO(fd_close) int fd = -1;
	struct stat st;

	cr_assert_eq(audit_file_open(file, &fd), VH_OK);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(write(fd, "one", 3), 3);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	cr_assert_eq(write(fd, "two", 3), 3);
	cr_expect(has("", "onetwo"));
}

Test(audit_files, a_file_that_is_there_is_gone_on_with)
{
	AUTO(fd_close) int fd = -1;

	write_to("", "before ");
	cr_assert_eq(audit_file_open(file, &fd), VH_OK);
	cr_assert_eq(write(fd, "after", 5), 5);
	cr_expect(has("", "before after"));
}

Test(audit_files, what_is_no_file_is_refused)
{
	int fd = 0;

	cr_assert_eq(mkdir(file, 0700), 0);
	cr_expect_eq(audit_file_open(file, &fd), VH_EIO);
	cr_assert_eq(rmdir(file), 0);
	cr_assert_eq(symlink("/dev/null", file), 0);
	cr_expect_eq(audit_file_open(file, &fd), VH_EIO);
	cr_assert_eq(unlink(file), 0);
	cr_assert_eq(mkfifo(file, 0600), 0);
	cr_expect_eq(audit_file_open(file, &fd), VH_EIO);
	cr_expect_eq(fd, -1);
}

Test(audit_files, every_file_moves_on_and_the_oldest_goes)
{
	write_to("", "d");
	write_to(".1", "c");
	write_to(".2", "b");
	cr_assert_eq(next(2), VH_OK);
	cr_expect(has("", ""));
	cr_expect(has(".1", "d"));
	cr_expect(has(".2", "c"));
	cr_expect_not(is_there(".3"));
	cr_expect_not(is_there(".new"));
}

Test(audit_files, a_gap_in_the_row_stays_one)
{
	write_to("", "c");
	write_to(".2", "a");
	cr_assert_eq(next(5), VH_OK);
	cr_expect(has(".1", "c"));
	cr_expect_not(is_there(".2"));
	cr_expect(has(".3", "a"));
}

Test(audit_files, what_a_death_left_of_a_next_file_is_no_part_of_it)
{
	write_to("", "a");
	write_to(".new", "half");
	cr_assert_eq(next(5), VH_OK);
	cr_expect(has("", ""));
	cr_expect(has(".1", "a"));
}

Test(audit_files, without_a_next_file_none_is_moved)
{
	write_to("", "b");
	write_to(".1", "a");
	cr_assert_eq(mkdir(beside(".new"), 0700), 0);
	cr_expect_eq(next(5), VH_EIO);
	cr_expect(has("", "b"));
	cr_expect(has(".1", "a"));
}

/* What audit_file_before gives: the bytes of a file, or "none". */
static bool
before_is(const char *text)
{
	char found[64] = "";
	AUTO(fd_close) int fd = -1;

	audit_file_before(file, &fd);
	if (fd < 0)
		return strcmp(text, "none") == 0;
	return read(fd, found, sizeof found - 1) >= 0 &&
	       strcmp(found, text) == 0;
}

Test(audit_files, the_file_before_counts_while_the_last_has_no_line)
{
	cr_expect(before_is("none"));
	write_to(".1", "old\n");
	cr_expect(before_is("old\n"), "no file");
	write_to("", "");
	cr_expect(before_is("old\n"), "an empty one");
	write_to("", "{\"seq\"");
	cr_expect(before_is("old\n"), "a torn one");
	write_to("", "{}\n");
	cr_expect(before_is("none"));
}

Test(audit_files, a_device_has_no_file_before)
{
	AUTO(fd_close) int fd = -1;

	audit_file_before("/dev/full", &fd);
	cr_expect_eq(fd, -1);
}

Test(audit_files, what_is_set_aside_is_kept_under_names_of_its_own)
{
	for (int i = 0; i < 3; i++) {
		write_to("", i == 0 ? "a" : i == 1 ? "b" : "c");
		cr_assert_eq(audit_file_set_aside(file, slice_text("why")),
		    VH_OK);
		cr_expect_not(is_there(""));
	}
	cr_expect(has(".damaged-1", "a"));
	cr_expect(has(".damaged-2", "b"));
	cr_expect(has(".damaged-3", "c"));
}

Test(audit_files, nothing_is_set_aside_over_what_was)
{
	char ending[32];

	for (unsigned n = 1; n <= AUDIT_FILE_COPIES; n++) {
		(void)snprintf(ending, sizeof ending, ".damaged-%u", n);
		write_to(ending, "old");
	}
	write_to("", "new");
	cr_expect_eq(audit_file_set_aside(file, slice_text("why")), VH_EIO);
	cr_expect(has("", "new"));
	cr_expect(has(".damaged-1", "old"));
}

Test(audit_files, a_path_that_is_too_long_is_refused_before_anything_moves)
{
	AUTO(fd_close) int fd = -1;
	char path[5000];

	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	cr_expect_eq(audit_file_next(path, 3, &fd), VH_ETOOBIG);
	cr_expect_eq(audit_file_set_aside(path, slice_text("why")), VH_ETOOBIG);
	cr_expect_eq(fd, -1);
}
