#include "super/keyfiles.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "temp.h"

#define MISSING "VHSMD_TEST_NOT_SET"

struct rig {
	char *folder;
	struct keyfiles *list;
	struct buf *why;
};

static struct rig
rig_new(void)
{
	struct rig r = { temp_new(), keyfiles_new(), buf_new(4096) };

	cr_assert_not_null(r.list);
	return r;
}

static void
rig_end(const struct rig *r)
{
	keyfiles_free(r->list);
	buf_free(r->why);
	temp_drop(r->folder);
}
#define RIG(r) __attribute__((cleanup(rig_end))) struct rig r = rig_new()

static enum vh_err
add(struct rig *r, const char *name, bool delete)
{
	AUTO(text_free) char *path = temp_path(r->folder, name);

	return keyfiles_add_path(r->list, 0, path, delete, r->why);
}

/* Whether what went wrong names the file and says this. */
static bool
says(struct rig *r, const char *text)
{
	struct slice said = buf_slice(r->why);

	return said.len > 0 &&
	       memmem(said.p, said.len, text, strlen(text)) != NULL;
}

static bool
is_refused(struct rig *r, const char *name, const char *text)
{
	return add(r, name, true) == VH_ECONFIG && says(r, name) &&
	       says(r, text) && temp_has(r->folder, name);
}

Test(keyfiles, a_file_is_opened_and_stays)
{
	RIG(r);
	char text[8] = "";

	temp_file(r.folder, "a.pem", "key", 0600);
	cr_assert_eq(add(&r, "a.pem", true), VH_OK);
	cr_assert_eq(r.list->count, 1);
	cr_expect_eq(r.list->at[0].st.st_size, 3);
	cr_expect_eq(read(r.list->at[0].fd, text, sizeof text), 3);
	cr_expect_str_eq(text, "key");
	cr_expect(temp_has(r.folder, "a.pem"));
}

Test(keyfiles, a_group_may_read_and_the_owner_need_not_write)
{
	RIG(r);

	temp_file(r.folder, "a", "key", 0640);
	temp_file(r.folder, "b", "key", 0400);
	cr_expect_eq(add(&r, "a", true), VH_OK);
	cr_expect_eq(add(&r, "b", true), VH_OK);
}

Test(keyfiles, a_pattern_matches_in_order_and_leaves_hidden_names_alone)
{
	RIG(r);

	temp_file(r.folder, "b.pem", "key", 0600);
	temp_file(r.folder, "a.pem", "key", 0600);
	temp_file(r.folder, "c.txt", "key", 0600);
	temp_file(r.folder, ".d.pem", "key", 0600);
	cr_assert_eq(add(&r, "*.pem", true), VH_OK);
	cr_assert_eq(r.list->count, 2);
	cr_expect_str_eq(r.list->at[0].name, "a.pem");
	cr_expect_str_eq(r.list->at[1].name, "b.pem");
}

Test(keyfiles, a_folder_is_all_its_files)
{
	RIG(r);

	temp_file(r.folder, "b.pem", "key", 0600);
	temp_file(r.folder, "a.jwk", "key", 0600);
	cr_assert_eq(keyfiles_add_path(r.list, 7, r.folder, true, r.why),
	    VH_OK);
	cr_assert_eq(r.list->count, 2);
	cr_expect_str_eq(r.list->at[0].name, "a.jwk");
	cr_expect_eq(r.list->at[1].entry, 7);
}

Test(keyfiles, a_name_with_brackets_may_be_just_that)
{
	RIG(r);

	temp_file(r.folder, "a[1]", "key", 0600);
	temp_file(r.folder, "a1", "key", 0600);
	cr_assert_eq(add(&r, "a[1]", true), VH_OK);
	cr_assert_eq(r.list->count, 1);
	cr_expect_str_eq(r.list->at[0].name, "a[1]");
}

Test(keyfiles, matching_nothing_is_an_error)
{
	RIG(r);

	temp_file(r.folder, "a.pem", "key", 0600);
	cr_expect_eq(add(&r, "*.jwk", true), VH_ECONFIG);
	cr_expect(says(&r, "no such file"));
	cr_expect_eq(add(&r, "b.pem", true), VH_ECONFIG);
	cr_expect(says(&r, "ENOENT"));
	cr_expect_eq(add(&r, "none/*.pem", true), VH_ECONFIG);
	cr_expect(says(&r, "folder"));
}

