/* Questions to other nodes under way: a bounded table.  Pure but for memory. */
#ifndef FRONT_TRIES_H
#define FRONT_TRIES_H

#include "front/directory.h"

struct forward;

struct
try {
	struct forward *of;        /* NULL: free */
	struct node *node;         /* a reference */
	struct directory *cluster; /* a reference: key is of it */
	const struct dkey *key;
	struct mono_ns since;
	/* The table's own: */
	uint32_t generation;
	struct try *next;
};

struct tries;

/* count slots.  NULL when out of memory. */
struct tries *tries_new(size_t count);
void tries_free(struct tries *t);
AUTO_FREE(struct tries, tries_free)

/* A slot to be filled in; NULL when all are taken. */
struct try *try_begin(struct tries *t);
/* Frees the slot, not what it refers to; its id never finds it again. */
void try_end(struct tries *t, struct try *y);

/* The id it has towards peer, unlike any that pending_id gives, and back; NULL
 * for an id that is not in use (any more). */
uint64_t try_id(const struct tries *t, const struct try *y);
struct try *try_find(const struct tries *t, uint64_t id);
size_t tries_count(const struct tries *t);

#endif
