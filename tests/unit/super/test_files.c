#include "super/files.h"

#include <sys/stat.h>

#include "temp.h"

/* A plan with three files of a folder; the rest is none. */
struct three {
	char *folder, *ca, *cert, *key;
	struct plan plan;
	struct files files;
};

static struct three
three_new(void)
{
	struct three t = { .folder = temp_new() };

	temp_file(t.folder, "ca", "ca", 0644);
	temp_file(t.folder, "cert", "cert", 0644);
	temp_file(t.folder, "key", "key", 0600);
	t.plan.ca = t.ca = temp_path(t.folder, "ca");
	t.plan.tls_cert = t.cert = temp_path(t.folder, "cert");
	t.plan.tls_key = t.key = temp_path(t.folder, "key");
	files_init(&t.files);
	return t;
}

static void
three_drop(struct three *t)
{
	files_close(&t->files);
	free(t->ca);
	free(t->cert);
	free(t->key);
	temp_drop(t->folder);
}

Test(files, what_the_plan_names_is_open_and_the_rest_is_none)
{
	struct three t = three_new();
	char text[8] = "";

	cr_assert_eq(files_open(&t.plan, &t.files), VH_OK);
	cr_expect_eq(read(t.files.fd[FILE_NODE_CERT], text, sizeof text), 4);
	cr_expect_str_eq(text, "cert");
	cr_expect_geq(t.files.fd[FILE_NODE_KEY], 0);
	cr_expect_geq(t.files.fd[FILE_CA], 0);
	cr_expect_eq(t.files.fd[FILE_CRL], -1);
	cr_expect_eq(t.files.fd[FILE_TLS_CERT], -1);
	three_drop(&t);
}

Test(files, one_that_is_refused_leaves_all_as_it_was)
{
	struct three t = three_new();
	struct files before;

	cr_assert_eq(files_open(&t.plan, &t.files), VH_OK);
	before = t.files;
	cr_assert_eq(unlink(t.key), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	cr_expect_eq(memcmp(&before, &t.files, sizeof before), 0);
	cr_expect_geq(fcntl(t.files.fd[FILE_CA], F_GETFD), 0);
	three_drop(&t);
}

Test(files, a_key_is_for_its_owner_and_a_certificate_not_for_everyone_to_write)
{
	struct three t = three_new();

	cr_assert_eq(chmod(t.key, 0644), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	cr_assert_eq(chmod(t.key, 0640), 0);
	cr_assert_eq(chmod(t.ca, 0666), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	cr_assert_eq(chmod(t.ca, 0664), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_OK);
	three_drop(&t);
}

Test(files, what_is_no_file_of_a_sound_size_is_refused)
{
	struct three t = three_new();

	cr_assert_eq(truncate(t.cert, FILES_CERT_MAX), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_OK);
	files_close(&t.files);
	cr_assert_eq(truncate(t.cert, FILES_CERT_MAX + 1), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	cr_assert_eq(truncate(t.cert, 0), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	cr_assert_eq(unlink(t.cert), 0);
	cr_assert_eq(mkfifo(t.cert, 0644), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	cr_assert_eq(unlink(t.cert), 0);
	cr_assert_eq(mkdir(t.cert, 0755), 0);
	cr_expect_eq(files_open(&t.plan, &t.files), VH_ECONFIG);
	three_drop(&t);
}

Test(files, each_has_a_role_of_its_own)
{
	for (unsigned a = 0; a < FILES; a++)
		for (unsigned b = 0; b < a; b++) {
			cr_expect_neq(file_row((enum file)a)->role,
			    file_row((enum file)b)->role);
			cr_expect_neq(file_row((enum file)a)->path,
			    file_row((enum file)b)->path);
		}
}
