#include "front/tries.h"

#include <stdlib.h>
#include <utlist.h>

#define TRY_ID (UINT64_C(1) << 63) /* generations of pendings have 31 bits */

struct tries {
	struct try *slots, *free_list;
	size_t count, fresh, used; /* fresh: ever used */
};

struct tries *
tries_new(size_t count)
{
	AUTO(tries_free) struct tries *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->slots = calloc(count, sizeof *t->slots);
	if (t->slots == NULL)
		return NULL;
	t->count = count;
	return TAKE(t);
}

void
tries_free(struct tries *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	free(t);
}

struct try *
try_begin(struct tries *t)
{
	struct try *y = t->free_list;

	if (y != NULL)
		LL_DELETE(t->free_list, y);
	else if (t->fresh < t->count)
		y = &t->slots[t->fresh++];
	if (y != NULL)
		t->used++;
	return y;
}

void
try_end(struct tries *t, struct try *y)
{
	y->of = NULL;
	y->generation = (y->generation + 1) & INT32_MAX;
	LL_PREPEND(t->free_list, y);
	t->used--;
}

uint64_t
try_id(const struct tries *t, const struct try *y)
{
	return TRY_ID | (uint64_t)y->generation << 32 |
	       (uint64_t)(y - t->slots);
}

struct try *
try_find(const struct tries *t, uint64_t id)
{
	size_t i = (uint32_t)id;

	if (i >= t->fresh || t->slots[i].of == NULL ||
	    try_id(t, &t->slots[i]) != id)
		return NULL;
	return &t->slots[i];
}

size_t
tries_count(const struct tries *t)
{
	return t->used;
}
