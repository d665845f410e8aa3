/* Feeds every file of a corpus folder, and N mutations of each, to a harness:
 *
 *   fuzz-jws N FOLDER
 *
 * The mutations are the same in every run.  When the harness aborts, the last
 * line on standard error names the file and the mutation. */
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

#define INPUT_MAX (1u << 20)

/* What is running, for the handler of a crash: there is no other way to hand
 * it over. */
static char now[512];

static void
crashed(int signal_number)
{
	(void)!write(STDERR_FILENO, now, strlen(now));
	(void)signal(signal_number, SIG_DFL);
	(void)raise(signal_number);
}

/* splitmix64. */
static uint64_t
next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t
below(uint64_t *state, size_t n)
{
	return n == 0 ? 0 : (size_t)(next(state) % n);
}

/* What parsers of tokens, JSON and frames may trip over. */
static const char *const words[] = { ".", "..", "=", "\"", "\\", "\\u0000", "{",
	"}", "[", "]", ",", ":", "null", "true", "1e999", "-0", "\"d\"",
	"\"k\"", "\"alg\"", "\"kid\"", "\"crit\":[\"a\"],", "\"zip\":\"DEF\",",
	"\"b64\":false,", "\xff", "\xc3\xa4", "\xff\xff\xff\xff", "AAAA",
	"none" };

static void
insert(struct buf *b, size_t where, struct slice what)
{
	size_t tail = b->len - where;

	if (buf_extend(b, what.len) == NULL)
		return;
	memmove(b->p + where + what.len, b->p + where, tail);
	memcpy(b->p + where, what.p, what.len);
}

static void
cut(struct buf *b, size_t where, size_t len)
{
	memmove(b->p + where, b->p + where + len, b->len - where - len);
	buf_trim(b, b->len - len);
}

static void
repeat(struct buf *b, uint64_t *state)
{
	uint8_t copy[64];
	size_t from = below(state, b->len), len = b->len - from;

	if (len > sizeof copy)
		len = 1 + below(state, sizeof copy);
	memcpy(copy, b->p + from, len);
	insert(b, below(state, b->len + 1), slice_of(copy, len));
}

static void
mutate(struct buf *b, uint64_t *state)
{
	size_t at = below(state, b->len);
	unsigned kind = b->len == 0 ? 5 : (unsigned)below(state, 6);

	if (kind == 0)
		b->p[at] ^= (uint8_t)(1u << below(state, 8));
	if (kind == 1)
		b->p[at] = (uint8_t)next(state);
	if (kind == 2)
		cut(b, at, below(state, b->len - at < 32 ? b->len - at : 32));
	if (kind == 3)
		buf_trim(b, at);
	if (kind == 4)
		repeat(b, state);
	if (kind == 5)
		insert(b, at,
		    slice_text(words[below(state, ARRAY_LEN(words))]));
}

static struct buf *
load(const char *path)
{
	struct buf *b = buf_new(INPUT_MAX);
	FILE *file = fopen(path, "re");
	uint8_t part[4096];
	size_t got;

	CHECK(file != NULL);
	while ((got = fread(part, 1, sizeof part, file)) > 0)
		buf_put(b, slice_of(part, got));
	CHECK(fclose(file) == 0 && buf_end(b) == VH_OK);
	return b;
}

/* The input in memory of exactly its size, so that a sanitizer sees a read
 * past its end. */
static void
feed(struct slice input)
{
	uint8_t *copy = malloc(input.len == 0 ? 1 : input.len);

	CHECK(copy != NULL);
	if (input.len > 0)
		memcpy(copy, input.p, input.len);
	(void)LLVMFuzzerTestOneInput(copy, input.len);
	free(copy);
}

static void
replay(const char *path, unsigned long mutations)
{
	AUTO(buf_free) struct buf *seed = load(path);
	AUTO(buf_free) struct buf *b = buf_new(INPUT_MAX);

	for (unsigned long i = 0; i <= mutations; i++) {
		uint64_t state = i;

		snprintf(now, sizeof now, "%s, mutation %lu\n", path, i);
		buf_clear(b);
		buf_put(b, buf_slice(seed));
		for (size_t n = i == 0 ? 0 : 1 + i % 4; n > 0; n--)
			mutate(b, &state);
		feed(buf_slice(b));
	}
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	struct dirent **entries = NULL;

	if (argc != 3) {
		fprintf(stderr, "usage: %s MUTATIONS FOLDER\n", argv[0]);
		return 2;
	}
	int count = scandir(argv[2], &entries, is_input, alphasort);

	CHECK(count > 0);
	CHECK(signal(SIGABRT, crashed) != SIG_ERR);
	CHECK(signal(SIGSEGV, crashed) != SIG_ERR);
	for (int i = 0; i < count; i++) {
		AUTO(buf_free) struct buf *path = buf_new(4096);

		buf_format(path, "%s/%s", argv[2], entries[i]->d_name);
		buf_put_u8(path, 0);
		replay((const char *)path->p, strtoul(argv[1], NULL, 10));
		free(entries[i]);
	}
	free(entries);
	printf("%d files, %s mutations each\n", count, argv[1]);
	return 0;
}
