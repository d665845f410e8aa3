#include "super/state.h"

#include <sys/stat.h>

#include "temp.h"

static const struct mono_ns start = { UINT64_C(1000000000000) };

static struct mono_ns
later(uint64_t ms)
{
	return mono_after_ms(start, ms);
}

/* PSAVE with a part; count 0: the whole, without numbers. */
static enum vh_err
take(struct state *s, const char *text, uint32_t index, uint32_t count,
    struct mono_ns now)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = frame_request(b, VH_OP_PSAVE, 1, 0);
	struct frame f;

	frame_put_text(b, VH_F_DATA, text);
	if (count > 0) {
		frame_put_u32(b, VH_F_INDEX, index);
		frame_put_u32(b, VH_F_COUNT, count);
	}
	frame_close(b, at);
	cr_assert_eq(frame_parse(buf_slice(b), &f), VH_OK);
	cr_assert_eq(frame_check(&f, VH_WHO_PEER), VH_OK);
	return state_take(s, &f.f, now);
}

/* What the file holds; "-" when there is none. */
static void
expect_file(const char *folder, const char *name, const char *wanted)
{
	AUTO(text_free) char *path = temp_path(folder, name);
	char text[256] = "-";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof text - 1);

		cr_assert_geq(n, 0);
		text[n] = '\0';
		(void)close(fd);
	}
	cr_expect_str_eq(text, wanted);
}

Test(state, what_is_saved_is_there_for_the_next_to_read)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, STATE_FILE);
	AUTO(state_free) struct state *s = NULL;
	struct stat st;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_expect_eq(state_open(s), -1);
	cr_expect_eq(take(s, "one", 0, 0, start), VH_OK);
	expect_file(folder, STATE_FILE, "one");
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	int fd = state_open(s);

	cr_expect_geq(fd, 0);
	(void)close(fd);
	cr_expect_not(temp_has(folder, STATE_FILE ".new"));
}

Test(state, saves_that_follow_each_other_closely_become_one)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(state_free) struct state *s = NULL;
	struct mono_ns until;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_expect_eq(take(s, "one", 0, 0, start), VH_OK);
	cr_expect_not(state_waits(s, &until));
	cr_expect_eq(take(s, "two", 0, 0, later(1)), VH_OK);
	cr_expect_eq(take(s, "three", 0, 0, later(2)), VH_OK);
	expect_file(folder, STATE_FILE, "one");
	cr_assert(state_waits(s, &until));
	cr_expect_eq(until.ns, later(STATE_PAUSE_MS).ns);
	state_retry(s, until);
	expect_file(folder, STATE_FILE, "three");
	cr_expect_not(state_waits(s, &until));
}

Test(state, what_waits_is_written_at_the_end)
{
	AUTO(temp_drop) char *folder = temp_new();
	struct state *s = NULL;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_expect_eq(take(s, "one", 0, 0, start), VH_OK);
	cr_expect_eq(take(s, "two", 0, 0, start), VH_OK);
	state_free(s);
	expect_file(folder, STATE_FILE, "two");
}

Test(state, parts_make_a_whole_only_in_order)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(state_free) struct state *s = NULL;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_expect_eq(take(s, "a", 0, 3, start), VH_OK);
	cr_expect_eq(take(s, "c", 2, 3, start), VH_EFIELD);
	cr_expect_eq(take(s, "b", 1, 3, start), VH_EFIELD);
	cr_expect_eq(take(s, "x", 0, 0 + 1, start), VH_OK);
	expect_file(folder, STATE_FILE, "x");
	cr_expect_eq(take(s, "a", 0, 3, later(5000)), VH_OK);
	cr_expect_eq(take(s, "b", 1, 3, later(5000)), VH_OK);
	expect_file(folder, STATE_FILE, "x");
	cr_expect_eq(take(s, "c", 2, 3, later(5000)), VH_OK);
	expect_file(folder, STATE_FILE, "abc");
	cr_expect_eq(take(s, "", 3, 3, later(9000)), VH_EFIELD);
}