Test(keyfiles, an_empty_folder_is_an_error)
{
	RIG(r);

	cr_expect_eq(keyfiles_add_path(r.list, 0, r.folder, true, r.why),
	    VH_ECONFIG);
}

Test(keyfiles, a_symbolic_link_is_refused)
{
	RIG(r);
	AUTO(text_free) char *link = temp_path(r.folder, "b.pem");

	temp_file(r.folder, "a.pem", "key", 0600);
	cr_assert_eq(symlink("a.pem", link), 0);
	cr_expect(is_refused(&r, "b.pem", "symbolic link"));
	cr_expect(temp_has(r.folder, "a.pem"));
}

Test(keyfiles, a_fifo_a_folder_and_a_socket_are_refused_without_waiting)
{
	RIG(r);
	AUTO(text_free) char *fifo = temp_path(r.folder, "fifo.x");
	AUTO(text_free) char *folder = temp_path(r.folder, "folder.x");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(mkdir(folder, 0700), 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/socket.x", r.folder);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	cr_expect(is_refused(&r, "fifo.x", "not a regular file"));
	cr_expect(is_refused(&r, "socket.x", "cannot open"));
	cr_expect_eq(add(&r, "fo*.x", true), VH_ECONFIG);
	cr_expect(says(&r, "not a regular file"));
	(void)close(fd);
}

Test(keyfiles, a_mode_too_open_is_refused_and_named)
{
	static const unsigned modes[] = { 0644, 0604, 0660, 0620, 0602, 0777 };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		RIG(r);
		char mode[16];

		(void)snprintf(mode, sizeof mode, "mode %04o", modes[i]);
		temp_file(r.folder, "a", "key", modes[i]);
		cr_expect(is_refused(&r, "a", mode), "%s", mode);
		cr_expect(says(&r, "0640"));
	}
}

Test(keyfiles, a_file_of_another_user_is_refused)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	RIG(r);
	AUTO(text_free) char *path = temp_path(r.folder, "a");

	temp_file(r.folder, "a", "key", 0600);
	cr_assert_eq(chown(path, 61731, 61731), 0);
	cr_expect(is_refused(&r, "a", "owner 61731"));
}

Test(keyfiles, an_empty_and_a_too_large_file_are_refused)
{
	RIG(r);
	AUTO(text_free) char *large = temp_path(r.folder, "large");

	temp_file(r.folder, "empty", "", 0600);
	temp_file(r.folder, "large", "", 0600);
	cr_assert_eq(truncate(large, KEYFILE_SIZE_MAX), 0);
	cr_expect_eq(add(&r, "large", true), VH_OK);
	cr_assert_eq(truncate(large, KEYFILE_SIZE_MAX + 1), 0);
	cr_expect(is_refused(&r, "large", "at most"));
	cr_expect(is_refused(&r, "empty", "empty"));
}

Test(keyfiles, a_file_with_two_names_cannot_be_deleted_but_can_be_kept)
{
	RIG(r);
	AUTO(text_free) char *a = temp_path(r.folder, "a");
	AUTO(text_free) char *b = temp_path(r.folder, "b");

	temp_file(r.folder, "a", "key", 0600);
	cr_assert_eq(link(a, b), 0);
	cr_expect_eq(add(&r, "a", false), VH_OK);
	cr_expect(is_refused(&r, "a", "2 names"));
}

Test(keyfiles, deletes_what_is_to_be_deleted_and_nothing_else)
{
	RIG(r);

	temp_file(r.folder, "a", "key", 0600);
	temp_file(r.folder, "b", "key", 0600);
	temp_file(r.folder, "c", "key", 0600);
	cr_assert_eq(add(&r, "a", true), VH_OK);
	cr_assert_eq(add(&r, "b", false), VH_OK);
	cr_expect(keyfiles_delete(r.list));
	cr_expect_not(temp_has(r.folder, "a"));
	cr_expect(temp_has(r.folder, "b"));
	cr_expect(temp_has(r.folder, "c"));
}

