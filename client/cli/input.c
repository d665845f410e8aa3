#include "client/cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "client/cli/output.h"

#define READ_SIZE 65536

static struct buf *
fail_input(const struct args *a, const char *file, const char *what)
{
	(void)fail_file(a, file, what);
	return NULL;
}

static struct buf *
read_all(const struct args *a, int fd, const char *file, size_t max)
{
	/* One byte shows that there are too many, another is for the NUL. */
	AUTO(buf_free) struct buf *b = buf_new(max + 2);
	char why[64];

	for (;;) {
		size_t room = max + 1 - buf_slice(b).len;

		if (room > READ_SIZE)
			room = READ_SIZE;
		if (!buf_reserve(b, room + 1))
			return fail_input(a, file, "out of memory");
		ssize_t n = read(fd, b->p + b->len, room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_input(a, file, strerror(errno));
		if (n == 0)
			break;
		b->len += (size_t)n;
		if (b->len <= max)
			continue;
		(void)snprintf(why, sizeof why, "more than %zu bytes", max);
		return fail_input(a, file, why);
	}
	b->p[b->len] = '\0';
	return TAKE(b);
}

struct buf *
input_read(const struct args *a, const char *file, size_t max)
{
	if (file == NULL || strcmp(file, "-") == 0)
		return read_all(a, STDIN_FILENO, "standard input", max);
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_input(a, file, strerror(errno));
	struct buf *b = read_all(a, fd, file, max);

	close(fd);
	return b;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct buf *
input_read_text(const struct args *a, const char *file, size_t max)
{
	struct buf *b = input_read(a, file, max);
	size_t lead = 0;

	if (b == NULL)
		return NULL;
	while (b->len > 0 && is_space(b->p[b->len - 1]))
		b->len--;
	while (lead < b->len && is_space(b->p[lead]))
		lead++;
	buf_drop(b, lead);
	b->p[b->len] = '\0';
	return b;
}
