/* Looks for private bytes where none may be.
 *
 *   scan SECRETS pid PID...      memory and registers of running processes
 *   scan SECRETS file FILE...    core files
 *
 * SECRETS has lines "LABEL HEX".  Every 16-byte window of each secret is looked
 * for as it is, reversed, and as hex and base64 text (windows of 16 characters,
 * every alignment); in registers every 8-byte window as well.  Prints what was
 * found and a last line with the bytes read.  Exit status: 0 nothing found, 1
 * found, 2 could not look. */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TABLE_BITS 20
#define TABLE_SIZE (1u << TABLE_BITS)
#define CHUNK      (1u << 20)
#define REPORTS    20

struct needle {
	uint8_t bytes[16];
	const char *label, *form;
	struct needle *next;
};

struct table {
	size_t window; /* 8 or 16 */
	struct needle *at[TABLE_SIZE];
};

static struct table wide = { .window = 16 }, narrow = { .window = 8 };
static uint64_t bytes_read, bytes_refused, found;

static uint32_t
hash_of(const uint8_t *p, size_t window)
{
	uint64_t a, b = 0;

	memcpy(&a, p, 8);
	if (window == 16)
		memcpy(&b, p + 8, 8);
	uint64_t h = (a ^ (b << 31 | b >> 33)) * 0x9e3779b97f4a7c15u;

	return (uint32_t)(h >> (64 - TABLE_BITS));
}

/* Windows like a run of zeros say nothing. */
static bool
is_telling(const uint8_t *p, size_t window)
{
	size_t different = 0;

	for (size_t i = 0; i < window; i++) {
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen |= p[k] == p[i];
		different += !seen;
	}
	return different * 2 > window;
}

static void
add_windows(struct table *t, const uint8_t *p, size_t len, const char *label,
    const char *form)
{
	for (size_t i = 0; i + t->window <= len; i++) {
		if (!is_telling(p + i, t->window))
			continue;
		struct needle *n = calloc(1, sizeof *n);
		uint32_t h = hash_of(p + i, t->window);

		if (n == NULL)
			exit(2);
		memcpy(n->bytes, p + i, t->window);
		n->label = label;
		n->form = form;
		n->next = t->at[h];
		t->at[h] = n;
	}
}

static size_t
hex_of(const uint8_t *p, size_t len, const char *digits, uint8_t *out)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = (uint8_t)digits[p[i] >> 4];
		out[2 * i + 1] = (uint8_t)digits[p[i] & 15];
	}
	return 2 * len;
}

/* The base64 text whose characters depend on p alone when p starts shift bits
 * of 6 into a character: characters of whole sextets from bit `skip` on. */
static size_t
b64_of(const uint8_t *p, size_t len, size_t skip, const char *tail,
    uint8_t *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = 0;

	for (size_t bit = skip; bit + 6 <= len * 8; bit += 6) {
		unsigned v = 0;

		for (size_t k = bit; k < bit + 6; k++)
			v = v << 1 | (p[k / 8] >> (7 - k % 8) & 1);
		out[n++] = (uint8_t)(v < 62 ? alphabet[v] : tail[v - 62]);
	}
	return n;
}

static void
add_secret(const uint8_t *p, size_t len, const char *label)
{
	uint8_t *other = malloc(2 * len + 8), *turned = malloc(len);
	size_t n;

	if (other == NULL || turned == NULL)
		exit(2);
	for (size_t i = 0; i < len; i++)
		turned[i] = p[len - 1 - i];
	struct table *tables[] = { &wide, &narrow };

	for (size_t i = 0; i < 2; i++) {
		add_windows(tables[i], p, len, label, "raw");
		add_windows(tables[i], turned, len, label, "reversed");
	}
	n = hex_of(p, len, "0123456789abcdef", other);
	add_windows(&wide, other, n, label, "hex");
	n = hex_of(p, len, "0123456789ABCDEF", other);
	add_windows(&wide, other, n, label, "HEX");
	for (size_t skip = 0; skip < 6; skip += 2) {
		n = b64_of(p, len, skip, "-_", other);
		add_windows(&wide, other, n, label, "base64url");
		n = b64_of(p, len, skip, "+/", other);
		add_windows(&wide, other, n, label, "base64");
	}
	free(other);
	free(turned);
}

