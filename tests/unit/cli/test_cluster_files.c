#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cluster_files.h"

static char place[] = "/tmp/vhsm-files-XXXXXX"; /* for the fixtures */

static void
in_place(char out[static PATH_MAX], const char *name)
{
	(void)snprintf(out, PATH_MAX, "%s/%s", place, name);
}

static void
make_place(void)
{
	cr_assert_not_null(mkdtemp(place));
}

static void
drop_place(void)
{
	char path[PATH_MAX];
	DIR *d = opendir(place);
	const struct dirent *e;

	while ((e = readdir(d)) != NULL) {
		in_place(path, e->d_name);
		if (unlink(path) != 0)
			(void)rmdir(path);
	}
	closedir(d);
	cr_expect_eq(rmdir(place), 0);
}

TestSuite(cluster_files, .init = make_place, .fini = drop_place);

static size_t
count(void)
{
	DIR *d = opendir(place);
	size_t n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static struct folder *
open_place(void)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	struct folder *f = NULL;

	cr_assert(folder_open(place, 0, &f, why));
	return f;
}

static void
expect_file(const struct folder *f, const char *name, const char *text,
    mode_t mode)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(buf_free) struct buf *b = NULL;
	char path[PATH_MAX];
	struct stat st;

	in_place(path, name);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, mode);
	cr_assert(folder_read(f, name, 100, false, &b, why));
	cr_expect(slice_is(buf_slice(b), text));
}

static void
expect_why(struct buf *why, const char *text)
{
	buf_put_u8(why, '\0');
	cr_expect_not_null(strstr((const char *)why->p, text), "%s",
	    (const char *)why->p);
}

Test(cluster_files, a_set_is_written_with_its_modes_whatever_the_umask)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(folder_close) struct folder *f = open_place();
	AUTO(files_free) struct files *set = files_new();

	(void)umask(0077);
	files_add(set, f, "key", KEY_MODE, slice_text("secret"));
	files_add(set, f, "crt", CERT_MODE, slice_text("public"));
	files_add(set, f, "empty", CERT_MODE, slice_of(NULL, 0));
	cr_expect_eq(count(), 0);
	cr_assert(files_commit(set, why));
	expect_file(f, "key", "secret", 0600);
	expect_file(f, "crt", "public", 0644);
	expect_file(f, "empty", "", 0644);
	cr_expect_eq(count(), 3);
}

Test(cluster_files, nothing_is_left_when_one_is_there_already)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(folder_close) struct folder *f = open_place();
	AUTO(files_free) struct files *set = files_new();
	char path[PATH_MAX];

	in_place(path, "b");
	cr_assert_eq(symlink("/nonexistent", path), 0);
	files_add(set, f, "a", CERT_MODE, slice_text("1"));
	files_add(set, f, "b", CERT_MODE, slice_text("2"));
	cr_expect(!files_check(set, why));
	buf_clear(why);
	cr_expect(!files_commit(set, why));
	expect_why(why, "/b is there already");
	cr_expect_eq(count(), 1);
}

Test(cluster_files, one_name_twice_takes_the_first_back)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(folder_close) struct folder *f = open_place();
	AUTO(files_free) struct files *set = files_new();

	files_add(set, f, "a", CERT_MODE, slice_text("1"));
	files_add(set, f, "a", CERT_MODE, slice_text("2"));
	cr_expect(!files_commit(set, why));
	expect_why(why, "/a is there already");
	cr_expect_eq(count(), 0);
}

Test(cluster_files, a_later_failure_takes_new_files_back)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(folder_close) struct folder *f = open_place();
	AUTO(files_free) struct files *set = files_new();
	char path[PATH_MAX];

	in_place(path, "dir");
	cr_assert_eq(mkdir(path, 0700), 0);
	files_add(set, f, "a", CERT_MODE, slice_text("1"));
	files_replace(set, f, "dir", CERT_MODE, slice_text("2"));
	cr_expect(!files_commit(set, why));
	cr_expect_eq(count(), 1);
}

Test(cluster_files, replacing_takes_what_is_there_or_not)
{
	AUTO(folder_close) struct folder *f = open_place();

	for (int i = 0; i < 2; i++) {
		AUTO(buf_free) struct buf *why = buf_new(256);
		AUTO(files_free) struct files *set = files_new();

		files_replace(set, f, "index", CERT_MODE,
		    slice_text(i == 0 ? "first" : "second"));
		cr_assert(files_commit(set, why));
	}
	expect_file(f, "index", "second", 0644);
	cr_expect_eq(count(), 1);
}

Test(cluster_files, too_many_are_refused)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(folder_close) struct folder *f = open_place();
	AUTO(files_free) struct files *set = files_new();
	char name[16];

	for (int i = 0; i <= FILES_MAX; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		files_add(set, f, name, CERT_MODE, slice_text("x"));
	}
	cr_expect(!files_commit(set, why));
	cr_expect_eq(count(), 0);
}

Test(cluster_files, a_folder_that_was_made_and_stays_empty_goes_away)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	char path[PATH_MAX];
	struct folder *f = NULL;

	in_place(path, "made");
	cr_assert(folder_open(path, 0700, &f, why));
	cr_expect_eq(access(path, F_OK), 0);
	folder_close(f);
	cr_expect_neq(access(path, F_OK), 0);
	cr_expect(!folder_open(path, 0, &f, why));
	expect_why(why, "No such file");
}

Test(cluster_files, a_folder_is_locked_once)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(folder_close) struct folder *one = open_place();
	AUTO(folder_close) struct folder *two = open_place();

	cr_expect(folder_lock(one, 0, why));
	cr_expect(!folder_lock(two, 0, why));
	expect_why(why, "in use");
	folder_close(one);
	one = NULL;
	cr_expect(folder_lock(two, 0, why));
}

Test(cluster_files, only_regular_files_of_bounded_size_are_read)
{
	AUTO(buf_free) struct buf *why = buf_new(256);
	AUTO(buf_free) struct buf *b = NULL;
	AUTO(folder_close) struct folder *f = open_place();
	AUTO(files_free) struct files *set = files_new();
	char path[PATH_MAX];

	in_place(path, "fifo");
	cr_assert_eq(mkfifo(path, 0600), 0);
	files_add(set, f, "five", CERT_MODE, slice_text("12345"));
	cr_assert(files_commit(set, why));
	cr_expect(!folder_read(f, "fifo", 10, false, &b, why));
	cr_expect(!folder_read(f, "five", 4, false, &b, why));
	cr_expect(!folder_read(f, "none", 4, false, &b, why));
	cr_expect_null(b);
	cr_expect(folder_read(f, "none", 4, true, &b, why));
	cr_expect_null(b);
	cr_expect(folder_read(f, "five", 5, false, &b, why));
	cr_expect(slice_is(buf_slice(b), "12345"));
}
