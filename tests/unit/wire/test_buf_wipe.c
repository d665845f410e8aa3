/* What a buffer for secrets leaves in the memory of the process. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire/buf.h"

#define TIMES 3000

/* Nowhere in memory but in the buffer: it is made byte by byte. */
static uint8_t
secret_byte(size_t i)
{
	return (uint8_t)(0x80 | (i * 37 + 11));
}

#define SECRET 24

static bool
is_secret(const uint8_t *p)
{
	for (size_t i = 0; i < SECRET; i++)
		if (p[i] != secret_byte(i))
			return false;
	return true;
}

static size_t
count_in(int mem, uintptr_t from, uintptr_t to)
{
	size_t found = 0, len = to - from;
	uint8_t *copy = malloc(len);
	ssize_t n = pread(mem, copy, len, (off_t)from);

	for (ssize_t i = 0; i + SECRET <= n; i++)
		found += is_secret(copy + i);
	explicit_bzero(copy, len);
	free(copy);
	return found;
}

/* How often it stands in the heap. */
static size_t
count_secrets(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];
	size_t found = 0;

	cr_assert(maps != NULL && mem >= 0);
	while (fgets(line, sizeof line, maps) != NULL) {
		uintptr_t from, to;

		if (strstr(line, "[heap]") != NULL &&
		    sscanf(line, "%lx-%lx", &from, &to) == 2)
			found += count_in(mem, from, to);
	}
	(void)fclose(maps);
	(void)close(mem);
	return found;
}

/* ASan's allocator keeps what is freed, as it was, away from the heap. */
static void
skip_without_heap(void)
{
#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("ASan has an allocator of its own, and no heap");
#endif
}

static void
fill(struct buf *b)
{
	for (size_t n = 0; n < TIMES; n++)
		for (size_t i = 0; i < SECRET; i++)
			buf_put_u8(b, secret_byte(i));
	cr_assert_eq(buf_end(b), VH_OK);
	cr_assert(count_secrets() >= TIMES, "it is looked for where it is");
}

Test(buf_wipe, a_plain_buffer_leaves_copies_behind)
{
	skip_without_heap();
	struct buf *b = buf_new(1u << 20);

	fill(b);
	buf_free(b);
	cr_expect_gt(count_secrets(), 0, "else the tests below show nothing");
}

Test(buf_wipe, one_for_secrets_leaves_none_where_it_grew_out_of)
{
	skip_without_heap();
	struct buf *b = buf_new_wiping(1u << 20);

	fill(b);
	cr_expect_eq(count_secrets(), TIMES);
	buf_free(b);
	cr_expect_eq(count_secrets(), 0);
}

Test(buf_wipe, what_it_lets_go_of_is_gone_at_once)
{
	skip_without_heap();
	AUTO(buf_free) struct buf *b = buf_new_wiping(1u << 20);

	fill(b);
	buf_trim(b, 2000 * SECRET);
	cr_expect_eq(count_secrets(), 2000);
	buf_drop(b, 500 * SECRET);
	cr_expect_eq(count_secrets(), 1500);
	buf_clear(b);
	cr_expect_eq(count_secrets(), 0);
	fill(b);
	buf_release(b);
	cr_expect_eq(count_secrets(), 0);
	cr_expect_null(b->p);
	buf_put_text(b, "again");
	cr_expect(slice_is(buf_slice(b), "again"));
}
