#include "test_audit_rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vault/arena.h"

#define TURNS_MAX 30000
#define ARENA     (1u << 20) /* two threads have their stacks there */

struct disk disk;
_Atomic unsigned trail_asked;
static struct audit *audit;

bool
trail_pause(unsigned turns)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	(void)nanosleep(&moment, NULL); /* or less */
	return turns < TURNS_MAX;
}

/* In the place of libc's. */
int
fdatasync(int fd)
{
	disk.calls++;
	disk.held = disk.holds;
	while (disk.holds)
		(void)trail_pause(0);
	disk.held = false;
	if (disk.fails > 0) {
		disk.fails--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void
ask_for_next(void *arg, uint64_t size)
{
	(void)arg;
	(void)size;
	trail_asked++;
}

void
trail_renew(void)
{
	audit = audit_new(ask_for_next, NULL);
	cr_assert_not_null(audit);
}

void
trail_begin(void)
{
	cr_assert_eq(arena_open(ARENA), VH_OK);
	trail_renew();
}

struct audit *
trail_audit(void)
{
	return audit;
}

int
trail_file(void)
{
	int fd = memfd_create("trail", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

static enum vh_err
give(int file, struct slice body, struct buf *why)
{
	struct fields f;
	uint64_t seq;

	cr_assert_eq(fields_parse(body, &f), VH_OK);
	return audit_file(audit, &f, file < 0 ? -1 : dup(file), &seq, why);
}

enum vh_err
trail_open(int file, unsigned flags, uint64_t max_size, struct buf *why)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);

	frame_put_text(b, VH_F_NODE, "a");
	frame_put_u32(b, VH_F_FLAGS, flags);
	frame_put_u64(b, VH_F_SIZE, max_size);
	return give(file, buf_slice(b), why);
}

enum vh_err
trail_next(int file)
{
	return give(file, slice_of(NULL, 0), NULL);
}

enum vh_err
trail_note(unsigned key)
{
	char kid[16];

	(void)snprintf(kid, sizeof kid, "%u", key);
	struct use u = { .op = slice_text("sign"),
		.who = slice_text("uid:1"),
		.kid = slice_text(kid) };

	return audit_note(audit, &u);
}

enum vh_err
trail_open_held(int file, unsigned flags)
{
	disk.holds = true;
	TRY(trail_open(file, flags, UINT64_MAX, NULL));
	WAIT_UNTIL(disk.held);
	return VH_OK;
}

void
trail_release(void)
{
	disk.holds = false;
}

struct buf *
trail_text(int file)
{
	struct buf *b = buf_new(64u << 20);
	struct stat st;

	cr_assert_eq(fstat(file, &st), 0);
	uint8_t *to = buf_extend(b, (size_t)st.st_size);

	cr_assert_eq(pread(file, to, (size_t)st.st_size, 0), st.st_size);
	return b;
}

bool
trail_line(struct slice *rest, struct slice *line)
{
	const uint8_t *end =
	    rest->len == 0 ? NULL : memchr(rest->p, '\n', rest->len);

	if (end == NULL)
		return false;
	*line = slice_of(rest->p, (size_t)(end - rest->p));
	*rest = slice_of(end + 1, rest->len - line->len - 1);
	return true;
}

unsigned
trail_count(int file, const char *op)
{
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text), line;
	unsigned n = 0;

	while (trail_line(&rest, &line))
		n += slice_is(audit_member(line, "op"), op);
	return n;
}

void
trail_read(struct audit_reader *r, int file)
{
	AUTO(buf_free) struct buf *text = trail_text(file);
	struct slice rest = buf_slice(text), line;

	while (trail_line(&rest, &line)) {
		enum audit_fault fault = audit_read(r, line);

		cr_assert_eq(fault, AUDIT_SOUND, "%s: %.*s",
		    audit_fault_text(fault), (int)line.len,
		    (const char *)line.p);
	}
	cr_assert_eq(rest.len, 0, "a torn line");
}

bool
trail_report(struct buf *keep, struct fields *out)
{
	struct fields all;

	buf_clear(keep);
	audit_report(audit, keep);
	if (keep->len == 0)
		return false;
	cr_assert_eq(fields_parse(buf_slice(keep), &all), VH_OK);
	cr_assert_eq(fields_parse(all.at[VH_F_AUDIT], out), VH_OK);
	return true;
}
