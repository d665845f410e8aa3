/* What keeper*.c share. */
#ifndef VAULT_KEEPER_INNER_H
#define VAULT_KEEPER_INNER_H

#include <stdatomic.h>
#include <uthash.h>

#include "vault/keeper.h"

#define WHY_MAX    1000
#define RECIPE_MAX (64u << 10)

/* How a line's keys are made: the fields of VGENERATE. */
struct recipe {
	uint32_t line;
	bool used;
	struct buf *body;
	UT_hash_handle hh;
};

/* A key on its way. */
struct making {
	struct keeper *keeper;
	uint32_t line;
	struct buf *body, *why;
	struct key *key;
	enum vh_err err;
};

/* One VKEEP. */
struct keep {
	uint32_t from, to, most;
	struct buf *body;
	bool told; /* that it names another kid */
};

/* A reload under way. */
struct reload {
	struct load staged;
	_Atomic bool busy; /* an errand works on staged */
	struct keep *keeps;
	size_t keep_count;
};

struct keeper {
	struct pool *pool;
	struct load *load;
	struct store *store;
	struct keeper_ears ears;
	struct life *life; /* NULL until keeper_begin */
	struct recipe *recipes;
	struct reload *reload; /* NULL: none */
	size_t most;           /* keys */
	_Atomic(struct making *) made;
	struct keeper_counts counts;
	struct mono_ns next;
	bool dirty;   /* look at life now */
	bool changed; /* tell */
};

struct life_now keeper_now(void);
struct key *keeper_key(const struct keeper *k, const char *kid);
struct recipe *keeper_recipe(const struct keeper *k, uint32_t line);
/* Frees those of lines that have left. */
void keeper_drop_recipes(struct keeper *k);
/* A copy of body becomes the line's recipe. */
enum vh_err keeper_set_recipe(struct keeper *k, uint32_t line,
    struct slice body);
/* A line of its own for a key that its batch tells about. */
enum vh_err keeper_new_line(struct keeper *k, struct key *key,
    enum life_start start);
/* Does what is due, tells of it, and finds out when to look again. */
void keeper_run(struct keeper *k);

#endif