Test(keyfiles, a_file_named_by_two_entries_is_deleted_once_and_that_is_no_error)
{
	RIG(r);

	temp_file(r.folder, "a", "key", 0600);
	cr_assert_eq(add(&r, "a", true), VH_OK);
	cr_assert_eq(add(&r, "*", true), VH_OK);
	cr_expect(keyfiles_delete(r.list));
	cr_expect_not(temp_has(r.folder, "a"));
}

Test(keyfiles, a_file_swapped_since_it_was_opened_is_not_deleted)
{
	RIG(r);
	AUTO(text_free) char *a = temp_path(r.folder, "a");

	temp_file(r.folder, "a", "key", 0600);
	temp_file(r.folder, "b", "key", 0600);
	cr_assert_eq(add(&r, "a", true), VH_OK);
	cr_assert_eq(add(&r, "b", true), VH_OK);
	cr_assert_eq(unlink(a), 0);
	temp_file(r.folder, "a", "new", 0600);
	cr_expect_not(keyfiles_delete(r.list));
	cr_expect(temp_has(r.folder, "a"));
	cr_expect_not(temp_has(r.folder, "b"), "the others go on");
}

Test(keyfiles, a_symbolic_link_put_in_its_place_is_not_deleted_nor_followed)
{
	RIG(r);
	AUTO(text_free) char *a = temp_path(r.folder, "a");
	AUTO(text_free) char *b = temp_path(r.folder, "b");

	temp_file(r.folder, "a", "key", 0600);
	cr_assert_eq(add(&r, "a", true), VH_OK);
	cr_assert_eq(rename(a, b), 0);
	cr_assert_eq(symlink("b", a), 0);
	cr_expect_not(keyfiles_delete(r.list));
	cr_expect(temp_has(r.folder, "a"));
	cr_expect(temp_has(r.folder, "b"));
}

Test(keyfiles, a_file_rewritten_or_linked_since_is_not_deleted)
{
	RIG(r);
	AUTO(text_free) char *a = temp_path(r.folder, "a");
	AUTO(text_free) char *b = temp_path(r.folder, "b");
	AUTO(text_free) char *c = temp_path(r.folder, "c");

	temp_file(r.folder, "a", "key", 0600);
	temp_file(r.folder, "b", "key", 0600);
	cr_assert_eq(add(&r, "a", true), VH_OK);
	cr_assert_eq(add(&r, "b", true), VH_OK);
	cr_assert_eq(truncate(a, 2), 0);
	cr_assert_eq(link(b, c), 0);
	cr_expect_not(keyfiles_delete(r.list));
	cr_expect(temp_has(r.folder, "a"));
	cr_expect(temp_has(r.folder, "b"));
}

Test(keyfiles, a_variable_goes_into_a_pipe_and_leaves_the_environment)
{
	RIG(r);
	static char entry[] = "VHSMD_TEST_KEY=c2VjcmV0";
	char text[16] = "";

	cr_assert_eq(putenv(entry), 0);
	cr_assert_eq(keyfiles_add_variable(r.list, 0, "VHSMD_TEST_KEY", r.why),
	    VH_OK);
	cr_expect_null(getenv("VHSMD_TEST_KEY"));
	for (size_t i = strlen("VHSMD_TEST_KEY="); i < sizeof entry; i++)
		cr_expect_eq(entry[i], 0, "byte %zu is left", i);
	cr_assert_eq(r.list->at[0].st.st_size, 8);
	cr_expect_eq(read(r.list->at[0].fd, text, sizeof text), 8);
	cr_expect_str_eq(text, "c2VjcmV0");
	cr_expect_eq(read(r.list->at[0].fd, text, sizeof text), 0,
	    "then its end");
	cr_expect(keyfiles_delete(r.list), "nothing to delete");
}

Test(keyfiles, a_long_variable_fits)
{
	RIG(r);
	size_t size = 120000;
	char *value = calloc(1, size + 1);

	memset(value, 'A', size);
	cr_assert_eq(setenv("VHSMD_TEST_KEY", value, 1), 0);
	cr_expect_eq(keyfiles_add_variable(r.list, 0, "VHSMD_TEST_KEY", r.why),
	    VH_OK);
	cr_expect_eq(r.list->at[0].st.st_size, (off_t)size);
	free(value);
}