Test(state, more_than_its_bound_is_refused_and_changes_nothing)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(state_free) struct state *s = NULL;
	const size_t part = 16u << 20;
	AUTO(buf_free) struct buf *data = buf_new(part);
	struct fields f = { .present = VH_TAG_BIT(VH_F_DATA) |
				       VH_TAG_BIT(VH_F_INDEX) |
				       VH_TAG_BIT(VH_F_COUNT) };
	uint8_t index[4] = { 0 }, count[4] = { 0, 0, 0, 5 };
	enum vh_err err = VH_OK;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_assert_eq(take(s, "old", 0, 0, start), VH_OK);
	memset(buf_extend(data, part), 'x', part);
	f.at[VH_F_DATA] = buf_slice(data);
	f.at[VH_F_INDEX] = slice_of(index, sizeof index);
	f.at[VH_F_COUNT] = slice_of(count, sizeof count);
	for (uint8_t i = 0; err == VH_OK && i < 5; i++) {
		index[3] = i;
		err = state_take(s, &f, later(5000));
		cr_expect_eq(err, i < 4 ? VH_OK : VH_ETOOBIG, "%u", i);
	}
	expect_file(folder, STATE_FILE, "old");
}

Test(state, a_disk_that_takes_nothing_is_tried_again)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *in_the_way = temp_path(folder, STATE_FILE ".new");
	AUTO(state_free) struct state *s = NULL;
	struct mono_ns until;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_assert_eq(take(s, "old", 0, 0, start), VH_OK);
	cr_assert_eq(mkdir(in_the_way, 0700), 0);
	cr_expect_eq(take(s, "new", 0, 0, later(5000)), VH_EIO);
	expect_file(folder, STATE_FILE, "old");
	cr_assert(state_waits(s, &until));
	cr_expect_eq(until.ns, later(5000 + STATE_RETRY_MS).ns);
	state_retry(s, until);
	cr_expect(state_waits(s, &until));
	cr_assert_eq(rmdir(in_the_way), 0);
	state_retry(s, until);
	cr_expect_not(state_waits(s, &until));
	expect_file(folder, STATE_FILE, "new");
}

Test(state, what_cannot_be_read_is_set_aside)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, STATE_FILE);
	AUTO(state_free) struct state *s = NULL;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	cr_expect_eq(state_open(s), -1);
	cr_expect(temp_has(folder, STATE_FILE ".damaged-1"));
	temp_file(folder, STATE_FILE, "", 0600);
	cr_assert_eq(truncate(path, (off_t)STATE_MAX + 1), 0);
	cr_expect_eq(state_open(s), -1);
	cr_expect(temp_has(folder, STATE_FILE ".damaged-2"));
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect_eq(state_open(s), -1);
	cr_expect(temp_has(folder, STATE_FILE ".damaged-3"));
	cr_expect_not(temp_has(folder, STATE_FILE));
	cr_expect_eq(state_open(s), -1);
	cr_expect_not(temp_has(folder, STATE_FILE ".damaged-4"));
}

Test(state, damaged_files_are_bounded_in_number)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(state_free) struct state *s = NULL;

	cr_assert_eq(state_new(folder, &s), VH_OK);
	for (unsigned i = 0; i < STATE_COPIES + 3; i++) {
		char text[16];

		(void)snprintf(text, sizeof text, "%u", i);
		temp_file(folder, STATE_FILE, text, 0600);
		state_set_aside(s, slice_text("a test"));
		cr_expect_not(temp_has(folder, STATE_FILE));
	}
	expect_file(folder, STATE_FILE ".damaged-1", "0");
	expect_file(folder, STATE_FILE ".damaged-100", "102");
	cr_expect_not(temp_has(folder, STATE_FILE ".damaged-101"));
}

Test(state, a_folder_is_needed)
{
	struct state *s = NULL;

	cr_expect_eq(state_new("/nowhere/at/all", &s), VH_EIO);
	cr_expect_null(s);
}