static void
read_secrets(const char *path)
{
	FILE *f = fopen(path, "r");
	static char line[65536];

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof line, f) != NULL) {
		char *hex = strchr(line, ' ');
		static uint8_t bytes[sizeof line / 2];
		size_t n = 0;

		if (hex == NULL)
			continue;
		*hex++ = '\0';
		for (; isxdigit(hex[0]) && isxdigit(hex[1]); hex += 2) {
			const char two[3] = { hex[0], hex[1], '\0' };

			bytes[n++] = (uint8_t)strtoul(two, NULL, 16);
		}
		add_secret(bytes, n, strdup(line));
	}
	(void)fclose(f); /* only read */
}

static void
search(const struct table *t, const uint8_t *p, size_t len, const char *where,
    uint64_t base)
{
	for (size_t i = 0; i + t->window <= len; i++) {
		const struct needle *n = t->at[hash_of(p + i, t->window)];

		while (n != NULL && memcmp(n->bytes, p + i, t->window) != 0)
			n = n->next;
		if (n == NULL)
			continue;
		if (found++ < REPORTS)
			printf("found %s %s at %s+%#llx\n", n->label, n->form,
			    where, (unsigned long long)(base + i));
	}
	bytes_read += len;
}

static void
search_range(int fd, uint64_t from, uint64_t to, const char *where)
{
	static uint8_t chunk[CHUNK + 16];

	while (from < to) {
		size_t want = to - from > CHUNK ? CHUNK : (size_t)(to - from);
		ssize_t n = pread(fd, chunk, want, (off_t)from);

		if (n <= 0) {
			/* Secret memory reads as EIO; try the next page. */
			bytes_refused += want < 4096 ? want : 4096;
			from += want < 4096 ? want : 4096;
			continue;
		}
		search(&wide, chunk, (size_t)n, where, from);
		from += (size_t)n > 15 && (size_t)n == want && from + want < to
			    ? (uint64_t)n - 15
			    : (uint64_t)n;
	}
}

static void
search_memory(const char *pid)
{
	char path[64], line[512];

	(void)snprintf(path, sizeof path, "/proc/%s/mem", pid);
	int fd = open(path, O_RDONLY);

	(void)snprintf(path, sizeof path, "/proc/%s/maps", pid);
	FILE *maps = fopen(path, "r");

	if (fd < 0 || maps == NULL) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long long from, to;
		char mode[8];

		if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) == 3 &&
		    mode[0] == 'r' && strstr(line, "[v") == NULL)
			search_range(fd, from, to, pid);
	}
	(void)fclose(maps); /* only read */
	(void)close(fd);    /* only read */
}

static void
search_registers(const char *tid)
{
	static uint8_t set[16384];
	const unsigned sets[] = { NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE };
	pid_t id = (pid_t)strtol(tid, NULL, 10);
	int status;

	if (ptrace(PTRACE_SEIZE, id, NULL, NULL) != 0 ||
	    ptrace(PTRACE_INTERRUPT, id, NULL, NULL) != 0 ||
	    waitpid(id, &status, __WALL) != id) {
		perror("ptrace");
		exit(2);
	}
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct iovec iov = { set, sizeof set };
		/* ptrace takes the set's number as a pointer. */
		void *which = (void *)(uintptr_t)sets[i];

		if (ptrace(PTRACE_GETREGSET, id, which, &iov) != 0)
			continue;
		search(&wide, set, iov.iov_len, "registers", 0);
		search(&narrow, set, iov.iov_len, "registers", 0);
	}
	(void)ptrace(PTRACE_DETACH, id, NULL, NULL); /* it goes on or is gone */
}

static void
search_process(const char *pid)
{
	char path[64];
	struct dirent *e;

	search_memory(pid);
	(void)snprintf(path, sizeof path, "/proc/%s/task", pid);
	DIR *tasks = opendir(path);

	if (tasks == NULL) {
		perror(path);
		exit(2);
	}
	while ((e = readdir(tasks)) != NULL)
		if (isdigit(e->d_name[0]))
			search_registers(e->d_name);
	(void)closedir(tasks); /* only read */
}

static void
search_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size < 0) {
		perror(path);
		exit(2);
	}
	search_range(fd, 0, (uint64_t)size, path);
	(void)close(fd); /* only read */
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: scan SECRETS pid|file WHAT...\n");
		return 2;
	}
	read_secrets(argv[1]);
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[2], "pid") == 0)
			search_process(argv[i]);
		else
			search_file(argv[i]);
	}
	printf("read %llu bytes, %llu refused, %llu found\n",
	    (unsigned long long)bytes_read, (unsigned long long)bytes_refused,
	    (unsigned long long)found);
	return found == 0 ? 0 : 1;
}