Test(keyfiles, a_variable_that_is_not_set_or_empty_is_refused)
{
	RIG(r);

	cr_expect_eq(keyfiles_add_variable(r.list, 0, MISSING, r.why),
	    VH_ECONFIG);
	cr_expect(says(&r, MISSING));
	cr_assert_eq(setenv("VHSMD_TEST_KEY", "", 1), 0);
	cr_expect_eq(keyfiles_add_variable(r.list, 0, "VHSMD_TEST_KEY", r.why),
	    VH_ECONFIG);
}

Test(keyfiles, a_credential_is_read_and_never_deleted)
{
	RIG(r);

	temp_file(r.folder, "signing.jwk", "key", 0400);
	cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", r.folder, 1), 0);
	cr_assert_eq(keyfiles_add_credential(r.list, 0, "signing.jwk", r.why),
	    VH_OK);
	cr_expect(keyfiles_delete(r.list));
	cr_expect(temp_has(r.folder, "signing.jwk"));
	cr_expect_eq(keyfiles_add_credential(r.list, 0, "../x", r.why),
	    VH_ECONFIG);
}

Test(keyfiles, without_a_service_manager_there_are_no_credentials)
{
	RIG(r);

	cr_assert_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	cr_expect_eq(keyfiles_add_credential(r.list, 0, "signing.jwk", r.why),
	    VH_ECONFIG);
	cr_expect(says(&r, "CREDENTIALS_DIRECTORY"));
}

Test(keyfiles, a_single_file_is_one_and_stays)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "a*.key");
	AUTO(keyfiles_free) struct keyfiles *list = keyfiles_new();
	AUTO(buf_free) struct buf *why = buf_new(4096);

	temp_file(folder, "a*.key", "k", 0600);
	temp_file(folder, "ab.key", "k", 0600);
	cr_assert_eq(keyfiles_add_file(list, KEYFILE_IDENTITY, path, why),
	    VH_OK);
	cr_expect_eq(list->count, 1);
	cr_expect_eq(list->at[0].entry, KEYFILE_IDENTITY);
	cr_expect(keyfiles_delete(list));
	cr_expect(temp_has(folder, "a*.key"));
	cr_expect_eq(keyfiles_add_file(list, KEYFILE_IDENTITY, folder, why),
	    VH_ECONFIG);
}

static enum vh_err
add_passphrase(struct rig *r, size_t entry, const char *name, bool delete)
{
	AUTO(text_free) char *path = temp_path(r->folder, name);

	return keyfiles_add_passphrase(r->list, entry, path, delete, r->why);
}

Test(keyfiles, a_passphrase_is_opened_as_a_key_file_and_deleted_with_it)
{
	RIG(r);

	temp_file(r.folder, "p", "secret", 0600);
	temp_file(r.folder, "a.pem", "key", 0600);
	cr_assert_eq(add_passphrase(&r, 0, "p", true), VH_OK);
	cr_assert_eq(add(&r, "a.pem", true), VH_OK);
	cr_expect(r.list->at[0].is_passphrase);
	cr_expect_not(r.list->at[1].is_passphrase);
	cr_expect(keyfiles_delete(r.list));
	cr_expect_not(temp_has(r.folder, "p"));
	cr_expect_not(temp_has(r.folder, "a.pem"));
}

Test(keyfiles, a_passphrase_others_may_read_is_refused)
{
	RIG(r);

	temp_file(r.folder, "p", "secret", 0644);
	cr_expect_eq(add_passphrase(&r, 0, "p", true), VH_ECONFIG);
	cr_expect(says(&r, "mode 0644"));
}

Test(keyfiles, a_passphrase_that_another_entry_keeps_stays)
{
	for (int first = 0; first < 2; first++) {
		RIG(r);

		temp_file(r.folder, "p", "secret", 0600);
		cr_assert_eq(add_passphrase(&r, 0, "p", first == 0), VH_OK);
		cr_assert_eq(add_passphrase(&r, 1, "p", first == 1), VH_OK);
		cr_expect(keyfiles_delete(r.list));
		cr_expect(temp_has(r.folder, "p"));
	}
}
