/* Private bytes with their length, in one block of the arena. */
#include <sodium.h>
#include <stdatomic.h>

#include "vault/arena.h"

struct secret {
	_Atomic unsigned refs;
	size_t len;
	uint8_t bytes[];
};

struct secret *
secret_new(size_t len)
{
	if (len > SIZE_MAX - sizeof(struct secret))
		return NULL;
	struct secret *s = arena_alloc(sizeof *s + len);

	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->len = len;
	memset(s->bytes, 0, len);
	return s;
}

struct secret *
secret_ref(struct secret *s)
{
	s->refs++;
	return s;
}

void
secret_free(struct secret *s)
{
	if (s != NULL && --s->refs == 0)
		arena_free(s);
}

struct slice
secret_ro(const struct secret *s)
{
	return slice_of(s->bytes, s->len);
}

uint8_t *
secret_rw(struct secret *s)
{
	return s->bytes;
}

size_t
secret_len(const struct secret *s)
{
	return s->len;
}

void
secret_trim(struct secret *s, size_t len)
{
	if (len >= s->len)
		return;
	sodium_memzero(s->bytes + len, s->len - len);
	s->len = len;
}
